"""A real worker whose pipeline takes 50 ms per chunk.

    python -m tests.bench.worker FILE MODE

It appends one line per chunk to FILE: start and end of the pipeline on the monotonic clock. In MODE
``bare`` the pipeline only sleeps; in ``stages`` the real stages run on an engine that sleeps.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.fake_engine import FakeEngine
from worker.__main__ import main as worker_main
from worker.config.profile import Profile
from worker.engine.protocol import Engine, Prompt, no_checkpoint
from worker.queue import attempt, tasks
from worker.records.article import Article, ArticleState, Outcome, ProcessedArticle
from worker.records.result import Method, Result

__all__ = ["CHUNK_SECONDS", "done_result", "main"]

#: Seconds of the engine per chunk. A real chunk of 16 articles takes a minute or more; this is
#: short enough to show the queue's own share.
CHUNK_SECONDS = 0.05

#: Characters of the summary, so that a result has a realistic size.
_SUMMARY_CHARS = 400


class _SleepingEngine(FakeEngine):
    """Sleeps once per chunk, when the summaries of all articles are written."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Any]:
        if any("summar" in prompt.template.instruction.lower() for prompt in prompts):
            time.sleep(CHUNK_SECONDS)
        return super().generate(prompts, checkpoint)


def _sleep(articles: Sequence[Article], *_: object) -> list[ProcessedArticle]:
    time.sleep(CHUNK_SECONDS)
    return [done_result(article) for article in articles]


def done_result(article: Article) -> ProcessedArticle:
    """Return a result of about the pipeline's size."""
    result = Result(
        title=article.title,
        repaired=article.text,
        summary=article.text[:_SUMMARY_CHARS],
        method=Method.EXTRACTIVE,
        evidence=(),
    )
    return ProcessedArticle(outcome=Outcome(state=ArticleState.DONE), result=result)


def _open_engine(*_: object) -> Engine:
    return _SleepingEngine()


def main() -> None:
    """Run until a signal stops the worker."""
    file, mode = Path(sys.argv.pop(1)), sys.argv.pop(1)
    process = _sleep if mode == "bare" else vars(attempt)["process"]

    def timed(
        articles: Sequence[Article],
        engine: Callable[[], Engine],
        profile: Profile,
        on_stage: Callable[[str], None],
    ) -> list[ProcessedArticle]:
        start = time.monotonic()
        try:
            return process(articles, engine, profile, on_stage)
        finally:
            line = json.dumps([start, time.monotonic()]) + "\n"
            descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(descriptor, line.encode())
            os.close(descriptor)

    vars(attempt)["process"] = timed
    vars(tasks)["open_engine"] = _open_engine
    worker_main()


if __name__ == "__main__":
    main()
