"""Find leaked keys: every key needs a time to live, or an owner that deletes it."""

from __future__ import annotations

from typing import Any

import redis

from worker.queue.store.keys import Key
from worker.records.priority import LANE_COUNT

__all__ = ["leaked_keys"]

#: Keys without a time to live, and what keeps them small.
_OWNED = {
    b"cd:jobs": "JobStore.create drops jobs past their time to live",
    b"cd:active": "notify_next drops jobs that have nothing left to notify, or have expired",
    b"cd:deadlines": "cancel drops the deadline, as the reconciler does when it is over",
    b"cd:leases": "complete and release drop the lease of their chunk",
    b"cd:workers": "record_presence drops the long gone, forget_worker the one that ends",
    b"cd:stats": "a few dozen counters",
    **{
        Key.notified(n).encode(): "claim drops its chunk, lost_notifications what is gone"
        for n in range(LANE_COUNT)
    },
}

#: Prefix of Celery's keys: queue, bindings, unacknowledged messages.
_CELERY = b"cd:mq:"


def leaked_keys(client: redis.Redis) -> list[str]:
    """Return the keys that have neither a time to live nor an owner, sorted."""
    untyped: Any = client
    return sorted(
        key.decode()
        for key in untyped.scan_iter()
        if untyped.ttl(key) == -1 and key not in _OWNED and not key.startswith(_CELERY)
    )
