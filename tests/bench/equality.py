"""Compare the engine's answers with those of plain greedy decoding, token by token.

    python -m tests.bench.equality --sentences FILE [--count N] [--dtype bfloat16] [--threads N]

There is no keep-bias. Where two answers differ, the gap is the difference between the plain model's
logits of the first two differing tokens. Logits of 16 to 32 have steps of an eighth in bfloat16, so
a gap of up to two steps is a tie that rounding decides. Prints one JSON line; the differing
sentences go to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import takewhile
from pathlib import Path

import torch

from tests.bench.engine import repair_prompts, sample_sentences
from tests.support.plain_engine import PlainEngine
from worker.config.settings import load_profile, load_settings
from worker.engine.local import LocalEngine
from worker.engine.protocol import Prompt, no_checkpoint

__all__: list[str] = []

#: Two steps of bfloat16 at the usual size of logits.
_NEAR_TIE = 0.25

#: Sentences between two lines of progress.
_SLICE = 50


def main() -> None:
    """Compare the answers, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.equality", allow_abbrev=False)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    settings = load_settings(threads=arguments.threads)
    profile = load_profile(settings)
    model = profile.model.model_copy(update={"dtype": arguments.dtype})
    engine, plain = LocalEngine(model, settings), PlainEngine(model, settings)
    texts = sample_sentences(arguments.sentences, arguments.count)
    prompts = repair_prompts(texts, engine, profile, biased=False)
    ours = _written(engine, prompts)
    gaps: list[float] = []
    for number, (prompt, tokens) in enumerate(zip(prompts, ours, strict=True), start=1):
        with torch.inference_mode():
            theirs, _ = plain.generate_tokens(prompt)
            if theirs != tokens:
                gaps.append(_gap(plain, prompt, tokens, theirs))
                sys.stderr.write(f"{gaps[-1]:.4f}  {prompt.text[:80]}\n")
        if number % _SLICE == 0:
            sys.stderr.write(f"{number} sentences, {len(gaps)} differ\n")
    figures = {
        "dtype": arguments.dtype,
        "n": len(prompts),
        "equal": len(prompts) - len(gaps),
        "equal_share": round(1 - len(gaps) / len(prompts), 4),
        "near_ties": sum(gap <= _NEAR_TIE for gap in gaps),
        "gaps": sorted(round(gap, 4) for gap in gaps),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _written(engine: LocalEngine, prompts: list[Prompt]) -> list[list[int]]:
    """Return the engine's answers as tokens."""
    rows = engine._rows(prompts)
    with torch.inference_mode():
        engine._answer(prompts[0].template, rows, no_checkpoint)
    return [row.written for row in rows]


def _gap(plain: PlainEngine, prompt: Prompt, ours: list[int], theirs: list[int]) -> float:
    """Return the difference between the plain model's logits of the first differing tokens."""
    pairs = zip(ours, theirs, strict=False)
    common = [token for token, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    if len(common) in {len(ours), len(theirs)}:
        return float("inf")
    ids = torch.tensor([[*plain.encode(prompt)[0], *common]])
    logits = plain.model(prompt.template.adapter)(input_ids=ids, use_cache=False).logits[0, -1]
    return abs(float(logits[theirs[len(common)]].float() - logits[ours[len(common)]].float()))


if __name__ == "__main__":
    main()
