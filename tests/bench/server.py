"""Measure whether a restart of the model server costs an article.

    python -m tests.bench.server FILE_OR_FOLDER … [--articles 50]

A real ``transformers serve`` runs the small model, and the articles go through the pipeline in
chunks, as in a worker. In the middle chunk the server is killed and restarted once it has answered
some requests. Prints one JSON line:

    done, failed    numbers of articles; the reasons of failures go to stderr
    restarts        restarts of the server
    seconds         total without the first start
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from itertools import islice
from pathlib import Path

from cli.documents.reader import read_documents
from tests.support.model_server import ModelServer, running_model_server
from tests.support.small import SMALL_MODEL
from worker.config.catalogue import catalogue_model
from worker.config.profile import ModelSettings, Profile
from worker.config.settings import Settings, load_profile, load_settings
from worker.config.weights import model_folder
from worker.engine.protocol import no_checkpoint
from worker.engine.server import ServerEngine
from worker.engine.watched import WatchedEngine
from worker.pipeline import process
from worker.records.article import Article, ArticleState, ProcessedArticle

__all__: list[str] = []

_CHUNK_ARTICLES = 10

#: transformers serve answers one request at a time; a second one is queued.
_IN_FLIGHT = 2

#: As in the model's configuration.
_WINDOW = 8192


def main() -> None:
    """Process the articles, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.server", allow_abbrev=False)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--articles", type=int, default=50)
    arguments = parser.parse_args()
    settings = load_settings()
    documents = read_documents(arguments.inputs, max_chars=settings.max_article_chars)
    articles = list(
        islice(
            (document for document in documents if isinstance(document, Article)),
            arguments.articles,
        )
    )
    folder = str(model_folder(SMALL_MODEL, settings.home))
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_model_server(folder, Path(scratch)) as server,
    ):
        started = time.perf_counter()
        processed = _work(articles, server, settings)
        seconds = time.perf_counter() - started
    failed = Counter(article.outcome.message for article in processed if article.result is None)
    for message, count in failed.most_common():
        sys.stderr.write(f"{count} failed: {message}\n")
    figures = {
        "articles": len(articles),
        "done": sum(article.outcome.state is ArticleState.DONE for article in processed),
        "failed": failed.total(),
        "restarts": server.starts - 1,
        "seconds": round(seconds, 1),
    }
    sys.stdout.write(json.dumps(figures) + "\n")


def _work(
    articles: list[Article], server: ModelServer, settings: Settings
) -> list[ProcessedArticle]:
    profile = _profile(server, settings)
    engine = ServerEngine(profile.model, settings)
    starts = range(0, len(articles), _CHUNK_ARTICLES)
    middle = starts[len(starts) // 2] if starts else 0
    processed: list[ProcessedArticle] = []
    for start in starts:
        checkpoint = _kill_once(server) if start == middle else no_checkpoint
        watched = WatchedEngine(engine, checkpoint)
        processed += _chunk(articles[start : start + _CHUNK_ARTICLES], watched, profile)
        sys.stderr.write(f"{len(processed)} of {len(articles)} articles\n")
    return processed


def _chunk(
    articles: list[Article], engine: WatchedEngine, profile: Profile
) -> list[ProcessedArticle]:
    return process(articles, lambda: engine, profile)


def _profile(server: ModelServer, settings: Settings) -> Profile:
    model = ModelSettings(
        kind="server",
        name=server.model,
        revision=catalogue_model(SMALL_MODEL).sha256[:8],
        url=server.url,
        in_flight=_IN_FLIGHT,
        window=_WINDOW,
    )
    return load_profile(settings, "vllm").model_copy(update={"model": model})


def _kill_once(server: ModelServer) -> Callable[[], None]:
    """Return a checkpoint that restarts the server once, after its next answer."""
    before, starts = server.answered, server.starts

    def checkpoint() -> None:
        if server.answered > before and server.starts == starts:
            server.kill()
            server.start()

    return checkpoint


if __name__ == "__main__":
    main()
