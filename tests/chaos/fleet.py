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

#: A paused orphan goes on at the latest after this: its chunk should be another's long since.
_PAUSE_SECONDS = 40.0

#: What an orphan gets to record what it has in hand, and to find out that it is alone.
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

    def kill(self) -> None:
        """End all that is left of it, as a machine that goes down does."""
        with contextlib.suppress(*_GONE):
            os.killpg(self.pid, signal.SIGKILL)

    def reap(self) -> None:
        """Collect what was killed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(10)


@dataclass(slots=True)
class _Leaver:
    """A worker that was told to go."""

    worker: Worker
    until: float


@dataclass(slots=True)
class _Orphan:
    """A child whose main process was killed."""

    worker: Worker
    until: float
    paused: bool
    may_go_on: Callable[[], bool]


class Fleet:
    """As many workers as were asked for; whichever is killed is started again at once."""

    def __init__(self, place: Place, size: int) -> None:
        self._place = place
        self._started = 0
        self._leavers: list[_Leaver] = []
        self._orphans: list[_Orphan] = []
        self.active: list[Worker] = []
        self.died_alone = 0
        """Main processes that ended though nobody had told them to."""
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
        self._leavers.append(_Leaver(worker, time.monotonic() + _LEAVING_SECONDS))
        self.replace(worker)

    def orphan(self, worker: Worker, *, paused: bool, may_go_on: Callable[[], bool]) -> None:
        """Take note of a child whose main process was killed, and start another worker.

        Args:
            worker: what is left of it.
            paused: the child was stopped; it shall go on later, and come late with its result.
            may_go_on: says when.
        """
        patience = _PAUSE_SECONDS if paused else _ORPHAN_SECONDS
        self._orphans.append(_Orphan(worker, time.monotonic() + patience, paused, may_go_on))
        self.replace(worker)
        worker.reap()

    @property
    def has_orphans(self) -> bool:
        """Whether one is still to be ended."""
        return bool(self._orphans)

    def tend(self) -> None:
        """Look after those that leave, those left alone, and those that ended by themselves."""
        now = time.monotonic()
        for worker in [one for one in self.active if not one.alive]:
            say(f"worker {worker.pid} ended by itself with {worker.code}, see {worker.log.name}")
            self.died_alone += 1
            self.kill(worker)
        for leaver in list(self._leavers):
            if leaver.worker.alive and now < leaver.until:
                continue
            if leaver.worker.alive:
                say(f"worker {leaver.worker.pid} did not go, see {leaver.worker.log.name}")
                self.died_alone += 1
            leaver.worker.kill()
            leaver.worker.reap()
            self._leavers.remove(leaver)
        for orphan in list(self._orphans):
            self._tend_orphan(orphan, now)

    def _tend_orphan(self, orphan: _Orphan, now: float) -> None:
        worker = orphan.worker
        if orphan.paused and (orphan.may_go_on() or now > orphan.until):
            say(f"orphan {worker.child} of {worker.pid} goes on")
            worker.tell_child(signal.SIGCONT)
            orphan.paused, orphan.until = False, now + _ORPHAN_SECONDS
        elif not orphan.paused and now > orphan.until:
            left = "is still there, and is ended" if worker.child_is_there else "has gone by itself"
            say(f"orphan {worker.child} of {worker.pid} {left}")
            worker.kill()
            self._orphans.remove(orphan)

    def end(self) -> None:
        """End all that was started and is still there."""
        left = [
            *self.active,
            *(leaver.worker for leaver in self._leavers),
            *(orphan.worker for orphan in self._orphans),
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
