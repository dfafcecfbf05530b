"""Ends of sentences, closing marks aside."""

from __future__ import annotations

import re

import pytest

from worker.english.sentence_end import SENTENCE_END, ends_sentence, ends_statement, trails_off


@pytest.mark.parametrize(
    ("text", "is_sentence", "is_statement"),
    [
        ("It rained.", True, True),
        ('"It rained."', True, True),
        ("\u201cIt rained.\u201d)", True, True),
        ("He said \u00abit rained.\u00bb", True, True),
        ("**It rained.**", True, True),
        ('He said: "it rained. "', True, True),
        ("Did it rain?", True, False),
        ("It rained!)", True, False),
        ("It rained...", True, False),
        ("It rained...'", True, False),
        ("Rain", False, False),
        ("Rain:", False, False),
        ("It rained\u2026", False, False),
        ("", False, False),
    ],
)
def test_an_end_is_seen_behind_closing_marks(
    text: str, *, is_sentence: bool, is_statement: bool
) -> None:
    assert ends_sentence(text) is is_sentence
    assert ends_statement(text) is is_statement


@pytest.mark.parametrize(
    ("text", "expected"),
    [("And then...", True), ('"And then...?"', True), ("Then.", False), ("Then..", False)],
)
def test_a_text_trails_off_with_an_ellipsis(text: str, *, expected: bool) -> None:
    assert trails_off(text) is expected


def test_the_pattern_takes_closing_marks_with_the_end() -> None:
    assert re.findall(SENTENCE_END, 'Rain.") Snow]! (Wind_?)') == ['.")', "!", "?)"]
