"""What an adapter costs as branches, beside the same model with nothing to add.

    python -m tests.bench.adapter [--rounds N]

A merged adapter is as fast as the base model, so the ratio of the two is the price of a branch.
Rounds alternate, since the machine's speed drifts; the median of the ratios counts.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from typing import Any

import torch

from worker.config.settings import load_profile, load_settings
from worker.engine.local import LocalEngine

#: Tokens of a first pass, of a short one, and of a step of eight rows.
_SIZES = (2048, 256, 8)

#: Seconds that one side of a round takes, about.
_ROUND_SECONDS = 1.0


def main() -> None:
    """Measure each size and print a line of JSON for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.adapter", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=15)
    rounds = parser.parse_args().rounds
    settings = load_settings(profile="small")
    profile = load_profile(settings)
    engine = LocalEngine(profile.model, settings)
    template = profile.prompts[profile.repair.prompt]
    engine.prepare([template])
    for tokens in _SIZES:
        ratios = [_ratio(engine, template.adapter, tokens) for _ in range(rounds)]
        row = {"tokens": tokens, "with_adapter_to_without": round(statistics.median(ratios), 3)}
        sys.stdout.write(json.dumps({**row, "min": min(ratios), "max": max(ratios)}) + "\n")


def _ratio(engine: LocalEngine, adapter: str, tokens: int) -> float:
    """Return the seconds a pass takes with the adapter, as a multiple of those without."""
    inputs = torch.randn(tokens, engine._model.config.hidden_size, dtype=engine._model.dtype)
    layers: Any = engine._model.base_model.layers
    seconds = {}
    for name in (adapter, ""):
        engine._switch.active = name
        calls, start = 0, time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() - start < _ROUND_SECONDS:
                for layer in layers:
                    _run_linear_layers(layer, inputs)
                calls += 1
        seconds[name] = (time.perf_counter() - start) / calls
    return seconds[adapter] / seconds[""]


def _run_linear_layers(layer: Any, inputs: torch.Tensor) -> None:
    attention, mlp = layer.self_attn, layer.mlp
    for project in (attention.q_proj, attention.k_proj, attention.v_proj):
        project(inputs)
    attention.o_proj(inputs)
    mlp.down_proj(mlp.gate_proj(inputs) * mlp.up_proj(inputs))


if __name__ == "__main__":
    main()
