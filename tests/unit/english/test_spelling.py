"""What is a word, and which word a misspelt one was to be."""

from __future__ import annotations

import pytest

from worker.english.spelling import is_word, respell, respells


@pytest.mark.parametrize("word", ["organised", "organized", "colour", "vaccine", "report"])
def test_both_sides_of_the_ocean_are_words(word: str) -> None:
    assert is_word(word)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("recieve", "receive"),
        ("becuase", "because"),
        ("goverment", "government"),
        ("woud", "would"),
        ("doesnt", "doesn't"),
    ],
)
def test_a_slip_is_the_word_that_it_was_to_be(wrong: str, right: str) -> None:
    assert respells(wrong, right)


@pytest.mark.parametrize(
    ("word", "other"),
    [
        ("county", "country"),  # Both are words.
        ("hospitalise", "hospitalize"),  # Another spelling, no wrong one.
        ("lockdown", "showdown"),  # Too far.
        ("recieve", "recieves"),  # No word either.
        ("teh", "the"),  # Three letters are near to everything.
        ("covid19", "covid"),
    ],
)
def test_another_word_is_no_spelling(word: str, other: str) -> None:
    assert not respells(word, other)


@pytest.mark.parametrize(
    ("source", "version", "respelt"),
    [
        ("They recieve it.", "They will receive it.", "They receive it."),
        ("Afther that, peole left.", "After that, people left.", "After that, people left."),
        # What may be a name stays: the checks must see that it differs.
        ("Marck left town.", "Mark left town.", "Marck left town."),
        ("A recieve-all box.", "A receive box.", "A recieve-all box."),
        ("They saw people, peole left.", "They saw people.", "They saw people, peole left."),
    ],
)
def test_a_text_is_read_with_the_spelling_of_its_version(
    source: str, version: str, respelt: str
) -> None:
    assert respell(source, version) == respelt
