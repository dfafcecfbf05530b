"""Whether a model's proposal may stand in for its sentence, and what carries a summary sentence.

Pure functions of their text. Strict on purpose: a good proposal refused costs little, a wrong one
accepted looks right in print. A refusal is data, a `CheckResult` with a `Reason`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from itertools import pairwise

from rapidfuzz.distance import LCSseq

from worker.config.profile import CheckSettings
from worker.english.facts import (
    Token,
    modal_key,
    negation_key,
    number_list,
    numbers,
    token_content,
)
from worker.english.lexicon import (
    ATTRIBUTION_VERBS,
    FRONT_ADVERBS,
    FUNCTION_WORDS,
    GUARDED_WORDS,
    HEDGES,
    MONTHS,
    PERSONS,
    WEEKDAYS,
    is_plain,
    related,
)
from worker.english.model_talk import model_talk_in
from worker.english.quotation import quotations
from worker.english.sentence_view import SentenceView, relatives
from worker.english.spelling import respell
from worker.records.reason import Reason
from worker.stages.check_result import CheckResult
from worker.stages.repair.word_order import rearranged, role_difference, voice_difference

__all__ = ["check_proposal"]


_CLOSERS = "\"')]} "
_ENDS = (".", "!", "?")
_AMOUNT_SIGNS = frozenset("$\u20ac\u00a3\u00a5\u20b9\u20bd\u00a2\u00b0\u00b1+=")


def _unfinished(source: SentenceView, proposal: SentenceView) -> str | None:
    if not proposal.words:
        return "empty"
    first, begun = source.folded.lstrip("\"'([ "), proposal.folded.lstrip("\"'([ ")
    if first[:1].isupper() and begun[:1].islower():
        return "no capital"
    ended = proposal.folded.rstrip(_CLOSERS).endswith(_ENDS)
    return "no end" if source.folded.rstrip(_CLOSERS).endswith(_ENDS) and not ended else None


#: Marks of a list, and ends by which a sentence leans on the next line.
_LIST_MARK = re.compile(r"\s*(?:[-*\u2022\u00b7\u2013]|\(?\w{1,2}[.)])\s")
_LEANING_ENDS = (";", ":", ",")


def _layout_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """The mark before a list's item, markup, brackets, and an end that is no full stop."""
    return _difference(_layout(source.folded), _layout(proposal.folded))


def _layout(text: str) -> Counter[str]:
    mark = _LIST_MARK.match(text)
    found = Counter(re.findall(r"[*_#\[\]<>()]", text))
    found["list mark"] = mark is not None
    found["end " + text.rstrip()[-1:]] = text.rstrip().endswith(_LEANING_ENDS)
    return +found


def _difference(source: Counter[str], proposal: Counter[str]) -> str | None:
    """The keys that differ as ``-lost +added``; ``None`` where nothing does."""
    if source == proposal:
        return None
    lost, added = source - proposal, proposal - source
    return " ".join([f"-{key}" for key in lost] + [f"+{key}" for key in added])


def _number_difference(source: SentenceView, proposal: SentenceView) -> str | None:
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


def _counted_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """What a number counts: "25% more ships were ordered", "25% of ships were ordered more"."""
    for one, other in zip(_counted(source), _counted(proposal), strict=False):
        if one and other and not related(one, other):
            return f"number of {one} / {other}"
    return None


def _counted(side: SentenceView) -> list[str]:
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


def _hedged(side: SentenceView) -> list[str]:
    lower = [token.text.lower() for token in side.tokens]
    return [
        f"{hedge} {token}"
        for hedge, token in pairwise(lower)
        if hedge in HEDGES and hedge != "to" and (token[0].isdigit() or numbers(token))
    ]


def _name_difference(source: SentenceView, proposal: SentenceView) -> str | None:
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


def _quote_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """The words of each quotation, but for capitals and the marks used."""
    before, after = (quotations(side.text.lower()) for side in (source, proposal))
    if before == after:
        return None
    changed = [quote for quote in after if quote not in before]
    return changed[0] if changed else f"{len(before)} quotations became {len(after)}"


