"""What an adapter costs as branches, beside the same model with nothing to add.

    python -m tests.bench.adapter [--rounds N] [--profile NAME] [--rank N]

The adapter has random weights on every projection: only its shape costs time. A merged adapter is
as fast as the base model, so the ratio of the two is the price of a branch.
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
from worker.engine.decoding.linear import FrozenLinear
from worker.engine.local import LocalEngine

#: Tokens of a first pass, of a full step, and of a step of eight rows.
_SIZES = (512, 64, 8)

_ADAPTER = "random"

#: Seconds that one side of a round takes, about.
_ROUND_SECONDS = 1.0


def main() -> None:
    """Measure each size and print a line of JSON for each."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.adapter", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--profile")
    parser.add_argument("--rank", type=int, default=16)
    arguments = parser.parse_args()
    settings = load_settings(profile=arguments.profile)
    profile = load_profile(settings)
    engine = LocalEngine(profile.model, settings)
    _attach_random(engine, arguments.rank)
    for tokens in _SIZES:
        ratios = [_ratio(engine, tokens) for _ in range(arguments.rounds)]
        row = {
            "model": profile.model.name,
            "rank": arguments.rank,
            "tokens": tokens,
            "with_adapter_to_without": round(statistics.median(ratios), 3),
        }
        sys.stdout.write(json.dumps({**row, "min": min(ratios), "max": max(ratios)}) + "\n")


def _attach_random(engine: LocalEngine, rank: int) -> None:
    """Add a branch to every linear layer of the model's blocks."""
    for module in engine._model.base_model.layers.modules():
        if isinstance(module, FrozenLinear):
            down, up = torch.randn(rank, module.in_features), torch.randn(module.out_features, rank)
            module.add_branch(_ADAPTER, down, up)


def _ratio(engine: LocalEngine, tokens: int) -> float:
    """Return the seconds a pass takes with the adapter, as a multiple of those without."""
    inputs = torch.randn(tokens, engine._model.config.hidden_size, dtype=engine._model.dtype)
    layers: Any = engine._model.base_model.layers
    seconds = {}
    for name in (_ADAPTER, ""):
        engine._switch.active = name
        calls, start = 0, time.perf_counter()
        with torch.inference_mode():
            while time.perf_counter() - start < _ROUND_SECONDS:
                for layer in layers:
                    _run_linear_layers(layer, inputs)
                calls += 1
        seconds[name] = (time.perf_counter() - start) / calls
    return seconds[_ADAPTER] / seconds[""]


def _run_linear_layers(layer: Any, inputs: torch.Tensor) -> None:
    attention, mlp = layer.self_attn, layer.mlp
    for project in (attention.q_proj, attention.k_proj, attention.v_proj):
        project(inputs)
    attention.o_proj(inputs)
    mlp.down_proj(mlp.gate_proj(inputs) * mlp.up_proj(inputs))


if __name__ == "__main__":
    main()
