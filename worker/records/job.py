"""Job ids and job counters."""

from __future__ import annotations

from typing import NewType

from worker.config.restraint import Restraint
from worker.records.priority import Priority
from worker.records.reason import Reason
from worker.records.result import Record

__all__ = [
    "JobId",
    "JobProgress",
]

JobId = NewType("JobId", str)


class JobProgress(Record):
    """A snapshot of a job's counters, read in one step."""

    id: JobId
    profile: str
    restraint: Restraint
    priority: Priority
    created: float
    """Unix time in seconds."""
    deadline: float | None
    """Unix time in seconds after which unfinished articles are cancelled."""
    closed: bool
    """Whether submit has delivered all of the job's articles."""
    cancel: Reason | None
    """Why the job was cancelled; None if it was not."""
    total: int
    queued: int
    running: int
    done: int
    failed: int
    cancelled: int
    cached: int
    """Number of ``done`` articles whose result was found by digest."""
    refused: int
    """Inputs that submit refused; not part of ``total``."""

    @property
    def finished(self) -> bool:
        """Whether the job is closed or cancelled, with no article queued or running."""
        ended = self.closed or self.cancel is not None
        return ended and self.queued + self.running == 0
