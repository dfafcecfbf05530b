"""Accepts articles into the store, then notifies the workers. Only this module sends messages."""

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

#: Number of articles sorted by length and searched for shared lines together: enough for chunks of
#: similar length, few enough to keep the client's memory flat (4 MB of news).
_WINDOW_ARTICLES = 2048

#: Submit waits while the broker's used memory, plus the expected results of the job's queued and
#: running articles, exceeds this share of its limit: workers must never find the broker full.
_FULL_SHARE = 0.7

#: Size of a result with its key: 1.04 KB for 1.6 KB of news (measured mean of 400), plus the key.
_RESULT_BYTES = 1_500

#: Submit waits while more than this many chunks (320,000 articles) of its job wait for a worker.
_MAX_OPEN_CHUNKS = 20_000

#: Time between two checks of a waiting submit.
_WAIT_SECONDS = 1.0

#: A waiting submit gives up if neither its reason to wait nor the job's counters change for this
#: long; it can be resumed.
_STUCK_SECONDS = 3600.0

#: Number of refusals recorded together.
_WINDOW_REFUSALS = 1_000

#: Maximum number of refusals returned to the caller; all refusals are recorded with the job.
_SHOWN_REFUSALS = 1_000


@dataclass(frozen=True, slots=True)
class JobOptions:
    """The options of a new job."""

    profile: Profile
    priority: Priority = Priority.NORMAL
    deadline: timedelta | None = None
    """Time after which unfinished articles are cancelled."""
    inputs: tuple[str, ...] = ()
    """Names of the inputs, kept so that an interrupted submit can be resumed."""
    folder: str = ""
    """The folder that relative ``inputs`` refer to."""


