"""Whether a model's proposal may stand in for its sentence, and what carries a summary sentence.

Pure functions of their text. Strict on purpose: a good proposal refused costs little, a wrong one
accepted looks right in print. A refusal is data, a `Verdict` with a `Reason`.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise

from rapidfuzz.distance import LCSseq

from worker.facts import (
    Token,
    fold,
    leads,
    modal_key,
    names,
    negation_key,
    number_list,
    numbers,
    quotations,
    token_content,
    tokens,
    words,
)
from worker.lexicon import (
    ATTRIBUTION_VERBS,
    BE_FORMS,
    FRONT_ADVERBS,
    FUNCTION_WORDS,
    GUARDED_WORDS,
    HEDGES,
    INTRANSITIVES,
    IRREGULAR_FORMS,
    MONTHS,
    PERSONS,
    WEEKDAYS,
    bases,
    is_plain,
    related,
)
from worker.neutrality import loaded_words
from worker.reason import Reason
from worker.settings import CheckSettings

__all__ = ["SupportVerdict", "Verdict", "check_proposal", "check_summary_sentence"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check found; accepted when there is no reason against."""

    reason: Reason | None
    detail: str = ""
    """What the check saw, e.g. the number that differs."""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the text may be used."""
        return self.reason is None


class _Reading:
    """A text with the views of it that several checks share."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.folded = fold(text)
        self.tokens = tokens(text)

    @cached_property
    def words(self) -> list[str]:
        """Lower-cased, without punctuation; ``n't`` as ``not``."""
        lower = (token.text.lower() for token in self.tokens if token.text[-1].isalnum())
        return ["not" if word == "n't" else word for word in lower]

    @cached_property
    def content(self) -> list[tuple[str, int]]:
        """Content words with the index of their token."""
        return [(word, at) for at, token in enumerate(self.tokens) for word in token_content(token)]

    @cached_property
    def followers(self) -> list[str]:
        """For each token the first content word behind it; empty where there is none."""
        found: list[str] = []
        follower = ""
        for token in reversed(self.tokens):
            found.append(follower)
            follower = next(iter(token_content(token)), follower)
        return found[::-1]

    def governed(self, key: Callable[[Token], str]) -> list[tuple[str, str]]:
        """Keys of negations or modals, each with the content word that it governs."""
        keyed = zip(map(key, self.tokens), self.followers, strict=True)
        return [(name, word) for name, word in keyed if name]

    @cached_property
    def capitals(self) -> tuple[Counter[str], Counter[str], list[str]]:
        """Words with a capital: sure ones, ones that may owe it to their position, all in order."""
        sure: Counter[str] = Counter()
        unsure: Counter[str] = Counter()
        order: list[str] = []
        for at, token in enumerate(self.tokens):
            follower = self.tokens[at + 1] if at + 1 < len(self.tokens) else None
            for part in token.text.split("-") if token.capital else ():
                if part != part.lower():
                    order.append(part)
                    (unsure if token.soft and not leads(token, follower) else sure)[part] += 1
        return sure, unsure, order

    @cached_property
    def lower_case(self) -> Counter[str]:
        """The words without a capital, hyphenated ones in parts."""
        return Counter(
            part
            for token in self.tokens
            if token.text[0].isalnum()
            for part in token.text.split("-")
            if part == part.lower()
        )


# Proposals -----------------------------------------------------------------------------------

