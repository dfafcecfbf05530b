"""Compare the articles per second of the whole queue with those of a plain script.

    python -m tests.bench.throughput [FILE_OR_FOLDER …] [--count N]

The plain script loops over the articles and calls transformers' ``generate`` once per sentence and
per summary, with the same weights, prompts, keep-bias and checks. The queue is a running broker
with one worker; the CLI submits, watches and collects. Neither time includes loading the model.
Prints one JSON line:

    ratio           articles per second, of the queue to the script
    equal           articles with the same repaired text and summary on both sides; the others
                    depend on a tie between two tokens (python -m tests.bench.equality)
    engine_share    the engine's share of the time that the worker spent on its chunks
    worker_peak_rss_mb  peak of the worker's child, which holds the model
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from itertools import islice
from typing import Any

from cli.documents.reader import read_documents
from tests.bench.desk import running_desk, write_dump
from tests.support.plain_engine import PlainEngine
from worker.config.settings import Settings, load_profile, load_settings
from worker.pipeline import process
from worker.records.article import Article

__all__: list[str] = []


def main() -> None:
    """Measure both sides, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.throughput", allow_abbrev=False)
    parser.add_argument("inputs", nargs="*", default=["seeds"])
    parser.add_argument("--count", type=int)
    arguments = parser.parse_args()
    settings = load_settings()
    documents = read_documents(arguments.inputs, max_chars=settings.max_article_chars)
    articles = [
        document for document in islice(documents, arguments.count) if isinstance(document, Article)
    ]
    ours, seconds, worker = _queue(articles, settings)
    plain, plain_seconds = _script(articles, settings)
    figures = {
        "articles": len(articles),
        "plain_articles_per_s": round(len(articles) / plain_seconds, 4),
        "articles_per_s": round(len(articles) / seconds, 4),
        "ratio": round(plain_seconds / seconds, 2),
        "equal": sum(plain[name] == ours.get(name) for name in plain),
        **worker,
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _script(
    articles: list[Article], settings: Settings
) -> tuple[dict[str, tuple[str, str]], float]:
    """Process the articles by a plain script; return the texts and the seconds."""
    profile = load_profile(settings)
    engine = PlainEngine(profile.model, settings)
    engine.prepare(profile.prompts.values())
    texts = {}
    start = time.perf_counter()
    for article in articles:
        (processed,) = process([article], lambda: engine, profile)
        result = processed.result
        texts[article.id] = (result.repaired, result.summary) if result else ("", "")
    return texts, time.perf_counter() - start


def _queue(
    articles: list[Article], settings: Settings
) -> tuple[dict[str, tuple[str, str]], float, dict[str, Any]]:
    """Process the articles by one worker behind the queue."""
    with running_desk(settings) as desk:
        dump, out = desk.home / "articles.jsonl", desk.home / "out"
        write_dump(articles, dump)
        start = time.perf_counter()
        job = json.loads(desk.copydesk("submit", dump, "--json"))["job"]
        desk.copydesk("watch", job)
        desk.copydesk("collect", job, "-o", out)
        seconds = time.perf_counter() - start
        with desk.store() as store:
            stats = store.roster.stats()
        worker = {
            "engine_share": round(stats["engine_seconds"] / stats["seconds"], 4),
            "worker_peak_rss_mb": round(desk.memory_mb("VmHWM")),
        }
        rows = map(json.loads, (out / "results.jsonl").read_text(encoding="utf-8").splitlines())
        texts = {row["id"]: (row.get("repaired") or "", row.get("summary") or "") for row in rows}
    return texts, seconds, worker


if __name__ == "__main__":
    main()
