"""The ledger of chunks: who holds which, until when, and what has become of it.

It is the truth; a Celery message is only a notification that brings a worker to look. Every
transition is one atomic script of ``worker/queue/store/lua``. Knows no Celery.
"""

from __future__ import annotations

import json
import secrets
from collections import Counter
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING, Any, cast

import redis

from worker.config.profile import Profile
from worker.queue.store.clock import broker_microseconds
from worker.queue.store.codec import dump_outcomes, pack_result, read_articles
from worker.queue.store.keys import Key, member_of, read_member
from worker.queue.store.scripts import run_script
from worker.records.article import Article, ArticleState, DeadLetter, Outcome, ProcessedArticle
from worker.records.chunk import ChunkCost, Claim, LeaseState, Notification, SoloAttempt
from worker.records.job import JobId
from worker.records.priority import LANE_COUNT
from worker.records.reason import REASON_FIELDS
from worker.records.result import Result

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

__all__ = ["LEASE_MILLISECONDS", "LIVE_MILLISECONDS", "Ledger"]

#: A chunk is another task's to take when its lease was not renewed for so long. Six renewals
#: fit in, so a busy machine that misses some keeps its chunk; and a chunk of a killed worker is
#: taken over within 15 s, the leader's own 3 s and a step of 2 s: under the 30 s that are promised.
LEASE_MILLISECONDS = 15_000

#: A worker counts as live when it was seen within so long; it shows itself every two seconds.
LIVE_MILLISECONDS = 15_000

#: Most pending notifications of one job: at least so many, and so many for each live worker, so
#: that no worker waits while a notification is on its way.
_LEAST_WINDOW = 16
_WINDOW_PER_WORKER = 2

#: The one reconciler leads for so long from its last step, which it makes every two seconds. Short,
#: since the one that has died may have led; where two lead for a moment, a step is made twice.
_LEAD_MILLISECONDS = 3_000

#: Between the note in the ledger and the message in the queue lie milliseconds; a client that
#: is not there after two seconds has died, or lost the broker.
_SENDING_MILLISECONDS = 2_000

#: Most chunks that one step of the reconciler looks at in a set; the next step goes on.
_STEP_CHUNKS = 1_000

#: Upper bounds of the histogram of seconds that chunks take; the last one is open.
CHUNK_SECONDS_BOUNDS = (0.1, 0.5, 1, 5, 15, 30, 60, 120, 240, 480, 840)


