"""Frozen wire types of what an article became: texts, edits, refusals, evidence, flags.

What a stage finds is one of these from the start. Knows no queue.
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
    """Base of every wire type: frozen, and an unknown field is an error."""

    # An error that quotes its input would carry an article's text into a log.
    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Removal(Record):
    """Page furniture that was taken out."""

    line: int
    """Line of the input text, from 1; 0 for HTML pages as a whole."""
    text: str
    reason: Reason


class WordChange(Record):
    """Words of a sentence that a model's proposal replaced; either side may be empty."""

    kind: str
    """Such as ``article_missing``; see ``worker.stages.repair.changes.Kind``."""
    before: str
    after: str
    scores: dict[str, float] = {}


class Edit(Record):
    """One change that was made to the text."""

    paragraph: int
    """Paragraph of the repaired text, from 0."""
    before: str
    after: str
    reason: Reason
    changes: tuple[WordChange, ...] = ()
    """Of a sentence that the model mended."""
    scores: dict[str, float] = {}


class Refusal(Record):
    """A proposal that was not used; the text stayed as it was."""

    stage: str
    """``repair``, ``summary`` or ``title``."""
    before: str
    """The sentence it was made for; empty where it is no repair."""
    proposal: str
    """The sentence as it would have been, with this change alone."""
    reason: Reason
    detail: str = ""
    """What the check saw, e.g. the number that differs."""
    kind: str = ""
    scores: dict[str, float] = {}


class Flag(Record):
    """Something an editor should look at."""

    reason: Reason
    text: str = ""
    words: tuple[str, ...] = ()


class EvidenceSentence(Record):
    """A sentence of the repaired article that carries a summary sentence."""

    index: int
    """Position among all sentences of the repaired article, from 0."""
    text: str


class SummarySentence(Record):
    """One sentence of the summary with what carries it."""

    sentence: str
    sentences: tuple[EvidenceSentence, ...]
    scores: dict[str, float] = {}


class Method(StrEnum):
    """How a summary came about."""

    WRITTEN = "written"
    """Every sentence is the model's, and passed every check."""
    MIXED = "mixed"
    """Some sentences are the model's, some the article's own."""
    EXTRACTIVE = "extractive"
    """The article's own sentences."""


class Result(Record):
    """What one article became. A pure function of article and profile, but for ``timings``."""

    title: str
    repaired: str
    """Paragraphs, with an empty line between two."""
    summary: str
    summary_title: str = ""
    """Empty where none stood up to the checks and the article has no headline."""
    method: Method
    evidence: tuple[SummarySentence, ...]
    edits: tuple[Edit, ...] = ()
    refused: tuple[Refusal, ...] = ()
    removed: tuple[Removal, ...] = ()
    flags: tuple[Flag, ...] = ()
    timings: dict[str, float] = {}
    """Seconds of the article's share of each stage."""
