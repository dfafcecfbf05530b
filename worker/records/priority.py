"""The priority of a job, and the lanes of the queue."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LANE_COUNT", "Priority"]


class Priority(StrEnum):
    """Order in which workers take chunks. Jobs of equal priority take turns."""

    HIGH = "high"
    """Before all others."""
    NORMAL = "normal"
    LOW = "low"
    """When nothing else is waiting."""


#: Lanes of the queue, served in order: two for each priority. The first of the two is the express
#: lane, for the first chunks of every job and for chunks that were given back.
LANE_COUNT = 2 * len(Priority)
