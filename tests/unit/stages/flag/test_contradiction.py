"""Two numbers or days for one thing, and what only looks like it."""

from __future__ import annotations

import pytest

from worker.stages.flag.contradiction import find_contradictions


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        (
            "The fire in Porto injured 12 workers badly.",
            "The fire in Porto injured 14 workers badly.",
            ("12", "14"),
        ),
        (
            "Twelve people were killed in the blast.",
            "Officials said that 15 people were killed.",
            ("12", "15"),
        ),
        (
            "The summit will be held on Monday.",
            "The summit will be held on Tuesday.",
            ("Monday", "Tuesday"),
        ),
    ],
)
def test_a_clash_is_found(one: str, other: str, said: tuple[str, str]) -> None:
    (clash,) = find_contradictions([one, "It rained.", other])
    assert (clash.one, clash.other, clash.said) == (0, 2, said)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        # The same, another place, a comparison, a count that goes on, another event.
        ("Twelve people were killed here.", "The 12 people were killed at once."),
        ("In Kyiv 12 people were killed.", "In Lviv 15 people were killed."),
        ("12 people were killed.", "Earlier 15 people were killed."),
        ("12 people were killed.", "Another 15 people were killed."),
        ("12 people were killed.", "15 people were injured."),
        ("The summit will be held on Monday.", "The concert will be held on Tuesday."),
    ],
)
def test_what_is_no_clash_is_left_alone(one: str, other: str) -> None:
    assert find_contradictions([one, other]) == []
