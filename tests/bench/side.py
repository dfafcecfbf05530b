"""One side of the engine benchmark, in a process of its own: a way to run the same weights.

    python -m tests.bench.side <WORK >OUTCOME

A side is loaded, reads the prefix that all prompts share and answers one request, all untimed;
then it answers all its requests. ``tests.bench.engine`` starts the sides and compares them.
"""

from __future__ import annotations

import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from tests.bench.generate import open_transformers
from tests.bench.work import Answer, Outcome, Request, Work, threads
from worker.config.settings import Settings, load_settings
from worker.engine.local import LocalEngine
from worker.engine.protocol import Prompt

__all__ = ["measure"]


class Ours:
    """The project's engine."""

    def __init__(self, work: Work, settings: Settings) -> None:
        self._template, self._engine = work.template, LocalEngine(work.model, settings)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        generations = self._engine.generate(
            [
                Prompt(self._template, request.text, request.max_tokens, draft=request.text)
                for request in requests
            ]
        )
        return [Answer(text=each.text, tokens=each.tokens) for each in generations]


def measure(work: Work, settings: Settings) -> Outcome:
    """Load the side that ``work`` names, and time its answers."""
    torch.set_num_threads(threads(settings))
    side = _open(work, settings)
    # Not the first: llama.cpp would find its whole prompt read when it comes again.
    side.answer(work.requests[-1:])
    evaluated = getattr(side, "tokens_evaluated", None)
    start = time.perf_counter()
    answers = side.answer(work.requests)
    seconds = time.perf_counter() - start
    return Outcome(
        answers=answers,
        seconds=seconds,
        peak_rss_mb=_peak_rss_mb(),
        tokens_evaluated=None if evaluated is None else side.tokens_evaluated - evaluated,
    )


def _open(work: Work, settings: Settings) -> Any:
    kind = work.side.partition("_")[0]
    if kind == "ours":
        return Ours(work, settings)
    # The following two need packages that the project does not depend on.
    if kind == "llama":
        from tests.bench.llama import open_llama  # noqa: PLC0415

        return open_llama(work, settings)
    if kind == "ctranslate2":
        from tests.bench.ctranslate import open_ctranslate2  # noqa: PLC0415

        return open_ctranslate2(work, settings)
    return open_transformers(work, settings)


def _peak_rss_mb() -> float:
    # Not ru_maxrss: that starts at the peak of the process that started this one.
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    match = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(match[1]) / 1024 if match else 0.0


if __name__ == "__main__":
    _work = Work.model_validate_json(sys.stdin.read())
    sys.stdout.write(measure(_work, load_settings()).model_dump_json() + "\n")
