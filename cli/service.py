"""The embedded broker and the background worker as ``up``, ``down`` and ``run`` need them."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING

from worker.errors import EngineError
from worker.process.daemon import Daemon

if TYPE_CHECKING:
    from worker.config.settings import Settings

__all__ = ["WORKER_COMMAND", "Service", "worker_environment"]

#: ``-P``: the folder where the user stands must not shadow the program's own packages.
WORKER_COMMAND = (sys.executable, "-P", "-m", "worker")

#: From a cold disk the imports and the model take about 20 s; a slow laptop gets time.
_START_SECONDS = 120.0

#: A worker that is told to go gets 30 s for its chunk, then gives it back to the queue
#: (``worker_soft_shutdown_timeout`` in worker/queue/celery_app.py). Celery sleeps all of them when
#: a chunk is
#: in hand, also when that is done after one; an idle worker goes at once.
_STOP_SECONDS = 45.0


class Service:
    """Broker and worker of one home folder."""

    def __init__(self, settings: Settings) -> None:
        from worker.process.embedded_valkey import EmbeddedBroker

        self._settings = settings
        self._broker = EmbeddedBroker(settings.home)
        self._worker = Daemon(settings.home.expanduser().absolute() / "worker", "worker")

    @property
    def embedded(self) -> bool:
        """Whether the broker is ours to start and stop."""
        return not self._settings.broker_url

    @property
    def worker_log(self) -> str:
        """Path of the background worker's log."""
        return str(self._worker.log)

    def check_model(self) -> None:
        """See that the profile's model is here, before anything is started.

        Raises:
            ModelMissingError: it is not.
        """
        from worker.config.settings import load_profile
        from worker.config.weights import locate

        locate(load_profile(self._settings).model, self._settings.home)

    def start_broker(self) -> bool:
        """Start the embedded broker; ``False`` when it runs already or is not ours."""
        return self.embedded and self._broker.start(self._settings.broker_memory_mb)

    def start_worker(self) -> bool:
        """Start the background worker; ``False`` when it runs already."""
        return self._worker.start(WORKER_COMMAND, worker_environment(self._settings))

    def wait_for_worker(self) -> None:
        """Wait until a worker has shown itself to the store.

        Raises:
            EngineError: ``worker_start_failed``, with the end of its log.
        """
        from worker.queue.connection import open_store

        end = time.monotonic() + _START_SECONDS
        with open_store(self._settings) as store:
            while time.monotonic() < end and self._worker.running:
                if store.roster.count_live_workers():
                    return
                time.sleep(0.1)
        raise EngineError(
            f"the worker did not start:\n{self._worker.tail()}",
            code="worker_start_failed",
            hint=f"its log is {self._worker.log}",
        )

    def check_worker(self) -> None:
        """See that the background worker lives.

        Raises:
            EngineError: ``worker_died``, with the end of its log.
        """
        if not self._worker.running:
            raise EngineError(
                f"the worker is gone:\n{self._worker.tail()}",
                code="worker_died",
                hint=f"its log is {self.worker_log}; the job is kept: copydesk up goes on with it",
            )

    def stop_worker(self) -> bool:
        """Stop the background worker; its chunk is finished within 30 s or goes back."""
        return self._worker.stop(signal.SIGQUIT, patience_seconds=_STOP_SECONDS)

    def stop_broker(self) -> bool:
        """Stop the embedded broker; its data stays on disk."""
        return self.embedded and self._broker.stop()


def worker_environment(settings: Settings) -> dict[str, str]:
    """The environment of a worker: the caller's, with the settings in force made absolute."""
    said = {
        "COPYDESK_HOME": str(settings.home.expanduser().absolute()),
        "COPYDESK_CONFIGS": str(settings.configs.expanduser().absolute()),
        "COPYDESK_PROFILE": settings.profile,
    }
    return {**os.environ, **said}
