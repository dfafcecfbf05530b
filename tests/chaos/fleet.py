"""The workers of a run: started, killed in every way, restarted, and killed at the end."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass

from tests.chaos.place import Place, say
from tests.chaos.worker import child_file

__all__ = ["Fleet", "Worker"]

#: Longest wait for a worker after a signal to stop; it gets 30 s for its chunk.
_LEAVING_SECONDS = 60.0

#: Longest pause of a worker: by then another one should long have its chunk.
_PAUSE_SECONDS = 40.0

#: Time it then gets to send its late result, and to claim something new.
_AWAKE_SECONDS = 2.0

#: Time for an orphaned child to record its chunk. On Linux there are none: Celery has the kernel
#: kill the child with its main process.
_ORPHAN_SECONDS = 8.0

_GONE = (ProcessLookupError, PermissionError)


class Worker:
    """A main process and its child, in a process group of their own."""

    def __init__(self, place: Place, number: int) -> None:
        self._folder = place.notes
        self.log = place.notes / f"worker-{number:03}.log"
        self._process = place.start(["tests.chaos.worker"], self.log)
        self.pid = self._process.pid
        self.name = f"copydesk-{self.pid}@{socket.gethostname()}"

    @property
    def alive(self) -> bool:
        """Whether the main process runs."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """The exit code of the main process."""
        return self._process.returncode

    @property
    def child(self) -> int | None:
        """The id of the child with the engine; None until it is loaded."""
        with contextlib.suppress(FileNotFoundError):
            return int(child_file(self._folder, self.pid).read_text(encoding="ascii"))
        return None

    @property
    def child_is_alive(self) -> bool:
        """Whether the child runs, with or without its main process."""
        return self.child is not None and _signal(self.child, 0)

    def signal_main(self, how: signal.Signals) -> None:
        """Send a signal to the main process only."""
        _signal(self.pid, how)

    def signal_child(self, how: signal.Signals) -> None:
        """Send a signal to the child only."""
        if self.child is not None:
            _signal(self.child, how)

    def signal_all(self, how: signal.Signals) -> None:
        """Send a signal to the main process and its child at once."""
        with contextlib.suppress(*_GONE):
            os.killpg(self.pid, how)

    def kill(self) -> None:
        """Kill all that is left of it, as a power failure does."""
        self.signal_all(signal.SIGKILL)

    def reap(self) -> None:
        """Reap the killed main process."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


@dataclass(slots=True)
class _Leaver:
    """A worker that was told to stop, or of which only the child may be left."""

    worker: Worker
    until: float
    is_orphan: bool = False


@dataclass(slots=True)
class _Sleeper:
    """A paused worker, whose result will come late."""

    worker: Worker
    until: float
    may_go_on: Callable[[], bool]
    end: Callable[[Worker], None]
    is_awake: bool = False


class Fleet:
    """A fixed number of workers; killed ones are replaced at once."""

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self._started = 0
        self._leavers: list[_Leaver] = []
        self._sleepers: list[_Sleeper] = []
        self.active: list[Worker] = []
        self.died_alone = 0
        """Main processes that ended by themselves, or did not stop when told."""
        for _ in range(size):
            self.active.append(self._start())

    def _start(self) -> Worker:
        self._started += 1
        return Worker(self._place, self._started)

    def replace(self, worker: Worker) -> None:
        """Start another worker in place of ``worker``."""
        self.active[self.active.index(worker)] = self._start()

    def kill(self, *workers: Worker) -> None:
        """Kill whole workers at the same time, and replace them."""
        for worker in workers:
            worker.kill()
        for worker in workers:
            self.replace(worker)
            worker.reap()

    def dismiss(self, worker: Worker, how: signal.Signals) -> None:
        """Tell a worker to stop, and replace it."""
        worker.signal_main(how)
        self._leavers.append(_Leaver(worker, time.monotonic() + _LEAVING_SECONDS))
        self.replace(worker)

    def kill_main(self, worker: Worker) -> None:
        """Kill only the main process of a worker."""
        worker.signal_main(signal.SIGKILL)
        worker.reap()
        self._leavers.append(_Leaver(worker, time.monotonic() + _ORPHAN_SECONDS, is_orphan=True))

    def pause(
        self, worker: Worker, *, may_go_on: Callable[[], bool], end: Callable[[Worker], None]
    ) -> None:
        """Keep a paused worker, and replace it.

        Args:
            worker: the worker, paused with its child.
            may_go_on: returns whether to resume it.
            end: called with the worker a moment after that.
        """
        until = time.monotonic() + _PAUSE_SECONDS
        self._sleepers.append(_Sleeper(worker, until, may_go_on, end))
        self.replace(worker)

    @property
    def is_settled(self) -> bool:
        """Whether there is no paused worker and no orphan."""
        return not self._sleepers and not any(leaver.is_orphan for leaver in self._leavers)

    def tend(self) -> None:
        """Handle workers that leave, that are paused, and that ended by themselves."""
        now = time.monotonic()
        for worker in [worker for worker in self.active if not worker.alive]:
            say(f"worker {worker.pid} ended by itself with {worker.code}, see {worker.log.name}")
            self.died_alone += 1
            self.kill(worker)
        for leaver in list(self._leavers):
            if now > leaver.until or not (leaver.worker.alive or leaver.worker.child_is_alive):
                self._leavers.remove(leaver)
                self._finish(leaver)
        for sleeper in list(self._sleepers):
            self._wake_or_end(sleeper, now)

    def _finish(self, leaver: _Leaver) -> None:
        if leaver.worker.alive:
            say(f"worker {leaver.worker.pid} did not stop, see {leaver.worker.log.name}")
            self.died_alone += 1
        elif leaver.is_orphan and leaver.worker.child_is_alive:
            say(f"  the child of {leaver.worker.pid} still runs, and is killed")
        leaver.worker.kill()
        leaver.worker.reap()

    def _wake_or_end(self, sleeper: _Sleeper, now: float) -> None:
        if sleeper.is_awake and now > sleeper.until:
            self._sleepers.remove(sleeper)
            sleeper.end(sleeper.worker)
        elif not sleeper.is_awake and (sleeper.may_go_on() or now > sleeper.until):
            say(f"  paused worker {sleeper.worker.pid} goes on")
            sleeper.worker.signal_all(signal.SIGCONT)
            sleeper.is_awake, sleeper.until = True, now + _AWAKE_SECONDS

    def end(self) -> None:
        """Kill every worker that still runs."""
        workers = [
            *self.active,
            *(leaver.worker for leaver in self._leavers),
            *(sleeper.worker for sleeper in self._sleepers),
        ]
        for worker in workers:
            worker.kill()
        for worker in workers:
            worker.reap()


def _signal(pid: int, how: int) -> bool:
    """Send a signal, and return whether the process exists."""
    try:
        os.kill(pid, how)
    except _GONE:
        return False
    return True
