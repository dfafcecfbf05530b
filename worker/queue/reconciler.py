"""The reconciler: find chunks that dead workers left behind, and notify workers of them again.

Every worker's main process and every ``copydesk watch`` takes a step every two seconds. The leader
of the last few seconds works; the others do nothing. A step or a notification that comes twice does
no harm: the ledger grants a chunk once.
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

#: Time between two steps, which a lost chunk waits at most after its lease.
STEP_SECONDS = 2.0


def reconcile(store: JobStore, app: Celery, name: str) -> list[Notification]:
    """Take one step if ``name`` leads, and return the notifications it has sent.

    Releases the chunks of expired leases, finds the chunks whose message was lost, fills the
    windows of waiting jobs, and cancels jobs past their deadline.

    Raises:
        BrokerUnavailableError: messages could not be sent; a later step sends them.
        redis.RedisError: the store does not answer, or refuses writes.
    """
    ledger = store.ledger
    if not ledger.try_lead(name):
        return []
    for job in ledger.overdue_jobs():
        _cancel_overdue(store, job)
    notifications = [*ledger.release_expired(), *ledger.lost_notifications(QUEUE)]
    for job in ledger.active_jobs():
        notifications += ledger.notify_next(job)
    send(app, notifications)
    return notifications


def _cancel_overdue(store: JobStore, job: JobId) -> None:
    try:
        store.cancel(job, Reason.DEADLINE)
    except (JobNotFoundError, JobStateError):
        # The job has ended or expired, and cancel itself has dropped the deadline.
        return
