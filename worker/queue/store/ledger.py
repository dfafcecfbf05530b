"""The ledger of chunks: which task holds each chunk, until when, and how it ended.

The ledger is authoritative; a Celery message only notifies a worker that a chunk is waiting. Every
transition is a single atomic script in ``worker/queue/store/lua``. Does not depend on Celery.
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

__all__ = ["CHUNK_SECONDS_BOUNDS", "LEASE_MILLISECONDS", "LIVE_MILLISECONDS", "Ledger"]

#: Lifetime of a lease that is not renewed. Six renewals fit in, so a busy machine may miss some and
#: keep its chunk. A killed worker's chunk is taken over within 15 s plus the leader's own 3 s and a
#: step of 2 s, which is less than the promised 30 s.
LEASE_MILLISECONDS = 15_000

#: A worker counts as live if it was seen within this time; workers report every two seconds.
LIVE_MILLISECONDS = 15_000

#: A job may have this many pending notifications, or this many per live worker if that is more, so
#: that no worker waits while a notification is on its way.
_LEAST_WINDOW = 16
_WINDOW_PER_WORKER = 2

#: How long a reconciler leads after its last step; it takes a step every two seconds. Short, in
#: case the leader has died; if two reconcilers lead for a moment, a step is merely taken twice.
_LEAD_MILLISECONDS = 3_000

#: Maximum time between a notification's record in the ledger and its message in the queue. Usually
#: this takes milliseconds; a client that needs more than two seconds has died or lost the broker.
_SENDING_MILLISECONDS = 2_000

#: Maximum number of chunks per set that one reconciler step examines; the next step continues.
_STEP_CHUNKS = 1_000

#: Upper bounds of the chunk-duration histogram, in seconds; the last bucket is open.
CHUNK_SECONDS_BOUNDS = (0.1, 0.5, 1, 5, 15, 30, 60, 120, 240, 480, 840)


class Ledger:
    """The chunks in one Redis or Valkey."""

    def __init__(self, client: redis.Redis, *, ttl_seconds: int) -> None:
        self._redis: Any = client
        self._ttl = ttl_seconds

    # Worker -------------------------------------------------------------------------------------

    def claim(
        self, job_id: JobId, chunk: int, *, worker: str, task: str, retried: bool
    ) -> Claim | str:
        """Claim a chunk for a task.

        Args:
            job_id: the job's id.
            chunk: number of the chunk in its job.
            worker: name of the worker, so that its chunks can be released when it ends.
            task: id of the Celery task, which stays the same when Celery retries it.
            retried: whether Celery is retrying this very task. Its former holder is then gone, so a
                lease under its id may be taken over. (A *redelivered* message does not justify
                that: a worker whose clock is ahead redelivers messages that others still process.)

        Returns:
            The claim, or why there is none: ``gone``, ``done``, ``cancelled`` or ``held``.
        """
        token = f"{task}:{secrets.token_hex(8)}"
        fields = {
            "member": member_of(job_id, chunk),
            "task": task,
            "token": token,
            "lease_ms": LEASE_MILLISECONDS,
            "retried": retried,
            "worker": worker,
            "chunk": chunk,
        }
        answer, *details = run_script(self._redis, "claim", _chunk_keys(job_id, chunk), fields)
        if answer != b"claimed":
            return cast("bytes", answer).decode()
        attempts, profile, articles, last_stage = details
        return Claim(
            job=job_id,
            chunk=chunk,
            token=token,
            attempts=int(attempts),
            last_stage=last_stage.decode(),
            profile=_read_profile(profile),
            articles=read_articles(articles),
        )

    def renew(self, claim: Claim, *, delivery: str, stage: str = "") -> LeaseState:
        """Renew the lease, and the visibility timeout of the Celery message.

        Args:
            claim: the claim whose lease is renewed.
            delivery: Celery's delivery tag of the message.
            stage: the stage that begins, if any.
        """
        keys = [Key.job(claim.job), Key.chunk(claim.job, claim.chunk), Key.LEASES, Key.UNACKED]
        fields = {
            "member": member_of(claim.job, claim.chunk),
            "token": claim.token,
            "lease_ms": LEASE_MILLISECONDS,
            "stage": stage,
            "delivery": delivery,
        }
        return LeaseState(run_script(self._redis, "renew", keys, fields).decode())

    def known_results(self, profile: Profile, articles: Sequence[Article]) -> list[bool]:
        """Return, for each article, whether its result exists, and restart its lifetime."""
        if not articles:
            return []
        keys = [Key.result(profile.digest, article.content_digest) for article in articles]
        answers = run_script(self._redis, "known_results", keys, {"ttl_seconds": self._ttl})
        return [bool(exists) for exists in answers]

    def begin_alone(self, claim: Claim, position: int) -> SoloAttempt:
        """Record that this article is now processed alone, and return which attempt this is."""
        keys = [Key.chunk(claim.job, claim.chunk)]
        fields = {"position": position, "attempt": claim.attempts}
        number, slow = run_script(self._redis, "begin_alone", keys, fields)
        return SoloAttempt(number=number, was_too_slow=bool(slow))

    def note_too_slow(self, claim: Claim, position: int) -> None:
        """Record that this article alone exceeded the time limit of a task."""
        self._redis.hset(Key.chunk(claim.job, claim.chunk), f"slow:{position}", 1)

    def keep_result(self, claim: Claim, position: int, result: Result) -> None:
        """Store one result before its chunk is complete, so that no later attempt recomputes it.

        If the broker's memory is full, the result is not kept; ``complete`` stores it in any case.
        """
        key = Key.result(claim.profile.digest, claim.articles[position].content_digest)
        with suppress(redis.OutOfMemoryError):
            self._redis.set(key, pack_result(result), ex=self._ttl)

    def complete(
        self, claim: Claim, processed: Sequence[ProcessedArticle], cost: ChunkCost
    ) -> bool:
        """Record a chunk's outcomes and results in one step, and only once.

        Args:
            claim: the claim, still held.
            processed: one entry per article of the claim, in the same order.
            cost: the time and tokens that the chunk took.

        Returns:
            ``False`` if another task holds the chunk by now, or the job is gone; then nothing was
            written.

        Raises:
            ValueError: the numbers of entries and articles differ.
        """
        if len(processed) != len(claim.articles):
            raise ValueError(f"{len(processed)} results for {len(claim.articles)} articles")
        job_id, chunk = claim.job, claim.chunk
        outcomes = [entry.outcome for entry in processed]
        results = {
            Key.result(claim.profile.digest, article.content_digest): entry.result
            for article, entry in zip(claim.articles, processed, strict=True)
            if entry.result is not None
        }
        keys = [Key.job(job_id), Key.chunk(job_id, chunk), Key.LEASES, Key.events(job_id)]
        keys += [Key.failed(job_id), Key.STATS, Key.reasons(job_id), *results]
        counts = _count_outcomes(outcomes)
        event: list[object] = ["what", "recorded", "chunk", chunk, "worker", cost.worker]
        event += [part for pair in counts.items() for part in pair]
        fields = {
            "member": member_of(job_id, chunk),
            "token": claim.token,
            "outcomes": dump_outcomes(outcomes),
            "ttl_seconds": self._ttl,
            "counts": counts,
            "letters": {
                article.id: DeadLetter.from_outcome(article, outcome).model_dump_json()
                for article, outcome in zip(claim.articles, outcomes, strict=True)
                if outcome.state is ArticleState.FAILED
            },
            "stats": {**counts, **_cost_stats(cost)},
            "event": [str(part) for part in event],
            "reasons": _count_reasons(results.values()),
        }
        blobs = [pack_result(result) for result in results.values()]
        return bool(run_script(self._redis, "complete", keys, fields, blobs))

    # Release --------------------------------------------------------------------------------------

    def release(self, job_id: JobId, chunk: int, token: str, why: str) -> Notification | None:
        """Release a chunk, so that it can be claimed again.

        Args:
            job_id: the job's id.
            chunk: number of the chunk in its job.
            token: the holder's token; empty for any holder whose lease has expired.
            why: the reason noted in the job's events.

        Returns:
            The notification to send; ``None`` if another task holds the chunk by now, or the job is
            cancelled or gone.
        """
        fields = {
            "member": member_of(job_id, chunk),
            "token": token,
            "chunk": chunk,
            "why": why,
        }
        lane, now = run_script(self._redis, "release", _chunk_keys(job_id, chunk), fields)
        if lane < 0:
            return None
        return Notification(job=job_id, chunk=chunk, lane=lane, stamp_ms=now)

    def release_task(self, task: str, why: str, *, but: Claim | None = None) -> list[Notification]:
        """Release all chunks that the Celery task ``task`` holds, except the chunk of ``but``.

        Used when the task has failed or its child was lost. Returns the notifications to send.
        """
        return self._release_all("task", task, why, but.token if but else "")

    def release_worker(self, worker: str, why: str) -> list[Notification]:
        """Release all chunks that ``worker`` holds, and return the notifications to send."""
        return self._release_all("worker", worker, why, "")

    def _release_all(
        self, field: str, holder: str, why: str, kept_token: str
    ) -> list[Notification]:
        notifications = []
        for member in self._redis.zrange(Key.LEASES, 0, -1):
            job_id, chunk = read_member(member)
            value, token = self._redis.hmget(Key.chunk(job_id, chunk), field, "token")
            if token is not None and value.decode() == holder and token.decode() != kept_token:
                notifications.append(self.release(job_id, chunk, token.decode(), why))
        return [notification for notification in notifications if notification is not None]

    # Reconciler -----------------------------------------------------------------------------------

    def try_lead(self, name: str) -> bool:
        """Become or remain the leading reconciler; return ``False`` if another reconciler leads."""
        fields = {"name": name, "lead_ms": _LEAD_MILLISECONDS}
        return bool(run_script(self._redis, "try_lead", [Key.LEADER], fields))

    def release_expired(self) -> list[Notification]:
        """Release the chunks whose leases have expired, and return the notifications to send."""
        members = self._redis.zrangebyscore(
            Key.LEASES, "-inf", self._now_ms(), start=0, num=_STEP_CHUNKS
        )
        released = [self.release(*read_member(member), "", "lease_over") for member in members]
        return [notification for notification in released if notification is not None]

    def lost_notifications(self, queue: str) -> list[Notification]:
        """Renew the notifications whose message has left Celery's queue without a claim.

        Each queue lane is first in, first out, so the message of a notification that is older than
        the lane's oldest message has left the queue. Its claim may be about to come; a second
        message does no harm.

        Returns:
            The notifications to send again.
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
            job_id, chunk = read_member(member)
            if self._redis.hget(Key.chunk(job_id, chunk), "state") != b"queued":
                self._redis.zrem(Key.notified(lane), member)
            # Only if the notification still exists: the chunk may have been claimed since.
            elif self._redis.zadd(Key.notified(lane), {member: now}, xx=True, ch=True):
                yield Notification(job=job_id, chunk=chunk, lane=lane, stamp_ms=now)

    def notify_next(self, job_id: JobId, *, only: int = 0) -> list[Notification]:
        """Take the next chunks of a job off its waiting list, as many as its window allows.

        Args:
            job_id: the job's id.
            only: take this many, whatever the window allows; 0 follows the window.

        Returns:
            The notifications to send. The caller must send them, or claim the chunks; if it dies
            first, the reconciler sends them.
        """
        keys = [Key.job(job_id), Key.waiting(job_id), Key.ACTIVE, Key.WORKERS, *_notified_keys()]
        fields = {
            "job": job_id,
            "least_window": _LEAST_WINDOW,
            "window_per_worker": _WINDOW_PER_WORKER,
            "live_ms": LIVE_MILLISECONDS,
            "only": only,
        }
        stamp, *entries = run_script(self._redis, "notify", keys, fields)
        return [
            Notification(job=job_id, chunk=int(chunk), lane=int(lane), stamp_ms=stamp)
            for chunk, lane in (entry.split(b":") for entry in entries)
        ]

    def active_jobs(self) -> list[JobId]:
        """Return the jobs with chunks on their waiting list, oldest first."""
        return [JobId(job_id.decode()) for job_id in self._redis.zrange(Key.ACTIVE, 0, -1)]

    def overdue_jobs(self) -> list[JobId]:
        """Return the jobs whose deadline has passed."""
        members = self._redis.zrangebyscore(Key.DEADLINES, "-inf", self._now_ms())
        return [JobId(job_id.decode()) for job_id in members]

    def _now_ms(self) -> int:
        """Return the broker's Unix time in milliseconds."""
        return broker_microseconds(self._redis) // 1000