_CLOSERS = "\"')]} "
_ENDS = (".", "!", "?")
#: How models begin to talk about the task, or name a part of the prompt.
_OPENING_TALK = re.compile(
    r"""\W*(?:
    here(?:'s|\s(?:is|are))\b | (?:sure|certainly|okay|absolutely|of\scourse)\s*[,.!:]
    | i(?:'m|\sam)\s(?:sorry|unable|happy) | i\s(?:apologi[sz]e|cannot|can't)
    | i\s(?:have|'ve)\s(?:corrected|made)
    | as\san\sai\b
    | the\s(?:corrected|revised|rewritten|improved|edited)\b
    | (?:\w+\s){0,2}(?:sentence|version|text|answer|output|summary|note|assistant|user|system|
      correction|explanation|grammar|rewrite)\s*:
    )""",
    re.VERBOSE | re.IGNORECASE,
)
_TALK = re.compile(
    r"<\||```|\blanguage model\b|\b(?:correct|fix|check)\w* the grammar\b|\bgrammar of the\b"
    r"|\banswer with\b|\bgrammatical(?:ly)? (?:correct|errors?|mistakes?)\b|\bthe sentence only\b",
    re.IGNORECASE,
)
_MARKUP = frozenset("*_#<>{}[]|^~\\")
_AMOUNT_SIGNS = frozenset("$\u20ac\u00a3\u00a5\u20b9\u20bd\u00a2\u00b0\u00b1+=")


def _unfinished(source: _Reading, proposal: _Reading) -> str | None:
    if not proposal.words:
        return "empty"
    first, begun = source.folded.lstrip("\"'([ "), proposal.folded.lstrip("\"'([ ")
    if first[:1].isupper() and begun[:1].islower():
        return "no capital"
    ended = proposal.folded.rstrip(_CLOSERS).endswith(_ENDS)
    return "no end" if source.folded.rstrip(_CLOSERS).endswith(_ENDS) and not ended else None


def _chatter(source: _Reading, proposal: _Reading) -> str | None:
    if len(proposal.text.strip().splitlines()) > max(1, len(source.text.strip().splitlines())):
        return "new line"
    opening = _OPENING_TALK.match(proposal.folded)
    for talk in (opening, _TALK.search(proposal.folded)):
        if talk is not None and talk[0].strip().lower() not in source.folded.lower():
            return talk[0].strip()
    added = Counter(c for c in proposal.folded if c in _MARKUP)
    added.subtract(c for c in source.folded if c in _MARKUP)
    return next((mark for mark, more in added.items() if more > 0), None)


def _difference(source: Counter[str], proposal: Counter[str]) -> str | None:
    """The keys that differ as ``-lost +added``; ``None`` where nothing does."""
    if source == proposal:
        return None
    lost, added = source - proposal, proposal - source
    return " ".join([f"-{key}" for key in lost] + [f"+{key}" for key in added])


def _number_difference(source: _Reading, proposal: _Reading) -> str | None:
    """Numbers in their order, digits as they stand, currency signs, words such as "about"."""
    sides = (source, proposal)
    listed = [number_list(side.text) for side in sides]
    digits = [Counter(re.findall(r"\d+", side.folded)) for side in sides]
    signs = [Counter(c for c in side.folded if c in _AMOUNT_SIGNS) for side in sides]
    hedges = [Counter(_hedged(side)) for side in sides]
    return (
        _difference(*map(Counter, listed))
        or _difference(*digits)
        or _difference(*signs)
        or _difference(*hedges)
        or (None if listed[0] == listed[1] else "order of numbers")
    )


def _counted_difference(source: _Reading, proposal: _Reading) -> str | None:
    """What a number counts: "25% more ships were ordered", "25% of ships were ordered more"."""
    for one, other in zip(_counted(source), _counted(proposal), strict=False):
        if one and other and not related(one, other):
            return f"number of {one} / {other}"
    return None


def _counted(side: _Reading) -> list[str]:
    """For each token with digits the next telling word; empty where a mark comes first."""
    found: list[str] = []
    waiting = 0
    for token in side.tokens:
        lower = token.text.lower()
        telling = (*token_content(token), *({lower} & GUARDED_WORDS))
        if telling or not (token.text[0].isalnum() or token.text in "%-"):
            found += [next(iter(telling), "")] * waiting
            waiting = 0
        waiting += token.text[0].isdigit()
    return found + [""] * waiting


