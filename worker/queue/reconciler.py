"""The reconciler: finds what a death has left behind, and notifies workers of it again.

One leads at a time, for a few seconds from its last step: every worker's main process and every
``copydesk watch`` makes a step every two seconds, and most find that another leads. A step that is
made twice, or a notification that is sent twice, does no harm: the ledger grants a chunk once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.errors import JobNotFoundError, JobStateError
from worker.queue.celery_app import QUEUE
from worker.queue.intake import send
from worker.records.reason import Reason

if TYPE_CHECKING:
    from celery import Celery

    from worker.queue.store.jobs import JobStore
    from worker.records.chunk import Notification
    from worker.records.job import JobId

__all__ = ["STEP_SECONDS", "reconcile"]

#: Between two steps. A lost chunk waits this long at most, on top of its lease.
STEP_SECONDS = 2.0


def reconcile(store: JobStore, app: Celery, name: str) -> list[Notification]:
    """One step, if ``name`` leads; returns the notifications it has sent.

    Gives back the chunks of expired leases, finds the chunks whose message was lost, fills the
    windows of jobs that wait, and cancels what is past its deadline.

    Raises:
        BrokerUnavailableError: messages could not be sent; a later step will.
        redis.RedisError: the store does not answer, or may not be written to.
    """
    ledger = store.ledger
    if not ledger.try_lead(name):
        return []
    for job in ledger.overdue_jobs():
        _end(store, job)
    notifications = [*ledger.release_expired(), *ledger.lost_notifications(QUEUE)]
    for job in ledger.active_jobs():
        notifications += ledger.notify_next(job)
    send(app, notifications)
    return notifications


def _end(store: JobStore, job: JobId) -> None:
    try:
        store.cancel(job, Reason.DEADLINE)
    except (JobNotFoundError, JobStateError):
        # It has ended before its deadline, or expired: cancel has dropped the deadline itself.
        return