def _chunk_keys(job_id: JobId, chunk: int) -> list[str]:
    """Return the keys for the scripts that change which task holds a chunk."""
    keys = [Key.job(job_id), Key.chunk(job_id, chunk), Key.LEASES, Key.events(job_id)]
    return keys + _notified_keys()


def _notified_keys() -> list[str]:
    return [Key.notified(lane) for lane in range(LANE_COUNT)]


def _stamp_of(message: bytes) -> int:
    """Return when the message's notification was recorded; 0 if the message has no stamp."""
    try:
        return int(json.loads(message)["headers"]["stamp"])
    except (ValueError, LookupError, TypeError):
        return 0


@lru_cache(maxsize=8)
def _read_profile(encoded: bytes) -> Profile:
    return Profile.model_validate_json(encoded)


def _count_reasons(results: Iterable[Result]) -> dict[str, int]:
    """Count the reasons in the results, by ``field:reason``."""
    return Counter(
        f"{field}:{entry.reason.value}"
        for result in results
        for field in REASON_FIELDS
        for entry in getattr(result, field)
    )


def _count_outcomes(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """Count the outcomes by state, and the cached results."""
    states = [outcome.state for outcome in outcomes]
    counts = {state.value: states.count(state) for state in set(states)}
    return {**counts, "cached": sum(outcome.cached for outcome in outcomes)}


def _cost_stats(cost: ChunkCost) -> dict[str, float]:
    """Return the amounts that a chunk adds to the statistics."""
    bucket = next((bound for bound in CHUNK_SECONDS_BOUNDS if cost.seconds <= bound), "inf")
    return {
        "chunks": 1,
        "seconds": round(cost.seconds, 6),
        f"seconds_le_{bucket}": 1,
        "engine_seconds": round(cost.engine_seconds, 6),
        "tokens_read": cost.tokens_read,
        "tokens_written": cost.tokens_written,
    }