def _hedged(side: _Reading) -> list[str]:
    lower = [token.text.lower() for token in side.tokens]
    return [
        f"{hedge} {token}"
        for hedge, token in pairwise(lower)
        if hedge in HEDGES and hedge != "to" and (token[0].isdigit() or numbers(token))
    ]


def _name_difference(source: _Reading, proposal: _Reading) -> str | None:
    """Capitalised words in their order.

    A first word that is plain may gain or lose its capital by moving. Any other word must have
    as many capitals in both texts, unless its lower-case form in the source shows it is no name.
    """
    sure_s, unsure_s, order_s = source.capitals
    sure_p, unsure_p, order_p = proposal.capitals
    for word in dict.fromkeys([*order_s, *order_p]):
        all_s, all_p = sure_s[word] + unsure_s[word], sure_p[word] + unsure_p[word]
        if all_s == all_p:
            continue
        if is_plain(word) and word != "I":
            if sure_p[word] > all_s or sure_s[word] > all_p:
                return f"{'+' if all_p > all_s else '-'}{word}"
        elif all_p > all_s:
            kin = any(related(word.lower(), other) for other in source.lower_case)
            if all_p - all_s > unsure_p[word] or not kin:
                return f"+{word}"
        elif all_s - all_p > unsure_s[word] or not source.lower_case[word.lower()]:
            return f"-{word}"
    movable = MONTHS | WEEKDAYS | FUNCTION_WORDS | FRONT_ADVERBS
    same = {word for word, count in Counter(order_s).items() if order_p.count(word) == count}
    ordered = [
        [word for word in order if word in same and word.lower() not in movable]
        for order in (order_s, order_p)
    ]
    return None if ordered[0] == ordered[1] else "order of names"


def _quote_difference(source: _Reading, proposal: _Reading) -> str | None:
    """The words of each quotation, but for capitals and the marks used."""
    before, after = (quotations(side.text.lower()) for side in (source, proposal))
    if before == after:
        return None
    changed = [quote for quote in after if quote not in before]
    return changed[0] if changed else f"{len(before)} quotations became {len(after)}"


def _governed_difference(
    source: _Reading, proposal: _Reading, key: Callable[[Token], str]
) -> str | None:
    """The negations or modals, each with the content word that it governs."""
    before, after = source.governed(key), proposal.governed(key)
    counted = _difference(Counter(k for k, _ in before), Counter(k for k, _ in after))
    if counted:
        return counted
    for (one, word), (other, new) in zip(before, after, strict=True):
        if one != other or not related(word, new):
            return f"{one} {word} / {other} {new}"
    return None


def _negation_difference(source: _Reading, proposal: _Reading) -> str | None:
    return _governed_difference(source, proposal, negation_key)


def _modality_difference(source: _Reading, proposal: _Reading) -> str | None:
    if source.folded.count("?") != proposal.folded.count("?"):
        return "question"
    return _governed_difference(source, proposal, modal_key)


#: A content word may be said once less where it stands twice within so many content words:
#: doubled words and doubled attributions ("reportedly ... the report said").
_DOUBLE_REACH = 8


def _pairs(source: _Reading, proposal: _Reading) -> list[tuple[int, int]]:
    """Places in the two lists of content words that hold relatives, each place once."""
    by_base: dict[str, list[int]] = {}
    for at, (word, _) in reversed(list(enumerate(source.content))):
        for base in bases(word):
            by_base.setdefault(base, []).append(at)
    taken: set[int] = set()
    found: list[tuple[int, int]] = []
    for place, (word, _) in enumerate(proposal.content):
        for base in (word, *sorted(bases(word) - {word})):
            places = by_base.get(base, [])
            while places and places[-1] in taken:
                places.pop()
            if places:
                taken.add(places[-1])
                found.append((places[-1], place))
                break
    return found


