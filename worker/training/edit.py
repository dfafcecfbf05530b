"""What one version of a sentence words differently from another, edit by edit.

Knows words and their places; what an edit is worth is for `worker.training.pair` to say.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import NamedTuple

from worker.facts import fold

__all__ = ["Edit", "apply_edits", "edit_rate", "find_edits"]

_WORD = re.compile(r"[^\W_]+(?:['\u2019&.,:/-][^\W_]+)*|\S")


class Edit(NamedTuple):
    """A place in a text and what stands there instead."""

    start: int
    end: int
    text: str
    """With the space around it, so that any edit is a plain replacement of characters."""
    key: tuple[int, int, tuple[str, ...]]
    """Equal for the edits of two versions that differ in case and typography alone."""


class _Words:
    def __init__(self, text: str) -> None:
        found = list(_WORD.finditer(text))
        self.text = text
        self.keys = [fold(match[0]).lower() for match in found]
        self.starts = [match.start() for match in found]
        self.ends = [match.end() for match in found]

    def gap(self, start: int, end: int) -> tuple[int, int]:
        """Characters from behind the word before ``start`` to the word at ``end``."""
        after = self.starts[end] if end < len(self.starts) else len(self.text)
        return (self.ends[start - 1] if start else 0), after


def find_edits(source: str, version: str) -> list[Edit]:
    """The edits that turn ``source`` into ``version``, but for case, typography and punctuation.

    An edit of marks alone is none: versions differ in commas by taste.
    """
    before, after = _Words(source), _Words(version)
    matcher = SequenceMatcher(None, before.keys, after.keys, autojunk=False)
    edits: list[Edit] = []
    for kind, low, high, new_low, new_high in matcher.get_opcodes():
        if kind == "equal":
            continue
        keys = tuple(after.keys[new_low:new_high])
        if not any(key[:1].isalnum() for key in (*before.keys[low:high], *keys)):
            continue
        start, end = before.gap(low, high)
        first, last = after.gap(new_low, new_high)
        edits.append(Edit(start, end, _styled(version[first:last], source), (low, high, keys)))
    return edits


def apply_edits(source: str, edits: Sequence[Edit]) -> str:
    """The text with the edits made; all else stays byte for byte.

    Of two edits that meet, the one named first is made.
    """
    made: list[Edit] = []
    for edit in edits:
        if all(edit.end <= other.start or edit.start >= other.end for other in made):
            made.append(edit)
    for edit in sorted(made, reverse=True):
        source = source[: edit.start] + edit.text + source[edit.end :]
    return source


def edit_rate(source: str, version: str) -> float:
    """Share of the source's words that the version words otherwise, or in another place."""
    before, after = _Words(source).keys, _Words(version).keys
    matcher = SequenceMatcher(None, before, after, autojunk=False)
    same = sum(block.size for block in matcher.get_matching_blocks())
    return (max(len(before), len(after)) - same) / max(1, len(before))


def _styled(text: str, model: str) -> str:
    """The text with the apostrophes of ``model``, the curly or the straight ones."""
    if "\u2019" in model:
        return text.replace("'", "\u2019")
    return text.replace("\u2019", "'")
