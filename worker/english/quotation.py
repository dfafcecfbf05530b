"""Where a text quotes, and what: double and single marks, curly, straight and guillemets."""

from __future__ import annotations

import re
from itertools import pairwise

from worker.english.facts import fold, words

__all__ = ["is_balanced", "quotation_spans", "quotations"]

#: Cut-off words whose apostrophe looks like an opening quote.
_ELISIONS = re.compile(r"(?:\d\ds|em|n|til|tis|twas|cause|cos|bout|round)\b")


def quotations(text: str) -> tuple[str, ...]:
    """The words inside each quotation, in order, without punctuation.

    A double mark without its partner opens a quotation up to the end of the text, or up to the
    next opening mark, or closes one from the start. A single mark without its partner is an
    apostrophe. Single marks inside double ones open no quotation of their own.
    """
    folded = fold(text)
    return tuple(
        " ".join(word for word in words(folded[start:end]) if word[-1].isalnum())
        for start, end in quotation_spans(text)
    )


def is_balanced(text: str) -> bool:
    """Whether every double quotation mark has its partner: no quotation is cut in two."""
    return fold(text).count('"') % 2 == 0


def quotation_spans(text: str) -> list[tuple[int, int]]:
    """Where the quotations begin and end in the folded text, in order, without their marks."""
    folded = fold(text)
    spans = _double_spans(folded)
    rest = folded
    if spans:
        cuts = [0, *(edge for span in spans for edge in span), len(folded)]
        # Blank the quotations out, so that positions stay.
        rest = "".join(
            " " * (end - start) if number % 2 else folded[start:end]
            for number, (start, end) in enumerate(pairwise(cuts))
        )
    return sorted(spans + _single_spans(rest))


def _double_spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    last = 0
    for match in re.finditer('"', text):
        at = match.start()
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        closes = bool(before) and not before.isspace() and before not in "([-" and not _word(after)
        opens = (not before or before.isspace() or before in "([-") and _word(after)
        if opened is None and not closes:
            opened = at
        elif opened is not None:
            spans.append((opened + 1, at))
            opened = at if opens else None
        elif not before.isdigit():  # Else 5" is a length.
            spans.append((last, at))
        last = at + 1
    if opened is not None:
        spans.append((opened + 1, len(text)))
    return spans


def _single_spans(text: str) -> list[tuple[int, int]]:
    spans: list[tuple[int, int]] = []
    opened: int | None = None
    doubtful: int | None = None  # A mark that closes, or belongs to a plural: workers' union.
    for match in re.finditer("'", text):
        at = match.start()
        before, after = text[at - 1 : at], text[at + 1 : at + 2]
        if _opens(text, at):
            if opened is not None and doubtful is not None:
                spans.append((opened, doubtful))
            opened, doubtful = at + 1, None
        elif opened is None or (_word(before) and _word(after)) or _ELISIONS.match(text, at + 1):
            continue
        elif before == "s" and after == " " and text[at + 2 : at + 3].islower():
            doubtful = at
        else:
            spans.append((opened, at))
            opened = doubtful = None
    if opened is not None and doubtful is not None:
        spans.append((opened, doubtful))
    return spans


def _opens(text: str, at: int) -> bool:
    """Whether the single mark at ``at`` can open a quotation."""
    before, after = text[at - 1 : at], text[at + 1 : at + 2]
    bounded = not before or before.isspace() or before in '([-"'
    return bounded and bool(after.strip()) and not _ELISIONS.match(text, at + 1)


def _word(character: str) -> bool:
    return character.isalnum()
