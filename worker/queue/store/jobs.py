"""The job store: jobs from creation to removal, and what users do with them.

Every article is counted as exactly one of queued, running, done, failed and cancelled. Each change
is atomic, so the five counters always add up to the job's total. The ``ledger`` keeps the chunks
that workers claim, the ``collection`` the articles, and the ``roster`` the workers.
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
from worker.queue.store.lanes import lane_of
from worker.queue.store.ledger import Ledger
from worker.queue.store.roster import Roster
from worker.queue.store.scripts import run_script
from worker.records.article import Article, ArticleState, InputRefusal, Outcome
from worker.records.job import JobId, JobProgress
from worker.records.priority import Priority
from worker.records.reason import REASON_FIELDS, Reason

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import timedelta

    import redis

__all__ = ["JobEvent", "JobStore", "NewChunk"]

#: Maximum number of keys that one command removes; more would delay other clients' commands.
_REMOVED_AT_ONCE = 1_000

#: Maximum number of stream entries that one command reads.
_PAGE = 1_000

_CACHED = Outcome(state=ArticleState.DONE, cached=True)

#: Script answers for an expired job and for a cancelled job.
_GONE, _CANCELLED = -1, -2


@dataclass(frozen=True, slots=True)
class NewChunk:
    """Articles to accept together."""

    articles: Sequence[Article]
    cached: bool
    """Whether their results already exist, so that they are done immediately."""


@dataclass(frozen=True, slots=True)
class JobEvent:
    """A recorded transition of a chunk."""

    id: str
    """The event's position in the stream."""
    fields: dict[str, str]


