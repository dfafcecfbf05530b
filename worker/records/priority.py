"""The priority of a job: whose chunks workers take first. Imports nothing heavy."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Priority"]


class Priority(StrEnum):
    """In this order; within one, jobs take turns."""

    HIGH = "high"
    """Before all others."""
    NORMAL = "normal"
    LOW = "low"
    """When nothing else waits."""
