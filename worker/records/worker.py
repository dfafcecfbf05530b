"""Workers that have shown themselves, and the chunks that they hold."""

from __future__ import annotations

from worker.records.job import JobId
from worker.records.result import Record

__all__ = [
    "WorkerPresence",
    "WorkerTask",
]


class WorkerTask(Record):
    """A chunk that a worker holds."""

    job: JobId
    chunk: int
    articles: int
    stage: str
    """The stage that was seen to begin last."""
    since: float
    """Unix time in seconds."""


class WorkerPresence(Record):
    """A worker that has shown itself in the last minutes."""

    name: str
    host: str
    pid: int
    started: float
    """Unix time in seconds."""
    done_chunks: int
    """Since it started."""
    idle_seconds: float = 0.0
    """Since it has shown itself last."""
    stale: bool = False
    """It was not seen for so long that it is taken for dead."""
    tasks: tuple[WorkerTask, ...] = ()
    """What it works on."""
