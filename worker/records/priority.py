"""Job priorities and queue lanes."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LANE_COUNT", "Priority"]


class Priority(StrEnum):
    """Order in which workers take chunks. Jobs of equal priority take turns."""

    HIGH = "high"
    """Before all other jobs."""
    NORMAL = "normal"
    LOW = "low"
    """Only when no other job is waiting."""


#: Number of queue lanes, served in order: two per priority. The first lane of each pair is the
#: express lane, for the first chunks of every job and for chunks that were released.
LANE_COUNT = 2 * len(Priority)