def _content_lost(source: _Reading, proposal: _Reading) -> str | None:
    kept = {at for at, _ in _pairs(source, proposal)}
    for at, (word, _) in enumerate(source.content):
        near = range(max(0, at - _DOUBLE_REACH), at + _DOUBLE_REACH + 1)
        if at not in kept and not any(
            other in kept and related(word, source.content[other][0]) for other in near
        ):
            return word
    lost = _guarded(source) - _guarded(proposal)
    if lost:
        return next(iter(lost))
    before, after = _persons(source), _persons(proposal)
    return None if before == after else f"persons {' '.join(before)} / {' '.join(after)}"


def _content_added(source: _Reading, proposal: _Reading) -> str | None:
    kept = {place for _, place in _pairs(source, proposal)}
    for place, (word, _) in enumerate(proposal.content):
        if place not in kept:
            return word
    return next(iter(_guarded(proposal) - _guarded(source)), None)


def _guarded(side: _Reading) -> Counter[str]:
    return Counter(word for word in side.words if word in GUARDED_WORDS)


def _persons(side: _Reading) -> list[str]:
    """Whom the pronouns speak of, in order, the same person in a row once."""
    persons = [PERSONS[word] for word in side.words if word in PERSONS]
    return [person for at, person in enumerate(persons) if at == 0 or persons[at - 1] != person]


#: So many words more or fewer are never a change of length: an article put into a headline.
_FREE_WORDS = 1


def _length_ratio(source: _Reading, proposal: _Reading) -> float:
    return len(proposal.words) / max(1, len(source.words))


def _similarity(source: _Reading, proposal: _Reading) -> float:
    """Share of the longer text's words that both have in the same order (0-1)."""
    return LCSseq.normalized_similarity(source.words, proposal.words)


def _rearranged(source: _Reading, proposal: _Reading) -> str | None:
    """Content words in another order than by moving one run of them to another place.

    That lets a clause or an adjective move, but not two words change places around a third:
    "the army said the rebels fled".
    """
    places = sorted(_pairs(source, proposal), key=lambda pair: pair[1])
    order = [at for at, _ in places]
    ranks = {at: rank for rank, at in enumerate(sorted(order))}
    moved = [ranks[at] for at in order]
    low, high = 0, len(moved)
    while low < high and moved[low] == low:
        low += 1
    while high > low and moved[high - 1] == high - 1:
        high -= 1
    middle = moved[low:high]
    turn = middle.index(low) if middle else 0
    return None if middle[turn:] + middle[:turn] == list(range(low, high)) else "order of words"


_PARTICIPLES = frozenset(form for form, base in IRREGULAR_FORMS.items() if form != base)


def _voice(source: _Reading, proposal: _Reading) -> str | None:
    """A verb that turned from active to passive or back: another one now does the deed."""
    for at, place in _pairs(source, proposal):
        (word, here), (new, there) = source.content[at], proposal.content[place]
        participles = all(w.endswith("ed") or w in _PARTICIPLES for w in (word, new))
        if participles and bases(word).isdisjoint(INTRANSITIVES):
            before, after = _passive(source, here), _passive(proposal, there)
            if before is not None and after is not None and before != after:
                return f"voice of {word}"
    return None


def _passive(side: _Reading, at: int) -> bool | None:
    """Whether a form of ``be`` stands right before a participle; ``None`` in a relative clause."""
    for index in range(at - 1, max(-1, at - 4), -1):
        lower = side.tokens[index].text.lower()
        if lower in BE_FORMS:
            opener = side.tokens[index - 1].text.lower() if index else ""
            return None if opener in {"who", "which", "that"} else True
        if not (lower.endswith("ly") or lower in {"not", "n't", "also", "been", "being"}):
            return False
    return False


