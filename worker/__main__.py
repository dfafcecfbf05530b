"""``python -m worker``: one Celery worker in the foreground."""

from __future__ import annotations

import os

from worker.tasks import app

__all__: list[str] = []


def main() -> None:
    """Run until a signal says stop."""
    name = f"copydesk-{os.getpid()}@%h"
    # Gossip and mingle are chatter between workers that nothing here listens to.
    app.worker_main(
        ["worker", "--without-gossip", "--without-mingle", "--loglevel=INFO", f"--hostname={name}"]
    )


if __name__ == "__main__":
    main()
