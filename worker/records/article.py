"""Articles as submitted, as processed and as collected."""

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
    "ProcessedArticle",
]

_LINE_BREAK = re.compile(r"\r\n|\r|\n")
_SAFE_STEM = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")


class ArticleState(StrEnum):
    """The state of an accepted article. The counts of all states add up to the job's total."""

    QUEUED = "queued"
    """Waiting for a worker."""
    RUNNING = "running"
    """In a chunk that a worker has leased."""
    DONE = "done"
    """Has a result, computed or found by digest."""
    FAILED = "failed"
    """Ended with a reason instead of a result."""
    CANCELLED = "cancelled"
    """Cancelled before it was processed."""


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
    """The record's own id, or one derived from the name of its file."""
    text: str
    title: str = ""
    """The headline, if the source gives it separately from the text."""
    format: ArticleFormat = ArticleFormat.TEXT
    source: str = ""
    """Human-readable origin, such as ``file`` or ``file:line``."""
    shared_lines: tuple[str, ...] = ()
    """Template lines that the article shares with others in its submit, sorted. Part of the input,
    because cleaning removes them (docs/decisions/019-shared-lines.md)."""

    @property
    def lines(self) -> list[str]:
        """The text's lines, stripped; blank lines included."""
        return [line.strip() for line in _LINE_BREAK.split(self.text.removeprefix("\ufeff"))]

    @property
    def content_digest(self) -> str:
        """SHA-256 of everything that can change the result: format, title, text and shared lines.

        An article that shares lines with others in its submit has a different digest from the same
        article submitted alone, because cleaning removes the shared lines.
        """
        parts = (self.format.value, self.title, self.text, *self.shared_lines)
        return hashlib.sha256("\x00".join(parts).encode("utf-8", "surrogatepass")).hexdigest()

    @property
    def file_stem(self) -> str:
        """File name for this article, without a suffix, that is safe in any folder.

        A plain id (``^[A-Za-z0-9._-]{1,64}$``, no leading dot) is used as it is; any other id is
        replaced by its hash.
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
    """An article's state in a job, and why it failed or was cancelled."""

    state: ArticleState
    cached: bool = False
    """Whether the result was found by digest instead of computed in this job."""
    reason: Reason | None = None
    """Why the article failed or was cancelled; None otherwise."""
    message: str = ""
    hint: str = ""
    attempts: int = 0
    """Number of attempts at the article's chunk, if the queue gave up on the article; else 0."""
    stage: str = ""
    """The last stage that was started, if the queue gave up on the article; else empty."""


class ProcessedArticle(Record):
    """The pipeline's outcome and result for one article."""

    outcome: Outcome
    result: Result | None = None


class CollectedArticle(Record):
    """An article with its outcome and result, for ``collect`` and ``show``."""

    article: Article
    outcome: Outcome
    result: Result | None = None
    """None unless the article is done."""
    result_is_lost: bool = False
    """Whether the article was done but the store no longer has its result."""


class DeadLetter(Record):
    """A failed article, as the dead-letter queue lists it."""

    article: str
    """The article's id."""
    source: str
    reason: Reason | None
    message: str
    hint: str
    attempts: int
    stage: str

    @classmethod
    def from_outcome(cls, article: Article, outcome: Outcome) -> DeadLetter:
        """Return the dead letter for a failed article."""
        fields = outcome.model_dump(include={"reason", "message", "hint", "attempts", "stage"})
        return cls(article=article.id, source=article.source, **fields)
