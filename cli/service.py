"""Starts and stops the embedded broker and background worker for ``up``, ``down`` and ``run``."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from cli.output.report import talk
from worker.errors import CopydeskError, EngineError
from worker.runtime.daemon import Daemon

if TYPE_CHECKING:
    from worker.config.settings import Settings

__all__ = ["WORKER_COMMAND", "Service", "worker_environment"]

#: ``-P`` keeps the current folder from shadowing the program's own packages.
WORKER_COMMAND = (sys.executable, "-P", "-m", "worker")

#: Maximum wait for a worker to start. Imports and model take about 20 s from a cold disk; the rest
#: is for slow laptops.
_START_SECONDS = 120.0

#: Maximum wait for a worker to stop. If a chunk is running, Celery always waits 30 s
#: (``worker_soft_shutdown_timeout`` in worker/queue/celery_app.py); an idle worker stops at once.
_STOP_SECONDS = 45.0


class Service:
    """The broker and the worker of one home folder."""

    def __init__(self, settings: Settings) -> None:
        from worker.runtime.embedded_valkey import EmbeddedBroker

        self._settings = settings
        self._broker = EmbeddedBroker(settings.home)
        self._worker = Daemon(settings.home.expanduser().absolute() / "worker", "worker")

    @property
    def embedded(self) -> bool:
        """Whether the broker is the embedded one, which this class starts and stops."""
        return not self._settings.broker_url

    @property
    def worker_log(self) -> str:
        """Path of the background worker's log."""
        return str(self._worker.log)

    def check_model(self) -> None:
        """Check that the profile's model is on this machine.

        Raises:
            ModelMissingError: the model is missing.
        """
        from worker.config.settings import load_profile
        from worker.config.weights import locate

        locate(load_profile(self._settings).model, self._settings.home)

    def check_memory(self) -> str:
        """Return how much memory there is and how much the profile's model needs.

        A background worker that runs has taken its memory already, so then all of it counts.

        Raises:
            CopydeskError: ``memory_low``.
        """
        from worker.config.memory import machine_memory, needed_bytes
        from worker.config.settings import load_profile

        profile, memory = load_profile(self._settings), machine_memory()
        running = self._worker.running
        usable = memory.total if running else memory.available
        finding = f"{usable / 1e9:.1f} GB {'in all' if running else 'free'}"
        needed = needed_bytes(profile.model)
        if needed is None:
            return finding
        finding += f"; {profile.model.name} in {profile.model.dtype} needs {needed / 1e9:.1f} GB"
        if usable < needed:
            ways = ["close other programs", "raise the container's limit"]
            if profile.name != "small":
                ways.append("set COPYDESK_PROFILE=small")
            raise CopydeskError(finding, code="memory_low", hint=", or ".join(ways))
        return finding

    def warn_of_low_memory(self) -> None:
        """Say on stderr if the profile's model needs more memory than there is."""
        try:
            self.check_memory()
        except CopydeskError as error:
            talk(f"warning: {error.message} [{error.code}]")
            talk(f"hint: {error.hint}")

    def start_broker(self) -> bool:
        """Start the embedded broker; return False if it is already running or not embedded."""
        return self.embedded and self._broker.start(self._settings.broker_memory_mb)

    def start_worker(self) -> bool:
        """Start the background worker; return False if it is already running."""
        if not self._worker.running:
            self.warn_of_low_memory()
        return self._worker.start(WORKER_COMMAND, worker_environment(self._settings))

    def wait_for_worker(self) -> None:
        """Wait until a worker has registered with the store.

        Raises:
            EngineError: ``worker_start_failed``, with the end of the worker's log.
        """
        from worker.queue.connection import open_store

        deadline = time.monotonic() + _START_SECONDS
        with open_store(self._settings) as store:
            while time.monotonic() < deadline and self._worker.running:
                if store.roster.count_live_workers():
                    return
                time.sleep(0.1)
        raise EngineError(
            f"the worker did not start:\n{self._worker.tail()}",
            code="worker_start_failed",
            hint=f"its log is {self._worker.log}",
        )

    def check_worker(self) -> None:
        """Check that the background worker is alive.

        Raises:
            EngineError: ``worker_died``, with the end of the worker's log.
        """
        if not self._worker.running:
            raise EngineError(
                f"the worker is gone:\n{self._worker.tail()}",
                code="worker_died",
                hint=f"its log is {self.worker_log}; the job is kept: copydesk up goes on with it",
            )

    def stop_worker(self) -> bool:
        """Stop the background worker; its chunk finishes within 30 s or goes back to the queue."""
        return self._worker.stop(signal.SIGQUIT, patience_seconds=_STOP_SECONDS)

    def stop_broker(self) -> bool:
        """Stop the embedded broker; its data stays on disk."""
        return self.embedded and self._broker.stop()


def worker_environment(settings: Settings) -> dict[str, str]:
    """Return a worker's environment: the caller's, with absolute paths in its settings."""
    settings_in_force = {
        "COPYDESK_HOME": str(settings.home.expanduser().absolute()),
        "COPYDESK_CONFIGS": str(settings.configs.expanduser().absolute()),
        "COPYDESK_PROFILE": settings.profile,
    }
    return {**os.environ, **settings_in_force}
