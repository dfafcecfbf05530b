"""The worker: the Celery task, its signals and the main process's periodic step.

Importing this module has no side effects: it reads no settings and opens no connections.
"""

from __future__ import annotations

import os
import socket
import time
from typing import TYPE_CHECKING, Any

import redis
from celery import bootsteps, signals
from celery.exceptions import SoftTimeLimitExceeded, TimeLimitExceeded, WorkerLostError
from celery.worker import state

from worker.config.settings import load_profile
from worker.engine.opening import open_engine
from worker.errors import BrokerUnavailableError
from worker.queue.attempt import MAX_LOSSES_ALONE, Attempt
from worker.queue.celery_app import PROCESS_CHUNK, create_app
from worker.queue.connection import broker_url, connect
from worker.queue.intake import send
from worker.queue.lease import Lease, LeaseLostError
from worker.queue.reconciler import STEP_SECONDS, reconcile
from worker.queue.store.jobs import JobStore
from worker.records.chunk import Claim
from worker.records.job import JobId
from worker.records.worker import WorkerPresence
from worker.runtime.log import get_logger, log_context
from worker.runtime.tracing import chunk_span, start_tracing

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from celery import Celery

    from worker.config.profile import ModelSettings
    from worker.config.settings import Settings
    from worker.engine.protocol import Engine
    from worker.records.chunk import Notification

__all__ = ["WorkerApp", "build_worker"]

#: Maximum number of Celery retries of a chunk whose child process was lost. Every article in the
#: largest chunk (512) may be at fault; without a limit, a bug in Copydesk could loop for ever.
_MAX_RETRIES = 1 + 512 * MAX_LOSSES_ALONE

#: A task that has run for less than this continues with its job's next chunk. If chunks are short,
#: this saves 5 to 10 ms per message (measured). A higher limit makes small jobs wait: ten articles
#: took 12 s with 3 s, 4 s with 1 s. On a CPU, a chunk takes a minute and always comes by message.
_CHAIN_SECONDS = 1.0

_log = get_logger(__name__)


def build_worker(settings: Settings) -> WorkerApp:
    """Build the worker: its Celery application with the task, the signals and the step.

    Connections open at first use. Celery's signals are global: build only one worker per process.

    Raises:
        ConfigError: the broker's URL is not valid.
    """
    app = create_app(settings)
    runner = _ChunkRunner(app, settings)
    worker = WorkerApp(app, _open_store(settings, patient=False))

    @app.task(  # type: ignore[untyped-decorator]
        name=PROCESS_CHUNK, bind=True, shared=False, max_retries=_MAX_RETRIES, default_retry_delay=0
    )
    def process_chunk(self: Any, job: str, chunk: int) -> None:
        """Process a chunk, then the job's next chunks while they are short."""
        runner.run(self.request, JobId(job), chunk)

    # Celery holds receivers weakly by default, and would drop these.
    signals.worker_process_init.connect(runner.load_engine, weak=False)
    signals.task_failure.connect(worker.release_failed_task, weak=False)
    app.steps["worker"].add(_keeper_step(worker.keep))
    return worker


def _open_store(settings: Settings, *, patient: bool) -> JobStore:
    client = connect(broker_url(settings), patient=patient)
    return JobStore(client, ttl_seconds=int(settings.job_ttl.total_seconds()))


