"""``python -m worker``: one Celery worker in the foreground."""

from __future__ import annotations

import os
import socket

from worker.process.log import configure_logging
from worker.queue.tasks import app, leave

__all__: list[str] = []


def main() -> None:
    """Run until a signal says stop."""
    configure_logging()
    name = f"copydesk-{os.getpid()}@{socket.gethostname()}"
    try:
        # Gossip and mingle are chatter between workers that nothing here listens to.
        app.worker_main(
            [
                *("--quiet", "worker", "--without-gossip", "--without-mingle"),
                *("--loglevel=INFO", f"--hostname={name}"),
            ]
        )
    finally:
        leave(name)


if __name__ == "__main__":
    main()
