"""What tests of the worker do with a job: submit it, wait for it, look at what is left of it."""

from __future__ import annotations

from typing import Any

import redis

from tests.integration.sample import counts_sum
from tests.integration.worker_process import WorkerProcess
from tests.support.waiting import wait_until
from worker.app import QUEUE
from worker.dispatch import Submission, submit
from worker.jobs import JobStore
from worker.records import Article, CollectedArticle, JobId
from worker.settings import Settings, load_profile

__all__ = ["attempts", "finish", "messages", "submit_all", "wait_for_gate"]

#: A second would do; a machine that others share is patient.
_JOB_SECONDS = 30.0


def submit_all(articles: list[Article], store: JobStore, settings: Settings) -> Submission:
    """A job of ``articles`` under the default profile."""
    return submit(articles, store, load_profile(settings), settings)


def finish(store: JobStore, job: JobId) -> dict[str, CollectedArticle]:
    """Every article of the job by id, once nothing is left to wait for."""

    def finished() -> bool:
        progress = store.progress(job)
        assert counts_sum(progress), progress
        return progress.finished

    wait_until(finished, timeout=_JOB_SECONDS, description="the end of the job")
    found = list(store.articles(job))
    assert len(found) == len({one.article.id for one in found}) == store.progress(job).total
    return {one.article.id: one for one in found}


def attempts(client: redis.Redis, job: JobId) -> list[int]:
    """How often each chunk of the job was claimed."""
    untyped: Any = client
    chunks = int(untyped.hget(f"cd:job:{job}", "chunks"))
    return [int(untyped.hget(f"cd:job:{job}:chunk:{n}", "attempts")) for n in range(chunks)]


def messages(client: redis.Redis) -> int:
    """Messages of Celery, in the queue or in hand."""
    untyped: Any = client
    return int(untyped.llen(f"cd:mq:{QUEUE}") + untyped.hlen("cd:mq:unacked"))


def wait_for_gate(worker: WorkerProcess, comers: int = 1) -> list[int]:
    """Ids of the processes at the gate, once there are as many as ``comers``."""
    wait_until(
        lambda: len(worker.gate.waiting) >= comers,
        timeout=_JOB_SECONDS,
        description=f"{comers} at the gate",
    )
    return worker.gate.waiting
