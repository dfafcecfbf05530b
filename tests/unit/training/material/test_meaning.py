"""When two versions of a sentence say the same, and which words differ."""

from __future__ import annotations

import pytest

from worker.training.material.meaning import changes_time, foreign_words, says_the_same

GOOD = "On Monday, the council of Norby rejected a plan to close 14 schools."


@pytest.mark.parametrize(
    "rough",
    [
        "On Monday rejected the council of Norby a plan 14 schools to close.",
        "In Monday, council of Norby rejected plan to close 14 schools.",
        "On Monday, the council from Norby rejected a plan for closing 14 schools.",
    ],
)
def test_word_order_articles_prepositions_and_forms_leave_the_meaning(rough: str) -> None:
    assert says_the_same(rough, GOOD)


@pytest.mark.parametrize(
    "other",
    [
        "On Monday, the council of Norby rejected a plan to close 15 schools.",
        "On Monday, the council of Norby rejected a plan to close fourteen schools.",
        "On Monday, the council of Selby rejected a plan to close 14 schools.",
        "On Monday, the council of Norby did not reject a plan to close 14 schools.",
        "On Monday, the council of Norby may reject a plan to close 14 schools.",
        "On Monday, the council of Norby rejects a plan to close 14 schools.",
        "On Monday, the council of Norby had rejected a plan to close 14 schools.",
        "On Monday, the council of Norby rejected his plan to close 14 schools.",
        "On Monday, the council of Norby rejected a proposal to close 14 schools.",
        "On Monday, Mr Bell of the council of Norby rejected a plan to close 14 schools.",
        'On Monday, the council of Norby rejected "a plan" to close 14 schools.',
        "After Monday, the council of Norby rejected a plan to close 14 schools.",
        "On Monday, the council of Norby was rejected by a plan to close 14 schools.",
    ],
)
def test_content_numbers_names_negation_time_and_quotations_change_it(other: str) -> None:
    assert not says_the_same(other, GOOD)


def test_a_continuous_form_is_another_time() -> None:
    assert not says_the_same("They talk with the firm.", "They are talking with the firm.")
    assert says_the_same("They are talk with the firm.", "They are talking with the firm.")


def test_percent_signs_and_words_are_told_apart() -> None:
    assert not says_the_same("It rose by 5%.", "It rose by 5 per cent.")


def test_only_the_differing_words_are_foreign() -> None:
    rough = "On Monday, council of Selby rejected plan to close 15 schools."
    assert foreign_words(GOOD, rough) == {"norby", "selby", "14", "15"}


@pytest.mark.parametrize(
    ("word", "other", "previous", "expected"),
    [
        ("says", "said", "he", True),
        ("is", "was", "it", True),
        ("wants", "wanted", "not", False),
        ("take", "took", "to", False),
        ("ship", "ships", "the", False),
        ("take", "taking", "he", False),
    ],
)
def test_times_of_verbs(word: str, other: str, previous: str, *, expected: bool) -> None:
    assert changes_time(word, other, previous) is expected
