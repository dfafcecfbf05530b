"""The job store: jobs from their making to their end, and what a person asks of them.

An article is counted in exactly one of queued, running, done, failed and cancelled, from one
atomic step to the next, so the five always sum to the job's total. What workers do with chunks is
the ``ledger``'s, what has become of articles the ``collection``'s, who the workers are the
``roster``'s; these four are the only ones that know the keys.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from worker.config.profile import Profile
from worker.errors import JobNotFoundError, JobStateError
from worker.queue.store.articles import Collection
from worker.queue.store.clock import broker_microseconds
from worker.queue.store.codec import (
    PROGRESS_FIELDS,
    dump_outcomes,
    pack_articles,
    read_outcomes,
    read_progress,
)
from worker.queue.store.keys import Key
from worker.queue.store.ledger import Ledger
from worker.queue.store.roster import Roster
from worker.queue.store.scripts import run_script
from worker.records.article import Article, ArticleState, CollectedArticle, InputRefusal, Outcome
from worker.records.job import JobId, JobProgress
from worker.records.priority import Priority
from worker.records.reason import REASON_FIELDS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    import redis

__all__ = ["JobEvent", "JobStore", "NewChunk"]

#: The first chunks of every job go into the express lane of its priority: a job of up to 64
#: articles never waits behind the bulk of a larger one.
_EXPRESS_CHUNKS = 4

#: Keys that one command removes; a larger one would hold up the others.
_REMOVED_AT_ONCE = 1_000

#: Rows of a list that one command reads.
_PAGE = 1_000

_PRIORITIES = tuple(Priority)

#: What scripts answer when the job has expired, and when it was cancelled.
_GONE, _CANCELLED = -1, -2


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Articles to be accepted together."""

    articles: Sequence[Article]
    cached: bool
    """Their results are there: they are done at once."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A transition of a chunk, as it was noted."""

    id: str
    """Position in the stream."""
    fields: dict[str, str]


