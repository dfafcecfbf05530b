"""Tests of finding the edits between two versions of a sentence and making them."""

from __future__ import annotations

import pytest

from worker.stages.repair.changes import apply_edits, edit_rate, find_edits, with_case_of


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("The prices has risen again.", "The prices have risen again."),
        ("They met in north of the town.", "They met in the north of the town."),
        ("They met in the the north.", "They met in the north."),
        ("The team (band of five) has won.", "The team (a band of five) has won."),
        ("He paid for it", "He paid for it twice"),
        ("So he never would go.", "So he would never go."),
    ],
)
def test_making_all_edits_gives_the_version(source: str, version: str) -> None:
    assert apply_edits(source, find_edits(source, version)) == version


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("\u201cWe won,\u201d he said.", '"We won," he said.'),
        ("The mayor's friend left.", "The mayor\u2019s friend left."),
        ("The Mayor left.", "The mayor left."),
        ("They called it a 'success'.", 'They called it a "success".'),
    ],
)
def test_case_typography_and_quotes_are_no_edit(source: str, version: str) -> None:
    assert find_edits(source, version) == []


def test_text_that_is_not_edited_stays_byte_for_byte() -> None:
    # Given curly quotes, a double space and a spelling that differ in the version
    source = "\u201cWe  organised an meeting,\u201d said  the mayor\u2019s friend."
    version = '"We organised a meeting," said the mayor\'s friend.'

    # Then only the article changes
    edited = apply_edits(source, find_edits(source, version))
    assert edited == source.replace("an meeting", "a meeting")


def test_an_edit_brings_the_apostrophe_that_the_source_uses() -> None:
    source = "It\u2019s the mayor house."
    edited = apply_edits(source, find_edits(source, "It's the mayor's house."))
    assert edited == "It\u2019s the mayor\u2019s house."


def test_the_same_edit_has_the_same_key_in_any_typography() -> None:
    source = "It is the mayor house."
    straight, curly = (
        find_edits(source, f"It is the mayor{mark}s house.")[0] for mark in ("'", "\u2019")
    )
    assert straight.key == curly.key


def test_of_overlapping_edits_the_first_is_made() -> None:
    source = "He goes to town."
    first = find_edits(source, "He went to town.")
    second = find_edits(source, "He walks to town.")
    assert apply_edits(source, [*first, *second]) == "He went to town."


def test_the_edit_rate_counts_words() -> None:
    assert edit_rate("one two three four", "one two three four") == 0
    assert edit_rate("one two three four", "one two three five") == 0.25


@pytest.mark.parametrize(
    ("source", "version"),
    [
        ("The school bus will be late.", "School buses will be late."),
        ("Yesterday the mayor resigned.", "The mayor resigned yesterday."),
        ("the mayor resigned.", "mayor resigned."),
    ],
)
def test_the_first_word_keeps_the_capital_of_the_sentence(source: str, version: str) -> None:
    assert apply_edits(source, find_edits(source, version)) == version


@pytest.mark.parametrize(
    ("source", "proposal", "text", "expected"),
    [
        ("Heavy rain fell.", "A heavy rain fell.", "A Heavy rain fell.", "A heavy rain fell."),
        ("Berg fell.", "Yesterday Berg fell.", "Yesterday Berg fell.", "Yesterday Berg fell."),
        ("Rain fell.", "Rain fell hard.", "Rain fell hard.", "Rain fell hard."),
        ("12 men fell.", "The 12 men fell.", "The 12 men fell.", "The 12 men fell."),
    ],
)
def test_a_first_word_that_moves_takes_the_case_of_the_proposal(
    source: str, proposal: str, text: str, expected: str
) -> None:
    assert with_case_of(proposal, source, text) == expected