class Ledger:
    """Chunks under work in one Redis or Valkey."""

    def __init__(self, client: redis.Redis, *, ttl_seconds: int) -> None:
        self._redis: Any = client
        self._ttl = ttl_seconds

    # A worker's side ----------------------------------------------------------------------------

    def claim(
        self, job: JobId, chunk: int, *, worker: str, task: str, retried: bool
    ) -> Claim | str:
        """The chunk for this task to work on, or why not.

        Args:
            job: the job's id.
            chunk: number of the chunk in its job.
            worker: name of the worker, to give back what it holds when it ends.
            task: id of the Celery task, the same each time it is retried.
            retried: Celery retries this very task, so that its former holder is gone and a lease
                under its id may be taken over. (A message that is only *redelivered* may not: a
                worker whose clock is ahead redelivers what others are working on.)

        Returns:
            The claim; or ``gone``, ``done``, ``cancelled`` or ``held``.
        """
        token = f"{task}:{secrets.token_hex(8)}"
        keys = [Key.job(job), Key.chunk(job, chunk), Key.LEASES, Key.events(job), *_notified()]
        args = [
            member_of(job, chunk),
            task,
            token,
            LEASE_MILLISECONDS,
            int(retried),
            worker,
            chunk,
        ]
        verdict, *found = run_script(self._redis, "claim", keys, args)
        if verdict != b"claimed":
            return cast("bytes", verdict).decode()
        attempts, profile, blob, stage = found
        return Claim(
            job=job,
            chunk=chunk,
            token=token,
            attempts=int(attempts),
            last_stage=stage.decode(),
            profile=_read_profile(profile),
            articles=read_articles(blob),
        )

    def renew(self, claim: Claim, *, delivery: str, stage: str = "") -> LeaseState:
        """Prolong the lease, and Celery's patience with the message ``delivery`` (its tag).

        Args:
            claim: what is held.
            delivery: Celery's delivery tag of the message.
            stage: the stage that begins, if one does.
        """
        keys = [Key.job(claim.job), Key.chunk(claim.job, claim.chunk), Key.LEASES, Key.UNACKED]
        args = [
            member_of(claim.job, claim.chunk),
            claim.token,
            LEASE_MILLISECONDS,
            stage,
            delivery,
        ]
        return LeaseState(run_script(self._redis, "renew", keys, args).decode())

    def known_results(self, profile: Profile, articles: Sequence[Article]) -> list[bool]:
        """For each article whether its result is there; those that are live on for a full term."""
        if not articles:
            return []
        keys = [Key.result(profile.digest, article.content_digest) for article in articles]
        return [bool(found) for found in run_script(self._redis, "known", keys, [self._ttl])]

    def begin_alone(self, claim: Claim, position: int) -> SoloAttempt:
        """Note that this article is worked on alone; returns what is known of earlier times."""
        keys = [Key.chunk(claim.job, claim.chunk)]
        number, slow = run_script(self._redis, "begin_alone", keys, [position, claim.attempts])
        return SoloAttempt(number=number, was_too_slow=bool(slow))

    def note_too_slow(self, claim: Claim, position: int) -> None:
        """Note that this article alone took longer than a task may."""
        self._redis.hset(Key.chunk(claim.job, claim.chunk), f"slow:{position}", 1)

    def keep_result(self, claim: Claim, position: int, result: Result) -> None:
        """Store one result ahead of its chunk's completion, so that no later try repeats it.

        Where the broker's memory is full it is not kept: ``complete`` records it all the same.
        """
        key = Key.result(claim.profile.digest, claim.articles[position].content_digest)
        with suppress(redis.OutOfMemoryError):
            self._redis.set(key, pack_result(result), ex=self._ttl)

    def complete(
        self, claim: Claim, processed: Sequence[ProcessedArticle], tally: ChunkCost
    ) -> bool:
        """Record outcomes and results in one step, once.

        Args:
            claim: the chunk, still held.
            processed: one entry per article of the claim, in their order.
            tally: what the work took.

        Returns:
            ``False`` when the chunk is another task's by now; then nothing was written.
        """
        if len(processed) != len(claim.articles):
            raise ValueError(f"{len(processed)} results for {len(claim.articles)} articles")
        outcomes = [item.outcome for item in processed]
        computed = {
            Key.result(claim.profile.digest, article.content_digest): item.result
            for article, item in zip(claim.articles, processed, strict=True)
            if item.result is not None
        }
        job, chunk = claim.job, claim.chunk
        keys = [Key.job(job), Key.chunk(job, chunk), Key.LEASES]
        keys += [Key.events(job), Key.failed(job), Key.STATS, Key.reasons(job), *computed]
        counts = _counts(outcomes)
        letters = {
            article.id: DeadLetter.from_outcome(article, outcome).model_dump_json()
            for article, outcome in zip(claim.articles, outcomes, strict=True)
            if outcome.state is ArticleState.FAILED
        }
        event = ["what", "recorded", "chunk", chunk, "worker", tally.worker]
        event += [part for item in counts.items() for part in item]
        args: list[Any] = [member_of(job, chunk), claim.token, dump_outcomes(outcomes), self._ttl]
        stats = {**counts, **_additions(tally)}
        said = (counts, letters, stats, [str(one) for one in event], _reasons(computed.values()))
        args += [json.dumps(one) for one in said]
        args += [pack_result(result) for result in computed.values()]
        return bool(run_script(self._redis, "complete", keys, args))

    # Giving back ----------------------------------------------------------------------------------

    def release(self, job: JobId, chunk: int, token: str, why: str) -> Notification | None:
        """Give a chunk back, to be claimed again.

        Args:
            job: the job's id.
            chunk: number of the chunk in its job.
            token: of the holder; empty for whoever it is, if its lease is over.
            why: what is noted as the reason.

        Returns:
            The notification to send; ``None`` when another task holds the chunk by now, or none is
            needed.
        """
        keys = [Key.job(job), Key.chunk(job, chunk), Key.LEASES, Key.events(job), *_notified()]
        args = [member_of(job, chunk), token, chunk, why]
        lane, now = run_script(self._redis, "release", keys, args)
        return Notification(job=job, chunk=chunk, lane=lane, stamp_ms=now) if lane >= 0 else None

    def release_task(self, task: str, why: str, *, but: Claim | None = None) -> list[Notification]:
        """Give back all that the Celery task ``task`` holds, but for one claim.

        Its child was lost, or it has failed. Returns the notifications to send.
        """
        kept = but.token if but else ""
        return self._release_all("task", task, why, kept)

    def release_worker(self, worker: str, why: str) -> list[Notification]:
        """Give back all that ``worker`` holds; it ends. Returns the notifications to send."""
        return self._release_all("worker", worker, why, "")

    def _release_all(self, field: str, holder: str, why: str, kept: str) -> list[Notification]:
        notifications = []
        for member in self._redis.zrange(Key.LEASES, 0, -1):
            job, chunk = _read_member(member)
            found, token = self._redis.hmget(Key.chunk(job, chunk), field, "token")
            if token is not None and found.decode() == holder and token.decode() != kept:
                notifications.append(self.release(job, chunk, token.decode(), why))
        return [notification for notification in notifications if notification is not None]

    # The reconciler's side ------------------------------------------------------------------------

    def try_lead(self, name: str) -> bool:
        """Whether ``name`` is the one reconciler for the next seconds."""
        return bool(run_script(self._redis, "lead", [Key.LEADER], [name, _LEAD_MILLISECONDS]))

    def release_expired(self) -> list[Notification]:
        """Give back the chunks whose leases are over; returns the notifications to send."""
        found = self._redis.zrangebyscore(
            Key.LEASES, "-inf", self._now_ms(), start=0, num=_STEP_CHUNKS
        )
        notifications = [self.release(*_read_member(member), "", "lease_over") for member in found]
        return [notification for notification in notifications if notification is not None]

    def lost_notifications(self, queue: str) -> list[Notification]:
        """Chunks whose message is no longer in Celery's queue, and that nobody has claimed.

        A lane of the queue is first in, first out: what was notified before its oldest message was
        stamped has left it. It may be on its way to a claim this very moment; notifying
        again does no harm.
        """
        return [
            notification for lane in range(LANE_COUNT) for notification in self._lost(queue, lane)
        ]

    def _lost(self, queue: str, lane: int) -> Iterator[Notification]:
        now = self._now_ms()
        before = now - _SENDING_MILLISECONDS
        oldest = self._redis.lindex(Key.queue(queue, lane), -1)
        if oldest is not None:
            before = min(before, _stamp_of(oldest))
        members = self._redis.zrangebyscore(
            Key.notified(lane), "-inf", f"({before}", start=0, num=_STEP_CHUNKS
        )
        for member in members:
            job, chunk = _read_member(member)
            if self._redis.hget(Key.chunk(job, chunk), "state") != b"queued":
                self._redis.zrem(Key.notified(lane), member)
            # Only where it is still there: it may have been claimed since.
            elif self._redis.zadd(Key.notified(lane), {member: now}, xx=True, ch=True):
                yield Notification(job=job, chunk=chunk, lane=lane, stamp_ms=now)

    def notify_next(self, job: JobId, *, only: int = 0) -> list[Notification]:
        """Take the next chunks of a job out of its waiting list, as far as its window allows.

        Args:
            job: the job's id.
            only: so many, where there are, whatever its window allows.

        Returns:
            The notifications to send. The caller must send them, or claim the chunks; if it dies
            first, the reconciler notifies.
        """
        keys = [Key.job(job), Key.waiting(job), Key.ACTIVE, Key.WORKERS, *_notified()]
        args = [job, _LEAST_WINDOW, _WINDOW_PER_WORKER, LIVE_MILLISECONDS, only]
        stamp, *notified = run_script(self._redis, "notify", keys, args)
        return [
            Notification(job=job, chunk=int(chunk), lane=int(lane), stamp_ms=stamp)
            for chunk, lane in (one.split(b":") for one in notified)
        ]

    def active_jobs(self) -> list[JobId]:
        """Jobs with chunks that wait to be notified, oldest first."""
        return [JobId(job.decode()) for job in self._redis.zrange(Key.ACTIVE, 0, -1)]

    def overdue_jobs(self) -> list[JobId]:
        """Jobs whose deadline is over."""
        found = self._redis.zrangebyscore(Key.DEADLINES, "-inf", self._now_ms())
        return [JobId(job.decode()) for job in found]

    def _now_ms(self) -> int:
        """Unix time in milliseconds."""
        return broker_microseconds(self._redis) // 1000


