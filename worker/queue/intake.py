"""Accept articles into the store, then notify the workers. The only sender of messages."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

import redis
from celery import Celery
from kombu.exceptions import OperationalError

from worker.errors import BrokerUnavailableError, ExitCode, JobStateError, NoInputError
from worker.queue.celery_app import PROCESS_CHUNK, QUEUE
from worker.queue.store.jobs import NewChunk
from worker.records.article import Article, InputRefusal
from worker.records.job import JobId
from worker.records.priority import Priority
from worker.stages.clean.shared_lines import with_shared_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from datetime import timedelta

    from worker.config.profile import Profile
    from worker.config.settings import Settings
    from worker.queue.store.jobs import JobStore
    from worker.records.chunk import Notification
    from worker.records.job import JobProgress

__all__ = ["Intake", "JobOptions", "NothingAcceptedError", "Submission", "send"]

#: Articles that are sorted by length, and searched for shared lines, together. Large enough that a
#: chunk's articles are of like length, small enough that the client's memory stays flat (4 MB of
#: news).
_WINDOW_ARTICLES = 2048

#: Submit waits while so much of the broker's memory is used, or will be by the results of what the
#: job has in the queue: workers must never come to a broker that is full.
_FULL_SHARE = 0.7

#: What an article's result takes: 1.04 KB for 1.6 KB of news (mean of 400, measured), and its key.
_RESULT_BYTES = 1_500

#: Submit waits while a job has so many chunks that wait for a worker: 320,000 articles.
_MOST_OPEN_CHUNKS = 20_000

#: Between two looks of a submit that waits.
_WAIT_SECONDS = 1.0

#: A submit that waits for so long without any change gives up; it can be resumed.
_STUCK_SECONDS = 3600.0

#: Refusals that are recorded together.
_WINDOW_REFUSALS = 1_000

#: Refusals that are shown; all are recorded with the job.
_SHOWN_REFUSALS = 1_000


@dataclass(frozen=True, slots=True)
class JobOptions:
    """What a job is made with."""

    profile: Profile
    priority: Priority = Priority.NORMAL
    deadline: timedelta | None = None
    """What is not done after this time is cancelled."""
    inputs: tuple[str, ...] = ()
    """What the documents are read from, so that a submit that was cut off can be resumed."""
    folder: str = ""
    """The folder that relative ``inputs`` are meant from."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What one submit came to."""

    job: JobId
    accepted: int
    cached: int
    """How many of these were done already, under the same profile."""
    refused: int
    refusals: tuple[InputRefusal, ...]
    """The first thousand; all are recorded with the job."""


class NothingAcceptedError(NoInputError):
    """None of the inputs is an article."""

    def __init__(self, refused: int, refusals: Sequence[InputRefusal]) -> None:
        super().__init__(
            f"none of {refused} inputs is an article" if refused else "there is no input",
            hint="see the reasons above" if refused else "name files, folders, or - for stdin",
        )
        self.refusals = tuple(refusals)
        if refused:
            self.code, self.exit_code = "all_refused", ExitCode.ALL_FAILED


