"""The evaluation of the spotter, with a fake one, and its rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from worker.errors import UsageError
from worker.evaluation.rows import SpottingRow, read_spotting_rows
from worker.evaluation.spotting import evaluate_spotting
from worker.stages.repair.spotting import Spotted

ROWS = [
    SpottingRow(source=source, fluency_votes=votes)
    for source, votes in (("bad", 3), ("worse", 2), ("odd", 1), ("good", 0), ("dull", 0))
]
SPOTTED = {
    "bad": Spotted(2.0, awkward=True),
    "worse": Spotted(0.3, awkward=False),
    "good": Spotted(0.1, awkward=False),
    "dull": Spotted(1.5, awkward=True),
}


def spot(sentences: Sequence[str]) -> list[Spotted]:
    return [SPOTTED[sentence] for sentence in sentences]


def test_sentences_with_one_vote_are_on_neither_side() -> None:
    report = evaluate_spotting(ROWS, spot)
    assert (report.n, report.bad) == (4, 2)
    # Of the four pairs of a bad and a good sentence, one is in the wrong order.
    assert report.auc == 0.75
    assert (report.bad_spotted, report.good_spotted) == (0.5, 0.5)
    assert report.sentences_per_s > 0


def test_without_likelihoods_there_is_no_curve() -> None:
    report = evaluate_spotting(
        ROWS, lambda sentences: [Spotted(None, awkward=text == "bad") for text in sentences]
    )
    assert report.auc is None
    assert (report.bad_spotted, report.good_spotted) == (0.5, 0.0)


@pytest.mark.parametrize("rows", [ROWS[:3], ROWS[2:], []])
def test_one_side_alone_is_nothing_to_tell_apart(rows: list[SpottingRow]) -> None:
    with pytest.raises(UsageError, match="nothing to tell apart"):
        evaluate_spotting(rows, spot)


def test_rows_need_a_number_of_votes(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text('{"source": "a", "fluency_votes": 2, "doc": "x"}\n', encoding="utf-8")
    assert read_spotting_rows(path) == [SpottingRow(source="a", fluency_votes=2)]
    for votes in (None, "2", -1, True, 0.5):
        path.write_text(json.dumps({"source": "a", "fluency_votes": votes}), encoding="utf-8")
        with pytest.raises(UsageError, match=r"jsonl:1.*fluency_votes"):
            read_spotting_rows(path)