_STEPS: tuple[tuple[Reason, Callable[[_Reading, _Reading], str | None]], ...] = (
    (Reason.UNFINISHED, _unfinished),
    (Reason.CHATTER, _chatter),
    (Reason.NUMBER_CHANGED, _number_difference),
    (Reason.NAME_CHANGED, _name_difference),
    (Reason.QUOTE_CHANGED, _quote_difference),
    (Reason.NEGATION_CHANGED, _negation_difference),
    (Reason.MODALITY_CHANGED, _modality_difference),
    (Reason.CONTENT_LOST, _content_lost),
    (Reason.CONTENT_ADDED, _content_added),
    (Reason.NUMBER_CHANGED, _counted_difference),
    (Reason.TOO_DIFFERENT, _rearranged),
    (Reason.TOO_DIFFERENT, _voice),
)


def check_proposal(source: str, proposal: str, limits: CheckSettings) -> Verdict:
    """Whether ``proposal`` says what ``source`` says; the first refusal of this cascade counts.

    1. unfinished: empty; no full stop, or no capital to begin with, where the source has one
    2. chatter: talk about the task, an echo of the prompt, a new line, markup
    3. number_changed: numbers and their order, digits, currency signs, "about" before a number
    4. name_changed: capitalised words and their order
    5. quote_changed: words inside quotations, number of quotations
    6. negation_changed, 7. modality_changed: the word, or what it governs; a question made or lost
    8. content_lost, 9. content_added: content words without a relative, turning function words
       (`worker.lexicon.GUARDED_WORDS`), persons of pronouns; then what a number counts
    10. length_changed: words outside ``min_length_ratio`` to ``max_length_ratio``, by two or more
    11. too_different: ordered similarity under ``min_similarity``; words in another order than one
        move gives; active made passive

    A relative is the same word, inflected or plainly derived (`worker.lexicon.related`); a
    synonym or another spelling is none. Known gap: a wrong article, tense or plain preposition
    passes.
    """
    before, after = _Reading(source), _Reading(proposal)
    ratio = _length_ratio(before, after)
    scores = {"length_ratio": round(ratio, 4), "similarity": 0.0}
    for reason, difference in _STEPS[:-2]:
        detail = difference(before, after)
        if detail is not None:
            return Verdict(reason, detail, scores)
    within = limits.min_length_ratio <= ratio <= limits.max_length_ratio
    if not within and abs(len(after.words) - len(before.words)) > _FREE_WORDS:
        return Verdict(Reason.LENGTH_CHANGED, f"{ratio:.2f}", scores)
    scores["similarity"] = round(_similarity(before, after), 4)
    if scores["similarity"] < limits.min_similarity:
        return Verdict(Reason.TOO_DIFFERENT, f"similarity {scores['similarity']:.2f}", scores)
    for reason, difference in _STEPS[-2:]:
        detail = difference(before, after)
        if detail is not None:
            return Verdict(reason, detail, scores)
    return Verdict(None, "", scores)


# Summary sentences ---------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SupportVerdict:
    """What a check of a summary sentence found."""

    verdict: Verdict
    evidence: tuple[int, ...]
    """Indexes of the article sentences that carry it best, best first, at most two."""


#: Two sentences at most: a third adds nothing (AUC .853 against .855 on QAGS-CNN/DM) and a
#: sentence patched together from three is seldom what the article says.
_MAX_EVIDENCE = 2
#: Two content words of the sentence may stand so many content words apart in the article.
_PAIR_REACH = 3


class _Units:
    """What of a sentence can be found again: content words, pairs of words, pairs of content."""

    def __init__(self, text: str) -> None:
        reading = _Reading(text)
        words = reading.words
        content = [word for word, _ in reading.content]
        self.bases = frozenset().union(*map(bases, content))
        self.neighbours = frozenset(pairwise(words))
        self.pairs = frozenset(
            (word, other)
            for at, word in enumerate(content)
            for other in content[at + 1 : at + 1 + _PAIR_REACH]
        )


_MAX_CACHED_CHARS = 1_000
_cached_units = lru_cache(maxsize=2_000)(_Units)