class Intake:
    """The way of documents into the store: window by window, in constant memory.

    Args:
        store: where the job is kept.
        app: the Celery application whose workers are notified.
        settings: sizes of chunks.
        on_progress: is told the number of articles accepted so far.
        on_wait: is told once why the intake begins to wait for room in the broker; with ``""`` that
            it goes on.
    """

    def __init__(
        self,
        store: JobStore,
        app: Celery,
        settings: Settings,
        *,
        on_progress: Callable[[int], None] = lambda _count: None,
        on_wait: Callable[[str], None] = lambda _why: None,
    ) -> None:
        self._store, self._app, self._settings = store, app, settings
        self._on_progress, self._on_wait = on_progress, on_wait
        self._accepted = self._cached = self._refused = 0
        self._refusals: list[InputRefusal] = []

    def submit(self, documents: Iterable[Article | InputRefusal], order: JobOptions) -> Submission:
        """Make a job of ``documents``; articles whose result is known are done at once.

        The store is written first and the workers are notified afterwards, so that a message never
        names a chunk that is not there.

        Raises:
            NothingAcceptedError: no input is an article; its ``refusals`` say why.
            BrokerUnavailableError: the broker was lost on the way; what was accepted stays.
        """
        job: JobId | None = None
        for articles, refusals in self._windows(documents):
            if job is None and (articles or refusals):
                job = self._store.create(
                    order.profile,
                    priority=order.priority,
                    deadline=order.deadline,
                    inputs=order.inputs,
                    folder=order.folder,
                )
            if job is not None:
                self._take(job, order.profile, articles, refusals)
        if job is None or not self._accepted:
            if job is not None:
                self._store.close(job)
                self._store.remove(job)
            raise NothingAcceptedError(self._refused, self._refusals)
        self._store.close(job)
        return self._submission(job)

    def resume(self, job: JobId, documents: Iterable[Article | InputRefusal]) -> Submission:
        """Add to an open job what it lacks, and close it.

        Args:
            job: its submit was cut off.
            documents: all that it was made of; articles whose id it has are passed over.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: it is complete, or was cancelled.
            BrokerUnavailableError: the broker was lost on the way; what was accepted stays.
        """
        if self._store.progress(job).closed:
            raise JobStateError(f"all articles of job {job} are in", code="job_complete")
        submission = self.read_again(job, documents)
        self._store.close(job)
        return submission

    def read_again(self, job: JobId, documents: Iterable[Article | InputRefusal]) -> Submission:
        """Add to a job the articles that it lacks; what is refused now takes the place of what was.

        Args:
            job: the job's id.
            documents: at least those that were refused before.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: it was cancelled.
            BrokerUnavailableError: the broker was lost on the way; what was accepted stays.
        """
        profile = self._store.collection.profile(job)
        self._store.forget_refusals(job)
        for articles, refusals in self._windows(documents):
            is_in = self._store.accepted(job, articles)
            lacking = [one for one, there in zip(articles, is_in, strict=True) if not there]
            self._take(job, profile, lacking, refusals)
        return self._submission(job)

    def _submission(self, job: JobId) -> Submission:
        refusals = tuple(self._refusals)
        return Submission(job, self._accepted, self._cached, self._refused, refusals)

    def _windows(
        self, documents: Iterable[Article | InputRefusal]
    ) -> Iterator[tuple[list[Article], list[InputRefusal]]]:
        articles: list[Article] = []
        refusals: list[InputRefusal] = []
        for document in documents:
            if isinstance(document, Article):
                articles.append(document)
            else:
                refusals.append(document)
            if len(articles) == _WINDOW_ARTICLES or len(refusals) == _WINDOW_REFUSALS:
                yield with_shared_lines(articles), refusals
                articles, refusals = [], []
        yield with_shared_lines(articles), refusals

    def _take(
        self,
        job: JobId,
        profile: Profile,
        articles: Sequence[Article],
        refusals: Sequence[InputRefusal],
    ) -> None:
        self._store.refuse(job, refusals)
        self._refused += len(refusals)
        self._refusals += refusals[: _SHOWN_REFUSALS - len(self._refusals)]
        if not articles:
            return
        known = self._store.ledger.known_results(profile, articles)
        # What is to be worked on comes first: the first chunks of a job take the express lane.
        chunks = [
            NewChunk(chunk, cached=wanted)
            for wanted in (False, True)
            for chunk in _cut_chunks(
                (one for one, is_known in zip(articles, known, strict=True) if is_known is wanted),
                self._settings,
            )
        ]
        self._add(job, chunks)
        self._accepted += len(articles)
        self._cached += sum(known)
        self._on_progress(self._accepted)

    def _add(self, job: JobId, chunks: Sequence[NewChunk]) -> None:
        """Accept ``chunks`` when the broker has room for them, and notify the workers.

        Raises:
            BrokerUnavailableError: ``broker_full``: nothing has moved for an hour.
        """
        seen: tuple[str, JobProgress] | None = None
        since = time.monotonic()
        while why := self._fullness(job) or self._add_or_why_not(job, chunks):
            if seen is None:
                self._on_wait(why)
            state = why, self._store.progress(job)
            if state != seen:
                seen, since = state, time.monotonic()
            elif time.monotonic() - since > _STUCK_SECONDS:
                raise BrokerUnavailableError(
                    f"nothing has moved for an hour: {why}",
                    code="broker_full",
                    hint=f"make room, or start workers; then: copydesk resume {job}",
                )
            time.sleep(_WAIT_SECONDS)
        if seen is not None:
            self._on_wait("")
        send(self._app, self._store.ledger.notify_next(job))

    def _fullness(self, job: JobId) -> str:
        """Why there is no room for more; empty where there is."""
        memory, progress = self._store.roster.memory(), self._store.progress(job)
        to_come = (progress.queued + progress.running) * _RESULT_BYTES
        if memory.limit and memory.used + to_come > _FULL_SHARE * memory.limit:
            return (
                f"{memory.share:.0%} of the broker's memory is used, and results are to come; "
                "copydesk collect and copydesk rm of jobs that are done make room"
            )
        backlog = self._store.backlog(job)
        if backlog > _MOST_OPEN_CHUNKS:
            return f"{backlog:,} chunks of the job wait for a worker"
        return ""

    def _add_or_why_not(self, job: JobId, chunks: Sequence[NewChunk]) -> str:
        try:
            self._store.add(job, chunks)
        except redis.OutOfMemoryError:
            return "the broker's memory is full"
        return ""


def _cut_chunks(articles: Iterable[Article], settings: Settings) -> Iterator[list[Article]]:
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


def send(app: Celery, notifications: Sequence[Notification]) -> None:
    """Send one message for each of ``notifications``.

    Raises:
        BrokerUnavailableError: the broker was lost, or is full (``broker_full``). The reconciler
            notifies for what is left.
    """
    if not notifications:
        return
    try:
        with app.producer_pool.acquire(block=True) as producer:
            for notification in notifications:
                app.send_task(
                    PROCESS_CHUNK,
                    args=[notification.job, notification.chunk],
                    queue=QUEUE,
                    priority=notification.lane,
                    headers={"stamp": notification.stamp_ms},
                    producer=producer,
                    retry=False,
                )
    except OperationalError as error:
        full = isinstance(error.__cause__, redis.OutOfMemoryError)
        raise BrokerUnavailableError(
            f"the broker was lost while work was handed out: {error}",
            code="broker_full" if full else None,
            hint="what was accepted is kept: when the broker is back, copydesk jobs names the job, "
            "and copydesk resume adds the rest",
        ) from error
