"""A chunk on its way through the queue: notification, claim, lease and cost."""

from __future__ import annotations

from enum import StrEnum

from worker.config.profile import Profile
from worker.records.article import Article
from worker.records.job import JobId
from worker.records.result import Record

__all__ = [
    "Claim",
    "LeaseState",
    "Notification",
    "SoloAttempt",
    "Tally",
]


class Notification(Record):
    """A message that is to be sent: there is a chunk to be claimed."""

    job: JobId
    chunk: int
    lane: int
    """Which list of the queue it goes into, 0 is taken first."""
    stamp_ms: int
    """When the ledger noted it, in Unix milliseconds of the broker's clock."""


class Claim(Record):
    """A chunk that one task holds."""

    job: JobId
    chunk: int
    token: str
    """Fencing token: what is recorded without the current one is refused."""
    attempts: int
    """How often the chunk was claimed, this time included."""
    last_stage: str
    """The stage that an earlier holder had begun last; empty where there was none."""
    profile: Profile
    articles: tuple[Article, ...]


class LeaseState(StrEnum):
    """What a holder learns when it renews its lease."""

    HELD = "held"
    """Go on."""
    LOST = "lost"
    """Another task has the chunk, or its job is gone: stop, nothing will be recorded."""
    CANCELLED = "cancelled"
    """The job was taken back: stop, and record what is done."""


class Tally(Record):
    """What the work on a chunk took."""

    worker: str
    seconds: float
    """On the wall."""
    engine_seconds: float = 0.0
    """Of those, the seconds inside the engine."""
    tokens_read: int = 0
    """Tokens of prompts and drafts that the engine read."""
    tokens_written: int = 0
    """Tokens that the engine wrote."""


class SoloAttempt(Record):
    """A time that an article was worked on alone, after its chunk had lost a worker or its time."""

    number: int
    """From 1."""
    was_too_slow: bool
    """An earlier trial went over the time limit."""
