"""Frozen wire types for an article's result: texts, edits, refusals, evidence and flags.

The stages create these directly. Does not depend on the queue.
"""

from __future__ import annotations

from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from worker.records.reason import Reason

__all__ = [
    "Edit",
    "EvidenceSentence",
    "Flag",
    "Method",
    "Record",
    "Refusal",
    "Removal",
    "Result",
    "SummarySentence",
    "WordChange",
]


class Record(BaseModel):
    """Base class of every wire type: frozen, and strict about unknown fields."""

    # An error that quoted its input would put article text into a log.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Removal(Record):
    """Page furniture that was removed."""

    line: int
    """Line number in the input text, from 1; 0 for the title and for HTML pages."""
    text: str
    reason: Reason


class WordChange(Record):
    """Words of a sentence that the model's proposal replaces; either side may be empty."""

    kind: str
    """For example ``article_missing``; see ``worker.stages.repair.changes.ChangeKind``."""
    before: str
    after: str
    scores: dict[str, float] = {}


class Edit(Record):
    """One change to the text."""

    paragraph: int
    """Index of the paragraph in the repaired text, from 0."""
    before: str
    after: str
    reason: Reason
    changes: tuple[WordChange, ...] = ()
    """The changed words, if the model repaired the sentence."""
    scores: dict[str, float] = {}


class Refusal(Record):
    """A proposal that was not used; the text stayed unchanged."""

    stage: str
    """``repair``, ``summary`` or ``title``."""
    before: str
    """The sentence to be repaired; empty for a summary or title."""
    proposal: str
    """The proposed text; for a single change, the sentence with only this change."""
    reason: Reason
    detail: str = ""
    """What the check found, such as the number that differs."""
    kind: str = ""
    scores: dict[str, float] = {}


class Flag(Record):
    """Something an editor should look at."""

    reason: Reason
    text: str = ""
    words: tuple[str, ...] = ()


class EvidenceSentence(Record):
    """A sentence of the repaired article that supports a summary sentence."""

    index: int
    """Position among all sentences of the repaired article, from 0."""
    text: str


class SummarySentence(Record):
    """A summary sentence with its evidence."""

    sentence: str
    sentences: tuple[EvidenceSentence, ...]
    scores: dict[str, float] = {}


class Method(StrEnum):
    """How a summary was made."""

    WRITTEN = "written"
    """The model wrote every sentence, and each passed every check."""
    MIXED = "mixed"
    """The model wrote some sentences; the others are the article's own."""
    EXTRACTIVE = "extractive"
    """All sentences are the article's own."""


class Result(Record):
    """An article's result: a pure function of article and profile, except for ``timings``."""

    title: str
    repaired: str
    """Paragraphs, separated by empty lines."""
    summary: str
    summary_title: str = ""
    """Empty if no title passed the checks and the article has no headline."""
    method: Method
    evidence: tuple[SummarySentence, ...]
    edits: tuple[Edit, ...] = ()
    refused: tuple[Refusal, ...] = ()
    removed: tuple[Removal, ...] = ()
    flags: tuple[Flag, ...] = ()
    timings: dict[str, float] = {}
    """The article's share of each stage's time, in seconds."""
