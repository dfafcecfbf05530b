"""Does a restart of the model's server cost an article?

    python -m tests.bench.server FILE_OR_FOLDER … [--articles 50]

A real ``transformers serve`` with the embedded model; the articles go through the pipeline in
chunks, as a worker takes them. In the middle one, when the server has answered some of its
requests, it is killed and started again. Prints one JSON line:

    done, failed    what became of the articles; why they failed goes to stderr
    restarts        how often the server was started again
    seconds         for all of it, but for the first start
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
from worker.config.profile import ModelSettings, Profile
from worker.config.settings import Settings, load_profile, load_settings
from worker.config.weights import EMBEDDED, embedded_folder
from worker.engine.protocol import no_checkpoint
from worker.engine.server import ServerEngine
from worker.engine.watched import WatchedEngine
from worker.pipeline import process
from worker.records.article import Article, ArticleState, ProcessedArticle

__all__: list[str] = []

_CHUNK_ARTICLES = 10

#: transformers serve answers one after the other; one more is on its way.
_IN_FLIGHT = 2

#: As the model's configuration says.
_WINDOW = 8192


def main() -> None:
    """Work through the articles, and print one line."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench.server", allow_abbrev=False)
    parser.add_argument("inputs", nargs="+")
    parser.add_argument("--articles", type=int, default=50)
    said = parser.parse_args()
    settings = load_settings()
    found = read_documents(said.inputs, max_chars=settings.max_article_chars)
    articles = list(islice((one for one in found if isinstance(one, Article)), said.articles))
    folder = str(embedded_folder(settings.home))
    with (
        tempfile.TemporaryDirectory() as scratch,
        running_model_server(folder, Path(scratch)) as server,
    ):
        started = time.perf_counter()
        processed = _work(articles, server, settings)
        seconds = time.perf_counter() - started
    failed = Counter(one.outcome.message for one in processed if one.result is None)
    for message, count in failed.most_common():
        sys.stderr.write(f"{count} failed: {message}\n")
    figures = {
        "articles": len(articles),
        "done": sum(one.outcome.state is ArticleState.DONE for one in processed),
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
        revision=EMBEDDED.version,
        url=server.url,
        in_flight=_IN_FLIGHT,
        window=_WINDOW,
    )
    return load_profile(settings, "vllm").model_copy(update={"model": model})


def _kill_once(server: ModelServer) -> Callable[[], None]:
    """A checkpoint that strikes when the server has begun to answer, and only then."""
    before, starts = server.answered, server.starts

    def checkpoint() -> None:
        if server.answered > before and server.starts == starts:
            server.kill()
            server.start()

    return checkpoint


if __name__ == "__main__":
    main()
