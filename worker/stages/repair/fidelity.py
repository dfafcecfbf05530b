"""Checks whether a model's proposal may replace its sentence.

The checks are pure functions and strict on purpose: refusing a good proposal costs little, while a
wrong proposal that is accepted looks right in print. A refusal is a ``CheckResult`` with a
``Reason``, not an exception. Each private check returns what differs, or ``None``.
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
    are_related,
    is_plain,
)
from worker.english.model_talk import find_model_talk
from worker.english.quotation import quotations
from worker.english.sentence_end import ends_sentence
from worker.english.sentence_view import SentenceView, pair_related_words
from worker.english.spelling import correct_spelling
from worker.records.reason import Reason
from worker.stages.check_result import CheckResult
from worker.stages.repair.word_order import order_difference, role_difference, voice_difference

__all__ = ["check_proposal"]

_QUANTITY_SIGNS = frozenset("$\u20ac\u00a3\u00a5\u20b9\u20bd\u00a2\u00b0\u00b1+=")


def _missing_boundary(source: SentenceView, proposal: SentenceView) -> str | None:
    if not proposal.words:
        return "empty"
    before, after = (side.folded.lstrip("\"'([ ") for side in (source, proposal))
    if before[:1].isupper() and after[:1].islower():
        return "no capital"
    had_end, has_end = (ends_sentence(side.folded) for side in (source, proposal))
    return "no end" if had_end and not has_end else None


_LIST_MARK = re.compile(r"\s*(?:[-*\u2022\u00b7\u2013]|\(?\w{1,2}[.)])\s")
#: Marks at the end of a line that lead on to the next line.
_OPEN_ENDS = (";", ":", ",")


def _layout_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare list marks, markup, brackets, and a semicolon, colon or comma at the end."""
    return _difference(_layout(source.folded), _layout(proposal.folded))


def _layout(text: str) -> Counter[str]:
    layout = Counter(re.findall(r"[*_#\[\]<>()]", text))
    layout["list mark"] = _LIST_MARK.match(text) is not None
    layout["end " + text.rstrip()[-1:]] = text.rstrip().endswith(_OPEN_ENDS)
    return +layout


def _difference(source: Counter[str], proposal: Counter[str]) -> str | None:
    """Return the keys that differ as ``-lost +added``."""
    if source == proposal:
        return None
    lost, added = source - proposal, proposal - source
    return " ".join([f"-{key}" for key in lost] + [f"+{key}" for key in added])


def _number_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare numbers and their order, digits as written, signs, and words such as "about"."""
    sides = (source, proposal)
    listed = [number_list(side.text) for side in sides]
    digits = [Counter(re.findall(r"\d+", side.folded)) for side in sides]
    signs = [Counter(sign for sign in side.folded if sign in _QUANTITY_SIGNS) for side in sides]
    hedges = [Counter(_hedged_numbers(side)) for side in sides]
    return (
        _difference(*map(Counter, listed))
        or _difference(*digits)
        or _difference(*signs)
        or _difference(*hedges)
        or (None if listed[0] == listed[1] else "order of numbers")
    )


def _counted_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare what each number counts: "25% more ships" is not "25% of ships"."""
    for before, after in zip(_counted_words(source), _counted_words(proposal), strict=False):
        if before and after and not are_related(before, after):
            return f"number of {before} / {after}"
    return None


def _counted_words(side: SentenceView) -> list[str]:
    """Return the next content or guarded word after each number; empty if a mark comes first."""
    counted: list[str] = []
    waiting = 0
    for token in side.tokens:
        lower = token.text.lower()
        candidates = (*token_content(token), *({lower} & GUARDED_WORDS))
        if candidates or not (token.text[0].isalnum() or token.text in "%-"):
            counted += [next(iter(candidates), "")] * waiting
            waiting = 0
        waiting += token.text[0].isdigit()
    return counted + [""] * waiting


def _hedged_numbers(side: SentenceView) -> list[str]:
    lower = [token.text.lower() for token in side.tokens]
    return [
        f"{hedge} {token}"
        for hedge, token in pairwise(lower)
        if hedge in HEDGES and hedge != "to" and (token[0].isdigit() or numbers(token))
    ]


