"""Submit: accept articles into the store, then ring for them. The only sender of messages."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from typing import TYPE_CHECKING

from celery import Celery
from kombu.exceptions import OperationalError

from worker.app import PROCESS_CHUNK, QUEUE, create_app
from worker.errors import BrokerUnavailableError, ExitCode, NoInputError
from worker.records import Article, InputRefusal, JobId

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from worker.jobs import JobStore
    from worker.settings import Profile, Settings

__all__ = ["NothingAcceptedError", "Submission", "submit"]

#: Articles that are sorted by length together. Large enough that a chunk's articles are of
#: like length, small enough that the client's memory stays flat (8 MB of news).
_WINDOW_ARTICLES = 2048


@dataclass(frozen=True, slots=True)
class Submission:
    """What one submit came to."""

    job: JobId
    accepted: int
    cached: int
    """How many of these were done already, under the same profile."""
    refused: tuple[InputRefusal, ...]


def submit(
    documents: Iterable[Article | InputRefusal],
    store: JobStore,
    profile: Profile,
    settings: Settings,
    *,
    on_progress: Callable[[int], None] | None = None,
) -> Submission:
    """Make a job of ``documents``; articles whose result is known are done at once.

    The store is written first and the bell rung afterwards, so that a message never speaks
    of a chunk that is not there.

    Args:
        documents: articles, and refusals, which are recorded with the job.
        store: where the job is kept.
        profile: what the articles are worked on with.
        settings: sizes of chunks, and the broker.
        on_progress: is told the number of articles accepted so far.

    Raises:
        NothingAcceptedError: no input is an article; its ``refused`` says why.
        BrokerUnavailableError: the broker was lost on the way.
    """
    app = create_app(settings)
    job: JobId | None = None
    refused: list[InputRefusal] = []
    accepted = cached = 0
    numbers = count()
    for window in _windows(documents, refused):
        if job is None:
            job = store.create(profile)
        known = store.known(profile, window)
        fresh = [article for article, is_known in zip(window, known, strict=True) if not is_known]
        found = [article for article, is_known in zip(window, known, strict=True) if is_known]
        for articles, done in ((found, True), (fresh, False)):
            for chunk in _chunks(articles, settings):
                number = next(numbers)
                store.add_chunk(job, number, chunk, cached=done)
                if not done:
                    _ring(app, job, number)
        accepted += len(window)
        cached += len(found)
        if on_progress:
            on_progress(accepted)
    if job is None:
        raise NothingAcceptedError(refused)
    for refusal in refused:
        store.refuse(job, refusal)
    store.close(job)
    return Submission(job, accepted, cached, tuple(refused))


class NothingAcceptedError(NoInputError):
    """None of the inputs is an article."""

    def __init__(self, refused: Sequence[InputRefusal]) -> None:
        super().__init__(
            f"none of {len(refused)} inputs is an article" if refused else "there is no input",
            hint="see the reasons above" if refused else "name files, folders, or - for stdin",
        )
        self.refused = tuple(refused)
        if refused:
            self.code, self.exit_code = "all_refused", ExitCode.ALL_FAILED


def _windows(
    documents: Iterable[Article | InputRefusal], refused: list[InputRefusal]
) -> Iterator[list[Article]]:
    window: list[Article] = []
    for document in documents:
        if isinstance(document, InputRefusal):
            refused.append(document)
            continue
        window.append(document)
        if len(window) == _WINDOW_ARTICLES:
            yield window
            window = []
    if window:
        yield window


def _chunks(articles: Iterable[Article], settings: Settings) -> Iterator[list[Article]]:
    """Chunks of like length, shortest first, so that first results come soon."""
    chunk: list[Article] = []
    chars = 0
    for article in sorted(articles, key=lambda article: len(article.text)):
        full = len(chunk) == settings.chunk_articles
        if chunk and (full or chars + len(article.text) > settings.chunk_chars):
            yield chunk
            chunk, chars = [], 0
        chunk.append(article)
        chars += len(article.text)
    if chunk:
        yield chunk


def _ring(app: Celery, job: JobId, chunk: int) -> None:
    try:
        app.send_task(PROCESS_CHUNK, args=[job, chunk], queue=QUEUE, retry=False)
    except OperationalError as error:
        raise BrokerUnavailableError(
            f"the broker was lost while job {job} was submitted: {error}",
            hint="submit again when it is back: what was done is found by its content",
        ) from error
