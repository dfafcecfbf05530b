"""Damages articles the way copying and pasting from a web page does.

Cuts sentences in two, runs sentences together, and adds stray pieces, headings, promos and page
furniture.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple

from worker.english.lexicon import AUXILIARIES, CONJUNCTIONS, MODALS, PREPOSITIONS

__all__ = ["DamagedArticle", "Fault", "FaultKind", "cut_sentence", "damage_article"]


class FaultKind(StrEnum):
    """A kind of damage."""

    CUT_SENTENCE = "cut_sentence"
    """A full stop in the middle of a sentence, followed by a lower-case word."""
    STRAY_PIECE = "stray_piece"
    """One or two function words after a sentence."""
    LOST_STOP = "lost_stop"
    """A missing full stop between two sentences."""
    RUN_IN_HEADING = "run_in_heading"
    """A headline on the same line as a paragraph's first sentence, before it."""
    GLUED_PROMO = "glued_promo"
    """A promo for another story, attached to a sentence without a space."""
    FURNITURE_LINE = "furniture_line"
    """A line of page furniture."""


class Fault(NamedTuple):
    """A damaged passage and its repair."""

    kind: FaultKind
    damaged: str
    """The damaged text."""
    answer: str
    """The original text; empty for a furniture line."""


class DamagedArticle(NamedTuple):
    """An article with faults."""

    text: str
    faults: tuple[Fault, ...]
    kept: tuple[str, ...]
    """Undamaged sentences, which must remain."""


#: Share of sentences (for promos, of paragraphs) that get each fault. An article of 20 sentences
#: gets about one fault of each kind; most of it stays intact, so that harm to good sentences shows.
_CUT_SHARE, _STRAY_SHARE, _PROMO_SHARE = 0.06, 0.05, 0.1
_LOST_SHARE, _HEADING_SHARE = 0.05, 0.05
_LINES_PER_ARTICLE = 4

#: Minimum number of words in each half of a cut sentence; shorter halves would be stray pieces.
_MIN_HALF_WORDS = 3

#: Words that a translation engine takes for the start of a clause. This share of the cuts, where
#: possible, comes before one of them.
_LIKELY = AUXILIARIES | MODALS | PREPOSITIONS | CONJUNCTIONS
_LIKELY_SHARE = 0.6

_STRAYS = (
    *("Is.", "Are.", "Was.", "The.", "Of.", "To.", "And.", "Has.", "For.", "In the.", "Of the."),
)

_PROMOS = (
    *("Watch {}", "Watch: {}", "Read more: {}", "Read also: {}", "READ MORE | {}", "ALSO READ: {}"),
    *("Also read | {}", "See also: {}", "Follow live updates on {}", "Click here to read {}"),
    *("Subscribe to our newsletter", "Sign up for our daily briefing", "Listen: {}"),
)

_FURNITURE_LINES = (
    *("Leave a Reply", "Be the first to comment", "Your email address will not be published."),
    *("Required fields are marked *", "Share this article", "Share on Facebook", "Tweet"),
    *("Facebook Twitter WhatsApp Email", "Follow us on Twitter", "Subscribe to our newsletter"),
    *("Sign up for our free newsletter", "Download our app", "All rights reserved."),
    *("Advertisement", "BREAKING: {}", "READ MORE: {}", "Also read: {}", "ALSO READ | {}"),
    *("Related: {}", "Watch: {}"),
    *("Don't miss: {}", "Copyright 2024. All rights reserved.", "Skip to content", "Read more"),
    *("Story continues below", "12 comments", "Photo: Getty Images", "Tags: {}", "Post Comment"),
    *("You may also like", "Print this page", "Back to top", "Log in to leave a comment"),
)

#: Quotation marks. A sentence that contains one gets no fault except a promo.
_MARKS = frozenset('"\u201c')

_WORD = re.compile(r"[A-Za-z]{3,}\Z")
_LOWER = re.compile(r"[a-z]+\Z")