class JobStore:
    """The jobs in one Redis or Valkey, with their ``ledger``, ``collection`` and ``roster``."""

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
        """Create an empty, open job.

        Args:
            profile: the profile that processes the job's articles.
            priority: decides which job's chunks come first.
            deadline: time after which unfinished articles are cancelled.
            inputs: names of the inputs, so that an interrupted submit can be resumed.
            folder: the folder that relative ``inputs`` refer to.
        """
        now = self._now()
        job_id = JobId(f"{datetime.fromtimestamp(now, UTC):%y%m%d-%H%M}-{secrets.token_hex(3)}")
        due = now + deadline.total_seconds() if deadline else None
        counters = ("total", "cached", "refused", "chunks", "closed", "open", *ArticleState)
        fields = {
            "profile": profile.model_dump_json(),
            "profile_name": profile.name,
            "restraint": profile.repair.restraint,
            "priority": priority.value,
            "created": now,
            "deadline": due or "",
            "cancel": "",
            "inputs": json.dumps({"inputs": list(inputs), "folder": folder}),
            **dict.fromkeys(counters, 0),
        }
        with self._redis.pipeline() as pipe:
            pipe.hset(Key.job(job_id), mapping=fields)
            pipe.expire(Key.job(job_id), self._ttl)
            pipe.xadd(Key.events(job_id), {"what": "created"})
            pipe.expire(Key.events(job_id), self._ttl)
            pipe.zadd(Key.JOBS, {job_id: now})
            pipe.zremrangebyscore(Key.JOBS, "-inf", now - self._ttl)
            if due:
                pipe.zadd(Key.DEADLINES, {job_id: int(due * 1000)})
            pipe.execute()
        return job_id

    def add(self, job_id: JobId, chunks: Sequence[NewChunk]) -> None:
        """Accept ``chunks`` in one step.

        Raises:
            JobNotFoundError: the job has expired.
            JobStateError: the job was cancelled (``job_cancelled``), or another client submits to
                it at the same time (``job_busy``).
        """
        priority, first = self.progress(job_id).priority, self._count_chunks(job_id)
        keys = [Key.job(job_id), Key.ids(job_id), Key.waiting(job_id), Key.ACTIVE]
        keys += [Key.chunk(job_id, number) for number, _ in enumerate(chunks, first)]
        fields = {
            "job": job_id,
            "first": first,
            "ttl_seconds": self._ttl,
            "chunks": [
                _chunk_fields(chunk, lane_of(priority, number))
                for number, chunk in enumerate(chunks, first)
            ],
        }
        blobs = [pack_articles(chunk.articles) for chunk in chunks]
        answer = int(run_script(self._redis, "add", keys, fields, blobs))
        _raise_refused(job_id, answer)
        if answer == 0:
            raise JobStateError(
                f"another client is submitting to job {job_id}",
                code="job_busy",
                hint="check it with copydesk status",
            )

    def record_refusals(self, job_id: JobId, refusals: Sequence[InputRefusal]) -> None:
        """Record inputs that were not accepted."""
        if not refusals:
            return
        self._require(job_id)
        with self._redis.pipeline() as pipe:
            pipe.rpush(Key.refused(job_id), *(refusal.model_dump_json() for refusal in refusals))
            pipe.expire(Key.refused(job_id), self._ttl)
            pipe.hincrby(Key.job(job_id), "refused", len(refusals))
            pipe.execute()

    def forget_refusals(self, job_id: JobId) -> None:
        """Forget the refusals recorded so far, before the inputs are read again.

        Raises:
            JobNotFoundError: there is no such job.
            JobStateError: the job was cancelled, so it accepts nothing (``job_cancelled``).
        """
        if self.progress(job_id).cancel is not None:
            _raise_refused(job_id, _CANCELLED)
        with self._redis.pipeline() as pipe:
            pipe.delete(Key.refused(job_id))
            pipe.hset(Key.job(job_id), "refused", 0)
            pipe.execute()

    def close(self, job_id: JobId) -> None:
        """Mark the job as complete, so that it can finish."""
        self._require(job_id)
        self._redis.hset(Key.job(job_id), "closed", 1)

    def inputs(self, job_id: JobId) -> tuple[list[str], str]:
        """Return the inputs of the job's submit, and the folder that they are relative to."""
        self._require(job_id)
        fields = json.loads(self._redis.hget(Key.job(job_id), "inputs"))
        return fields["inputs"], fields["folder"]

    def has_articles(self, job_id: JobId, articles: Sequence[Article]) -> list[bool]:
        """Return, for each article, whether the job has an article with its id."""
        if not articles:
            return []
        places = self._redis.hmget(Key.ids(job_id), [article.id for article in articles])
        return [place is not None for place in places]

    def backlog(self, job_id: JobId) -> int:
        """Return the number of the job's chunks that wait for a worker."""
        pending = int(self._redis.hget(Key.job(job_id), "open") or 0)
        return pending + int(self._redis.llen(Key.waiting(job_id)))

    # Change ---------------------------------------------------------------------------------------

    def cancel(self, job_id: JobId, why: Reason = Reason.CANCELLED) -> int:
        """Cancel the job: waiting articles immediately, running ones at their next micro-batch.

        Returns:
            The number of articles cancelled immediately.

        Raises:
            JobNotFoundError: there is no such job.
            JobStateError: the job is finished, or was cancelled before.
        """
        keys = [Key.job(job_id), Key.waiting(job_id), Key.ACTIVE, Key.DEADLINES, Key.events(job_id)]
        count = int(run_script(self._redis, "cancel", keys, {"job": job_id, "why": why.value}))
        if count == _GONE:
            raise JobNotFoundError(job_id)
        if count < 0:
            how = "was cancelled before" if count == _CANCELLED else "is finished"
            raise JobStateError(f"job {job_id} {how}", code="job_ended")
        return count

    def retry(self, job_id: JobId, ids: Iterable[str]) -> int:
        """Requeue articles that failed or whose result is lost, and ignore all others.

        Returns:
            The number of articles queued. The caller notifies the workers.

        Raises:
            JobNotFoundError: there is no such job.
            JobStateError: the job was cancelled.
        """
        wanted = list(ids)
        places = self._redis.hmget(Key.ids(job_id), wanted) if wanted else []
        chunks: dict[int, set[int]] = {}
        for place in places:
            if place is not None:
                number, position = (int(part) for part in place.split(b":"))
                chunks.setdefault(number, set()).add(position)
        return sum(self._retry(job_id, number, positions) for number, positions in chunks.items())

    def _retry(self, job_id: JobId, old: int, positions: set[int]) -> int:
        """Move the retryable articles of chunk ``old`` to a new chunk, and return their number."""
        answer = 0
        while answer == 0:
            priority = self.progress(job_id).priority
            # Read before the articles: if another client moves any in between, the script notices.
            encoded = self._redis.hget(Key.chunk(job_id, old), "outcomes")
            moved = {
                position: article
                for position, article in self.collection.chunk(job_id, old)
                if position in positions and article.outcome.state is ArticleState.FAILED
            }
            if not moved or encoded is None:
                return 0
            outcomes = read_outcomes(encoded)
            left = [None if i in moved else outcome for i, outcome in enumerate(outcomes)]
            new = self._count_chunks(job_id)
            keys = [Key.job(job_id), Key.chunk(job_id, old), Key.chunk(job_id, new)]
            keys += [Key.waiting(job_id), Key.ACTIVE, Key.ids(job_id)]
            keys += [Key.failed(job_id), Key.events(job_id)]
            articles = [collected.article for collected in moved.values()]
            ended = [outcomes[position] for position in moved]
            fields = {
                "job": job_id,
                "chunk": new,
                "size": len(moved),
                "lane": lane_of(priority, 0),
                "ttl_seconds": self._ttl,
                "done": sum(collected.result_is_lost for collected in moved.values()),
                "cached": sum(outcome is not None and outcome.cached for outcome in ended),
                "ids": [article.id for article in articles],
                "outcomes_before": encoded.decode(),
                "outcomes_after": dump_outcomes(left),
            }
            answer = int(run_script(self._redis, "retry", keys, fields, [pack_articles(articles)]))
        _raise_refused(job_id, answer)
        return len(moved)

    def remove(self, job_id: JobId) -> None:
        """Delete the job; its results stay until they expire, since other jobs may reuse them.

        Raises:
            JobNotFoundError: there is no such job.
            JobStateError: the job is not finished (``job_unfinished``).
        """
        if not self.progress(job_id).finished:
            raise JobStateError(
                f"job {job_id} is not finished",
                code="job_unfinished",
                hint=f"copydesk cancel {job_id} cancels it",
            )
        chunks = self._count_chunks(job_id)
        # The job is deleted first, so that a late script finds no job and writes nothing.
        with self._redis.pipeline() as pipe:
            pipe.delete(Key.job(job_id), Key.waiting(job_id), Key.events(job_id))
            pipe.unlink(Key.ids(job_id), Key.failed(job_id))
            pipe.unlink(Key.refused(job_id), Key.reasons(job_id))
            for index in (Key.JOBS, Key.ACTIVE, Key.DEADLINES):
                pipe.zrem(index, job_id)
            pipe.execute()
        for start in range(0, chunks, _REMOVED_AT_ONCE):
            numbers = range(start, min(start + _REMOVED_AT_ONCE, chunks))
            self._redis.unlink(*(Key.chunk(job_id, number) for number in numbers))

    # Read -----------------------------------------------------------------------------------------

    def reasons(self, job_id: JobId) -> dict[str, dict[Reason, int]]:
        """Count each reason in the results computed for the job so far.

        The counts are grouped by result field (``REASON_FIELDS``), most frequent first. A cached
        result counts only for the job that computed it.
        """
        counts: dict[str, dict[Reason, int]] = {field: {} for field in REASON_FIELDS}
        stored = self._redis.hgetall(Key.reasons(job_id))
        for name, count in sorted(stored.items(), key=lambda pair: -int(pair[1])):
            field, _, reason = name.decode().partition(":")
            counts[field][Reason(reason)] = int(count)
        return counts

    def jobs(self) -> list[JobProgress]:
        """Return the progress of every job that has not expired, newest first."""
        job_ids = [JobId(job_id.decode()) for job_id in self._redis.zrevrange(Key.JOBS, 0, -1)]
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id in job_ids:
                pipe.hmget(Key.job(job_id), PROGRESS_FIELDS)
            values = pipe.execute()
        jobs = (read_progress(job_id, row) for job_id, row in zip(job_ids, values, strict=True))
        return [progress for progress in jobs if progress is not None]

    def progress(self, job_id: JobId) -> JobProgress:
        """Return the job's counters at this moment.

        Raises:
            JobNotFoundError: there is no such job, or it has expired.
        """
        progress = read_progress(job_id, self._redis.hmget(Key.job(job_id), PROGRESS_FIELDS))
        if progress is None:
            raise JobNotFoundError(job_id)
        return progress

    def events(self, job_id: JobId, after: str, *, wait_ms: int) -> list[JobEvent]:
        """Return the job's events after ``after``, waiting for one if there is none yet.

        Args:
            job_id: the job's id.
            after: id of the last event already read; ``$`` for new events only.
            wait_ms: maximum wait in milliseconds.
        """
        streams = self._redis.xread({Key.events(job_id): after}, block=wait_ms, count=_PAGE)
        return [
            JobEvent(
                event_id.decode(), {key.decode(): value.decode() for key, value in fields.items()}
            )
            for _, entries in streams or ()
            for event_id, fields in entries
        ]

    def _require(self, job_id: JobId) -> None:
        """Raise if the job has expired: a write would revive it as a few fields without a TTL."""
        if not self._redis.exists(Key.job(job_id)):
            raise JobNotFoundError(job_id)

    def _now(self) -> float:
        """Return the broker's Unix time in seconds."""
        return broker_microseconds(self._redis) / 1e6

    def _count_chunks(self, job_id: JobId) -> int:
        return int(self._redis.hget(Key.job(job_id), "chunks") or 0)


def _chunk_fields(chunk: NewChunk, lane: int) -> dict[str, object]:
    """Return a chunk in the form that the script ``add`` expects."""
    size = len(chunk.articles)
    return {
        "lane": lane,
        "size": size,
        "ids": [article.id for article in chunk.articles],
        "outcomes": dump_outcomes([_CACHED] * size) if chunk.cached else "",
    }


def _raise_refused(job_id: JobId, answer: int) -> None:
    """Raise if a script's answer is that the job is gone or was cancelled."""
    if answer == _GONE:
        raise JobNotFoundError(job_id)
    if answer == _CANCELLED:
        raise JobStateError(
            f"job {job_id} was cancelled",
            code="job_cancelled",
            hint="submit again: finished results are reused",
        )
