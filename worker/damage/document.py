"""Document damage: what cutting, pasting and the page around it do to an article.

Sentences cut in two or run together, stray pieces, headings and pointers glued to a sentence, lines
of the page.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from enum import StrEnum
from random import Random
from typing import NamedTuple

from worker.english.lexicon import AUXILIARIES, CONJUNCTIONS, FUNCTION_WORDS, MODALS, PREPOSITIONS

__all__ = ["DamagedArticle", "Fault", "FaultKind", "cut_sentence", "damage_article", "lose_capital"]


class FaultKind(StrEnum):
    """What was done to the text."""

    CUT_SENTENCE = "cut_sentence"
    """A full stop in the middle of a sentence; what follows has a small letter."""
    STRAY_PIECE = "stray_piece"
    """One or two function words behind a sentence."""
    LOST_STOP = "lost_stop"
    """No full stop between two sentences."""
    RUN_IN_HEADING = "run_in_heading"
    """A headline in front of a paragraph's first sentence, on its line."""
    GLUED_PROMO = "glued_promo"
    """A pointer to another story, without a space behind the sentence."""
    FURNITURE_LINE = "furniture_line"
    """A line of the page."""


class Fault(NamedTuple):
    """One damage, and what has to become of it."""

    kind: FaultKind
    damaged: str
    """What stands in the text."""
    answer: str
    """What stood there; empty for a line of the page."""


class DamagedArticle(NamedTuple):
    """An article with faults."""

    text: str
    faults: tuple[Fault, ...]
    kept: tuple[str, ...]
    """Sentences that were left alone, and have to be."""


#: How often a sentence, or the end of a paragraph, is damaged: an article of 20 sentences gets one
#: fault of each kind, and most of it stays, so that harm to the rest shows.
_CUT_SHARE, _STRAY_SHARE, _PROMO_SHARE = 0.06, 0.05, 0.1
_LOST_SHARE, _HEADING_SHARE = 0.05, 0.05
_LINES = 4

#: Pieces of fewer words are stray pieces, no halves of a sentence.
_LEAST_HALF_WORDS = 3

#: Words that the cut is more often in front of: a translator took them for the start of a clause.
_LIKELY = AUXILIARIES | MODALS | PREPOSITIONS | CONJUNCTIONS
_LIKELY_SHARE = 0.6

_STRAYS = (
    "Is.",
    "Are.",
    "Was.",
    "The.",
    "Of.",
    "To.",
    "And.",
    "Has.",
    "For.",
    "In the.",
    "Of the.",
)

_PROMOS = (
    *("Watch {}", "Watch: {}", "Read more: {}", "Read also: {}", "READ MORE | {}", "ALSO READ: {}"),
    *("Also read | {}", "See also: {}", "Follow live updates on {}", "Click here to read {}"),
    *("Subscribe to our newsletter", "Sign up for our daily briefing", "Listen: {}"),
)

_LINES_OF_PAGES = (
    *("Leave a Reply", "Be the first to comment", "Your email address will not be published."),
    *("Required fields are marked *", "Share this article", "Share on Facebook", "Tweet"),
    *("Facebook Twitter WhatsApp Email", "Follow us on Twitter", "Subscribe to our newsletter"),
    *(
        "Sign up for our free newsletter",
        "Download our app",
        "All rights reserved.",
        "Advertisement",
    ),
    *(
        "BREAKING: {}",
        "READ MORE: {}",
        "Also read: {}",
        "ALSO READ | {}",
        "Related: {}",
        "Watch: {}",
    ),
    *("Don't miss: {}", "Copyright 2024. All rights reserved.", "Skip to content", "Read more"),
    *("Story continues below", "12 comments", "Photo: Getty Images", "Tags: {}", "Post Comment"),
    *("You may also like", "Print this page", "Back to top", "Log in to leave a comment"),
)

#: Of quotations, which stay whole.
_MARKS = frozenset('"\u201c')

_WORD = re.compile(r"[A-Za-z]{3,}\Z")
_LOWER = re.compile(r"[a-z]+\Z")


def damage_article(
    paragraphs: Sequence[Sequence[str]], headlines: Sequence[str], rng: Random
) -> DamagedArticle:
    """An article of clean sentences with faults of every kind.

    Args:
        paragraphs: its sentences.
        headlines: of other articles, for the pointers.
        rng: draws what is damaged, and how.
    """
    lines: list[str] = []
    faults: list[Fault] = []
    kept: list[str] = []
    for paragraph in paragraphs:
        said: list[str] = []
        rest = list(paragraph)
        while rest:
            fault = _fault(rest, headlines if not said else (), rng)
            said.append(fault.damaged if fault else rest[0])
            if fault:
                faults.append(fault)
            else:
                kept.append(rest[0])
            del rest[: 2 if fault and fault.kind is FaultKind.LOST_STOP else 1]
        if said and kept and said[-1] is kept[-1] and rng.random() < _PROMO_SHARE:
            promo = rng.choice(_PROMOS).format(rng.choice(headlines))
            if said[-1].endswith("."):
                faults.append(Fault(FaultKind.GLUED_PROMO, promo, kept.pop()))
                said[-1] += promo
        lines.append(" ".join(said))
    for line in rng.sample(_LINES_OF_PAGES, _LINES):
        shown = line.format(rng.choice(headlines))
        faults.append(Fault(FaultKind.FURNITURE_LINE, shown, ""))
        lines.insert(rng.randint(1, len(lines)), shown)
    return DamagedArticle("\n".join(lines), tuple(faults), tuple(kept))


def _fault(rest: Sequence[str], headlines: Sequence[str], rng: Random) -> Fault | None:
    """What is done to the first of the sentences, or to it and the next; most often nothing."""
    kinds = (
        (FaultKind.CUT_SENTENCE, _CUT_SHARE),
        (FaultKind.STRAY_PIECE, _STRAY_SHARE),
        (FaultKind.LOST_STOP, _LOST_SHARE),
        (FaultKind.RUN_IN_HEADING, _HEADING_SHARE),
    )
    sentence, drawn = rest[0], rng.random()
    for kind, share in kinds:
        if 0 <= drawn < share and not (set(sentence) & _MARKS):
            return _made(kind, rest, headlines, rng)
        drawn -= share
    return None


def _made(
    kind: FaultKind, rest: Sequence[str], headlines: Sequence[str], rng: Random
) -> Fault | None:
    """A fault of the kind, where the sentences allow it."""
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
    """Turn "from the territory are not" into "from the territory. are not"; quotes stay whole."""
    words = sentence.split(" ")
    places = [
        at
        for at in range(_LEAST_HALF_WORDS, len(words) - _LEAST_HALF_WORDS + 1)
        if _WORD.match(words[at - 1]) and _LOWER.match(words[at].rstrip(",."))
    ]
    likely = [at for at in places if words[at].lower() in _LIKELY]
    if likely and rng.random() < _LIKELY_SHARE:
        places = likely
    if not places or set(sentence) & _MARKS:
        return None
    at = rng.choice(places)
    return " ".join([*words[: at - 1], f"{words[at - 1]}.", *words[at:]])


def lose_capital(first: str, second: str) -> str | None:
    """Two sentences, the second with a small letter: not cut, and not to be joined."""
    word = second.split(" ", 1)[0]
    if not first.endswith(".") or word.lower() not in FUNCTION_WORDS or word == "I":
        return None
    return f"{first} {second[0].lower()}{second[1:]}"