def damage_article(
    paragraphs: Sequence[Sequence[str]], headlines: Sequence[str], rng: Random
) -> DamagedArticle:
    """Return the article with randomly drawn faults.

    Args:
        paragraphs: clean sentences, by paragraph.
        headlines: headlines of other articles, for promos and furniture.
        rng: draws what is damaged, and how.
    """
    lines: list[str] = []
    faults: list[Fault] = []
    kept: list[str] = []
    for paragraph in paragraphs:
        pieces: list[str] = []
        rest = list(paragraph)
        while rest:
            fault = _draw_fault(rest, headlines if not pieces else (), rng)
            pieces.append(fault.damaged if fault else rest[0])
            if fault:
                faults.append(fault)
            else:
                kept.append(rest[0])
            del rest[: 2 if fault and fault.kind is FaultKind.LOST_STOP else 1]
        if pieces and kept and pieces[-1] is kept[-1] and rng.random() < _PROMO_SHARE:
            promo = rng.choice(_PROMOS).format(rng.choice(headlines))
            if pieces[-1].endswith("."):
                faults.append(Fault(FaultKind.GLUED_PROMO, promo, kept.pop()))
                pieces[-1] += promo
        lines.append(" ".join(pieces))
    for line in rng.sample(_FURNITURE_LINES, _LINES_PER_ARTICLE):
        shown = line.format(rng.choice(headlines))
        faults.append(Fault(FaultKind.FURNITURE_LINE, shown, ""))
        lines.insert(rng.randint(1, len(lines)), shown)
    return DamagedArticle("\n".join(lines), tuple(faults), tuple(kept))


def _draw_fault(rest: Sequence[str], headlines: Sequence[str], rng: Random) -> Fault | None:
    """Draw a fault for the first sentence, or the first two; most draws return None."""
    kinds = (
        (FaultKind.CUT_SENTENCE, _CUT_SHARE),
        (FaultKind.STRAY_PIECE, _STRAY_SHARE),
        (FaultKind.LOST_STOP, _LOST_SHARE),
        (FaultKind.RUN_IN_HEADING, _HEADING_SHARE),
    )
    sentence, drawn = rest[0], rng.random()
    for kind, share in kinds:
        if 0 <= drawn < share and not (set(sentence) & _MARKS):
            return _make_fault(kind, rest, headlines, rng)
        drawn -= share
    return None


def _make_fault(
    kind: FaultKind, rest: Sequence[str], headlines: Sequence[str], rng: Random
) -> Fault | None:
    """Return a fault of ``kind``, or None if the sentences do not allow it."""
    sentence, following = rest[0], rest[1] if len(rest) > 1 else ""
    ends = sentence.endswith(".")
    if kind is FaultKind.CUT_SENTENCE and (cut := cut_sentence(sentence, rng)):
        return Fault(kind, cut, sentence)
    if kind is FaultKind.STRAY_PIECE and ends:
        return Fault(kind, f"{sentence} {rng.choice(_STRAYS)}", sentence)
    if kind is FaultKind.LOST_STOP and ends and following and not set(following) & _MARKS:
        return Fault(kind, f"{sentence[:-1]} {following}", f"{sentence} {following}")
    if kind is FaultKind.RUN_IN_HEADING and headlines:
        return Fault(kind, f"{rng.choice(headlines)} {sentence}", sentence)
    return None


def cut_sentence(sentence: str, rng: Random) -> str | None:
    """Turn "from the territory are not" into "from the territory. are not"; spare quotations."""
    words = sentence.split(" ")
    places = [
        index
        for index in range(_MIN_HALF_WORDS, len(words) - _MIN_HALF_WORDS + 1)
        if _WORD.match(words[index - 1]) and _LOWER.match(words[index].rstrip(",."))
    ]
    likely = [index for index in places if words[index].lower() in _LIKELY]
    if likely and rng.random() < _LIKELY_SHARE:
        places = likely
    if not places or set(sentence) & _MARKS:
        return None
    index = rng.choice(places)
    return " ".join([*words[: index - 1], f"{words[index - 1]}.", *words[index:]])
