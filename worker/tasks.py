"""The Celery task, thin, and the worker's signals. Started by ``celery -A worker.tasks``."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

from celery import signals
from celery.exceptions import SoftTimeLimitExceeded
from celery.worker import state

from worker.app import PROCESS_CHUNK, create_app
from worker.connection import broker_url, connect
from worker.engine import Engine, open_engine
from worker.jobs import JobStore
from worker.lease import Lease
from worker.pipeline import process
from worker.reason import Reason
from worker.records import (
    ArticleState,
    Claim,
    JobId,
    Outcome,
    Processed,
    WorkerPresence,
)
from worker.settings import load_profile, load_settings

if TYPE_CHECKING:
    from celery import Celery

    from worker.settings import ModelSettings

__all__ = ["app", "process_chunk"]

_log = logging.getLogger(__name__)
_settings = load_settings()

app: Celery = create_app(_settings)

_store = JobStore(
    connect(broker_url(_settings)), ttl_seconds=int(_settings.job_ttl.total_seconds())
)

#: The engine of this process: loaded after the fork, kept until a job asks for another model.
_engines: dict[ModelSettings, Engine] = {}


def _engine(model: ModelSettings) -> Engine:
    if model not in _engines:
        _engines.clear()  # one model at a time is what the memory is planned for
        _engines[model] = open_engine(model, _settings)
    return _engines[model]


@app.task(name=PROCESS_CHUNK, bind=True, max_retries=2, default_retry_delay=0)  # type: ignore[untyped-decorator]
def process_chunk(self: Any, job: str, chunk: int) -> None:
    """Claim a chunk, work on it, record it."""
    request = self.request
    came_back = request.retries > 0 or bool(request.delivery_info.get("redelivered"))
    claim = _store.claim(JobId(job), chunk, task=request.id, came_back=came_back)
    if isinstance(claim, str):
        _log.info("chunk_not_claimed job=%s chunk=%d why=%s", job, chunk, claim)
        return
    started = time.monotonic()
    with Lease(_store, claim, delivery=request.properties["delivery_tag"]):
        processed = _work(claim)
    recorded = _store.complete(claim, processed)
    _log.info(
        "%s job=%s chunk=%d articles=%d seconds=%.3f",
        "chunk_recorded" if recorded else "chunk_was_late",
        job,
        chunk,
        len(claim.articles),
        time.monotonic() - started,
    )


def _work(claim: Claim) -> list[Processed]:
    """Results of the claim's articles: found again where they are known, computed where not."""
    known = _store.known(claim.profile, claim.articles)
    fresh = [article for article, found in zip(claim.articles, known, strict=True) if not found]
    try:
        computed = iter(process(fresh, lambda: _engine(claim.profile.model), claim.profile))
    except SoftTimeLimitExceeded:
        slow = Outcome(
            state=ArticleState.FAILED,
            reason=Reason.TOO_SLOW,
            message=f"its chunk took over {app.conf.task_soft_time_limit} seconds",
            hint="lower chunk_articles, or give the worker more cores",
        )
        computed = iter([Processed(outcome=slow)] * len(fresh))
    cached = Processed(outcome=Outcome(state=ArticleState.DONE, cached=True))
    return [cached if found else next(computed) for found in known]


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _load_engine(**_: Any) -> None:
    """Load the default profile's model in the child, after the fork."""
    started = time.monotonic()
    _engine(load_profile(_settings).model)
    _log.info("engine_loaded seconds=%.3f", time.monotonic() - started)


@signals.heartbeat_sent.connect  # type: ignore[untyped-decorator]
def _show_presence(sender: Any, **_: Any) -> None:
    """Every two seconds, in the parent: this worker is alive."""
    name = sender.eventer.hostname
    done = state.total_count[PROCESS_CHUNK]
    _store.show_worker(WorkerPresence(name=name, pid=os.getpid(), done_chunks=done))
