"""Tests of where sentences end and which stray pieces are removed."""

from __future__ import annotations

import time

import pytest

from worker.records.reason import Reason
from worker.stages.split.sentences import (
    SplitResult,
    ends_in_abbreviation,
    split_paragraphs,
    split_sentences,
)


def split_text(text: str) -> tuple[str, list[Reason]]:
    result = split_paragraphs([text])
    return " ".join(*result.paragraphs), [edit.reason for edit in result.edits]


@pytest.mark.parametrize(
    "sentences",
    [
        ["The bridge is open.", "Tolls start in May.", "Who pays?", "Not us!"],
        ["He stayed; Milltown said so; She left.", "Then it rained."],
        ["Gen. Lind met Gov. Berg and Sen. Holm.", "Lt. Col. Dahl of St. Olaf came too."],
        ["V. K. Lind and Anna B. Holm spoke.", "No. 5 won."],
        ["She told the FT.", "It was for people with MS.", "Then he left."],
        ["She answered.", 'He said: "Nobody knows. "'],
        ["The mayor came.", "- Nobody knows, she said."],
        ["It cost 3.5 million in the U.S. market.", "That was on Sept. 5 at 3 p.m. local time."],
        ['"It is open." said the mayor.', "Nobody answered."],
        ["He left. the minister stayed."],
    ],
)
def test_sentences_end_where_a_reader_ends_them(sentences: list[str]) -> None:
    assert split_sentences(" ".join(sentences)) == sentences


@pytest.mark.parametrize(
    "text",
    [
        "",
        "  ",
        'He left. " ',
        "...",
        "\u201cWhy?\u201d\u2026 (No.) \u2014",
        "a\n\nb. C d.\tE",
        "5. 6. 7.",
    ],
)
def test_no_character_is_lost(text: str) -> None:
    assert "".join("".join(split_sentences(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("They keep the road open. Is.", "They keep the road open."),
        ("The council agreed. Of the. It met on Monday.", "The council agreed. It met on Monday."),
        ("Is it open? And the. Yes.", "Is it open? Yes."),
        ("It is open. Is. Of the.", "It is open."),
        ('It is open. Of. "We are glad," he said.', 'It is open. "We are glad," he said.'),
    ],
)
def test_a_stray_piece_is_removed(before: str, after: str) -> None:
    assert split_text(before) == (after, [Reason.STRAY_PIECE])


@pytest.mark.parametrize(
    "text",
    [
        "Will he go? No.",
        "Will he go? Not.",
        "Will he go? Never.",
        "Will he go? Yes.",
        "He left the town. Why?",
        "Who asked him? He did.",
        "Is it open? It is.",
        "Who is it? Me.",
        "It opens in spring. May.",
        "It is in the west. OR.",
        "They gave a grade. A.",
        "The war is over. Over.",
        "Which one is it? Both.",
        "Is. It begins with that.",
        "\u201cWe agreed. Is. Then we left.\u201d",
        'He said: "We agreed. Of the. Then we left."',
        "They wrote this: Is.",
        "\u201cWe left.\u201d Is.",
    ],
)
def test_a_word_that_can_mean_something_stays(text: str) -> None:
    assert split_text(text) == (text, [])


def test_a_stray_edit_shows_the_sentence_before_it() -> None:
    (edit,) = split_paragraphs(["All is well.", "The road is open. Is. Of the."]).edits

    assert edit.paragraph == 1
    assert edit.before == "The road is open. Is. Of the."
    assert edit.after == "The road is open."


def test_empty_paragraphs_are_left_out_and_not_counted_in_edits() -> None:
    result = split_paragraphs(["", "All is well.", " ", "Talks are over. Is."])

    assert result.paragraphs == (("All is well.",), ("Talks are over.",))
    assert [edit.paragraph for edit in result.edits] == [1]
    assert split_paragraphs([]) == SplitResult(paragraphs=(), edits=())


@pytest.mark.parametrize(
    "text",
    ["a. " * 100_000, '"' * 300_000, "word. are " * 30_000, "Open. " + "Is. " * 75_000],
    ids=["initials", "quotes", "breaks", "strays"],
)
def test_hostile_text_takes_seconds_at_most(text: str) -> None:
    started = time.monotonic()
    split_paragraphs([text])

    assert time.monotonic() - started < 10


@pytest.mark.parametrize(
    ("text", "is_abbreviation"),
    [
        ("Acme Ltd", True),
        ("Gas, oil, etc", True),
        ("They asked J", True),
        ("the FBI", True),
        ("See 5", True),
        ("on the way to p.m", True),
        ("The plan of 2021", False),
        ("on the old harbour", False),
        ('he called it a "joke"', False),
    ],
)
def test_a_full_stop_may_belong_to_an_abbreviation(text: str, is_abbreviation: bool) -> None:
    assert ends_in_abbreviation(text) is is_abbreviation
