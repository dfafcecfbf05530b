"""Pairs of a sentence of news and a shorter one that says the core of it, made from clean text.

What can be left out is found by its punctuation, as people find it: brackets, appositions,
relative and trailing clauses, openings. Whether the rest reads on is the base model's opinion. What
changes a claim by its absence (a condition, a source, a hedge, a negation) is never left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from worker.config.profile import CheckSettings
from worker.english.facts import tokens, words
from worker.english.lexicon import ATTRIBUTION_VERBS, LOADED_WORDS, MODALS, NEGATIONS
from worker.english.quotation import is_balanced
from worker.stages.summarise.support import check_summary_sentence
from worker.stages.summarise.writing import SHORT_WORDS
from worker.training.pair import Pair

__all__ = ["Cut", "find_cuts", "shorten"]

#: Words that a shortened sentence keeps at least.
_LEAST_WORDS = 9

#: Nats by which the words behind a cut may be more of a surprise than they were: set by judgement,
#: e to the third is one in twenty. Not tuned.
_MOST_JOLT_NATS = 3.0

#: Without one of these a claim is another claim.
_BEARING = frozenset(
    {"if", "unless", "until", "provided", "except", "without", "only", "because", "than", "would"}
    | {"according", "allegedly", "alleged", "reportedly", "likely", "unlikely", "should", "whether"}
)
_OPENING = re.compile(
    r"^(?:In|On|At|During|After|Following|Despite|With|Earlier|Later|However|Meanwhile|Also"
    r"|Moreover|Furthermore|Nevertheless|In addition|As a result|Instead|Although|While|As|Since"
    r"|Over|For|By|Under)\b[^,;:\d]{0,70}, (?=\w)"
)
_SPANS = (
    re.compile(r" \([^()]{2,120}\)"),
    re.compile(r" [-\u2013\u2014] [^-\u2013\u2014;:]{4,120} [-\u2013\u2014](?= )"),
    re.compile(r", (?:which|who|whose|where|when)\b[^,;:\"]{8,140},(?= (?!and |or )[a-z])"),
    re.compile(r", (?:which|who|whose|where|when)\b[^,;:\"]{8,160}(?=\.$)"),
    re.compile(r"(?<=[a-z\"]), (?:an?|the|his|her|its|their|now|then|head|chief|director|leader"
               r"|president|chairman|\d\d)\b[^,;:\"]{0,70},(?= (?!and |or )[a-z])"),
    re.compile(r", (?:[a-z]+ing|while|as|although|though|despite|following|after|amid|with"
               r"|along with|including|especially|particularly|mainly|partly)\b"
               r"[^;:\"]{8,160}(?=\.$)"),
    # Behind another comma it ends a list.
    re.compile(r"^[^,]*(, (?:and|but)\b[^,;:\"]{8,160})(?=\.$)"),
    re.compile(r"(?:, )?(?:however|meanwhile|moreover|of course|in addition),?(?= [a-z])"),
)  # fmt: skip
_LOADED = re.compile(
    rf" (?:{'|'.join(sorted(map(re.escape, LOADED_WORDS)))}|very|really)(?= [a-z])"
)

_LIMITS = CheckSettings()


class Cut(NamedTuple):
    """A part of a sentence that may be left out."""

    start: int
    end: int


def find_cuts(sentence: str) -> list[Cut]:
    """What could be left out, in order, none within another."""
    found: list[Cut] = []
    opening = _OPENING.match(sentence)
    if opening:
        found.append(Cut(0, opening.end()))
    found += [
        Cut(*place.span(place.re.groups))
        for span in (*_SPANS, _LOADED)
        for place in span.finditer(sentence)
    ]
    chosen: list[Cut] = []
    for cut in sorted(found, key=lambda cut: (cut.start, -cut.end)):
        apart = not chosen or cut.start >= chosen[-1].end
        if apart and not _bears(sentence[cut.start : cut.end]):
            chosen.append(cut)
    return chosen


def _bears(part: str) -> bool:
    """Whether what the part says must not be lost: a condition, a source, a negation."""
    found = {token.text.lower() for token in tokens(part)}
    said = (ATTRIBUTION_VERBS | MODALS | NEGATIONS | _BEARING) & found
    return bool(said) or not is_balanced(part)


def _without(sentence: str, cuts: Sequence[Cut]) -> str:
    kept, at = [], 0
    for cut in cuts:
        kept.append(sentence[at : cut.start])
        at = cut.end
    rest = re.sub(r" {2,}", " ", "".join([*kept, sentence[at:]])).strip()
    return rest[:1].upper() + rest[1:]


def shorten(
    sentences: Sequence[str], nats: Callable[[Sequence[str]], Sequence[float]]
) -> Iterator[Pair]:
    """A pair of kind ``shortened`` or ``short`` for each sentence where there is no doubt.

    Args:
        sentences: clean ones.
        nats: total surprise of each text under a model of the language.
    """
    asked = [
        (sentence, cut)
        for sentence in sentences
        if len(sentence.split()) >= SHORT_WORDS
        for cut in find_cuts(sentence)
    ]
    texts = [text for sentence, cut in asked for text in _jolt_texts(sentence, cut)]
    found = list(nats(texts))
    smooth: dict[str, list[Cut]] = {}
    for at, (sentence, cut) in enumerate(asked):
        whole, rest, ahead, through = found[4 * at : 4 * at + 4]
        # How much more surprising the rest is than it was behind what is left out.
        if rest - (whole - (through - ahead)) <= _MOST_JOLT_NATS:
            smooth.setdefault(sentence, []).append(cut)
    for sentence in sentences:
        if len(sentence.split()) < SHORT_WORDS:
            yield Pair(sentence, sentence, "short")
        elif sentence in smooth:
            target = _shortened(sentence, smooth[sentence])
            if target is not None:
                yield Pair(sentence, target, "shortened")
        elif not find_cuts(sentence):
            yield Pair(sentence, sentence, "short")


def _jolt_texts(sentence: str, cut: Cut) -> tuple[str, str, str, str]:
    return (
        sentence,
        _without(sentence, [cut]),
        sentence[: cut.start],
        sentence[: cut.end],
    )


def _shortened(sentence: str, cuts: Sequence[Cut]) -> str | None:
    """The sentence without as many of the cuts as leave a sentence that the checks let pass."""
    chosen: list[Cut] = []
    for cut in sorted(cuts, key=lambda cut: cut.start - cut.end):
        tried = sorted([*chosen, cut])
        rest = _without(sentence, tried)
        found = words(rest)
        if len(found) < _LEAST_WORDS:
            continue
        if check_summary_sentence(rest, [sentence], _LIMITS).verdict.accepted:
            chosen = tried
    return _without(sentence, chosen) if chosen else None