class _ChunkRunner:
    """The child process's part: claims chunks, processes them and records the results."""

    def __init__(self, app: Celery, settings: Settings) -> None:
        self._app, self._settings = app, settings
        # Patient, because losing the child's results costs more than waiting for the broker.
        self._store = _open_store(settings, patient=True)
        # Filled after the fork; kept until a job asks for another model.
        self._engines: dict[ModelSettings, Engine] = {}

    def load_engine(self, **_: Any) -> None:
        """Load the default profile's model in the forked child process."""
        start_tracing()
        started = time.monotonic()
        profile = load_profile(self._settings)
        self._engine(profile.model).prepare(profile.prompts.values())
        _log.info("engine_loaded", seconds=round(time.monotonic() - started, 3))

    def _engine(self, model: ModelSettings) -> Engine:
        if model not in self._engines:
            self._engines.clear()  # memory is budgeted for one model at a time
            self._engines[model] = open_engine(model, self._settings)
        return self._engines[model]

    def run(self, request: Any, job: JobId, chunk: int) -> None:
        """Process a chunk; if it took less than a second, continue with the job's next chunks."""
        started, chunks = time.monotonic(), [chunk]
        while chunks:
            self._claim_and_process(request, job, chunks.pop())
            if time.monotonic() - started < _CHAIN_SECONDS:
                notifications = self._store.ledger.notify_next(job, only=1)
                chunks = [notification.chunk for notification in notifications]

    def _claim_and_process(self, request: Any, job: JobId, chunk: int) -> None:
        ledger = self._store.ledger
        # A redelivered message says nothing about its former holder, even if its task was retried.
        retried = request.retries > 0 and not request.delivery_info.get("redelivered")
        with log_context(job=job, chunk=chunk, task=request.id, worker=request.hostname):
            answer = ledger.claim(
                job, chunk, worker=request.hostname, task=request.id, retried=retried
            )
            claim = answer if isinstance(answer, Claim) else None
            if retried:
                # The lost child may have moved on from the message's chunk to others.
                _send(self._app, ledger.release_task(request.id, "child_lost", but=claim))
            if claim is None:
                _log.info("chunk_not_claimed", why=answer)
                return
            try:
                self._process(claim, request)
            except LeaseLostError:
                _log.warning("chunk_lost")
            except SoftTimeLimitExceeded:
                # The next attempt processes one article at a time, with the full time limit again.
                notification = ledger.release(job, chunk, claim.token, "too_slow")
                _send(self._app, [notification] if notification else [])
                _log.warning("chunk_too_slow", notified=notification is not None)

    def _process(self, claim: Claim, request: Any) -> None:
        with (
            Lease(
                self._store.ledger,
                claim,
                delivery=request.properties["delivery_tag"],
                meanwhile=lambda: self._notify_next(claim.job),
            ) as lease,
            chunk_span(claim.job, claim.chunk, len(claim.articles), claim.attempts) as span,
        ):

            def checkpoint(stage: str) -> None:
                if stage:
                    span.stage(stage)
                lease.checkpoint(stage)

            attempt = Attempt(
                self._store,
                claim,
                lambda: self._engine(claim.profile.model),
                checkpoint,
                limit_seconds=self._app.conf.task_soft_time_limit,
            )
            processed = attempt.run()
            tally = attempt.tally(request.hostname)
            # Inside the lease, because the broker may be unreachable for a while.
            recorded = self._store.ledger.complete(claim, processed, tally)
        _log.info(
            "chunk_recorded" if recorded else "chunk_was_late",
            articles=len(claim.articles),
            attempts=claim.attempts,
            seconds=round(tally.seconds, 3),
        )

    def _notify_next(self, job: JobId) -> None:
        """Notify workers of the job's next chunk: the claim has made room in the job's window."""
        try:
            notifications = self._store.ledger.notify_next(job)
        except redis.RedisError as error:
            # The reconciler fills the window.
            _log.warning("next_not_notified", why=type(error).__name__)
        else:
            _send(self._app, notifications)


class WorkerApp:
    """The main process's part. It never waits for the broker, since it serves the whole worker.

    Attributes:
        app: the Celery application to run.
    """

    def __init__(self, app: Celery, store: JobStore) -> None:
        self.app = app
        self._store = store

    def release_failed_task(self, task_id: str, exception: BaseException, **_: Any) -> None:
        """Release the chunks of a task whose child was lost for good or killed at its time limit.

        After any other exception, the chunk waits until its lease expires; otherwise an error that
        recurs immediately would loop at full speed.
        """
        why = type(exception).__name__
        _log.warning("task_failed", task=task_id, why=why)
        if not isinstance(exception, (WorkerLostError, TimeLimitExceeded)):
            return
        try:
            notifications = self._store.ledger.release_task(task_id, why)
        except redis.RedisError as error:
            # The reconciler releases the chunks when their leases expire.
            _log.warning("task_not_released", task=task_id, why=type(error).__name__)
        else:
            _send(self.app, notifications)

    def keep(self, name: str, started: float) -> None:
        """Record that the worker ``name`` is alive, and take a reconciler step."""
        presence = WorkerPresence(
            name=name,
            host=socket.gethostname(),
            pid=os.getpid(),
            started=started,
            done_chunks=state.total_count[PROCESS_CHUNK],
        )
        try:
            self._store.roster.record_presence(presence)
            notifications = reconcile(self._store, self.app, name)
        except (redis.RedisError, BrokerUnavailableError) as error:
            _log.warning("step_failed", why=type(error).__name__)
            return
        for notification in notifications:
            _log.info(
                "notified", job=notification.job, chunk=notification.chunk, lane=notification.lane
            )

    def sign_off(self, name: str) -> None:
        """Release the chunks of the ending worker ``name``, and remove it from the roster."""
        try:
            notifications = self._store.ledger.release_worker(name, "worker_ended")
            self._store.roster.forget_worker(name)
        except redis.RedisError as error:
            _log.warning("worker_not_struck_off", why=type(error).__name__)
        else:
            _send(self.app, notifications)


def _send(app: Celery, notifications: Sequence[Notification]) -> None:
    try:
        send(app, notifications)
    except BrokerUnavailableError as error:
        # The ledger has recorded the notifications: the reconciler sends them again.
        _log.warning("not_notified", why=error.code, notifications=len(notifications))


def _keeper_step(keep: Callable[[str, float], None]) -> type[bootsteps.StartStopStep]:
    """Return a bootstep that calls ``keep`` with the worker's name and start time every 2 s."""

    class Keeper(bootsteps.StartStopStep):  # type: ignore[misc]
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
            # Celery itself looks for lost children only every five seconds.
            worker.pool.maintain_pool()
            keep(worker.hostname, self._started)

    return Keeper