def _name_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare capitalised words and their order.

    A plain first word may gain or lose its capital by moving. Any other word must be capitalised
    equally often in both texts, unless its lower-case form in the source shows that it is not a
    name.
    """
    sure_before, unsure_before, order_before = source.capitals
    sure_after, unsure_after, order_after = proposal.capitals
    for word in dict.fromkeys([*order_before, *order_after]):
        before = sure_before[word] + unsure_before[word]
        after = sure_after[word] + unsure_after[word]
        if before == after:
            continue
        if is_plain(word) and word != "I":
            if sure_after[word] > before or sure_before[word] > after:
                return f"{'+' if after > before else '-'}{word}"
        elif after > before:
            is_known = any(are_related(word.lower(), plain) for plain in source.lower_case)
            if after - before > unsure_after[word] or not is_known:
                return f"+{word}"
        elif before - after > unsure_before[word] or not source.lower_case[word.lower()]:
            return f"-{word}"
    movable = MONTHS | WEEKDAYS | FUNCTION_WORDS | FRONT_ADVERBS
    unchanged = {
        word for word, count in Counter(order_before).items() if order_after.count(word) == count
    }
    names_before, names_after = (
        [word for word in order if word in unchanged and word.lower() not in movable]
        for order in (order_before, order_after)
    )
    return None if names_before == names_after else "order of names"


def _quote_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    """Compare the words of each quotation, ignoring case and the kind of quotation mark."""
    before, after = (quotations(side.text.lower()) for side in (source, proposal))
    if before == after:
        return None
    changed = [quote for quote in after if quote not in before]
    return changed[0] if changed else f"{len(before)} quotations became {len(after)}"


def _governed_difference(
    source: SentenceView, proposal: SentenceView, key: Callable[[Token], str]
) -> str | None:
    """Compare negations or modals, each with the content word that it governs."""
    before, after = source.governed(key), proposal.governed(key)
    count_difference = _difference(
        Counter(name for name, _ in before), Counter(name for name, _ in after)
    )
    if count_difference:
        return count_difference
    for (name, word), (new_name, new_word) in zip(before, after, strict=True):
        if name != new_name or not are_related(word, new_word):
            return f"{name} {word} / {new_name} {new_word}"
    return None


def _negation_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    return _governed_difference(source, proposal, negation_key)


def _modality_difference(source: SentenceView, proposal: SentenceView) -> str | None:
    if source.folded.count("?") != proposal.folded.count("?"):
        return "question"
    return _governed_difference(source, proposal, modal_key)


#: Distances in content words within which a repeated word may be dropped: a doubled word, and an
#: attribution made twice ("reportedly ... the report said"). Farther apart, both words may be
#: needed: "the former head of the former ministry".
_DOUBLE_REACH, _ATTRIBUTION_REACH = 1, 8


def _lost_content(source: SentenceView, proposal: SentenceView) -> str | None:
    kept = {index for index, _ in pair_related_words(source, proposal)}
    for index, (word, _) in enumerate(source.content):
        if index in kept:
            continue
        reach = _ATTRIBUTION_REACH if _is_attribution(word) else _DOUBLE_REACH
        nearby = range(max(0, index - reach), index + reach + 1)
        if not any(
            neighbour in kept and are_related(word, source.content[neighbour][0])
            for neighbour in nearby
        ):
            return word
    lost = _guarded_words(source) - _guarded_words(proposal)
    if lost:
        return next(iter(lost))
    before, after = _pronoun_persons(source), _pronoun_persons(proposal)
    return None if before == after else f"persons {' '.join(before)} / {' '.join(after)}"


def _is_attribution(word: str) -> bool:
    return any(are_related(word, verb) for verb in ATTRIBUTION_VERBS)


def _added_content(source: SentenceView, proposal: SentenceView) -> str | None:
    kept = {index for _, index in pair_related_words(source, proposal)}
    for index, (word, _) in enumerate(proposal.content):
        if index not in kept:
            return word
    return next(iter(_guarded_words(proposal) - _guarded_words(source)), None)


def _guarded_words(side: SentenceView) -> Counter[str]:
    return Counter(word for word in side.words if word in GUARDED_WORDS)


def _pronoun_persons(side: SentenceView) -> list[str]:
    """Return the persons of the pronouns in order; any difference can change who acts on whom."""
    return [PERSONS[word] for word in side.words if word in PERSONS]


#: A difference of this many words never counts as a change of length: a headline may gain an
#: article.
_LENGTH_SLACK_WORDS = 1


def _length_ratio(source: SentenceView, proposal: SentenceView) -> float:
    return len(proposal.words) / max(1, len(source.words))


def _similarity(source: SentenceView, proposal: SentenceView) -> float:
    """Return the share of the longer text's words that both texts have in the same order (0-1)."""
    return LCSseq.normalized_similarity(source.words, proposal.words)


