"""The Celery task, thin, and the worker's signals. Started by ``python -m worker``."""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Any

import redis
from celery import bootsteps, signals
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery.worker import state

from worker.config.settings import load_profile, load_settings
from worker.engine.opening import open_engine
from worker.engine.protocol import Engine
from worker.errors import BrokerUnavailableError
from worker.process.log import bound, get_logger
from worker.process.tracing import chunk_span, start_tracing
from worker.queue.attempt import MOST_ALONE, Attempt
from worker.queue.celery_app import PROCESS_CHUNK, create_app
from worker.queue.connection import broker_url, connect
from worker.queue.intake import send
from worker.queue.lease import Lease, LeaseLostError
from worker.queue.reconciler import STEP_SECONDS, reconcile
from worker.queue.store.jobs import JobStore
from worker.records.chunk import Claim, Notification
from worker.records.job import JobId
from worker.records.worker import WorkerPresence

if TYPE_CHECKING:
    from collections.abc import Sequence

    from celery import Celery

    from worker.config.profile import ModelSettings

__all__ = ["app", "leave", "process_chunk"]

#: How often Celery brings a chunk back whose child was lost. Every article of the largest
#: chunk may be at fault; without any limit a fault of ours could loop for ever.
_MOST_LOSSES = 1 + 512 * MOST_ALONE

#: A task goes on with its job's next chunk as long as it has run for less than this, so that the
#: way through Celery (5 to 10 ms, measured) costs little where chunks are short. A small job waits
#: so much longer for each notification before its own: with 3 s ten articles took 12 s, with 1 s
#: 4 s. Chunks of news on a CPU take a minute: each comes with its own message.
_CHAIN_SECONDS = 1.0

_log = get_logger(__name__)
_settings = load_settings()

app: Celery = create_app(_settings)


def _open_store(*, patient: bool) -> JobStore:
    client = connect(broker_url(_settings), patient=patient)
    return JobStore(client, ttl_seconds=int(_settings.job_ttl.total_seconds()))


#: The main process's: it must not wait, since it answers for the whole worker.
_store = _open_store(patient=False)

#: The child's: what it has computed is worth waiting for a broker that is away.
_patient_store = _open_store(patient=True)

#: The engine of this process: loaded after the fork, kept until a job asks for another model.
_engines: dict[ModelSettings, Engine] = {}


def _engine(model: ModelSettings) -> Engine:
    if model not in _engines:
        _engines.clear()  # one model at a time is what the memory is planned for
        _engines[model] = open_engine(model, _settings)
    return _engines[model]


@app.task(  # type: ignore[untyped-decorator]
    name=PROCESS_CHUNK, bind=True, max_retries=_MOST_LOSSES, default_retry_delay=0
)
def process_chunk(self: Any, job: str, chunk: int) -> None:
    """Claim a chunk, work on it, record it; while it is all short, go on with the job's next."""
    started, work = time.monotonic(), [chunk]
    while work:
        _process(self.request, JobId(job), work.pop())
        if time.monotonic() - started < _CHAIN_SECONDS:
            work = [
                notification.chunk
                for notification in _patient_store.ledger.notify_next(JobId(job), only=1)
            ]


def _process(request: Any, job: JobId, chunk: int) -> None:
    ledger = _patient_store.ledger
    # A message that is delivered again says nothing of its former holder, though its task may have
    # been retried before.
    retried = request.retries > 0 and not request.delivery_info.get("redelivered")
    with bound(job=job, chunk=chunk, task=request.id, worker=request.hostname):
        claim = ledger.claim(job, chunk, worker=request.hostname, task=request.id, retried=retried)
        held = claim if isinstance(claim, Claim) else None
        if retried:
            # The child that was lost may have gone on with other chunks than the message's own.
            _send(ledger.release_task(request.id, "child_lost", but=held))
        if held is None:
            _log.info("chunk_not_claimed", why=claim)
            return
        try:
            _work(held, request)
        except LeaseLostError:
            _log.warning("chunk_lost")
        except SoftTimeLimitExceeded:
            # The next attempt goes article by article, and has the whole time again.
            notification = ledger.release(job, chunk, held.token, "too_slow")
            _send([notification] if notification else [])
            _log.warning("chunk_too_slow", notified=notification is not None)


