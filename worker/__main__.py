"""``python -m worker`` runs one Celery worker in the foreground."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from worker.config.settings import load_settings
from worker.queue.tasks import build_worker
from worker.runtime.log import configure_logging

if TYPE_CHECKING:
    from worker.queue.tasks import WorkerApp

__all__ = ["main", "run"]


def main() -> None:
    """Run a worker with this installation's settings until a signal stops it."""
    run(build_worker(load_settings()))


def run(worker: WorkerApp) -> None:
    """Run ``worker`` until a signal stops it, then sign it off."""
    configure_logging()
    name = f"copydesk-{os.getpid()}@{socket.gethostname()}"
    try:
        # Nothing here uses the events that gossip and mingle exchange between workers.
        worker.app.worker_main(
            [
                *("--quiet", "worker", "--without-gossip", "--without-mingle"),
                *("--loglevel=INFO", f"--hostname={name}"),
            ]
        )
    finally:
        worker.sign_off(name)


if __name__ == "__main__":
    main()
