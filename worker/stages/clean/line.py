"""A numbered article line, and helpers that remove lines."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from worker.english.sentence_end import ends_sentence, trails_off
from worker.records.reason import Reason
from worker.records.result import Removal

__all__ = ["TIME_STAMP", "Line", "alphanumerics", "drop_lines", "is_sentence"]

TIME_STAMP = re.compile(r"\W{0,3}[0-2]?\d[:.][0-5]\d\b")


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text and its line number in the article.

    The number is 0 for the title and for lines from HTML.
    """

    number: int
    text: str

    def removed(self, reason: Reason, text: str | None = None) -> Removal:
        """Return the removal of this line, or only of ``text`` within it."""
        return Removal(line=self.number, text=self.text if text is None else text, reason=reason)


def drop_lines(
    lines: Sequence[Line], reasons: Sequence[Reason | None], removals: list[Removal]
) -> list[Line]:
    """Return the lines without a reason; add the removed lines to ``removals``."""
    pairs = list(zip(lines, reasons, strict=True))
    removals.extend(line.removed(reason) for line, reason in pairs if reason)
    return [line for line, reason in pairs if not reason]


def is_sentence(text: str) -> bool:
    """Return whether a line ends like a sentence; a line that trails off may be a teaser."""
    return ends_sentence(text) and not trails_off(text)


def alphanumerics(text: str) -> str:
    """Return the letters and digits of ``text``, which typography and markup do not change."""
    return "".join(filter(str.isalnum, text))
