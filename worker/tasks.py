"""The Celery task, thin, and the worker's signals. Started by ``python -m worker``."""

from __future__ import annotations

import logging
import os
import time
from typing import TYPE_CHECKING, Any

import redis
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

#: A worker may be lost with the whole chunk once, and with one article alone this often: the
#: third loss is the article's own.
_ALONE_TRIES = 2

#: How often Celery brings a chunk back whose worker was lost. Every article of the largest
#: chunk may be at fault; without any limit a fault of ours could loop for ever.
_MOST_LOSSES = 1 + 512 * _ALONE_TRIES

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


@app.task(  # type: ignore[untyped-decorator]
    name=PROCESS_CHUNK,
    bind=True,
    max_retries=_MOST_LOSSES,
    default_retry_delay=0,
    # The broker was away for a moment: the message must not be settled with the work undone.
    autoretry_for=(redis.ConnectionError, redis.TimeoutError),
    retry_kwargs={"countdown": 0},
)
def process_chunk(self: Any, job: str, chunk: int) -> None:
    """Claim a chunk, work on it, record it."""
    request = self.request
    came_back = request.retries > 0 or bool(request.delivery_info.get("redelivered"))
    claim = _store.claim(JobId(job), chunk, task=request.id, came_back=came_back)
    if isinstance(claim, str):
        _log.info("chunk_not_claimed job=%s chunk=%d why=%s", job, chunk, claim)
        return
    started = time.monotonic()
    try:
        with Lease(_store, claim, delivery=request.properties["delivery_tag"]):
            processed = _work(claim)
    except SoftTimeLimitExceeded as error:
        # The next try goes article by article, and has the whole time again.
        raise self.retry(exc=error) from error
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
    """Results of the claim's articles: found again where they are known, computed where not.

    A chunk that has lost its worker or its time is worked on article by article: what is done
    stays done, and the article that is in hand whenever a worker is lost is found out.

    Raises:
        SoftTimeLimitExceeded: the time is over; a next try goes on with what is left.
    """
    known = _store.known(claim.profile, claim.articles)
    # What an earlier try of this chunk has stored was computed in this job.
    found = Processed(outcome=Outcome(state=ArticleState.DONE, cached=claim.attempts == 1))
    fresh = [at for at, is_known in enumerate(known) if not is_known]
    computed = _together(claim, fresh) if claim.attempts == 1 else _alone(claim, fresh)
    return [found if is_known else computed[at] for at, is_known in enumerate(known)]


def _together(claim: Claim, positions: list[int]) -> dict[int, Processed]:
    articles = [claim.articles[at] for at in positions]
    processed = process(articles, lambda: _engine(claim.profile.model), claim.profile)
    return dict(zip(positions, processed, strict=True))


def _alone(claim: Claim, positions: list[int]) -> dict[int, Processed]:
    computed = {}
    for at in positions:
        trial = _store.begin_alone(claim, at)
        if trial.was_too_slow or trial.number > _ALONE_TRIES:
            computed[at] = _failed(Reason.TOO_SLOW if trial.was_too_slow else Reason.WORKER_LOST)
            continue
        try:
            computed |= _together(claim, [at])
        except SoftTimeLimitExceeded:
            if not any(item.result for item in computed.values()):
                # It had all of the time for itself.
                _store.note_too_slow(claim, at)
            raise
        result = computed[at].result
        if result is not None:
            _store.keep(claim, at, result)
    return computed


_FAILURES = {
    Reason.TOO_SLOW: (
        f"alone it took over {app.conf.task_soft_time_limit} seconds",
        "split it, or give the worker more cores",
    ),
    Reason.WORKER_LOST: (
        "three workers were lost while they held it",
        "does it take too much memory? the worker's log says how they ended",
    ),
}


def _failed(reason: Reason) -> Processed:
    message, hint = _FAILURES[reason]
    return Processed(
        outcome=Outcome(state=ArticleState.FAILED, reason=reason, message=message, hint=hint)
    )


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
