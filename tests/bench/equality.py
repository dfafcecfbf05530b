"""Are the engine's answers those of plain greedy decoding? Sentence by sentence, token by token.

    python -m tests.bench.equality --sentences FILE [--count N] [--dtype bfloat16] [--threads N]

No keep-bias. Where the two differ, the first token that does is looked at: how far apart the
plain model itself holds the two candidates there. In bfloat16 logits of 16 to 32 are an eighth
apart, so what is less than two such steps apart is a tie that rounding decides. Prints one JSON
line; the differing pairs go to stderr.
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

#: Two steps of bfloat16 at the size that logits have.
_NEAR_TIE = 0.25

#: Sentences between two lines that say how far it is.
_SLICE = 50


def main() -> None:
    """Compare, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.equality", allow_abbrev=False)
    parser.add_argument("--sentences", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--threads", type=int, default=0)
    said = parser.parse_args()
    settings = load_settings(threads=said.threads)
    profile = load_profile(settings)
    model = profile.model.model_copy(update={"dtype": said.dtype})
    engine, plain = LocalEngine(model, settings), PlainEngine(model, settings)
    texts = sample_sentences(said.sentences, said.count)
    prompts = repair_prompts(texts, engine, profile, biased=False)
    ours = _written(engine, prompts)
    gaps: list[float] = []
    for at, (prompt, tokens) in enumerate(zip(prompts, ours, strict=True), start=1):
        with torch.inference_mode():
            theirs, _ = plain.generate_tokens(prompt)
            if theirs != tokens:
                gaps.append(_gap(plain, prompt, tokens, theirs))
                sys.stderr.write(f"{gaps[-1]:.4f}  {prompt.text[:80]}\n")
        if at % _SLICE == 0:
            sys.stderr.write(f"{at} sentences, {len(gaps)} differ\n")
    figures = {
        "dtype": said.dtype,
        "n": len(prompts),
        "equal": len(prompts) - len(gaps),
        "equal_share": round(1 - len(gaps) / len(prompts), 4),
        "near_ties": sum(gap <= _NEAR_TIE for gap in gaps),
        "gaps": sorted(round(gap, 4) for gap in gaps),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _written(engine: LocalEngine, prompts: list[Prompt]) -> list[list[int]]:
    """The engine's answers as tokens."""
    rows = engine._rows(prompts)
    template = prompts[0].template
    decoder = engine._decoder(template.adapter)
    with torch.inference_mode():
        decoder.answer(rows, engine._prefix(template, rows, decoder), no_checkpoint)
    return [row.written for row in rows]


def _gap(plain: PlainEngine, prompt: Prompt, ours: list[int], theirs: list[int]) -> float:
    """How far apart the plain model's logits of the two first differing tokens are."""
    pairs = zip(ours, theirs, strict=False)
    common = [one for one, _ in takewhile(lambda pair: pair[0] == pair[1], pairs)]
    if len(common) in {len(ours), len(theirs)}:
        return float("inf")
    ids = torch.tensor([[*plain.encode(prompt)[0], *common]])
    logits = plain.model(prompt.template.adapter)(input_ids=ids, use_cache=False).logits[0, -1]
    return abs(float(logits[theirs[len(common)]].float() - logits[ours[len(common)]].float()))


if __name__ == "__main__":
    main()
