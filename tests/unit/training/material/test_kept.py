"""Which sentences and lines count as good."""

from __future__ import annotations

import pytest

from worker.training.material.kept import clean_sentences, is_clean, kept_lines, machine_sentences

ARTICLE = {
    "text": "Gate shut in Norby\n\nThe gate in Norby was shut on Monday after a storm, officials "
    "said. It is old.\n\nNorby: 1,204 1,311 1,420\n"
}


@pytest.mark.parametrize(
    "sentence",
    [
        "The gate was shut on Monday.",
        '"The gate is shut," he said.',
        "He said that that was all he had had.",
    ],
)
def test_edited_news_is_clean(sentence: str) -> None:
    assert is_clean(sentence)


@pytest.mark.parametrize(
    "sentence",
    [
        "the gate was shut.",
        "The gate was shut",
        "The gate was was shut.",
        'He said "the gate is shut.',
        "I think i saw the gate.",
        "They have also has agreed, and has also has left.",
        "The gaet was shutt on Munday.",
    ],
)
def test_slips_are_not_clean(sentence: str) -> None:
    assert not is_clean(sentence)


def test_sentences_below_the_headline_are_read() -> None:
    assert list(clean_sentences(ARTICLE)) == [
        "The gate in Norby was shut on Monday after a storm, officials said.",
        "It is old.",
    ]


def test_headlines_short_lines_and_figures_are_kept_lines() -> None:
    assert list(kept_lines(ARTICLE)) == [
        "Gate shut in Norby",
        "It is old.",
        "Norby: 1,204 1,311 1,420",
    ]


def test_only_engines_sentences_that_every_rater_passed_are_kept() -> None:
    row = {"source": "The gate is shut.", "human": False, "raters": 3, "clean_votes": 3}
    rows = [
        row,
        {**row, "clean_votes": 2},
        {**row, "human": True},
        {**row, "source": "The gate - house is shut."},
    ]
    assert list(machine_sentences(rows)) == ["The gate is shut."]
