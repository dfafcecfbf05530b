"""Checks whether a model's proposal may replace its sentence.

The checks are pure functions and strict on purpose: refusing a good proposal costs little, while a
wrong proposal that is accepted looks right in print. A refusal is a ``CheckResult`` with a
``Reason``, not an exception..
"""

from __future__ import annotations

from collections.abc import Callable

from rapidfuzz.distance import LCSseq

from worker.config.profile import CheckSettings
from worker.english.model_talk import find_model_talk
from worker.english.sentence_view import SentenceView
from worker.english.spelling import correct_spelling
from worker.records.reason import Reason
from worker.stages.check_result import CheckResult
from worker.stages.repair.difference import (
    added_content,
    added_word,
    counted_difference,
    guarded_difference,
    layout_difference,
    lost_content,
    lost_word,
    missing_boundary,
    modal_count_difference,
    modality_difference,
    name_difference,
    name_difference_beyond_case,
    negation_count_difference,
    negation_difference,
    number_difference,
    person_difference,
    question_difference,
    quote_difference,
)
from worker.stages.repair.word_order import order_difference, role_difference, voice_difference

__all__ = ["check_facts", "check_proposal"]

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
    (Reason.UNFINISHED, missing_boundary),
    (Reason.CHATTER, find_model_talk),
    (Reason.LAYOUT_CHANGED, layout_difference),
    (Reason.NUMBER_CHANGED, number_difference),
    (Reason.NAME_CHANGED, name_difference),
    (Reason.QUOTE_CHANGED, quote_difference),
    (Reason.NEGATION_CHANGED, negation_difference),
    (Reason.MODALITY_CHANGED, modality_difference),
    (Reason.CONTENT_LOST, lost_content),
    (Reason.CONTENT_ADDED, added_content),
    (Reason.NUMBER_CHANGED, counted_difference),
)
#: Run after the length and similarity checks, once word order is all that can still differ.
_ORDER_CHECKS: _Checks = (
    (Reason.TOO_DIFFERENT, order_difference),
    (Reason.TOO_DIFFERENT, role_difference),
    (Reason.TOO_DIFFERENT, voice_difference),
)


#: Facts, which hold for a rewrite of the whole sentence too.
_FACT_CHECKS: _Checks = (
    *_WORD_CHECKS[:4],
    (Reason.NAME_CHANGED, name_difference_beyond_case),
    (Reason.QUOTE_CHANGED, quote_difference),
    (Reason.NEGATION_CHANGED, negation_count_difference),
    (Reason.MODALITY_CHANGED, modal_count_difference),
    (Reason.MODALITY_CHANGED, question_difference),
    (Reason.CONTENT_LOST, lost_word),
    (Reason.CONTENT_ADDED, added_word),
    (Reason.CONTENT_LOST, person_difference),
    (Reason.CONTENT_LOST, guarded_difference),
    (Reason.TOO_DIFFERENT, role_difference),
)


def _first_difference(
    checks: _Checks, before: SentenceView, after: SentenceView
) -> tuple[Reason | None, str]:
    for reason, check in checks:
        detail = check(before, after)
        if detail is not None:
            return reason, detail
    return None, ""


def check_facts(source: str, rewrite: str) -> CheckResult:
    """Check the facts that no rewrite may change; whether it says the same, a judge must tell.

    These are checks 1 to 9 of ``check_proposal``, less strict in three points: a negation or modal
    may precede another word, as when a verb moves; a word may be the same in another case
    ("russian", "Russian"); and particles such as *up* and *by* may come and go. Then the words
    governed by *to*, *by* and *from*. Word order, length and voice are left to the judge.
    """
    before, after = SentenceView(correct_spelling(source, rewrite)), SentenceView(rewrite)
    return CheckResult(*_first_difference(_FACT_CHECKS, before, after))


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
