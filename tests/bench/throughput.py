"""Articles a minute: the queue from end to end against a plain loop over the same articles.

    python -m tests.bench.throughput [FILE_OR_FOLDER …]

Both sides run in one go on one machine, with the same weights and settings; only their ratio
means something. Prints one JSON line.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from cli.documents import read_documents
from worker.engine import open_engine
from worker.pipeline import process
from worker.records import Article
from worker.settings import load_profile, load_settings

__all__: list[str] = []


def main() -> None:
    inputs = sys.argv[1:] or ["seeds"]
    settings = load_settings()
    found = read_documents(inputs, max_chars=settings.max_article_chars)
    articles = [document for document in found if isinstance(document, Article)]
    loop_seconds = _loop(articles)
    queue_seconds = _queue(inputs, settings.home)
    figures = {
        "articles": len(articles),
        "loop_seconds": round(loop_seconds, 1),
        "queue_seconds": round(queue_seconds, 1),
        "loop_articles_per_minute": round(60 * len(articles) / loop_seconds, 2),
        "queue_articles_per_minute": round(60 * len(articles) / queue_seconds, 2),
        "ratio": round(loop_seconds / queue_seconds, 2),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _loop(articles: list[Article]) -> float:
    """What a plain script does: one article after the other, one prompt after the other."""
    settings = load_settings()
    profile = load_profile(settings)
    # Too few tokens for two prompts in one batch.
    model = profile.model.model_copy(update={"batch_tokens": 1})
    engine = open_engine(model, settings)
    start = time.perf_counter()
    for article in articles:
        process([article], lambda: engine, profile)
    return time.perf_counter() - start


def _queue(inputs: list[str], home: Path) -> float:
    """`copydesk run` in an empty home, with its start and stop of broker and worker."""
    with tempfile.TemporaryDirectory() as scratch:
        (Path(scratch) / "models").symlink_to((home / "models").resolve())
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "cli", "run", *inputs, "-o", f"{scratch}/out"],
            env={**os.environ, "COPYDESK_HOME": scratch},
            check=True,
            stdout=subprocess.DEVNULL,
        )
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
