"""The reconciler: finds chunks that dead workers left behind, and notifies workers of them again.

The main process of every worker and every ``copydesk watch`` takes a step every two seconds. Only
the current leader's steps do anything. A repeated step or notification does no harm, because the
ledger grants a chunk to one task at a time.
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

#: Time between two steps. While the leader is alive, a lost chunk waits at most this long after its
#: lease expires.
STEP_SECONDS = 2.0


def reconcile(store: JobStore, app: Celery, name: str) -> list[Notification]:
    """Take one step if ``name`` leads, and return the notifications that were sent.

    A step releases the chunks of expired leases, finds the chunks whose message was lost, fills the
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
        # The job has ended or expired; the cancel script has already dropped its deadline.
        return