def _units(text: str) -> _Units:
    return _cached_units(text) if len(text) <= _MAX_CACHED_CHARS else _Units(text)


def _covers(sentence: _Reading, article: Sequence[str]) -> tuple[list[set[int]], int]:
    """For each article sentence the numbers of the units it holds, and how many units there are."""
    content = [word for word, _ in sentence.content]
    word_bases = list(map(bases, content))
    neighbours = list(pairwise(sentence.words))
    pairs = list(pairwise(content))
    covers: list[set[int]] = []
    for units in map(_units, article):
        held = [not known.isdisjoint(units.bases) for known in word_bases]
        held += [pair in units.neighbours for pair in neighbours]
        held += [pair in units.pairs for pair in pairs]
        covers.append({number for number, found in enumerate(held) if found})
    return covers, len(word_bases) + len(neighbours) + len(pairs)


def _evidence(sentence: _Reading, article: Sequence[str]) -> tuple[tuple[int, ...], float]:
    """The sentences that together hold most of the units, and the mean share held (0-1).

    The share that the best sentence holds alone counts as much as what all hold together: half of
    what was measured to be wrong mixes two sentences.
    """
    covers, total = _covers(sentence, article)
    held: set[int] = set()
    chosen: list[int] = []
    shares: list[float] = []
    for _ in range(_MAX_EVIDENCE):
        best = max(range(len(covers)), key=lambda at: (len(covers[at] - held), -at), default=None)
        if best is not None and covers[best] - held:
            chosen.append(best)
            held |= covers[best]
        shares.append(len(held) / max(1, total))
    return tuple(chosen), sum(shares) / len(shares)


