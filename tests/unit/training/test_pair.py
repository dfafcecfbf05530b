"""Which pairs are drawn from sets of post-edits, and which are left out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from worker.training.pair import (
    Pair,
    consensus_pairs,
    is_fit,
    is_lawful,
    is_set_aside,
    post_edited_pairs,
    twice_edited_pairs,
    versions_as_sources,
)

FAULTY = "The prices of bread has risen again in the spring."
MENDED = "The prices of bread have risen again in the spring."


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
                MENDED,
                "The prices of bread have risen once more in the spring.",
                "The prices of bread have risen again this spring.",
                "Bread has become dearer again this spring.",
                "In spring bread costs more again.",
            ],
        ),
    ]
    assert list(consensus_pairs(rows)) == [Pair(FAULTY, MENDED, "consensus")]


def test_versions_that_are_alike_count_once() -> None:
    # Given one mend in three typographies among free versions
    rows = [
        news_row(
            FAULTY,
            [MENDED, MENDED.upper(), f"{MENDED} ", "Bread costs more.", "It is dear.", "So dear."],
        ),
    ]
    assert list(consensus_pairs(rows)) == []


def test_a_version_is_a_source_beside_all_others() -> None:
    # Given a segment of which two engines' sentences are rows, and a person's that is none
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
def test_a_mend_that_loses_or_brings_content_is_left_out(version: str) -> None:
    assert not is_lawful(FAULTY, version)
    assert is_lawful(FAULTY, MENDED)


def test_a_sentence_that_two_versions_are_near_to_is_kept() -> None:
    rows = [
        news_row(
            MENDED,
            [
                "The prices of bread have risen again in spring.",
                "The prices of bread have grown again in the spring.",
                "In spring bread costs more again.",
                "Bread has become dearer.",
            ],
        ),
    ]
    assert list(consensus_pairs(rows)) == [Pair(MENDED, MENDED, "consensus_kept")]


def test_post_edits_count_up_to_an_edit_rate() -> None:
    rows = [
        {"source": FAULTY, "target": MENDED, "hter": 0.1},
        {"source": FAULTY, "target": MENDED, "hter": 0.4},
        {"source": MENDED, "target": MENDED, "hter": 0.0},
    ]
    assert [pair.kind for pair in post_edited_pairs(rows)] == ["post_edit", "post_edit_kept"]


def test_two_editors_must_share_the_edit() -> None:
    rows = [
        {"source": FAULTY, "targets": [MENDED, MENDED.replace("in the spring", "in spring")]},
        {"source": FAULTY, "targets": [MENDED, FAULTY]},
        {"source": MENDED, "targets": [MENDED, MENDED]},
    ]
    assert list(twice_edited_pairs(rows)) == [
        Pair(FAULTY, MENDED, "twice_edited"),
        Pair(MENDED, MENDED, "twice_kept"),
    ]


def test_a_move_is_made_whole_and_a_contraction_is_not_made() -> None:
    source = "It is said that there are nowhere as many boats."
    moved = "It is said that nowhere are there as many boats."
    rows = [
        {"source": source, "targets": [moved] * 2},
        {"source": "He did not see the old boat.", "targets": ["He didn't see the old boat."] * 2},
    ]
    assert list(twice_edited_pairs(rows)) == [Pair(source, moved, "twice_edited")]


@pytest.mark.parametrize(
    ("sentence", "fit"),
    [("Too short.", False), (FAULTY, True), ("word " * 60, False), (f"{FAULTY}\nMore.", False)],
)
def test_sentences_of_a_line_and_a_fair_length_are_fit(sentence: str, fit: bool) -> None:
    assert is_fit(sentence) is fit


def test_all_versions_of_a_document_are_set_aside_together() -> None:
    # Given documents of three segments each
    aside = [
        {is_set_aside({"doc": f"news.{doc}", "source": f"Segment {at}."}) for at in range(3)}
        for doc in range(90)
    ]

    # Then each is whole on one side, and about one in three is set aside
    assert all(len(found) == 1 for found in aside)
    assert 20 <= sum(True in found for found in aside) <= 40
