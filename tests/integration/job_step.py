"""What tests do with a job: make it, take its steps, wait for it, look at what is left of it."""

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

#: A second would do; a machine that others share is patient.
_JOB_SECONDS = 30.0

#: Ids of Celery tasks: each message has its own.
_tasks = (f"task-{number}" for number in count())


# On the store alone ---------------------------------------------------------------------------


def make_job(store: JobStore, *sizes: int, priority: Priority = Priority.NORMAL) -> JobId:
    """A closed job with chunks of these sizes, none of them notified; its articles are b0, b1, …"""
    job = store.create(PROFILE, priority=priority)
    articles = iter(make_articles(sum(sizes)))
    store.add(
        job, [NewChunk([next(articles) for _ in range(size)], cached=False) for size in sizes]
    )
    store.close(job)
    return job


def claim_chunk(store: JobStore, job: JobId, chunk: int = 0, task: str = "") -> Claim:
    """The chunk, which must be there to be taken."""
    claim = store.ledger.claim(job, chunk, worker=WORKER, task=task or next(_tasks), retried=False)
    assert isinstance(claim, Claim), claim
    return claim


def record(store: JobStore, claim: Claim, processed: Sequence[ProcessedArticle]) -> None:
    """Complete ``claim``, which must still be held."""
    assert store.ledger.complete(claim, processed, TALLY)


def release(store: JobStore, claim: Claim) -> bool:
    """Give ``claim`` back; whether it wants a notification."""
    return store.ledger.release(claim.job, claim.chunk, claim.token, "test") is not None


def end_lease(client: redis.Redis, job: JobId, chunk: int = 0) -> None:
    """As if its holder had not been heard of for a minute."""
    client.zadd(Key.LEASES, {f"{job}:{chunk}": 1}, xx=True)


# On a queue with a worker ---------------------------------------------------------------------


def submit_all(
    articles: list[Article],
    store: JobStore,
    settings: Settings,
    *,
    priority: Priority = Priority.NORMAL,
    deadline: timedelta | None = None,
) -> Submission:
    """A job of ``articles`` under the default profile."""
    order = JobOptions(load_profile(settings), priority=priority, deadline=deadline)
    return Intake(store, create_app(settings), settings).submit(articles, order)


def finish(store: JobStore, job: JobId) -> dict[str, CollectedArticle]:
    """Every article of the job by id, once nothing is left to wait for."""

    def finished() -> bool:
        progress = store.progress(job)
        assert counts_sum(progress), progress
        return progress.finished

    wait_until(finished, timeout=_JOB_SECONDS, description="the end of the job")
    found = list(store.collection.articles(job))
    assert len(found) == len({one.article.id for one in found}) == store.progress(job).total
    return {one.article.id: one for one in found}


def wait_for_gate(worker: WorkerProcess, comers: int = 1) -> list[int]:
    """Ids of the processes at the gate, once there are as many as ``comers``."""
    wait_until(
        lambda: len(worker.gate.waiting) >= comers,
        timeout=_JOB_SECONDS,
        description=f"{comers} at the gate",
    )
    return worker.gate.waiting


# A look behind the store ----------------------------------------------------------------------


def states(store: JobStore, job: JobId) -> dict[str, int]:
    """The job's counters that are not zero; they must sum up."""
    progress = store.progress(job)
    assert counts_sum(progress), progress
    counted = {state.value: getattr(progress, state.value) for state in ArticleState}
    return {state: number for state, number in counted.items() if number}


def attempts(client: redis.Redis, job: JobId) -> list[int]:
    """How often each chunk of the job was claimed."""
    untyped: Any = client
    chunks = int(untyped.hget(Key.job(job), "chunks"))
    return [int(untyped.hget(Key.chunk(job, number), "attempts")) for number in range(chunks)]


def pending_notifications(client: redis.Redis, job: JobId) -> int:
    """Return how many notifications of the job no claim has answered yet."""
    untyped: Any = client
    return int(untyped.hget(Key.job(job), "open"))


def messages(client: redis.Redis) -> int:
    """Messages of Celery, in the queue or in hand."""
    untyped: Any = client
    waiting = sum(untyped.llen(Key.queue(QUEUE, lane)) for lane in range(LANE_COUNT))
    return int(waiting + untyped.hlen("cd:mq:unacked"))


def contents(client: redis.Redis) -> dict[str, object]:
    """All that is in the store, to be compared: what each key holds."""
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
