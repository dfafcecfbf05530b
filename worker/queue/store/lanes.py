"""Decides which lane of the queue a chunk takes: two lanes per priority, the express one first."""

from __future__ import annotations

from worker.records.priority import Priority

__all__ = ["lane_of"]

#: The first chunks of every job take the express lane of its priority: a job of up to 64 articles
#: never waits behind the bulk of a larger one.
_EXPRESS_CHUNKS = 4

_PRIORITIES = tuple(Priority)


def lane_of(priority: Priority, number: int) -> int:
    """Return the lane of a job's chunk ``number``."""
    return 2 * _PRIORITIES.index(priority) + (number >= _EXPRESS_CHUNKS)