class JobStore:
    """Jobs in one Redis or Valkey, with their ``ledger``, ``collection`` and ``roster``."""

    def __init__(self, client: redis.Redis, *, ttl_seconds: int) -> None:
        self._redis: Any = client
        self._ttl = ttl_seconds
        self.ledger = Ledger(client, ttl_seconds=ttl_seconds)
        self.roster = Roster(client)
        self.collection = Collection(client)

    # Submit ---------------------------------------------------------------------------------------

    def create(
        self,
        profile: Profile,
        *,
        priority: Priority = Priority.NORMAL,
        deadline: timedelta | None = None,
        inputs: Sequence[str] = (),
        folder: str = "",
    ) -> JobId:
        """A new, empty, open job.

        Args:
            profile: what its articles are worked on with.
            priority: whose chunks come first.
            deadline: what is not done after this time is cancelled.
            inputs: what the client reads, so that a submit that was cut off can be resumed.
            folder: the folder that relative ``inputs`` are meant from.
        """
        now = self._now()
        job = JobId(f"{datetime.fromtimestamp(now, UTC):%y%m%d-%H%M}-{secrets.token_hex(3)}")
        due = now + deadline.total_seconds() if deadline else None
        numbers = ("total", "cached", "refused", "chunks", "closed", "open", *ArticleState)
        fields = {
            "profile": profile.model_dump_json(),
            "profile_name": profile.name,
            "priority": priority.value,
            "created": now,
            "deadline": due or "",
            "cancel": "",
            "inputs": json.dumps({"inputs": list(inputs), "folder": folder}),
            **dict.fromkeys(numbers, 0),
        }
        with self._redis.pipeline() as pipe:
            pipe.hset(Key.job(job), mapping=fields)
            pipe.expire(Key.job(job), self._ttl)
            pipe.xadd(Key.events(job), {"what": "created"})
            pipe.expire(Key.events(job), self._ttl)
            pipe.zadd(Key.JOBS, {job: now})
            pipe.zremrangebyscore(Key.JOBS, "-inf", now - self._ttl)
            if due:
                pipe.zadd(Key.DEADLINES, {job: int(due * 1000)})
            pipe.execute()
        return job

    def add(self, job: JobId, chunks: Sequence[NewChunk]) -> None:
        """Accept ``chunks`` in one step.

        Raises:
            JobNotFoundError: it has expired.
            JobStateError: it was cancelled (``job_cancelled``), or somebody else submits to it at
                the same time (``job_busy``).
        """
        priority, first = self.progress(job).priority, self._chunks(job)
        keys = [Key.job(job), Key.ids(job), Key.waiting(job), Key.ACTIVE]
        args: list[Any] = [job, first, self._ttl]
        for number, chunk in enumerate(chunks, first):
            keys.append(Key.chunk(job, number))
            size = len(chunk.articles)
            cached = [Outcome(state=ArticleState.DONE, cached=True)] * size
            ids = json.dumps([article.id for article in chunk.articles])
            args += [_lane(priority, number), pack_articles(chunk.articles), size, ids]
            args.append(dump_outcomes(cached) if chunk.cached else "")
        answer = int(run_script(self._redis, "add", keys, args))
        _raise_refused(job, answer)
        if answer == 0:
            raise JobStateError(
                f"somebody else submits to job {job} at this moment",
                code="job_busy",
                hint="look again with copydesk status",
            )

    def record_refusals(self, job: JobId, refusals: Sequence[InputRefusal]) -> None:
        """Record inputs that were not accepted."""
        if not refusals:
            return
        self._require(job)
        with self._redis.pipeline() as pipe:
            pipe.rpush(Key.refused(job), *(refusal.model_dump_json() for refusal in refusals))
            pipe.expire(Key.refused(job), self._ttl)
            pipe.hincrby(Key.job(job), "refused", len(refusals))
            pipe.execute()

    def forget_refusals(self, job: JobId) -> None:
        """The inputs are read anew: what was refused before counts no more.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: it was cancelled, and takes nothing in (``job_cancelled``).
        """
        if self.progress(job).cancel is not None:
            _raise_refused(job, _CANCELLED)
        with self._redis.pipeline() as pipe:
            pipe.delete(Key.refused(job))
            pipe.hset(Key.job(job), "refused", 0)
            pipe.execute()

    def close(self, job: JobId) -> None:
        """All of the job's articles are in: it can finish."""
        self._require(job)
        self._redis.hset(Key.job(job), "closed", 1)

    def inputs(self, job: JobId) -> tuple[list[str], str]:
        """What the job's client was reading, and the folder that it is relative to."""
        self._require(job)
        said = json.loads(self._redis.hget(Key.job(job), "inputs"))
        return said["inputs"], said["folder"]

    def has_articles(self, job: JobId, articles: Sequence[Article]) -> list[bool]:
        """For each article whether the job has one of its id."""
        if not articles:
            return []
        places = self._redis.hmget(Key.ids(job), [article.id for article in articles])
        return [place is not None for place in places]

    def backlog(self, job: JobId) -> int:
        """Chunks of the job that wait for a worker."""
        opened = int(self._redis.hget(Key.job(job), "open") or 0)
        return opened + int(self._redis.llen(Key.waiting(job)))

    # A person's wishes ----------------------------------------------------------------------------

    def cancel(self, job: JobId, why: Reason = Reason.CANCELLED) -> int:
        """Take the job back: what waits is cancelled now, what runs at its next micro-batch.

        Returns:
            How many articles were cancelled at once.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: it is finished, or was cancelled before.
        """
        keys = [Key.job(job), Key.waiting(job), Key.ACTIVE, Key.DEADLINES, Key.events(job)]
        count = int(run_script(self._redis, "cancel", keys, [job, why.value]))
        if count == _GONE:
            raise JobNotFoundError(job)
        if count < 0:
            how = "was cancelled before" if count == _CANCELLED else "is finished"
            raise JobStateError(f"job {job} {how}", code="job_ended")
        return count

    def retry(self, job: JobId, ids: Iterable[str]) -> int:
        """Queue articles again that failed, or whose result is lost; others are left alone.

        Returns:
            How many these were. The caller notifies the workers.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: it was cancelled.
        """
        wanted = list(ids)
        places = self._redis.hmget(Key.ids(job), wanted) if wanted else []
        chunks: dict[int, set[int]] = {}
        for place in places:
            if place is not None:
                number, at = (int(part) for part in place.split(b":"))
                chunks.setdefault(number, set()).add(at)
        return sum(self._retry(job, number, positions) for number, positions in chunks.items())

    def _retry(self, job: JobId, chunk: int, positions: set[int]) -> int:
        answer = 0
        while answer == 0:
            progress = self.progress(job)
            # Before the articles: where another moves them in between, the script sees it.
            said = self._redis.hget(Key.chunk(job, chunk), "outcomes")
            found = list(self.collection.chunk(job, chunk))
            moved = {at: one for at, one in found if at in positions and _can_be_retried(one)}
            if not moved or said is None:
                return 0
            outcomes = read_outcomes(said)
            articles = [one.article for one in moved.values()]
            was_done = sum(one.result_is_lost for one in moved.values())
            was_cached = sum(
                bool(one and one.cached) for at, one in enumerate(outcomes) if at in moved
            )
            left = [None if at in moved else one for at, one in enumerate(outcomes)]
            number = self._chunks(job)
            keys = [Key.job(job), Key.chunk(job, chunk), Key.chunk(job, number)]
            keys += [Key.waiting(job), Key.ACTIVE, Key.ids(job), Key.failed(job), Key.events(job)]
            args = [job, number, pack_articles(articles), len(articles)]
            args += [_lane(progress.priority, 0), self._ttl, was_done, was_cached]
            args += [json.dumps([one.id for one in articles]), said, dump_outcomes(left)]
            answer = int(run_script(self._redis, "retry", keys, args))
        _raise_refused(job, answer)
        return len(moved)

    def remove(self, job: JobId) -> None:
        """Delete the job; results that other jobs may find by content live on to their own end.

        Raises:
            JobNotFoundError: no such job.
            JobStateError: it is not finished (``job_unfinished``).
        """
        if not self.progress(job).finished:
            raise JobStateError(
                f"job {job} is not finished",
                code="job_unfinished",
                hint=f"copydesk cancel {job} takes it back",
            )
        chunks = self._chunks(job)
        # The job goes first: what comes later finds none, and writes nothing.
        with self._redis.pipeline() as pipe:
            pipe.delete(Key.job(job), Key.waiting(job), Key.events(job))
            pipe.unlink(Key.ids(job), Key.failed(job), Key.refused(job), Key.reasons(job))
            for index in (Key.JOBS, Key.ACTIVE, Key.DEADLINES):
                pipe.zrem(index, job)
            pipe.execute()
        for start in range(0, chunks, _REMOVED_AT_ONCE):
            numbers = range(start, min(start + _REMOVED_AT_ONCE, chunks))
            self._redis.unlink(*(Key.chunk(job, number) for number in numbers))

    # Look -----------------------------------------------------------------------------------------

    def reasons(self, job: JobId) -> dict[str, dict[Reason, int]]:
        """How often each reason stands in the results computed for the job so far.

        By field of the result (``REASON_FIELDS``), the most frequent first. What was found again
        by its content is counted where it was computed.
        """
        found: dict[str, dict[Reason, int]] = {field: {} for field in REASON_FIELDS}
        counted = self._redis.hgetall(Key.reasons(job))
        for name, count in sorted(counted.items(), key=lambda item: -int(item[1])):
            field, _, reason = name.decode().partition(":")
            found[field][Reason(reason)] = int(count)
        return found

    def jobs(self) -> list[JobProgress]:
        """Every job that has not expired, newest first."""
        found = [JobId(job.decode()) for job in self._redis.zrevrange(Key.JOBS, 0, -1)]
        with self._redis.pipeline(transaction=False) as pipe:
            for job in found:
                pipe.hmget(Key.job(job), PROGRESS_FIELDS)
            answers = pipe.execute()
        progress = (read_progress(job, said) for job, said in zip(found, answers, strict=True))
        return [one for one in progress if one is not None]

    def progress(self, job: JobId) -> JobProgress:
        """The job's counters at this moment.

        Raises:
            JobNotFoundError: no such job, or it has expired.
        """
        progress = read_progress(job, self._redis.hmget(Key.job(job), PROGRESS_FIELDS))
        if progress is None:
            raise JobNotFoundError(job)
        return progress

    def events(self, job: JobId, after: str, *, wait_ms: int) -> list[JobEvent]:
        """What was noted of the job's chunks behind ``after``, waiting for it if need be.

        Args:
            job: the job's id.
            after: id of the last event that is known; ``$`` for none but new ones.
            wait_ms: longest wait in milliseconds.
        """
        found = self._redis.xread({Key.events(job): after}, block=wait_ms, count=_PAGE)
        return [
            JobEvent(at.decode(), {key.decode(): value.decode() for key, value in said.items()})
            for _, entries in found or ()
            for at, said in entries
        ]

    def _require(self, job: JobId) -> None:
        """Writing to an expired job would bring it back as a few fields that never expire."""
        if not self._redis.exists(Key.job(job)):
            raise JobNotFoundError(job)

    def _now(self) -> float:
        """Unix time in seconds."""
        return broker_microseconds(self._redis) / 1e6

    def _chunks(self, job: JobId) -> int:
        return int(self._redis.hget(Key.job(job), "chunks") or 0)


def _lane(priority: Priority, number: int) -> int:
    """The lane of a job's chunk ``number``."""
    return 2 * _PRIORITIES.index(priority) + (number >= _EXPRESS_CHUNKS)


def _can_be_retried(found: CollectedArticle) -> bool:
    return found.outcome.state is ArticleState.FAILED


def _raise_refused(job: JobId, answer: int) -> None:
    """What a script that adds to a job answers in place of yes."""
    if answer == _GONE:
        raise JobNotFoundError(job)
    if answer == _CANCELLED:
        raise JobStateError(
            f"job {job} was cancelled",
            code="job_cancelled",
            hint="submit again: what is done is found by its content",
        )
