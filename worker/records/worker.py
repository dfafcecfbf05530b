"""Registered workers and the chunks that they hold."""

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
    """The last stage that was started."""
    since: float
    """When the worker claimed the chunk, as Unix time in seconds."""


class WorkerPresence(Record):
    """A worker that has sent a heartbeat in the last few minutes."""

    name: str
    host: str
    pid: int
    started: float
    """When the worker started, as Unix time in seconds."""
    done_chunks: int
    """Number of chunks finished since the worker started."""
    idle_seconds: float = 0.0
    """Seconds since the last heartbeat."""
    stale: bool = False
    """Whether the last heartbeat is so old that the worker counts as dead."""
    tasks: tuple[WorkerTask, ...] = ()
    """The chunks that the worker holds."""
