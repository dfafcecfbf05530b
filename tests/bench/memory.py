"""Measure whether a worker's memory grows over thousands of articles.

    python -m tests.bench.memory FILE_OR_FOLDER … [--count 2000] [--longest CHARS]

One worker with the settings' profile processes the articles; its resident memory is sampled every
few seconds. Prints one JSON line:

    peak_rss_mb     peak of the child that holds the model
    rss_mb          at each tenth of the articles
    growth_mb       from the second tenth, when all buffers have been used, to the last
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import islice

from cli.documents.reader import read_documents
from tests.bench.desk import Desk, running_desk, write_dump
from worker.config.settings import load_settings
from worker.records.article import Article, ArticleState

__all__: list[str] = []

_SAMPLE_SECONDS = 2.0


def main() -> None:
    """Process the articles, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.memory", allow_abbrev=False)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--count", type=int, default=2000)
    parser.add_argument("--longest", type=int, help="leave out articles of more characters")
    arguments = parser.parse_args()
    settings = load_settings()
    documents = read_documents(
        arguments.inputs, max_chars=arguments.longest or settings.max_article_chars
    )
    articles = list(
        islice(
            (document for document in documents if isinstance(document, Article)), arguments.count
        )
    )
    with running_desk(settings) as desk:
        dump = desk.home / "articles.jsonl"
        write_dump(articles, dump)
        job = json.loads(desk.copydesk("submit", dump, "--json"))["job"]
        samples = _watch(desk, job, len(articles))
        peak = desk.memory_mb("VmHWM")
    tenths = [
        next(rss for done, rss in samples if done >= len(articles) * tenth / 10)
        for tenth in range(1, 11)
    ]
    figures = {
        "articles": len(articles),
        "peak_rss_mb": round(peak),
        "rss_mb": [round(rss) for rss in tenths],
        "growth_mb": round(tenths[-1] - tenths[1]),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _watch(desk: Desk, job: str, total: int) -> list[tuple[int, float]]:
    """Sample the number of finished articles and the child's memory in MB."""
    samples: list[tuple[int, float]] = []
    while not samples or samples[-1][0] < total:
        time.sleep(_SAMPLE_SECONDS)
        counts = json.loads(desk.copydesk("status", job, "--json"))
        done = counts[ArticleState.DONE.value] + counts[ArticleState.FAILED.value]
        if not samples or done > samples[-1][0]:
            samples.append((done, desk.memory_mb("VmRSS")))
            sys.stderr.write(f"{done}/{total} articles, {samples[-1][1]:.0f} MB\n")
    return samples


if __name__ == "__main__":
    main()
