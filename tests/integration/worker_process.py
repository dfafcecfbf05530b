"""A real Celery worker in its own process, with a rule-based engine."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from tests.support.fake_worker import GATE, Gate
from tests.support.waiting import wait_until
from worker.config.settings import Settings
from worker.queue.connection import broker_url
from worker.queue.store.jobs import JobStore

__all__ = ["WorkerProcess", "running_worker"]

_ROOT = Path(__file__).parents[2]

#: The worker imports Celery and the pipeline, which takes a while on a busy machine.
_START_SECONDS = 60.0

#: The worker finishes its chunk, which at most waits at the gate.
_STOP_SECONDS = 30.0


class WorkerProcess:
    """The worker's main process and its log."""

    def __init__(self, process: subprocess.Popen[bytes], log: Path, gate: Gate) -> None:
        self.process = process
        self.gate = gate
        self._log = log

    @property
    def log(self) -> str:
        """The log so far."""
        return self._log.read_text(errors="replace")

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        """Send the signal ``how``, wait for the end, and return the exit code."""
        self.process.send_signal(how)
        return self.process.wait(_STOP_SECONDS)

    def kill(self) -> None:
        """Kill it and its children at once, as a power failure does."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(_STOP_SECONDS)


@contextmanager
def running_worker(
    settings: Settings, store: JobStore, folder: Path, variables: Mapping[str, str] | None = None
) -> Iterator[WorkerProcess]:
    """Run a worker that has registered with the store; stop or kill it at the end.

    Args:
        settings: the broker, as the worker reaches it.
        store: the store in which it registers.
        folder: a folder for its gate and its log.
        variables: environment variables, added to the test's own.
    """
    gate, log = folder / "gate", folder / "worker.log"
    gate.mkdir(parents=True)
    environment = {
        **os.environ,
        "COPYDESK_HOME": str(settings.home),
        "COPYDESK_BROKER_URL": broker_url(settings),
        "PYTHONPATH": str(_ROOT),
        GATE: str(gate),
        **(variables or {}),
    }
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "tests.support.fake_worker"],
            cwd=folder,
            env=environment,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    worker = WorkerProcess(process, log, Gate(gate))
    try:
        wait_until(
            lambda: process.poll() is not None or _is_ready(store, process.pid),
            timeout=_START_SECONDS,
            description="a worker that has registered",
        )
        assert process.poll() is None, worker.log
        yield worker
    finally:
        worker.gate.open()
        if process.poll() is None:
            try:
                worker.stop()
            except subprocess.TimeoutExpired:
                worker.kill()


def _is_ready(store: JobStore, pid: int) -> bool:
    return any(worker.pid == pid for worker in store.roster.workers())
