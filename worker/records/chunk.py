"""Records about chunks in the queue: notifications, claims, leases and costs."""

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
    """A message to send to the workers: a chunk is waiting to be claimed."""

    job: JobId
    chunk: int
    lane: int
    """The queue lane for the message; workers serve lane 0 first."""
    stamp_ms: int
    """When the ledger recorded the notification, in Unix milliseconds by the broker's clock."""


class Claim(Record):
    """A chunk that a task holds."""

    job: JobId
    chunk: int
    token: str
    """Fencing token; the ledger refuses results that do not carry the chunk's current token."""
    attempts: int
    """How many times the chunk has been claimed, including this claim."""
    last_stage: str
    """The last stage that an earlier holder started; empty if there was none."""
    profile: Profile
    articles: tuple[Article, ...]


class LeaseState(StrEnum):
    """What a task learns when it renews its lease."""

    HELD = "held"
    """The task still holds the chunk: continue."""
    LOST = "lost"
    """Another task holds the chunk, or the job is gone: stop, because nothing will be recorded."""
    CANCELLED = "cancelled"
    """The job was cancelled: stop, and record what is done."""


class ChunkCost(Record):
    """Time and tokens spent on a chunk."""

    worker: str
    seconds: float
    """Wall-clock time."""
    engine_seconds: float = 0.0
    """The part of ``seconds`` spent inside the engine."""
    tokens_read: int = 0
    """Prompt and draft tokens that the engine read."""
    tokens_written: int = 0
    """Tokens that the engine wrote."""


class SoloAttempt(Record):
    """An attempt at a single article, after its chunk lost a worker or ran out of time."""

    number: int
    """The attempt's number, from 1."""
    was_too_slow: bool
    """Whether an earlier attempt exceeded the time limit."""
