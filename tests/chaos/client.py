"""``python -m tests.chaos.client``: the real ``copydesk``, with small windows of articles.

With the real windows of 2,048 articles, a submit that is killed half-way would need thousands. It
also pauses between noting a notification in the store and sending it: the worst moment for a kill.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from celery import Celery

    from worker.records.chunk import Notification

__all__ = ["WINDOW_ARTICLES", "main"]

WINDOW_ARTICLES = 8

_SENDING_SECONDS = 0.04


def main() -> None:
    """Run a command, and exit with its code."""
    from cli.main import main as run  # noqa: PLC0415
    from worker.queue import intake  # noqa: PLC0415

    send = intake.send

    def send_late(app: Celery, notifications: Sequence[Notification]) -> None:
        time.sleep(_SENDING_SECONDS)
        send(app, notifications)

    vars(intake).update(_WINDOW_ARTICLES=WINDOW_ARTICLES, send=send_late)
    run()


if __name__ == "__main__":
    main()
