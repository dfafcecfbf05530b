"""``python -m tests.chaos.client``: the real ``copydesk``, which accepts a few articles at a time.

With windows of 2,048 articles a submit that is killed half-way would need thousands of them. It
also takes a moment between what is noted in the store and the message that is sent for it: the
worst one to be killed in.
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
    """One command, and exit with its code."""
    from cli.main import main as run  # noqa: PLC0415
    from worker.queue import intake as dispatch  # noqa: PLC0415

    send = dispatch.send

    def send_late(app: Celery, notifications: Sequence[Notification]) -> None:
        time.sleep(_SENDING_SECONDS)
        send(app, notifications)

    vars(dispatch).update(_WINDOW_ARTICLES=WINDOW_ARTICLES, send=send_late)
    run()


if __name__ == "__main__":
    main()