def _governed_difference(
    source: SentenceView, proposal: SentenceView, key: Callable[[Token], str]
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


def _negation_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    return _governed_difference(source, proposal, negation_key)


def _modality_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    if source.folded.count("?") != proposal.folded.count("?"):
        return "question"
    return _governed_difference(source, proposal, modal_key)


#: A content word may be said once less where it stands twice within so many content words: a
#: doubled word, a doubled attribution ("reportedly ... the report said"). Others that stand farther
#: apart are not the same twice: "the former head of the former ministry".
_DOUBLE_REACH, _ATTRIBUTION_REACH = 1, 8


def _content_lost(source: SentenceView, proposal: SentenceView) -> str | None:
    kept = {at for at, _ in relatives(source, proposal)}
    for at, (word, _) in enumerate(source.content):
        if at in kept:
            continue
        reach = _ATTRIBUTION_REACH if _attributes(word) else _DOUBLE_REACH
        near = range(max(0, at - reach), at + reach + 1)
        if not any(other in kept and related(word, source.content[other][0]) for other in near):
            return word
    lost = _guarded(source) - _guarded(proposal)
    if lost:
        return next(iter(lost))
    before, after = _persons(source), _persons(proposal)
    return None if before == after else f"persons {' '.join(before)} / {' '.join(after)}"


def _attributes(word: str) -> bool:
    return any(related(word, verb) for verb in ATTRIBUTION_VERBS)


def _content_added(source: SentenceView, proposal: SentenceView) -> str | None:
    kept = {place for _, place in relatives(source, proposal)}
    for place, (word, _) in enumerate(proposal.content):
        if place not in kept:
            return word
    return next(iter(_guarded(proposal) - _guarded(source)), None)


def _guarded(side: SentenceView) -> Counter[str]:
    return Counter(word for word in side.words if word in GUARDED_WORDS)


def _persons(side: SentenceView) -> list[str]:
    """Whom the pronouns speak of, in order: one lost or won can change who did what to whom."""
    return [PERSONS[word] for word in side.words if word in PERSONS]


#: So many words more or fewer are never a change of length: an article put into a headline.
_FREE_WORDS = 1


def _length_ratio(source: SentenceView, proposal: SentenceView) -> float:
    return len(proposal.words) / max(1, len(source.words))


def _similarity(source: SentenceView, proposal: SentenceView) -> float:
    """Share of the longer text's words that both have in the same order (0-1)."""
    return LCSseq.normalized_similarity(source.words, proposal.words)


_Steps = tuple[tuple[Reason, Callable[[SentenceView, SentenceView], str | None]], ...]

_WORD_STEPS: _Steps = (
    (Reason.UNFINISHED, _unfinished),
    (Reason.CHATTER, model_talk_in),
    (Reason.LAYOUT_CHANGED, _layout_difference),
    (Reason.NUMBER_CHANGED, _number_difference),
    (Reason.NAME_CHANGED, _name_difference),
    (Reason.QUOTE_CHANGED, _quote_difference),
    (Reason.NEGATION_CHANGED, _negation_difference),
    (Reason.MODALITY_CHANGED, _modality_difference),
    (Reason.CONTENT_LOST, _content_lost),
    (Reason.CONTENT_ADDED, _content_added),
    (Reason.NUMBER_CHANGED, _counted_difference),
)
#: Behind the limits on length and similarity: what is left then differs in order alone.
_ORDER_STEPS: _Steps = (
    (Reason.TOO_DIFFERENT, rearranged),
    (Reason.TOO_DIFFERENT, role_difference),
    (Reason.TOO_DIFFERENT, voice_difference),
)


def _first(steps: _Steps, before: SentenceView, after: SentenceView) -> tuple[Reason | None, str]:
    for reason, difference in steps:
        detail = difference(before, after)
        if detail is not None:
            return reason, detail
    return None, ""


def check_proposal(source: str, proposal: str, limits: CheckSettings) -> CheckResult:
    """Whether ``proposal`` says what ``source`` says; the first refusal of this cascade counts.

    1. unfinished: empty; no full stop, or no capital to begin with, where the source has one
    2. chatter: talk about the task, an echo of the prompt, a new line, markup; then
       layout_changed: list marks, markup, brackets, a closing semicolon, colon or comma
    3. number_changed: numbers and their order, digits, currency signs, "about" before a number
    4. name_changed: capitalised words and their order
    5. quote_changed: words inside quotations, number of quotations
    6. negation_changed, 7. modality_changed: the word, or what it governs; a question made or lost
    8. content_lost, 9. content_added: content words without a relative, turning function words
       (`worker.english.lexicon.GUARDED_WORDS`), persons of pronouns; then what a number counts
    10. length_changed: words outside ``min_length_ratio`` to ``max_length_ratio``, by two or more
    11. too_different: ordered similarity under ``min_similarity``; words in another order than one
        move gives; what *to*, *by* or *from* stands before; active made passive

    Misspelt words count as what they were to be (`worker.english.spelling.respell`). A relative is
    the
    same word, inflected or plainly derived (`worker.english.lexicon.related`); a synonym or another
    spelling is none. Known gap: a wrong article, tense or plain preposition passes.
    """
    before, after = SentenceView(respell(source, proposal)), SentenceView(proposal)
    ratio = _length_ratio(before, after)
    scores = {"length_ratio": round(ratio, 4), "similarity": 0.0}
    reason, detail = _first(_WORD_STEPS, before, after)
    if reason is not None:
        return CheckResult(reason, detail, scores)
    within = limits.min_length_ratio <= ratio <= limits.max_length_ratio
    if not within and abs(len(after.words) - len(before.words)) > _FREE_WORDS:
        return CheckResult(Reason.LENGTH_CHANGED, f"{ratio:.2f}", scores)
    scores["similarity"] = round(_similarity(before, after), 4)
    if scores["similarity"] < limits.min_similarity:
        return CheckResult(Reason.TOO_DIFFERENT, f"similarity {scores['similarity']:.2f}", scores)
    return CheckResult(*_first(_ORDER_STEPS, before, after), scores)
