"""Loaded words in an article's own voice."""

from __future__ import annotations

import pytest

from worker.english.loaded_words import find_loaded_words


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("It was an Outrageous and utterly stupid plan.", ("outrageous", "utterly", "stupid")),
        ('The mayor said the plan was "outrageous".', ()),
        ('"Outrageous," she said of the shameful plan.', ("shameful",)),
        ("The mayor called it an utterly vile act.", ()),
        ("The mayor called the meeting, and a vile row began.", ("vile",)),
        ("Officials said the brilliant scheme had failed.", ()),
        ("The council met on Monday and agreed a big budget.", ()),
        ("", ()),
    ],
)
def test_loaded_words(text: str, expected: tuple[str, ...]) -> None:
    assert find_loaded_words(text) == expected
