"""Shows how a job goes: a bar on a terminal, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.output import talk
from cli.verdict import job_line
from worker.errors import WaitTimeoutError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.jobs import JobStore
    from worker.records import JobId, JobProgress

__all__ = ["counter", "follow", "portion"]

#: How often the store is asked; one answer takes it 57 µs (measured).
_POLL_SECONDS = 0.25

#: Plain lines come at most this often.
_LINE_SECONDS = 5.0


def follow(
    store: JobStore,
    job: JobId,
    *,
    timeout: timedelta | None = None,
    on_poll: Callable[[], None] | None = None,
) -> JobProgress:
    """Show the job's progress on stderr until it is finished.

    Args:
        store: where the job is.
        job: its id.
        timeout: longest wait; ``None`` for as long as it takes.
        on_poll: is called at each look; what it raises ends the wait.

    Returns:
        The last progress.

    Raises:
        JobNotFoundError: no such job.
        WaitTimeoutError: the time is over; the job goes on.
    """
    progress = store.progress(job)
    start, begin = time.monotonic(), progress.done + progress.failed
    with _display(progress) as show:
        while not progress.finished:
            elapsed = time.monotonic() - start
            if timeout is not None and elapsed >= timeout.total_seconds():
                raise WaitTimeoutError(
                    f"job {job} is not finished after {timeout}: {job_line(progress)}",
                    hint=f"it goes on; copydesk watch {job} looks again",
                )
            rate = (progress.done + progress.failed - begin) / elapsed if elapsed else 0.0
            show(progress, _pace(progress, rate, len(store.workers())))
            if on_poll is not None:
                on_poll()
            time.sleep(_POLL_SECONDS)
            progress = store.progress(job)
        show(progress, "")
    return progress


@contextmanager
def counter(what: str) -> Iterator[Callable[[int], None]]:
    """A count that goes up on a terminal, for work of unknown length; silent elsewhere."""
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
def portion(what: str) -> Iterator[Callable[[int, int], None]]:
    """A bar for work of known length on a terminal; silent elsewhere. Takes done and total."""
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _pace(progress: JobProgress, rate: float, workers: int) -> str:
    """Rate, time left and workers, as far as they are known."""
    parts = [f"{workers} worker{'s' if workers != 1 else ''}"]
    if not workers:
        parts = ["no worker: start one with copydesk up"]
    if rate > 0:
        left = timedelta(seconds=round((progress.queued + progress.running) / rate))
        parts += [f"{rate * 60:.1f} articles/min", f"{left} left"]
    return ", ".join(parts)


@contextmanager
def _display(first: JobProgress) -> Iterator[Callable[[JobProgress, str], None]]:
    if not sys.stderr.isatty():
        yield _Lines().show
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn

    columns = (BarColumn(), TextColumn("{task.description}", markup=False))
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=first.total)

        def show(progress: JobProgress, pace: str) -> None:
            ended = progress.total - progress.queued - progress.running
            said = ", ".join(part for part in (job_line(progress), pace) if part)
            bar.update(task, completed=ended, total=progress.total, description=said)

        yield show


class _Lines:
    """One line when something has changed, and not too often."""

    def __init__(self) -> None:
        self._shown = ""
        self._at = -_LINE_SECONDS

    def show(self, progress: JobProgress, pace: str) -> None:
        line = job_line(progress)
        due = time.monotonic() - self._at >= _LINE_SECONDS or progress.finished
        if due and line != self._shown:
            talk(f"{progress.id}: " + ", ".join(part for part in (line, pace) if part))
            self._shown, self._at = line, time.monotonic()