@dataclass(frozen=True, slots=True)
class Submission:
    """The outcome of one submit."""

    job: JobId
    accepted: int
    cached: int
    """Accepted articles that already had a result under the same profile."""
    refused: int
    refusals: tuple[InputRefusal, ...]
    """The first thousand refusals; all are recorded with the job."""


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
    """Accepts documents into the store, window by window, in constant memory.

    Args:
        store: holds the job.
        app: the Celery application whose workers are notified.
        settings: limits the size of chunks.
        on_progress: called with the number of articles accepted so far.
        on_wait: called with the reason when the intake starts to wait for room in the broker, and
            with ``""`` when it continues.
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

    def submit(
        self, documents: Iterable[Article | InputRefusal], options: JobOptions
    ) -> Submission:
        """Create a job from ``documents``; articles with a known result are done immediately.

        Writes to the store before notifying workers, so that no message names a missing chunk.

        Raises:
            NothingAcceptedError: no input is an article; its ``refusals`` say why.
            BrokerUnavailableError: the broker was lost; articles accepted earlier are kept.
        """
        job: JobId | None = None
        for articles, refusals in self._windows(documents):
            if job is None and (articles or refusals):
                job = self._store.create(
                    options.profile,
                    priority=options.priority,
                    deadline=options.deadline,
                    inputs=options.inputs,
                    folder=options.folder,
                )
            if job is not None:
                self._accept(job, options.profile, articles, refusals)
        if job is None or not self._accepted:
            if job is not None:
                self._store.close(job)
                self._store.remove(job)
            raise NothingAcceptedError(self._refused, self._refusals)
        self._store.close(job)
        return self._submission(job)

    def resume(self, job: JobId, documents: Iterable[Article | InputRefusal]) -> Submission:
        """Add the missing articles to an open job, and close it.

        Args:
            job: a job whose submit was interrupted.
            documents: all the job's documents; articles with an id already in the job are skipped.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: the job is complete, or was cancelled.
            BrokerUnavailableError: the broker was lost; articles accepted earlier are kept.
        """
        if self._store.progress(job).closed:
            raise JobStateError(f"all articles of job {job} are in", code="job_complete")
        submission = self.read_again(job, documents)
        self._store.close(job)
        return submission

    def read_again(self, job: JobId, documents: Iterable[Article | InputRefusal]) -> Submission:
        """Add the missing articles to a job, and replace its refusals with the new ones.

        Args:
            job: the job's id.
            documents: at least the documents that were refused before.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: the job was cancelled.
            BrokerUnavailableError: the broker was lost; articles accepted earlier are kept.
        """
        profile = self._store.collection.profile(job)
        self._store.forget_refusals(job)
        for articles, refusals in self._windows(documents):
            present = self._store.has_articles(job, articles)
            missing = [
                article
                for article, is_present in zip(articles, present, strict=True)
                if not is_present
            ]
            self._accept(job, profile, missing, refusals)
        return self._submission(job)

    def _submission(self, job: JobId) -> Submission:
        refusals = tuple(self._refusals)
        return Submission(job, self._accepted, self._cached, self._refused, refusals)

    def _windows(
        self, documents: Iterable[Article | InputRefusal]
    ) -> Iterator[tuple[list[Article], list[InputRefusal]]]:
        """Yield ``documents`` in windows of articles and refusals."""
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

    def _accept(
        self,
        job: JobId,
        profile: Profile,
        articles: Sequence[Article],
        refusals: Sequence[InputRefusal],
    ) -> None:
        """Add the articles and refusals of one window to the job."""
        self._store.record_refusals(job, refusals)
        self._refused += len(refusals)
        self._refusals += refusals[: _SHOWN_REFUSALS - len(self._refusals)]
        if not articles:
            return
        known = self._store.ledger.known_results(profile, articles)
        # Articles without a result come first: a job's first chunks take the express lane.
        chunks = [
            NewChunk(chunk, cached=cached)
            for cached in (False, True)
            for chunk in _cut_chunks(
                (
                    article
                    for article, is_known in zip(articles, known, strict=True)
                    if is_known is cached
                ),
                self._settings,
            )
        ]
        self._add_when_there_is_room(job, chunks)
        self._accepted += len(articles)
        self._cached += sum(known)
        self._on_progress(self._accepted)

    def _add_when_there_is_room(self, job: JobId, chunks: Sequence[NewChunk]) -> None:
        """Add ``chunks`` once the broker has room for them, and notify the workers.

        Raises:
            BrokerUnavailableError: ``broker_full``: for an hour, neither the reason to wait nor the
                job's counters have changed.
        """
        last_state: tuple[str, JobProgress] | None = None
        since = time.monotonic()
        while why := self._why_no_room(job) or self._try_add(job, chunks):
            if last_state is None:
                self._on_wait(why)
            state = why, self._store.progress(job)
            if state != last_state:
                last_state, since = state, time.monotonic()
            elif time.monotonic() - since > _STUCK_SECONDS:
                raise BrokerUnavailableError(
                    f"nothing has moved for an hour: {why}",
                    code="broker_full",
                    hint=f"make room, or start workers; then: copydesk resume {job}",
                )
            time.sleep(_WAIT_SECONDS)
        if last_state is not None:
            self._on_wait("")
        send(self._app, self._store.ledger.notify_next(job))

    def _why_no_room(self, job: JobId) -> str:
        """Return why the broker has no room for more chunks, or an empty string if it has room."""
        memory, progress = self._store.roster.memory(), self._store.progress(job)
        expected = (progress.queued + progress.running) * _RESULT_BYTES
        if memory.limit and memory.used + expected > _FULL_SHARE * memory.limit:
            return (
                f"{memory.share:.0%} of the broker's memory is used, and results are to come; "
                "copydesk collect and copydesk rm of jobs that are done make room"
            )
        backlog = self._store.backlog(job)
        if backlog > _MAX_OPEN_CHUNKS:
            return f"{backlog:,} chunks of the job wait for a worker"
        return ""

    def _try_add(self, job: JobId, chunks: Sequence[NewChunk]) -> str:
        """Add ``chunks``, and return why that failed, or an empty string if it succeeded."""
        try:
            self._store.add(job, chunks)
        except redis.OutOfMemoryError:
            return "the broker's memory is full"
        return ""


def _cut_chunks(articles: Iterable[Article], settings: Settings) -> Iterator[list[Article]]:
    """Yield chunks of articles of similar length, shortest first, so that results come early."""
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
            sends the remaining messages.
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
