"""Which faults of a rough sentence are put into its good version."""

from __future__ import annotations

import pytest

from worker.training.material.fault import faulty_version, level_typography

GOOD = "The council of Norby has rejected the plan for a new bridge."


@pytest.mark.parametrize(
    ("rough", "damaged"),
    [
        (
            "Council of Norby has rejected plan for new bridge.",
            "Council of Norby has rejected plan for new bridge.",
        ),
        # The content of the good sentence stays.
        (
            "Advice of Norbi has refused plan for new viaduct.",
            "The council of Norby has rejected the plan for new bridge.",
        ),
        # A negation is no fault of grammar.
        (
            "The council of Norby has not rejected the plan of a new bridge.",
            "The council of Norby has rejected the plan of a new bridge.",
        ),
        # Translators by rules lose the full stop.
        (
            "The council of Norby has rejected the plan of a new bridge",
            "The council of Norby has rejected the plan of a new bridge.",
        ),
    ],
)
def test_order_and_function_words_are_taken_over(rough: str, damaged: str) -> None:
    assert faulty_version(GOOD, rough) == damaged


@pytest.mark.parametrize(
    ("good", "rough"),
    [
        (GOOD, GOOD),
        ("She's 17, and has won.", "She is 17, and has won."),
        ("They measure it in kilowatt-hours.", "They measure it in kilowatt hours."),
        ("The minister left the town.", "The ministers left the town."),
        ("Its chairman left the town.", "A chairman left the town."),
        ("A huge blast killed 150 people.", "150 people were killed by a huge blast."),
        ("In May, the town grew.", "In May the town grew."),
        ("He says that the gate is shut.", "He said that the gate is shut."),
        ("He says that the gate is shut.", "He says the gate is shut."),
    ],
)
def test_taste_and_time_are_no_faults(good: str, rough: str) -> None:
    assert faulty_version(good, rough) is None


def test_a_needless_comma_before_that_is_a_fault() -> None:
    good = "He says that the gate is shut."
    assert faulty_version(good, "He says, that the gate is shut.") == (
        "He says, that the gate is shut."
    )


def test_a_wording_that_other_versions_share_is_no_fault() -> None:
    good, rough = "They met for the talks in Norby.", "They met for talks in Norby."
    others = ["Both met for talks in Norby.", "They met for talks in Norby, he said."]
    assert faulty_version(good, rough) == rough
    assert faulty_version(good, rough, others) is None


def test_quotations_stay_as_they_are() -> None:
    good = 'The mayor said "the plan for a bridge is dead" on Monday.'
    rough = 'Mayor said "plan for bridge is dead" on Monday.'
    assert faulty_version(good, rough) == 'Mayor said "the plan for a bridge is dead" on Monday.'


def test_the_capital_moves_with_the_first_word() -> None:
    good, rough = "The gate opened on Monday.", "On Monday opened the gate."
    assert faulty_version(good, rough) == "On Monday opened the gate."


@pytest.mark.parametrize(
    ("text", "levelled"),
    [
        ("\u201cYes\u201d \u2014 he said .", '"Yes" - he said.'),
        ("It\u2019s  5 per cent", "It's 5 per cent"),
        ("No one saw that no one left.", "No one saw that no one left."),
        ("No-one left.", "No-one left."),
        ("a town\u2014and a bridge", "a town - and a bridge"),
    ],
)
def test_typography_is_levelled(text: str, levelled: str) -> None:
    assert level_typography(text) == levelled
