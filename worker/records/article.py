"""Articles: as they come in, as they end, and as they are collected."""

from __future__ import annotations

import hashlib
import re
from enum import StrEnum
from typing import Annotated

from pydantic import StringConstraints

from worker.records.reason import Reason
from worker.records.result import Record, Result

__all__ = [
    "ACTIVE_STATES",
    "TERMINAL_STATES",
    "Article",
    "ArticleFormat",
    "ArticleState",
    "CollectedArticle",
    "DeadLetter",
    "InputRefusal",
    "Outcome",
    "Processed",
]

_LINE_BREAK = re.compile(r"\r\n|\r|\n")


_SAFE_STEM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


class ArticleState(StrEnum):
    """Where an accepted article is. The five counts always sum to the job's total."""

    QUEUED = "queued"
    """Waiting for a worker."""
    RUNNING = "running"
    """In a chunk that a worker holds a lease on."""
    DONE = "done"
    """Has a result (computed, or found again by digest)."""
    FAILED = "failed"
    """Ended without a result, with a reason."""
    CANCELLED = "cancelled"
    """Taken back before it was worked on."""


ACTIVE_STATES = frozenset({ArticleState.QUEUED, ArticleState.RUNNING})


TERMINAL_STATES = frozenset({ArticleState.DONE, ArticleState.FAILED, ArticleState.CANCELLED})


class ArticleFormat(StrEnum):
    """How an article's text is marked up."""

    TEXT = "text"
    MARKDOWN = "markdown"
    HTML = "html"


class Article(Record):
    """One input document."""

    id: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    """The user's own id, as it was given."""
    text: str
    title: str = ""
    """The headline where the source gives one; empty where the text may begin with it."""
    format: ArticleFormat = ArticleFormat.TEXT
    source: str = ""
    """Where it came from, for people: ``file`` or ``file:line``."""
    shared_lines: tuple[str, ...] = ()
    """Those of its lines that many articles have that came in with it, see
    ``worker.stages.clean.shared_lines``."""

    @property
    def lines(self) -> list[str]:
        """The text's lines without the space around them, blank ones too."""
        return [line.strip() for line in _LINE_BREAK.split(self.text.removeprefix("\ufeff"))]

    @property
    def content_digest(self) -> str:
        """SHA-256 over all that can change the result: title, format, text and shared lines."""
        parts = (self.format.value, self.title, self.text, *self.shared_lines)
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def file_stem(self) -> str:
        """A name for this article's files that is safe in any folder.

        The id where it is plain (``^[A-Za-z0-9._-]{1,64}$``, no leading dot), else a hash of it.
        """
        if _SAFE_STEM.fullmatch(self.id):
            return self.id
        return "id-" + hashlib.sha256(self.id.encode("utf-8", "surrogatepass")).hexdigest()[:16]


class InputRefusal(Record):
    """An input that was not accepted as an article, and why."""

    reason: Reason
    source: str
    """``file`` or ``file:line``."""
    message: str
    hint: str = ""


class Outcome(Record):
    """How an article ended in a job."""

    state: ArticleState
    cached: bool = False
    """The result was found by digest, not computed in this job."""
    reason: Reason | None = None
    """Why it failed or was cancelled; ``None`` unless it was."""
    message: str = ""
    hint: str = ""
    attempts: int = 0
    """How often its chunk was begun, where it is a failure of the queue's."""
    stage: str = ""
    """The last stage that was seen to begin, where it is a failure of the queue's."""


class Processed(Record):
    """What the pipeline made of one article."""

    outcome: Outcome
    result: Result | None = None


class CollectedArticle(Record):
    """An article of a job as ``collect`` and ``show`` see it."""

    article: Article
    outcome: Outcome
    result: Result | None = None
    """``None`` unless the article is done."""
    result_is_lost: bool = False
    """It was done, and the store has its result no more."""


class DeadLetter(Record):
    """An article that ended as failed."""

    article: str
    """Its id."""
    source: str
    reason: Reason | None
    message: str
    hint: str
    attempts: int
    stage: str

    @classmethod
    def of(cls, article: Article, outcome: Outcome) -> DeadLetter:
        """The letter of an article with its outcome."""
        said = outcome.model_dump(include={"reason", "message", "hint", "attempts", "stage"})
        return cls(article=article.id, source=article.source, **said)
