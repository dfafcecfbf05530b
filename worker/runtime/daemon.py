"""A single background process that outlives the command that started it.

The process inherits a locked file, so the lock lasts exactly as long as the process, and a stale
pid cannot mislead.
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

#: How long ``start`` keeps trying to lock, since ``running`` holds the lock for microseconds.
_LOCK_SECONDS = 0.1

#: Time between checks of whether a process has ended.
_POLL_SECONDS = 0.05


class Daemon:
    """One detached process with its lock file and log in ``folder``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._lock = folder / f"{name}.lock"
        self.log = folder / f"{name}.log"

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        try:
            with self._lock.open("rb") as stream:
                return not _try_lock(stream.fileno())
        except (FileNotFoundError, NotADirectoryError):
            return False

    @property
    def pid(self) -> int | None:
        """The process id, or None if the process is not running."""
        if not self.running:
            return None
        content = self._lock.read_text(encoding="ascii").strip()
        return int(content) if content.isdigit() else None

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> bool:
        """Start ``command`` detached; return False if a process is already running."""
        self._lock.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self._lock.open("a+b") as lock, self.log.open("ab") as log:
            if not _lock_with_retries(lock.fileno()):
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

    def stop(self, signal_number: signal.Signals, *, patience_seconds: float) -> bool:
        """Stop the process with the given signal, or with SIGKILL once ``patience_seconds`` are up.

        Returns:
            False if there was no process.
        """
        pid = self.pid
        if pid is None:
            return False
        for sent, patience in ((signal_number, patience_seconds), (signal.SIGKILL, 5.0)):
            with contextlib.suppress(ProcessLookupError):
                # SIGKILL goes to the whole process group: a child may also hold the lock.
                os.killpg(pid, sent) if sent is signal.SIGKILL else os.kill(pid, sent)
            deadline = time.monotonic() + patience
            while time.monotonic() < deadline:
                _reap(pid)
                if not self.running:
                    return True
                time.sleep(_POLL_SECONDS)
        return True

    def tail(self, lines: int = 5) -> str:
        """Return the last lines of the log."""
        try:
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])
        except FileNotFoundError:
            return ""


def _lock_with_retries(descriptor: int) -> bool:
    """Try to lock the file for ``_LOCK_SECONDS``, and return whether that succeeded."""
    deadline = time.monotonic() + _LOCK_SECONDS
    while not _try_lock(descriptor):
        if time.monotonic() > deadline:
            return False
        time.sleep(_LOCK_SECONDS / 10)
    return True


def _try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _reap(pid: int) -> None:
    """Collect the exit status of ``pid`` if it is a child of this process."""
    with contextlib.suppress(ChildProcessError):
        os.waitpid(pid, os.WNOHANG)
