"""Records of a chunk in the queue: notification, claim, lease and cost."""

from __future__ import annotations

from enum import StrEnum

from worker.config.profile import Profile
from worker.records.article import Article
from worker.records.job import JobId
from worker.records.result import Record

__all__ = [
    "ChunkCost",
    "Claim",
    "LeaseState",
    "Notification",
    "SoloAttempt",
]


class Notification(Record):
    """A message to be sent: a chunk is waiting to be claimed."""

    job: JobId
    chunk: int
    lane: int
    """List of the queue for the message; workers take from list 0 first."""
    stamp_ms: int
    """When the ledger recorded it, in Unix milliseconds of the broker's clock."""


class Claim(Record):
    """A chunk that a task holds."""

    job: JobId
    chunk: int
    token: str
    """Fencing token; the ledger refuses records without the current one."""
    attempts: int
    """How often the chunk was claimed, including this time."""
    last_stage: str
    """The last stage that an earlier holder started; empty if there was none."""
    profile: Profile
    articles: tuple[Article, ...]


class LeaseState(StrEnum):
    """What a task learns when it renews its lease."""

    HELD = "held"
    """Continue."""
    LOST = "lost"
    """Another task has the chunk, or the job is gone: stop, nothing will be recorded."""
    CANCELLED = "cancelled"
    """The job was cancelled: stop, and record what is done."""


class ChunkCost(Record):
    """Time and tokens that a chunk took."""

    worker: str
    seconds: float
    """Wall-clock time."""
    engine_seconds: float = 0.0
    """Part of ``seconds`` inside the engine."""
    tokens_read: int = 0
    """Tokens of prompts and drafts that the engine read."""
    tokens_written: int = 0
    """Tokens that the engine wrote."""


class SoloAttempt(Record):
    """An attempt at a single article, after its chunk lost a worker or ran out of time."""

    number: int
    """From 1."""
    was_too_slow: bool
    """Whether an earlier attempt exceeded the time limit."""
