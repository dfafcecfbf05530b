"""Check that the engine's answers are those of plain greedy decoding, token by token.

    python -m tests.bench.equality --sentences FILE [--count N] [--profile NAME] [--dtype float32]

There is no keep-bias. An answer is the greedy one exactly when each of its tokens is the most
likely after those before it. So the plain model, transformers' own with its own kernels, need not
generate: it reads prompt and answer in one pass, after the prefix that all prompts share, which it
reads once. Where its most likely token is another, the gap is the difference between the two
tokens' logits. Logits of 16 to 32 have steps of an eighth in
bfloat16, so a gap of up to two steps is a tie that rounding decides. Prints one JSON line; the
differing sentences go to stderr.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

import torch
from transformers import DynamicCache

from tests.bench.work import repair_prompts, sample_sentences, shared_prefix
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
    parser.add_argument("--profile")
    parser.add_argument("--dtype", choices=("bfloat16", "float32", "int8"), default="float32")
    parser.add_argument("--threads", type=int, default=0)
    arguments = parser.parse_args()
    settings = load_settings(threads=arguments.threads)
    profile = load_profile(settings, arguments.profile)
    model = profile.model.model_copy(update={"dtype": arguments.dtype})
    engine, plain = LocalEngine(model, settings), PlainEngine(model, settings)
    texts = sample_sentences(arguments.sentences, arguments.count)
    prompts = repair_prompts(texts, engine.count_tokens(texts), profile)
    reader = _Reader(plain, prompts)
    gaps: list[float] = []
    for number, (prompt, tokens) in enumerate(
        zip(prompts, _written(engine, prompts), strict=True), start=1
    ):
        gap = reader.gap(prompt, tokens)
        if gap > 0.0:
            gaps.append(gap)
            sys.stderr.write(f"{gap:.4f}  {prompt.text[:80]}\n")
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


class _Reader:
    """The plain model, which has read the tokens that all ``prompts`` begin with."""

    @torch.inference_mode()
    def __init__(self, plain: PlainEngine, prompts: list[Prompt]) -> None:
        self._plain, self._model = plain, plain.model(prompts[0].template.adapter)
        prefix = shared_prefix([plain.encode(prompt)[0] for prompt in prompts])
        self._shared = len(prefix)
        self._cache = DynamicCache(config=self._model.config)
        if prefix:
            self._model(input_ids=torch.tensor([prefix]), past_key_values=self._cache)

    @torch.inference_mode()
    def gap(self, prompt: Prompt, answer: list[int]) -> float:
        """Return how far the first token of ``answer`` that is not the model's own is behind."""
        rest = self._plain.encode(prompt)[0][self._shared :]
        output = self._model(
            input_ids=torch.tensor([[*rest, *answer[:-1]]]),
            past_key_values=self._cache,
            logits_to_keep=len(answer),
        )
        # A negative number: what is to be taken from the end.
        self._cache.crop(self._shared - self._cache.get_seq_length())
        logits = output.logits[0].float()
        gaps = logits.max(-1).values - logits.gather(-1, torch.tensor(answer)[:, None])[:, 0]
        return next((gap for gap in gaps.tolist() if gap > 0.0), 0.0)


if __name__ == "__main__":
    main()
