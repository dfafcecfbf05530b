"""Sentence ends: the marks that end a sentence, and the closing marks that may follow them."""

from __future__ import annotations

import re

__all__ = [
    "CLOSING_MARKS",
    "END_MARKS",
    "SENTENCE_END",
    "ends_sentence",
    "ends_statement",
    "strip_closing_marks",
    "trails_off",
]

END_MARKS = (".", "!", "?")

#: Quotes, brackets and Markdown emphasis that may follow an end mark.
CLOSING_MARKS = "\"'\u201d\u2019\u00bb)]}*_"

#: Pattern for an end mark and its closing marks, for use inside larger expressions.
SENTENCE_END = rf"[.!?][{re.escape(CLOSING_MARKS)}]*"


def strip_closing_marks(text: str) -> str:
    """Return ``text`` without the closing marks and spaces at its end."""
    return text.rstrip(CLOSING_MARKS + " ")


def ends_sentence(text: str) -> bool:
    """Return whether ``text`` ends with a sentence-ending mark; an ellipsis counts as one."""
    return strip_closing_marks(text).endswith(END_MARKS)


def ends_statement(text: str) -> bool:
    """Return whether ``text`` ends with a full stop that is not part of an ellipsis."""
    return strip_closing_marks(text).endswith(".") and not trails_off(text)


def trails_off(text: str) -> bool:
    """Return whether ``text`` ends with an ellipsis ("...", "..?")."""
    return strip_closing_marks(text)[-3:-1] == ".."