def _work(claim: Claim, request: Any) -> None:
    ledger = _patient_store.ledger
    with (
        Lease(
            ledger,
            claim,
            delivery=request.properties["delivery_tag"],
            meanwhile=lambda: _notify_next(claim.job),
        ) as lease,
        chunk_span(claim.job, claim.chunk, len(claim.articles), claim.attempts) as span,
    ):

        def checkpoint(stage: str) -> None:
            if stage:
                span.stage(stage)
            lease.checkpoint(stage)

        attempt = Attempt(
            _patient_store,
            claim,
            lambda: _engine(claim.profile.model),
            checkpoint,
            limit_seconds=app.conf.task_soft_time_limit,
        )
        processed = attempt.run()
        tally = attempt.tally(request.hostname)
        # Within the lease: the broker may be away for a while.
        recorded = ledger.complete(claim, processed, tally)
    _log.info(
        "chunk_recorded" if recorded else "chunk_was_late",
        articles=len(claim.articles),
        attempts=claim.attempts,
        seconds=round(tally.seconds, 3),
    )


def _notify_next(job: JobId) -> None:
    """The claim has answered a notification of its job: there is room for another."""
    try:
        notifications = _patient_store.ledger.notify_next(job)
    except redis.RedisError as error:
        # The reconciler fills the window.
        _log.warning("next_not_notified", why=type(error).__name__)
    else:
        _send(notifications)


def _send(notifications: Sequence[Notification]) -> None:
    try:
        send(app, notifications)
    except BrokerUnavailableError as error:
        # They are noted in the ledger: the reconciler sends them again.
        _log.warning("not_notified", why=error.code, notifications=len(notifications))


@signals.worker_process_init.connect  # type: ignore[untyped-decorator]
def _load_engine(**_: Any) -> None:
    """Load the default profile's model in the child, after the fork."""
    start_tracing()
    started = time.monotonic()
    profile = load_profile(_settings)
    _engine(profile.model).prepare(profile.prompts.values())
    _log.info("engine_loaded", seconds=round(time.monotonic() - started, 3))


@signals.task_failure.connect  # type: ignore[untyped-decorator]
def _give_back(task_id: str, exception: BaseException, **_: Any) -> None:
    """A task has failed: its child was lost for good, or killed at its time limit. Notify again.

    After an exception of the task itself the chunk waits until its lease is over: a fault that
    comes back at once would otherwise go round as fast as it can.
    """
    why = type(exception).__name__
    _log.warning("task_failed", task=task_id, why=why)
    if not isinstance(exception, (WorkerLostError, TimeLimitExceeded)):
        return
    try:
        notifications = _store.ledger.release_task(task_id, why)
    except redis.RedisError as error:
        # The reconciler finds it, when its lease is over.
        _log.warning("task_not_released", task=task_id, why=type(error).__name__)
    else:
        _send(notifications)


class _Keeper(bootsteps.StartStopStep):  # type: ignore[misc]
    """Every two seconds, in the main process: this worker is alive, and nothing is left behind."""

    requires = ("celery.worker.components:Timer", "celery.worker.components:Pool")

    def __init__(self, worker: Any, **options: Any) -> None:
        super().__init__(worker, **options)
        self._started = time.time()
        self._entry: Any = None

    def start(self, worker: Any) -> None:
        self._entry = worker.timer.call_repeatedly(STEP_SECONDS, self._step, (worker,))
        worker.timer.call_after(0, self._step, (worker,))

    def stop(self, worker: Any) -> None:
        del worker
        if self._entry is not None:
            self._entry.cancel()

    def _step(self, worker: Any) -> None:
        # Celery itself looks for lost children every five seconds.
        worker.pool.maintain_pool()
        presence = WorkerPresence(
            name=worker.hostname,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=self._started,
            done_chunks=state.total_count[PROCESS_CHUNK],
        )
        try:
            _store.roster.record_presence(presence)
            notifications = reconcile(_store, app, worker.hostname)
        except (redis.RedisError, BrokerUnavailableError) as error:
            _log.warning("step_failed", why=type(error).__name__)
            return
        for notification in notifications:
            _log.info(
                "notified", job=notification.job, chunk=notification.chunk, lane=notification.lane
            )


app.steps["worker"].add(_Keeper)


def leave(worker: str) -> None:
    """The worker of this name ends: give back what it still holds, and strike it off the list."""
    try:
        notifications = _store.ledger.release_worker(worker, "worker_ended")
        _store.roster.forget_worker(worker)
    except redis.RedisError as error:
        _log.warning("worker_not_struck_off", why=type(error).__name__)
    else:
        _send(notifications)
