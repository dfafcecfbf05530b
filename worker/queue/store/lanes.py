"""Assigns chunks to queue lanes: two lanes per priority, the express lane first."""

from __future__ import annotations

from worker.records.priority import Priority

__all__ = ["lane_of"]

#: The first chunks of every job, up to this number, take the express lane of its priority: a job of
#: up to 64 articles never waits behind the bulk of a larger job.
_EXPRESS_CHUNKS = 4

_PRIORITIES = tuple(Priority)


def lane_of(priority: Priority, number: int) -> int:
    """Return the lane of chunk ``number`` in a job with this priority."""
    return 2 * _PRIORITIES.index(priority) + (number >= _EXPRESS_CHUNKS)
