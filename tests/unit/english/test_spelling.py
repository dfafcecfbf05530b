"""Dictionary words, misspellings and their corrections."""

from __future__ import annotations

import pytest

from worker.english.spelling import correct_spelling, is_misspelling, is_word


@pytest.mark.parametrize("word", ["organised", "organized", "colour", "vaccine", "report"])
def test_british_and_american_spellings_are_words(word: str) -> None:
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
def test_a_misspelling_is_recognised(wrong: str, right: str) -> None:
    assert is_misspelling(wrong, right)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("county", "country"),  # Both are words.
        ("hospitalise", "hospitalize"),  # A variant.
        ("lockdown", "showdown"),  # Too far.
        ("recieve", "recieves"),  # Not a word either.
        ("teh", "the"),  # Three letters are close to everything.
        ("covid19", "covid"),
    ],
)
def test_another_word_is_no_misspelling(wrong: str, right: str) -> None:
    assert not is_misspelling(wrong, right)


@pytest.mark.parametrize(
    ("source", "version", "corrected"),
    [
        ("They recieve it.", "They will receive it.", "They receive it."),
        ("Afther that, peole left.", "After that, people left.", "After that, people left."),
        # A possible name stays, so that the checks see the difference.
        ("Marck left town.", "Mark left town.", "Marck left town."),
        ("A recieve-all box.", "A receive box.", "A recieve-all box."),
        ("They saw people, peole left.", "They saw people.", "They saw people, peole left."),
    ],
)
def test_misspelt_words_are_spelt_as_in_the_version(
    source: str, version: str, corrected: str
) -> None:
    assert correct_spelling(source, version) == corrected
