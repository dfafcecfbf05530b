"""Articles a second: the queue from end to end against a plain script over the same articles.

    python -m tests.bench.throughput [FILE_OR_FOLDER …] [--count N]

The plain script loops over the articles and calls transformers' ``generate`` once for each
sentence and each summary, with the same weights, prompts, keep-bias and checks. Ours is a running
broker with one worker: submitted, watched to the end and collected by the command line. Neither
side's loading of the model is in its time. Prints one JSON line:

    ratio           articles a second, ours to the plain script's
    equal           articles whose repaired text and summary are the same on both sides; the others
                    hang on a tie between two tokens (python -m tests.bench.equality)
    engine_share    of the time that the worker spent on its chunks
    worker_peak_rss_mb  of the worker's child, which holds the model
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
    said = parser.parse_args()
    settings = load_settings()
    found = read_documents(said.inputs, max_chars=settings.max_article_chars)
    articles = [item for item in islice(found, said.count) if isinstance(item, Article)]
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
    """What a plain script makes of each article, and its seconds."""
    profile = load_profile(settings)
    engine = PlainEngine(profile.model, settings)
    engine.prepare(profile.prompts.values())
    made = {}
    start = time.perf_counter()
    for article in articles:
        (one,) = process([article], lambda: engine, profile)
        made[article.id] = (one.result.repaired, one.result.summary) if one.result else ("", "")
    return made, time.perf_counter() - start


def _queue(
    articles: list[Article], settings: Settings
) -> tuple[dict[str, tuple[str, str]], float, dict[str, Any]]:
    """The same by one worker behind the queue."""
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
        made = {row["id"]: (row.get("repaired") or "", row.get("summary") or "") for row in rows}
    return made, seconds, worker


if __name__ == "__main__":
    main()
