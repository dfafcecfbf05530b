"""Steps of tests with a job: create it, claim and record its chunks, wait for it, inspect it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from itertools import count
from typing import Any

import redis

from tests.integration.sample import PROFILE, TALLY, WORKER, counts_sum, make_articles
from tests.integration.worker_process import WorkerProcess
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_profile
from worker.queue.celery_app import QUEUE, create_app
from worker.queue.intake import Intake, JobOptions, Submission
from worker.queue.store.jobs import JobStore, NewChunk
from worker.queue.store.keys import Key
from worker.records.article import Article, ArticleState, CollectedArticle, ProcessedArticle
from worker.records.chunk import Claim
from worker.records.job import JobId
from worker.records.priority import LANE_COUNT, Priority

__all__ = [
    "attempts",
    "claim_chunk",
    "contents",
    "end_lease",
    "finish",
    "make_job",
    "messages",
    "pending_notifications",
    "record",
    "release",
    "states",
    "submit_all",
    "wait_for_gate",
]

#: A second would do on an idle machine.
_JOB_SECONDS = 30.0

#: Ids of Celery tasks; each message has its own.
_task_ids = (f"task-{number}" for number in count())


# Store only ------------------------------------------------------------------------------------


def make_job(store: JobStore, *sizes: int, priority: Priority = Priority.NORMAL) -> JobId:
    """Create a closed job with chunks of these sizes, none notified; its articles are b0, b1, …"""
    job = store.create(PROFILE, priority=priority)
    articles = iter(make_articles(sum(sizes)))
    store.add(
        job, [NewChunk([next(articles) for _ in range(size)], cached=False) for size in sizes]
    )
    store.close(job)
    return job


def claim_chunk(store: JobStore, job: JobId, chunk: int = 0, task: str = "") -> Claim:
    """Claim the chunk, which must be claimable."""
    claim = store.ledger.claim(
        job, chunk, worker=WORKER, task=task or next(_task_ids), retried=False
    )
    assert isinstance(claim, Claim), claim
    return claim


def record(store: JobStore, claim: Claim, processed: Sequence[ProcessedArticle]) -> None:
    """Complete ``claim``, which must still be held."""
    assert store.ledger.complete(claim, processed, TALLY)


def release(store: JobStore, claim: Claim) -> bool:
    """Give ``claim`` back, and return whether that needs a notification."""
    return store.ledger.release(claim.job, claim.chunk, claim.token, "test") is not None


def end_lease(client: redis.Redis, job: JobId, chunk: int = 0) -> None:
    """Let the chunk's lease expire."""
    client.zadd(Key.LEASES, {f"{job}:{chunk}": 1}, xx=True)


# Queue with a worker --------------------------------------------------------------------------


def submit_all(
    articles: list[Article],
    store: JobStore,
    settings: Settings,
    *,
    priority: Priority = Priority.NORMAL,
    deadline: timedelta | None = None,
) -> Submission:
    """Submit ``articles`` as one job under the settings' profile."""
    order = JobOptions(load_profile(settings), priority=priority, deadline=deadline)
    return Intake(store, create_app(settings), settings).submit(articles, order)


def finish(store: JobStore, job: JobId) -> dict[str, CollectedArticle]:
    """Wait for the end of the job, and return its articles by id."""

    def finished() -> bool:
        progress = store.progress(job)
        assert counts_sum(progress), progress
        return progress.finished

    wait_until(finished, timeout=_JOB_SECONDS, description="the end of the job")
    collected = list(store.collection.articles(job))
    by_id = {entry.article.id: entry for entry in collected}
    assert len(collected) == len(by_id) == store.progress(job).total
    return by_id


def wait_for_gate(worker: WorkerProcess, comers: int = 1) -> list[int]:
    """Wait until ``comers`` processes are at the gate, and return their ids."""
    wait_until(
        lambda: len(worker.gate.waiting) >= comers,
        timeout=_JOB_SECONDS,
        description=f"{comers} at the gate",
    )
    return worker.gate.waiting


# Inspection -----------------------------------------------------------------------------------


def states(store: JobStore, job: JobId) -> dict[str, int]:
    """Return the job's counters that are not zero; they must add up."""
    progress = store.progress(job)
    assert counts_sum(progress), progress
    counts = {state.value: getattr(progress, state.value) for state in ArticleState}
    return {state: count for state, count in counts.items() if count}


def attempts(client: redis.Redis, job: JobId) -> list[int]:
    """Return how often each chunk of the job was claimed."""
    untyped: Any = client
    chunks = int(untyped.hget(Key.job(job), "chunks"))
    return [int(untyped.hget(Key.chunk(job, number), "attempts")) for number in range(chunks)]


def pending_notifications(client: redis.Redis, job: JobId) -> int:
    """Count the notifications of the job that no claim has answered yet."""
    untyped: Any = client
    return int(untyped.hget(Key.job(job), "open"))


def messages(client: redis.Redis) -> int:
    """Count Celery's messages, queued or unacknowledged."""
    untyped: Any = client
    waiting = sum(untyped.llen(Key.queue(QUEUE, lane)) for lane in range(LANE_COUNT))
    return int(waiting + untyped.hlen("cd:mq:unacked"))


def contents(client: redis.Redis) -> dict[str, object]:
    """Return the value of every key in the store, for comparison."""
    untyped: Any = client
    read: dict[bytes, Callable[[bytes], object]] = {
        b"string": untyped.get,
        b"hash": untyped.hgetall,
        b"list": lambda key: untyped.lrange(key, 0, -1),
        b"zset": lambda key: untyped.zrange(key, 0, -1, withscores=True),
        b"set": untyped.smembers,
        b"stream": untyped.xrange,
    }
    return {key.decode(): read[untyped.type(key)](key) for key in untyped.scan_iter()}
