"""A process that outlives the command that started it, never two at once.

The lock is the process's own: it inherits the locked file, so the lock is held exactly as
long as it lives, and a stale pid file can fool nobody.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import subprocess
import time
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["Daemon"]

#: Looking whether a process lives takes microseconds.
_GLANCE_SECONDS = 0.1

#: How often the end of a process is looked for.
_POLL_SECONDS = 0.05


class Daemon:
    """One detached process with a lock and a log in ``folder``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._lock = folder / f"{name}.lock"
        self.log = folder / f"{name}.log"

    @property
    def running(self) -> bool:
        """Whether the process lives."""
        try:
            with self._lock.open("rb") as stream:
                return not _try_lock(stream.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return False

    @property
    def pid(self) -> int | None:
        """Its process id; ``None`` when it does not run."""
        if not self.running:
            return None
        said = self._lock.read_text(encoding="ascii").strip()
        return int(said) if said.isdigit() else None

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> bool:
        """Start ``command`` detached; ``False`` when one runs already."""
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock.open("a+b") as lock, self.log.open("ab") as log:
            if not _lock_patiently(lock.fileno()):
                return False
            process = subprocess.Popen(  # noqa: S603
                list(command),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=environment,
                pass_fds=[lock.fileno()],
                start_new_session=True,
            )
            lock.truncate(0)
            lock.write(str(process.pid).encode())
        return True

    def stop(self, how: signal.Signals, *, patience_seconds: float) -> bool:
        """End the process with signal ``how``, and with SIGKILL when patience is over.

        Returns:
            ``False`` when there was none.
        """
        pid = self.pid
        if pid is None:
            return False
        for sent, patience in ((how, patience_seconds), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                # By force the whole session goes: a child that holds the lock must go too.
                os.killpg(pid, sent) if sent is signal.SIGKILL else os.kill(pid, sent)
            end = time.monotonic() + patience
            while time.monotonic() < end:
                _reap(pid)
                if not self.running:
                    return True
                time.sleep(_POLL_SECONDS)
        return True

    def tail(self, lines: int = 5) -> str:
        """The last lines of its log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def _lock_patiently(descriptor: int) -> bool:
    """Lock, or find the lock held by a process: a mere look at it holds it for a moment, too."""
    end = time.monotonic() + _GLANCE_SECONDS
    while not _try_lock(descriptor):
        if time.monotonic() > end:
            return False
        time.sleep(_GLANCE_SECONDS / 10)
    return True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reap(pid: int) -> None:
    """Collect the process if it was this command that started it."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
