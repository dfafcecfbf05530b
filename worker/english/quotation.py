"""Finds quotations in double or single marks: curly, straight or guillemets."""

from __future__ import annotations

import re
from itertools import pairwise

from worker.english.facts import fold_typography, words

__all__ = ["is_balanced", "quotation_spans", "quotations"]

#: Shortened words whose apostrophe looks like an opening quote: 'em, '90s.
_ELISIONS = re.compile(r"(?:\d\ds|em|n|til|tis|twas|cause|cos|bout|round)\b")


def quotations(text: str) -> tuple[str, ...]:
    """Return the words of each quotation, in order, without punctuation.

    An unpaired double mark either opens a quotation that runs to the next opening mark or the end
    of the text, or closes a quotation that runs from the previous mark or the start of the text. An
    unpaired single mark is an apostrophe. Single marks inside double marks do not start a separate
    quotation.
    """
    folded = fold_typography(text)
    return tuple(
        " ".join(word for word in words(folded[start:end]) if word[-1].isalnum())
        for start, end in quotation_spans(text)
    )


def is_balanced(text: str) -> bool:
    """Return whether all double quotation marks are paired, so that no quotation is cut in two."""
    return fold_typography(text).count('"') % 2 == 0


def quotation_spans(text: str) -> list[tuple[int, int]]:
    """Return the start and end of each quotation in the folded text, in order, without marks."""
    folded = fold_typography(text)
    spans = _double_spans(folded)
    unquoted = folded
    if spans:
        edges = [0, *(edge for span in spans for edge in span), len(folded)]
        # Double quotations are blanked rather than removed, so that positions stay valid.
        unquoted = "".join(
            " " * (end - start) if number % 2 else folded[start:end]
            for number, (start, end) in enumerate(pairwise(edges))
        )
    return sorted(spans + _single_spans(unquoted))


def _double_spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    last = 0
    for match in re.finditer('"', text):
        mark = match.start()
        before, after = text[mark - 1 : mark], text[mark + 1 : mark + 2]
        bounded = not before or before.isspace() or before in "([-"
        closes = not bounded and not after.isalnum()
        opens = bounded and after.isalnum()
        if opened is None and not closes:
            opened = mark
        elif opened is not None:
            spans.append((opened + 1, mark))
            opened = mark if opens else None
        elif not before.isdigit():  # 5" is a length.
            spans.append((last, mark))
        last = mark + 1
    if opened is not None:
        spans.append((opened + 1, len(text)))
    return spans


def _single_spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    possessive: int | None = None  # May close a quotation or end a plural: workers' union.
    for match in re.finditer("'", text):
        mark = match.start()
        before, after = text[mark - 1 : mark], text[mark + 1 : mark + 2]
        if _may_open(text, mark):
            if opened is not None and possessive is not None:
                spans.append((opened, possessive))
            opened, possessive = mark + 1, None
        elif opened is None or _is_apostrophe(text, mark):
            continue
        elif before == "s" and after == " " and text[mark + 2 : mark + 3].islower():
            possessive = mark
        else:
            spans.append((opened, mark))
            opened = possessive = None
    if opened is not None and possessive is not None:
        spans.append((opened, possessive))
    return spans


def _may_open(text: str, mark: int) -> bool:
    """Return whether the single mark at index ``mark`` may open a quotation."""
    before, after = text[mark - 1 : mark], text[mark + 1 : mark + 2]
    bounded = not before or before.isspace() or before in '([-"'
    return bounded and bool(after.strip()) and not _ELISIONS.match(text, mark + 1)


def _is_apostrophe(text: str, mark: int) -> bool:
    """Return whether the single mark at index ``mark`` is inside a word or shortens one."""
    inside = text[mark - 1 : mark].isalnum() and text[mark + 1 : mark + 2].isalnum()
    return inside or _ELISIONS.match(text, mark + 1) is not None