def _notified() -> list[str]:
    return [Key.notified(lane) for lane in range(LANE_COUNT)]


def _read_member(member: bytes) -> tuple[JobId, int]:
    job, chunk = read_member(member)
    return JobId(job), chunk


def _stamp_of(message: bytes) -> int:
    """When the ledger noted the message's notification; 0 where the message does not say."""
    try:
        return int(json.loads(message)["headers"]["stamp"])
    except (ValueError, LookupError, TypeError):
        return 0


@lru_cache(maxsize=8)
def _read_profile(said: bytes) -> Profile:
    return Profile.model_validate_json(said)


def _reasons(results: Iterable[Result]) -> dict[str, int]:
    """How often each reason stands in the results, by what it is a reason for."""
    return Counter(
        f"{field}:{found.reason.value}"
        for result in results
        for field in REASON_FIELDS
        for found in getattr(result, field)
    )


def _counts(outcomes: Sequence[Outcome]) -> dict[str, int]:
    states = [outcome.state for outcome in outcomes]
    counts = {state.value: states.count(state) for state in set(states)}
    return {**counts, "cached": sum(outcome.cached for outcome in outcomes)}


def _additions(tally: ChunkCost) -> dict[str, float]:
    bound = next((one for one in CHUNK_SECONDS_BOUNDS if tally.seconds <= one), "inf")
    return {
        "chunks": 1,
        "seconds": round(tally.seconds, 6),
        f"seconds_le_{bound}": 1,
        "engine_seconds": round(tally.engine_seconds, 6),
        "tokens_read": tally.tokens_read,
        "tokens_written": tally.tokens_written,
    }
