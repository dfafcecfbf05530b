"""Two numbers or days for one thing, and what only looks like it."""

from __future__ import annotations

import pytest

from worker.stages.flag.contradiction import find_contradictions


@pytest.mark.parametrize(
    ("first", "second", "values"),
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
def test_a_contradiction_is_found(first: str, second: str, values: tuple[str, str]) -> None:
    (contradiction,) = find_contradictions([first, "It rained.", second])
    assert contradiction == (0, 2, values)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        # The same number; another place; an earlier or further count; another event.
        ("Twelve people were killed here.", "The 12 people were killed at once."),
        ("In Kyiv 12 people were killed.", "In Lviv 15 people were killed."),
        ("12 people were killed.", "Earlier 15 people were killed."),
        ("12 people were killed.", "Another 15 people were killed."),
        ("12 people were killed.", "15 people were injured."),
        ("The summit will be held on Monday.", "The concert will be held on Tuesday."),
    ],
)
def test_what_only_looks_like_one_is_left_alone(first: str, second: str) -> None:
    assert find_contradictions([first, second]) == []