def _unknown_number(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    known = {key for reading in evidence for key in number_list(reading.text)}
    return next((key for key in number_list(sentence.text) if key not in known), None)


def _unknown_name(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    """A name that the evidence lacks, or names side by side that it never has in one name."""
    known = {key for reading in evidence for key in names(reading.text)}
    runs = [run for reading in evidence for run in _name_runs(reading)]
    known |= {part for run in runs for part in run}
    lower = {word for reading in evidence for word in reading.words}
    unsure = sentence.capitals[1]
    for key in names(sentence.text):
        # The first word may be no name at all.
        if key not in known and not (key in unsure and key.lower() in lower):
            return key
    for run in _name_runs(sentence):
        # `in` moves the iterator on, so that the words must come in their order.
        if len(run) > 1 and not any(all(part in left for part in run) for left in map(iter, runs)):
            return " ".join(run)
    return None


def _name_runs(reading: _Reading) -> list[list[str]]:
    """The capitalised words that stand side by side."""
    runs: list[list[str]] = [[]]
    for token in reading.tokens:
        if token.capital and not (
            token.soft and token.text.lower() in FUNCTION_WORDS | FRONT_ADVERBS
        ):
            runs[-1] += [part for part in token.text.replace(".", "").split("-") if part]
        elif runs[-1]:
            runs.append([])
    return runs


def _unknown_quote(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    known = [f" {quote} " for reading in evidence for quote in quotations(reading.text.lower())]
    for quote in quotations(sentence.text.lower()):
        if not any(f" {quote} " in whole for whole in known):
            return quote
    return None


#: Reported speech shifts these: "he will", "he said he would".
_SHIFTED = {"would": "will", "could": "can", "might": "may"}


def _shifted_modal(token: Token) -> str:
    key = modal_key(token)
    return _SHIFTED.get(key, key)


def _unknown_governed(
    sentence: _Reading, evidence: list[_Reading], key: Callable[[Token], str]
) -> str | None:
    """A negation or modal that the evidence has not at this word, or has and the sentence not."""
    known: dict[str, set[str]] = {}
    for reading in evidence:
        governed = {word: name for name, word in reading.governed(key)}
        for word, _ in reading.content:
            for base in bases(word):
                known.setdefault(base, set()).add(governed.get(word, ""))
    governed = {word: name for name, word in sentence.governed(key)}
    for word, _ in sentence.content:
        found = set().union(*(known.get(base, set()) for base in bases(word)))
        name = governed.get(word, "")
        if (found or name) and name not in found:
            return f"{name} {word}".strip()
    return None


def _unknown_negation(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    return _unknown_governed(sentence, evidence, negation_key)


def _unknown_modal(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    return _unknown_governed(sentence, evidence, _shifted_modal)


def _loaded(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    known = {word for reading in evidence for word in reading.words}
    return next((word for word in loaded_words(sentence.text) if word not in known), None)


def _unknown_content(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    """A word with no relative in the evidence: in a long sentence one hardly lowers the share."""
    known = set().union(*(bases(word) for reading in evidence for word, _ in reading.content))
    return next((word for word, _ in sentence.content if known.isdisjoint(bases(word))), None)


#: Finite forms only: "report", "claim" and "call" are nouns as often.
_SAYING = frozenset(word for word in ATTRIBUTION_VERBS if word.endswith("ed")) | {
    "said",
    "says",
    "told",
    "tells",
    "wrote",
    "thought",
}
_HAVE = frozenset({"have", "has", "had", "having", "'ve", "do", "does", "did", "to", "also"})


class _Order:
    """Where the words of an evidence sentence stand, by the words they belong to."""

    def __init__(self, reading: _Reading) -> None:
        self.places: dict[str, list[int]] = {}
        self.subjects: dict[str, set[str]] = {}
        """Names right before a word."""
        self.unled: set[str] = set()
        """Words right behind a mark: '"...", says the minister'."""
        self.owners: set[str] = set()
        """Words with "of" behind them: "the president of Russia" is "Russia's president"."""
        self.said: list[int] = [0]
        """How many verbs of saying stand before each token."""
        tokens_ = reading.tokens
        for token in tokens_:
            self.said.append(self.said[-1] + (token.text.lower() in _SAYING))
        last: tuple[str, int] | None = None
        for word, at in reading.content:
            named = last is not None and tokens_[last[1]].capital and _adjoin(reading, last[1], at)
            for base in bases(word):
                self.places.setdefault(base, []).append(at)
                if last is not None and named:
                    self.subjects.setdefault(base, set()).add(last[0])
                if at and not tokens_[at - 1].text[-1].isalnum():
                    self.unled.add(base)
                if any(token.text.lower() == "of" for token in tokens_[at + 1 : at + 3]):
                    self.owners.add(base)
            last = (word, at)

    def find(self, word: str) -> list[int]:
        """The places of a word's relatives, in order."""
        return sorted({at for base in bases(word) for at in self.places.get(base, ())})


def _turned(sentence: _Reading, evidence: list[_Reading]) -> str | None:
    """Who did what, for each two content words in a row, as the order of words tells it.

    Refused: words side by side that the evidence has only the other way round; words that the
    evidence has only with a verb of saying between them ("the council said homes lost power");
    a name before a verb that in the evidence another name stands before.
    """
    orders = list(map(_Order, evidence))
    checked: set[tuple[str, str]] = set()
    for (one, at), (other, place) in pairwise(sentence.content):
        if (one, other) in checked:
            continue
        checked.add((one, other))
        adjoin = _adjoin(sentence, at, place)
        quiet = not any(token.text.lower() in _SAYING for token in sentence.tokens[at : place + 1])
        verdicts = [_in_order(order, one, other, adjoin, quiet) for order in orders]
        seen = [verdict for verdict in verdicts if verdict is not None]
        named = sentence.tokens[at].capital and not sentence.tokens[place].capital
        if (seen and not any(seen)) or (
            not seen and adjoin and named and any(_led(order, one, other) for order in orders)
        ):
            return f"{one} {other}"
    return None


def _adjoin(reading: _Reading, at: int, place: int) -> bool:
    """Whether only auxiliaries, modals and negations stand between two tokens."""
    between = reading.tokens[at + 1 : place]
    return at < place and all(
        negation_key(token) or modal_key(token) or token.text.lower() in BE_FORMS | _HAVE
        for token in between
    )


def _in_order(order: _Order, one: str, other: str, adjoin: bool, quiet: bool) -> bool | None:
    """Whether ``one`` may lead to ``other``; ``None`` where they are not together."""
    first, last = order.find(one), order.find(other)
    if not first or not last:
        return None
    if not quiet or one == other:
        return not adjoin or first[0] < last[-1] or _inverted(order, one, other)
    ahead = [(first[bisect_left(first, at) - 1], at) for at in last if first[0] < at]
    if any(order.said[at + 1] == order.said[start] for start, at in ahead):
        return True
    return not ahead and (not adjoin or _inverted(order, one, other))


def _inverted(order: _Order, one: str, other: str) -> bool:
    """Whether turning the two round is mere grammar: "says Lund", "the mayor of Porto"."""
    unled = other in ATTRIBUTION_VERBS and not order.unled.isdisjoint(bases(other))
    return one in ATTRIBUTION_VERBS or unled or not order.owners.isdisjoint(bases(other))


def _led(order: _Order, subject: str, verb: str) -> bool:
    """Whether ``verb`` stands right behind another name than ``subject``."""
    found = set().union(*(order.subjects.get(base, set()) for base in bases(verb)))
    return any(not related(name, subject) for name in found)


_SUPPORT_STEPS: tuple[tuple[Reason, Callable[[_Reading, list[_Reading]], str | None]], ...] = (
    (Reason.NUMBER_CHANGED, _unknown_number),
    (Reason.NAME_CHANGED, _unknown_name),
    (Reason.QUOTE_CHANGED, _unknown_quote),
    (Reason.NEGATION_CHANGED, _unknown_negation),
    (Reason.MODALITY_CHANGED, _unknown_modal),
    (Reason.LOADED_WORD, _loaded),
    (Reason.NOT_SUPPORTED, _unknown_content),
    (Reason.NOT_SUPPORTED, _turned),
)


def check_summary_sentence(
    sentence: str, article: Sequence[str], limits: CheckSettings
) -> SupportVerdict:
    """Which article sentences carry ``sentence``, and whether they do; the first refusal counts.

    1. a sentence of the article itself passes
    2. chatter: talk about the task, a new line, markup
    3. number_changed, 4. name_changed, 5. quote_changed: not in the evidence
    6. negation_changed, 7. modality_changed: a shared word is negated or hedged differently
    8. loaded_word: a word of judgement that the evidence has not
    9. not_supported: a content word without a relative in the evidence; who did what is turned
       round; support under ``min_support``

    Support is the mean of two shares: of the sentence's content words, word pairs and content
    pairs, how many the best article sentence holds, and how many the best two hold together.
    """
    reading = _Reading(sentence)
    for at, candidate in enumerate(article):
        if reading.words and words(candidate) == words(sentence):
            return SupportVerdict(Verdict(None, "", {"support": 1.0}), (at,))
    chosen, share = _evidence(reading, article)
    scores = {"support": round(share, 4)}
    evidence = [_Reading(article[at]) for at in chosen]
    whole = _Reading(" ".join(article[at] for at in chosen))
    talk = _chatter(whole, reading)
    if talk is not None:
        return SupportVerdict(Verdict(Reason.CHATTER, talk, scores), chosen)
    for reason, difference in _SUPPORT_STEPS:
        detail = difference(reading, evidence)
        if detail is not None:
            return SupportVerdict(Verdict(reason, detail, scores), chosen)
    if share < limits.min_support:
        refusal = Verdict(Reason.NOT_SUPPORTED, f"support {share:.2f}", scores)
        return SupportVerdict(refusal, chosen)
    return SupportVerdict(Verdict(None, "", scores), chosen)
