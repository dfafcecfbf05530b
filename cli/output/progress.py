"""Shows the progress of a job: a live bar on a terminal, occasional lines elsewhere."""

from __future__ import annotations

import os
import socket
import sys
import time
from contextlib import contextmanager, suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.output.job_summary import job_line
from cli.output.report import safe_tty, talk
from worker.errors import BrokerUnavailableError, WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from worker.config.settings import Settings
    from worker.queue.store.jobs import JobStore
    from worker.records.job import JobId, JobProgress
    from worker.records.worker import WorkerPresence

    _Show = Callable[[JobProgress, float, Sequence[WorkerPresence]], None]

__all__ = ["byte_bar", "follow", "progress_bar", "progress_counter", "worker_line"]

#: Maximum wait for a job event before the counters are read anyway.
_POLL_SECONDS = 0.5

#: Minimum time between two plain lines.
_LINE_SECONDS = 5.0


def follow(
    store: JobStore,
    job: JobId,
    settings: Settings,
    *,
    timeout: timedelta | None = None,
    on_poll: Callable[[], None] | None = None,
) -> JobProgress:
    """Show the job's progress on stderr until it is finished.

    Each job event triggers one read of the counters and the workers, so an update costs the broker
    no more for a million articles than for ten. This function also runs the reconciler, in case no
    worker is alive to run it.

    Args:
        store: the store that holds the job.
        job: the job's id.
        settings: names the broker through which the reconciler notifies workers.
        timeout: maximum wait; None for no limit.
        on_poll: called on each iteration; an exception from it ends the wait.

    Returns:
        The job's final progress.

    Raises:
        JobNotFoundError: no such job.
        WaitTimeoutError: the timeout has passed; the job continues.
    """
    progress = store.progress(job)
    ended_before = progress.done + progress.failed
    reconcile_if_due = _reconciler(store, settings)
    after = "0"
    with _display(progress) as show:
        start = time.monotonic()  # after the imports, which are not part of the wait
        while not progress.finished:
            elapsed = time.monotonic() - start
            if timeout is not None and elapsed >= timeout.total_seconds():
                raise WaitTimeoutError(
                    f"job {job} is not finished after {timeout}: {job_line(progress)}",
                    hint=f"it goes on; copydesk watch {job} looks again",
                )
            rate = (progress.done + progress.failed - ended_before) / elapsed if elapsed else 0.0
            show(progress, rate, store.roster.workers())
            if on_poll is not None:
                on_poll()
            reconcile_if_due()
            events = store.events(job, after, wait_ms=int(_POLL_SECONDS * 1000))
            after = events[-1].id if events else after
            progress = store.progress(job)
        show(progress, 0.0, [])
    return progress


def _reconciler(store: JobStore, settings: Settings) -> Callable[[], None]:
    """Return a function that runs a reconciler step, at most every two seconds."""
    import redis

    from worker.queue.celery_app import create_app
    from worker.queue.reconciler import STEP_SECONDS, reconcile

    app, name = create_app(settings), f"watch-{os.getpid()}@{socket.gethostname()}"
    due = 0.0

    def reconcile_if_due() -> None:
        nonlocal due
        if time.monotonic() >= due:
            due = time.monotonic() + STEP_SECONDS
            # A broker that refuses writes (memory or disk full) can still be watched.
            with suppress(redis.ResponseError, BrokerUnavailableError):
                reconcile(store, app, name)

    return reconcile_if_due


@contextmanager
def progress_counter(what: str) -> Iterator[Callable[[int], None]]:
    """Show a growing count on a terminal, for work of unknown length; print nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _count: None
        return
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.completed:,} " + what), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda count: bar.update(task, completed=count)


@contextmanager
def progress_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a progress bar on a terminal; print nothing elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


@contextmanager
def byte_bar(what: str) -> Iterator[Callable[[int, int], None]]:
    """Show a bar of bytes done and in total, and their rate, on a terminal; silent elsewhere."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    columns = (
        *(TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn()),
        *(TransferSpeedColumn(), TimeRemainingColumn()),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def worker_line(worker: WorkerPresence) -> str:
    """Describe a worker and its tasks in one line."""
    activity = ", ".join(
        f"{task.job} chunk {task.chunk}, {task.articles} articles"
        + (f", {task.stage}" if task.stage else "")
        + f", {timedelta(seconds=max(0, int(time.time() - task.since)))}"
        for task in worker.tasks
    )
    if worker.stale:
        activity = f"STALE, not seen for {worker.idle_seconds:.0f} s" + (
            activity and f"; held {activity}"
        )
    return f"{worker.name}: {activity or 'idle'}"


def _pace(progress: JobProgress, rate: float, workers: Sequence[WorkerPresence]) -> str:
    """Describe workers, rate and time left, as far as they are known."""
    live = sum(not worker.stale for worker in workers)
    parts = [f"{live} worker{'s' if live != 1 else ''}"]
    if not live:
        parts = ["no worker: start one with copydesk up"]
    if len(workers) > live:
        parts.append(f"{len(workers) - live} stale")
    if not progress.closed:
        parts.append(f"submit goes on, or was cut off: copydesk resume {progress.id}")
    if rate > 0:
        left = timedelta(seconds=round((progress.queued + progress.running) / rate))
        parts += [f"{rate * 60:.1f} articles/min", f"{left} left"]
    return ", ".join(parts)


@contextmanager
def _display(initial: JobProgress) -> Iterator[_Show]:
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.console import Console, Group
    from rich.live import Live
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.text import Text

    bar = Progress(BarColumn(), TextColumn("{task.description}", markup=False))
    task = bar.add_task("", total=initial.total)
    with Live(bar, console=Console(stderr=True), refresh_per_second=4) as live:

        def show(progress: JobProgress, rate: float, workers: Sequence[WorkerPresence]) -> None:
            ended = progress.total - progress.queued - progress.running
            pace = "" if progress.finished else _pace(progress, rate, workers)
            description = ", ".join(part for part in (job_line(progress), pace) if part)
            bar.update(task, completed=ended, total=progress.total, description=description)
            lines = [Text(safe_tty(f"  {worker_line(worker)}")) for worker in workers]
            live.update(Group(bar, *lines))

        yield show


class _Lines:
    """Prints a line when the counters have changed, at most every five seconds."""

    def __init__(self) -> None:
        self._shown = ""
        self._shown_at = -_LINE_SECONDS

    def show(self, progress: JobProgress, rate: float, workers: Sequence[WorkerPresence]) -> None:
        line = job_line(progress)
        due = time.monotonic() - self._shown_at >= _LINE_SECONDS or progress.finished
        if due and line != self._shown:
            pace = "" if progress.finished else _pace(progress, rate, workers)
            talk(f"{progress.id}: " + ", ".join(part for part in (line, pace) if part))
            self._shown, self._shown_at = line, time.monotonic()
