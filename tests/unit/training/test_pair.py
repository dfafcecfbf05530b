"""Which pairs are drawn from sets of post-edits, and which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from worker.training.pair import (
    Pair,
    consensus_pairs,
    is_set_aside,
    is_trainable,
    passes_checks,
    post_edited_pairs,
    twice_edited_pairs,
    versions_as_sources,
)

FAULTY = "The prices of bread has risen again in the spring."
REPAIRED = "The prices of bread have risen again in the spring."


def news_row(source: str, versions: Sequence[str]) -> dict[str, Any]:
    return {
        "source": source,
        "target": versions[0],
        "targets": list(versions),
        "reference": versions[-1],
    }


def test_an_edit_that_most_of_the_nearest_versions_make_is_made() -> None:
    rows = [
        news_row(
            FAULTY,
            [
                REPAIRED,
                "The prices of bread have risen once more in the spring.",
                "The prices of bread have risen again this spring.",
                "Bread has become dearer again this spring.",
                "In spring bread costs more again.",
            ],
        ),
    ]
    assert list(consensus_pairs(rows)) == [Pair(FAULTY, REPAIRED, "consensus")]


def test_versions_that_differ_in_typography_count_once() -> None:
    # Given one repair in three typographies among free translations
    rows = [
        news_row(
            FAULTY,
            [
                REPAIRED,
                REPAIRED.upper(),
                f"{REPAIRED} ",
                "Bread costs more.",
                "It is dear.",
                "So dear.",
            ],
        ),
    ]
    assert list(consensus_pairs(rows)) == []


def test_a_version_is_a_source_with_the_others_as_targets() -> None:
    # Given a segment with two engines' versions as rows, and a human reference
    first = news_row("One.", ["Two.", "Three.", "A person's."]) | {"doc": "d", "seg": 1}
    second = news_row("Two.", ["One.", "Three.", "A person's."]) | {"doc": "d", "seg": 1}
    rows = list(versions_as_sources([first, second]))
    assert [(row["source"], set(row["targets"])) for row in rows] == [
        ("Three.", {"One.", "Two.", "A person's."})
    ]
    assert [row["doc"] for row in rows] == ["d"]


@pytest.mark.parametrize(
    "version",
    [
        "The prices of bread have risen in the spring.",
        "The prices of white bread have risen again in the spring.",
        "The prices of bread have risen again in the spring of 2020.",
        "The prices of bread in Lima have risen again in the spring.",
    ],
)
def test_an_edit_that_loses_or_adds_content_fails_the_checks(version: str) -> None:
    assert not passes_checks(FAULTY, version)
    assert passes_checks(FAULTY, REPAIRED)


def test_a_sentence_that_two_versions_are_near_to_is_kept() -> None:
    rows = [
        news_row(
            REPAIRED,
            [
                "The prices of bread have risen again in spring.",
                "The prices of bread have grown again in the spring.",
                "In spring bread costs more again.",
                "Bread has become dearer.",
            ],
        ),
    ]
    assert list(consensus_pairs(rows)) == [Pair(REPAIRED, REPAIRED, "consensus_kept")]


def test_post_edits_count_up_to_an_edit_rate() -> None:
    rows = [
        {"source": FAULTY, "target": REPAIRED, "hter": 0.1},
        {"source": FAULTY, "target": REPAIRED, "hter": 0.4},
        {"source": REPAIRED, "target": REPAIRED, "hter": 0.0},
    ]
    assert [pair.kind for pair in post_edited_pairs(rows)] == ["post_edit", "post_edit_kept"]


def test_two_editors_must_share_the_edit() -> None:
    rows = [
        {"source": FAULTY, "targets": [REPAIRED, REPAIRED.replace("in the spring", "in spring")]},
        {"source": FAULTY, "targets": [REPAIRED, FAULTY]},
        {"source": REPAIRED, "targets": [REPAIRED, REPAIRED]},
    ]
    assert list(twice_edited_pairs(rows)) == [
        Pair(FAULTY, REPAIRED, "twice_edited"),
        Pair(REPAIRED, REPAIRED, "twice_kept"),
    ]


def test_a_move_is_made_whole_and_no_contraction_is_made() -> None:
    source = "It is said that there are nowhere as many boats."
    moved = "It is said that nowhere are there as many boats."
    rows = [
        {"source": source, "targets": [moved] * 2},
        {"source": "He did not see the old boat.", "targets": ["He didn't see the old boat."] * 2},
    ]
    assert list(twice_edited_pairs(rows)) == [Pair(source, moved, "twice_edited")]


@pytest.mark.parametrize(
    ("sentence", "trainable"),
    [("Too short.", False), (FAULTY, True), ("word " * 60, False), (f"{FAULTY}\nMore.", False)],
)
def test_sentences_on_one_line_and_of_medium_length_are_trainable(
    sentence: str, trainable: bool
) -> None:
    assert is_trainable(sentence) is trainable


def test_all_versions_of_a_document_are_set_aside_together() -> None:
    # Given documents of three segments each
    aside = [
        {is_set_aside({"doc": f"news.{doc}", "source": f"Segment {seg}."}) for seg in range(3)}
        for doc in range(90)
    ]

    # Then each document is on one side, and about one in three is set aside
    assert all(len(sides) == 1 for sides in aside)
    assert 20 <= sum(True in sides for sides in aside) <= 40
