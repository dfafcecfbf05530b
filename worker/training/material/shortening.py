"""Makes training pairs of a news sentence and a shorter version of it, from clean text.

Punctuation shows what can be left out: brackets, appositions, relative and trailing clauses, and
openings. The base model judges whether the rest reads smoothly. Parts whose absence changes the
claim (a condition, a source, a hedge, a negation) are never left out.
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

__all__ = ["Cut", "find_cuts", "shortened_pairs"]

#: Minimum number of words in a shortened sentence.
_MIN_WORDS = 9

#: Maximum nats by which a cut may raise the surprisal of the words after it; 3 nats make them
#: twenty times less likely. Set by judgement, not tuned.
_MAX_ADDED_NATS = 3.0

#: Words whose omission changes the claim.
_ESSENTIAL = frozenset(
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
    # Not after another comma: there, it would end a list.
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
    """Return the parts that may be left out, in order and without overlaps."""
    candidates: list[Cut] = []
    opening = _OPENING.match(sentence)
    if opening:
        candidates.append(Cut(0, opening.end()))
    candidates += [
        Cut(*match.span(match.re.groups))
        for span in (*_SPANS, _LOADED)
        for match in span.finditer(sentence)
    ]
    chosen: list[Cut] = []
    for cut in sorted(candidates, key=lambda cut: (cut.start, -cut.end)):
        is_apart = not chosen or cut.start >= chosen[-1].end
        if is_apart and not _is_essential(sentence[cut.start : cut.end]):
            chosen.append(cut)
    return chosen


def _is_essential(part: str) -> bool:
    """Return whether the part has a condition, a source, a negation or half a quotation."""
    part_words = {token.text.lower() for token in tokens(part)}
    essential = (ATTRIBUTION_VERBS | MODALS | NEGATIONS | _ESSENTIAL) & part_words
    return bool(essential) or not is_balanced(part)


def _without(sentence: str, cuts: Sequence[Cut]) -> str:
    kept, end = [], 0
    for cut in cuts:
        kept.append(sentence[end : cut.start])
        end = cut.end
    rest = re.sub(r" {2,}", " ", "".join([*kept, sentence[end:]])).strip()
    return rest[:1].upper() + rest[1:]


def shortened_pairs(
    sentences: Sequence[str], nats: Callable[[Sequence[str]], Sequence[float]]
) -> Iterator[Pair]:
    """Yield a pair for each sentence that can be shortened, or clearly is short enough already.

    The kinds are ``shortened`` and ``short``. Doubtful sentences are left out.

    Args:
        sentences: clean sentences.
        nats: returns each text's total surprisal under a language model.
    """
    candidates = [
        (sentence, cut)
        for sentence in sentences
        if len(sentence.split()) >= SHORT_WORDS
        for cut in find_cuts(sentence)
    ]
    texts = [text for sentence, cut in candidates for text in _texts_to_read(sentence, cut)]
    text_nats = list(nats(texts))
    smooth: dict[str, list[Cut]] = {}
    for index, (sentence, cut) in enumerate(candidates):
        whole, shortened, before, through = text_nats[4 * index : 4 * index + 4]
        # Compares the nats of the words around the cut part, without it and with it.
        if shortened - (whole - (through - before)) <= _MAX_ADDED_NATS:
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


def _texts_to_read(sentence: str, cut: Cut) -> tuple[str, str, str, str]:
    """Return the sentence, what the cut leaves of it, and its text up to each end of the cut."""
    return (
        sentence,
        _without(sentence, [cut]),
        sentence[: cut.start],
        sentence[: cut.end],
    )


def _shortened(sentence: str, cuts: Sequence[Cut]) -> str | None:
    """Make as many cuts as pass the checks, longest first; return None if no cut passes."""
    chosen: list[Cut] = []
    for cut in sorted(cuts, key=lambda cut: cut.start - cut.end):
        tried = sorted([*chosen, cut])
        rest = _without(sentence, tried)
        if len(words(rest)) < _MIN_WORDS:
            continue
        if check_summary_sentence(rest, [sentence], _LIMITS).check.accepted:
            chosen = tried
    return _without(sentence, chosen) if chosen else None
