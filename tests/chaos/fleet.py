"""The workers of a run: started, killed in every way, started again, and all ended at the end."""

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

#: A worker that is told to go gets 30 s for its chunk.
_LEAVING_SECONDS = 60.0

#: A paused worker goes on at the latest after this: its chunk should be another's long since.
_PAUSE_SECONDS = 40.0

#: What it then gets to come late with what it has in hand, and to take something new.
_AWAKE_SECONDS = 2.0

#: What an orphan gets to record what it has in hand. On Linux there is none: Celery has the kernel
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
        """Whether the main process is there."""
        return self._process.poll() is None

    @property
    def code(self) -> int | None:
        """How the main process ended."""
        return self._process.returncode

    @property
    def child(self) -> int | None:
        """Id of the child that has an engine; ``None`` before there is one."""
        with contextlib.suppress(FileNotFoundError):
            return int(child_file(self._folder, self.pid).read_text(encoding="ascii"))
        return None

    @property
    def child_is_there(self) -> bool:
        """Whether the child lives, be it with its main process or without."""
        return self.child is not None and _signal(self.child, 0)

    def tell(self, how: signal.Signals) -> None:
        """A signal to the main process only."""
        _signal(self.pid, how)

    def tell_child(self, how: signal.Signals) -> None:
        """A signal to the child only."""
        if self.child is not None:
            _signal(self.child, how)

    def tell_all(self, how: signal.Signals) -> None:
        """A signal to the main process and its child at once."""
        with contextlib.suppress(*_GONE):
            os.killpg(self.pid, how)

    def kill(self) -> None:
        """End all that is left of it, as a machine that goes down does."""
        self.tell_all(signal.SIGKILL)

    def reap(self) -> None:
        """Collect what was killed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


@dataclass(slots=True)
class _Parted:
    """A worker that was told to go, or of which only the child may be left."""

    worker: Worker
    until: float
    is_orphan: bool = False


@dataclass(slots=True)
class _Sleeper:
    """A worker that is paused, and comes late with what it had in hand."""

    worker: Worker
    until: float
    may_go_on: Callable[[], bool]
    end: Callable[[Worker], None]
    is_awake: bool = False


class Fleet:
    """As many workers as were asked for; whichever is killed is started again at once."""

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self._started = 0
        self._parted: list[_Parted] = []
        self._sleepers: list[_Sleeper] = []
        self.active: list[Worker] = []
        self.died_alone = 0
        """Main processes that ended though nobody had told them to, or did not go when told."""
        for _ in range(size):
            self.active.append(self._start())

    def _start(self) -> Worker:
        self._started += 1
        return Worker(self._place, self._started)

    def replace(self, worker: Worker) -> None:
        """Start another in place of ``worker``."""
        self.active[self.active.index(worker)] = self._start()

    def kill(self, *workers: Worker) -> None:
        """Kill whole workers at the same time, and start others."""
        for worker in workers:
            worker.kill()
        for worker in workers:
            self.replace(worker)
            worker.reap()

    def dismiss(self, worker: Worker, how: signal.Signals) -> None:
        """Tell a worker to go, and start another."""
        worker.tell(how)
        self._parted.append(_Parted(worker, time.monotonic() + _LEAVING_SECONDS))
        self.replace(worker)

    def behead(self, worker: Worker) -> None:
        """Kill a main process only."""
        worker.tell(signal.SIGKILL)
        worker.reap()
        self._parted.append(_Parted(worker, time.monotonic() + _ORPHAN_SECONDS, is_orphan=True))

    def pause(
        self, worker: Worker, *, may_go_on: Callable[[], bool], end: Callable[[Worker], None]
    ) -> None:
        """Take note of a worker that was stopped, and start another.

        Args:
            worker: it and its child do nothing for now.
            may_go_on: says when they go on.
            end: is called some moments later.
        """
        until = time.monotonic() + _PAUSE_SECONDS
        self._sleepers.append(_Sleeper(worker, until, may_go_on, end))
        self.replace(worker)

    @property
    def is_settled(self) -> bool:
        """Whether nobody sleeps, and no orphan is there."""
        return not self._sleepers and not any(one.is_orphan for one in self._parted)

    def tend(self) -> None:
        """Look after those that leave, those that sleep, and those that ended by themselves."""
        now = time.monotonic()
        for worker in [one for one in self.active if not one.alive]:
            say(f"worker {worker.pid} ended by itself with {worker.code}, see {worker.log.name}")
            self.died_alone += 1
            self.kill(worker)
        for parted in list(self._parted):
            if now > parted.until or not (parted.worker.alive or parted.worker.child_is_there):
                self._parted.remove(parted)
                self._finish(parted)
        for sleeper in list(self._sleepers):
            self._wake_or_end(sleeper, now)

    def _finish(self, parted: _Parted) -> None:
        if parted.worker.alive:
            say(f"worker {parted.worker.pid} did not go, see {parted.worker.log.name}")
            self.died_alone += 1
        elif parted.is_orphan and parted.worker.child_is_there:
            say(f"  the child of {parted.worker.pid} is still there, and is ended")
        parted.worker.kill()
        parted.worker.reap()

    def _wake_or_end(self, sleeper: _Sleeper, now: float) -> None:
        if sleeper.is_awake and now > sleeper.until:
            self._sleepers.remove(sleeper)
            sleeper.end(sleeper.worker)
        elif not sleeper.is_awake and (sleeper.may_go_on() or now > sleeper.until):
            say(f"  paused worker {sleeper.worker.pid} goes on")
            sleeper.worker.tell_all(signal.SIGCONT)
            sleeper.is_awake, sleeper.until = True, now + _AWAKE_SECONDS

    def end(self) -> None:
        """End all that was started and is still there."""
        left = [
            *self.active,
            *(parted.worker for parted in self._parted),
            *(sleeper.worker for sleeper in self._sleepers),
        ]
        for worker in left:
            worker.kill()
        for worker in left:
            worker.reap()


def _signal(pid: int, how: int) -> bool:
    """Whether the process was there to get it."""
    try:
        os.kill(pid, how)
    except _GONE:
        return False
    return True
