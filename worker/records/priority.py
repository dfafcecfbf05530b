"""The priority of a job, and the lanes of the queue. Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["LANES", "Priority"]


class Priority(StrEnum):
    """Whose chunks workers take first. Jobs of one priority take turns."""

    HIGH = "high"
    """Before all others."""
    NORMAL = "normal"
    LOW = "low"
    """When nothing else waits."""


#: Lanes of the queue, taken first to last: two for each priority. The first of the two is the
#: express lane, for the first chunks of every job and for those that were given back.
LANES = 2 * len(Priority)
