from __future__ import annotations

import pytest

from worker.config.profile import CheckSettings
from worker.records.reason import Reason
from worker.stages.summarise.support import check_summary_sentence

LIMITS = CheckSettings(min_support=0.8)

ARTICLE = (
    "Mayor Ada Lund has vowed not to sell the harbour while Piet Brandt is in office.",
    "The council in Porto said on Monday that 1,200 homes had lost power.",
    'Brandt called the plan "a gift to nobody" after the meeting.',
    "Repairs may start in June, the operator said.",
)


@pytest.mark.parametrize(
    ("sentence", "evidence"),
    [
        ("Mayor Ada Lund has vowed not to sell the harbour while Piet Brandt is in office.", (0,)),
        ("The council said that 1,200 homes had lost power.", (1,)),
        ("The council in Porto said that 1200 homes had lost power.", (1,)),
        ("The operator said repairs may start in June.", (3,)),
        ('Brandt called the plan "a gift to nobody".', (2,)),
    ],
)
def test_a_supported_sentence_names_its_evidence(sentence: str, evidence: tuple[int, ...]) -> None:
    support = check_summary_sentence(sentence, ARTICLE, LIMITS)
    assert support.check.reason is None, support.check.detail
    assert support.evidence == evidence


def test_every_sentence_of_the_article_supports_itself() -> None:
    for index, sentence in enumerate(ARTICLE):
        support = check_summary_sentence(sentence.replace('"', "”"), ARTICLE, LIMITS)
        assert support.check.accepted
        assert support.evidence == (index,)


@pytest.mark.parametrize(
    ("sentence", "reason"),
    [
        ("The council in Porto said that 1,300 homes had lost power.", Reason.NUMBER_CHANGED),
        ("The council in Lisbon said that 1,200 homes had lost power.", Reason.NAME_CHANGED),
        ("Piet Lund has vowed not to sell the harbour.", Reason.NAME_CHANGED),
        ('Brandt called the plan "a gift to all".', Reason.QUOTE_CHANGED),
        ('The council said that homes "had lost power".', Reason.QUOTE_CHANGED),
        ("Mayor Ada Lund has vowed to sell the harbour.", Reason.NEGATION_CHANGED),
        ("Repairs will start in June.", Reason.MODALITY_CHANGED),
        ("Repairs start in June.", Reason.MODALITY_CHANGED),
        ("The council in Porto said that 1,200 homes had sadly lost power.", Reason.LOADED_WORD),
        ("The council in Porto said that 1,200 homes had lost gas.", Reason.NOT_SUPPORTED),
        ("Piet Brandt has vowed not to sell the harbour.", Reason.NOT_SUPPORTED),
        ("The council on Monday lost power.", Reason.NOT_SUPPORTED),
        ("Sure, here is the summary.", Reason.CHATTER),
        ("Snow fell on hills.", Reason.NOT_SUPPORTED),
        ("", Reason.NOT_SUPPORTED),
    ],
)
def test_an_unsupported_summary_sentence_is_refused(sentence: str, reason: Reason) -> None:
    support = check_summary_sentence(sentence, ARTICLE, LIMITS)
    assert support.check.reason is reason, support.check.detail


def test_a_claim_does_not_become_a_fact() -> None:
    support = check_summary_sentence("Repairs may start in June.", ARTICLE, LIMITS)
    assert support.check.reason is Reason.ATTRIBUTION_LOST
    assert support.evidence == (3,)


@pytest.mark.parametrize(
    ("source", "shortened", "reason", "detail"),
    [
        (
            "Ada Lund (39) and her sister Ida (38) opened the restaurant last year, a small place.",
            "Ada Lund opened the restaurant last year, a small place.",
            Reason.CONTENT_LOST,
            "and her sister ida",
        ),
        (
            '"Nobody had meant to offend anyone," said Ada Lund on Monday, after the show.',
            '"Nobody had meant to offend anyone." said Ada Lund on Monday.',
            Reason.LAYOUT_CHANGED,
            '." s',
        ),
    ],
)
def test_a_shortened_subject_or_an_end_inside_a_sentence_is_refused(
    source: str, shortened: str, reason: Reason, detail: str
) -> None:
    support = check_summary_sentence(shortened, [source], CheckSettings())
    assert (support.check.reason, support.check.detail) == (reason, detail)


@pytest.mark.parametrize(
    ("source", "shortened"),
    [
        (
            "Ada Lund, who was born in Milltown and lived there, opened the restaurant last year.",
            "Ada Lund opened the restaurant last year.",
        ),
        (
            "Ada Lund opened the restaurant last year and has run it with her sister since then.",
            "Ada Lund opened the restaurant last year.",
        ),
    ],
)
def test_a_clause_of_its_own_may_be_cut(source: str, shortened: str) -> None:
    limits = CheckSettings(min_support=0.5)
    assert check_summary_sentence(shortened, [source], limits).check.accepted


def test_a_name_does_not_take_the_verb_of_another() -> None:
    article = (*ARTICLE, "Rosa Falk opened the museum in the old mill.")
    support = check_summary_sentence("Lund opened the museum in the old mill.", article, LIMITS)
    assert support.check.reason is Reason.NOT_SUPPORTED


def test_an_empty_article_supports_nothing() -> None:
    support = check_summary_sentence("Repairs may start.", (), LIMITS)
    assert support.check.reason is not None
    assert support.evidence == ()


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["not a ", "Ab ", "'a' ", '"a" ', "was said ", "1 ", "may x "])
def test_a_hostile_line_ends_in_time(unit: str) -> None:
    text = unit * (60_000 // len(unit)) + "."
    check_summary_sentence(text, (text + "b", "x."), LIMITS)