_Checks = tuple[tuple[Reason, Callable[[SentenceView, SentenceView], str | None]], ...]

_WORD_CHECKS: _Checks = (
    (Reason.UNFINISHED, _missing_boundary),
    (Reason.CHATTER, find_model_talk),
    (Reason.LAYOUT_CHANGED, _layout_difference),
    (Reason.NUMBER_CHANGED, _number_difference),
    (Reason.NAME_CHANGED, _name_difference),
    (Reason.QUOTE_CHANGED, _quote_difference),
    (Reason.NEGATION_CHANGED, _negation_difference),
    (Reason.MODALITY_CHANGED, _modality_difference),
    (Reason.CONTENT_LOST, _lost_content),
    (Reason.CONTENT_ADDED, _added_content),
    (Reason.NUMBER_CHANGED, _counted_difference),
)
#: Run after the length and similarity checks, once word order is all that can still differ.
_ORDER_CHECKS: _Checks = (
    (Reason.TOO_DIFFERENT, order_difference),
    (Reason.TOO_DIFFERENT, role_difference),
    (Reason.TOO_DIFFERENT, voice_difference),
)


def _first_difference(
    checks: _Checks, before: SentenceView, after: SentenceView
) -> tuple[Reason | None, str]:
    for reason, check in checks:
        detail = check(before, after)
        if detail is not None:
            return reason, detail
    return None, ""


def check_proposal(source: str, proposal: str, limits: CheckSettings) -> CheckResult:
    """Check that ``proposal`` means the same as ``source``; the first failed check decides.

    1. unfinished: empty, or without the source's end mark or first capital
    2. chatter: talk about the task, an echo of the prompt, a new line, markup; then
       layout_changed: list marks, markup, brackets, a closing semicolon, colon or comma
    3. number_changed: numbers and their order, digits, currency signs, "about" before a number
    4. name_changed: capitalised words and their order
    5. quote_changed: the words inside quotations, and how many quotations there are
    6. negation_changed, 7. modality_changed: the word, or what it governs; a question added or lost
    8. content_lost, 9. content_added: content words without a relative, guarded function words
       (``worker.english.lexicon.GUARDED_WORDS``), pronoun persons; then what a number counts
    10. length_changed: a ratio of words outside ``min_length_ratio`` to ``max_length_ratio``, and a
        difference of two words or more
    11. too_different: ordered similarity under ``min_similarity``; an order that takes more than
        one move; the word governed by *to*, *by* or *from*; active made passive or the reverse

    Misspelt words are corrected first (``worker.english.spelling``). A relative is the same word,
    an inflected form or a plain derivation (``worker.english.lexicon.are_related``), but not a
    synonym or a variant spelling. Known gap: a wrong article, tense or plain preposition passes.
    """
    before, after = SentenceView(correct_spelling(source, proposal)), SentenceView(proposal)
    ratio = _length_ratio(before, after)
    scores = {"length_ratio": round(ratio, 4), "similarity": 0.0}
    reason, detail = _first_difference(_WORD_CHECKS, before, after)
    if reason is not None:
        return CheckResult(reason, detail, scores)
    is_within_limits = limits.min_length_ratio <= ratio <= limits.max_length_ratio
    if not is_within_limits and abs(len(after.words) - len(before.words)) > _LENGTH_SLACK_WORDS:
        return CheckResult(Reason.LENGTH_CHANGED, f"{ratio:.2f}", scores)
    scores["similarity"] = round(_similarity(before, after), 4)
    if scores["similarity"] < limits.min_similarity:
        return CheckResult(Reason.TOO_DIFFERENT, f"similarity {scores['similarity']:.2f}", scores)
    return CheckResult(*_first_difference(_ORDER_CHECKS, before, after), scores)
