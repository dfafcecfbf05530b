"""What a tutorial builds: one Celery task an article, article and result in the messages.

    python -m tests.bench.tutorial worker URL [--seconds S] [OPTIONS OF celery worker …]

The side that Copydesk's queue is measured against. Written as Celery's documentation teaches it,
with Redis as broker and as result backend and every other setting at its default; it knows nothing
of Copydesk. Each function takes a broker's URL as kombu spells it (``EmbeddedBroker.url``), which
Celery's result backend reads as well.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

from celery import Celery
from celery.result import AsyncResult

__all__ = ["count_done", "create_app", "poll_progress", "results_of", "submit_all"]

#: Name of the one task.
_PROCESS_ARTICLE = "tutorial.process_article"

#: Characters of the text that stand in for the summary and the account of what was done.
_SUMMARY_CHARS = 400


@cache
def create_app(url: str, seconds: float = 0.0) -> Celery:
    """The application on ``url``: one in each process, and with it one pool of connections.

    Its task sleeps ``seconds`` in place of the work, and returns what has about the size of a
    repaired article with its summary.
    """
    app = Celery("tutorial", broker=url, backend=url, set_as_current=False)

    # Shared, the task of a second URL would give way to the first one's, in every application
    # of the process.
    @app.task(name=_PROCESS_ARTICLE, shared=False)  # type: ignore[untyped-decorator]
    def process_article(article: dict[str, Any]) -> dict[str, Any]:
        time.sleep(seconds)
        text = article["text"]
        return {
            "id": article["id"],
            "title": article.get("title", ""),
            "repaired": text,
            "summary": text[:_SUMMARY_CHARS],
        }

    return app


def submit_all(articles: Iterable[dict[str, Any]], url: str) -> list[str]:
    """Send one task for each article; their ids, in order.

    ``delay`` takes connection and producer from the application's pools. Measured with 20,000
    articles: to hold one producer for all is 5 % faster, to drop each result at once 3 % slower,
    a ``group`` a fifth slower.
    """
    process_article = create_app(url).tasks[_PROCESS_ARTICLE]
    results = [process_article.delay(article) for article in articles]
    return [result.id for result in results]


def results_of(ids: Sequence[str], url: str) -> list[AsyncResult]:
    """The results of a process that has only the ids; one that has sent the tasks has them."""
    app = create_app(url)
    return [AsyncResult(one, app=app) for one in ids]


def count_done(results: Iterable[AsyncResult]) -> int:
    """How many are done or have failed: one command for each that was not when last asked."""
    return sum(result.ready() for result in results)


def poll_progress(ids: Sequence[str], url: str) -> int:
    """One look of a process that has only the ids: how many are done.

    ``ready`` of each is the fastest way of Celery's user guide: ``GroupResult.completed_count``
    takes a fifth longer or more, since it listens to each besides. Who reads the reference of the
    backends finds ``app.backend.get_many``, which asks for all at once: 3 to 50 times as fast.
    """
    return count_done(results_of(ids, url))


def main() -> None:
    """Run a worker until it is told to end."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.tutorial", allow_abbrev=False)
    parser.add_argument("command", choices=["worker"])
    parser.add_argument("url")
    parser.add_argument("--seconds", type=float, default=0.0, help="that each article takes")
    said, options = parser.parse_known_args()
    create_app(said.url, said.seconds).worker_main([said.command, *options])


if __name__ == "__main__":
    main()
