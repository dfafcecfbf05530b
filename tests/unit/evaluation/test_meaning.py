"""The evaluation of the judge of meaning, with a fake one, and its rows."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from worker.config.profile import Profile
from worker.config.settings import Settings
from worker.errors import UsageError
from worker.evaluation.meaning import JudgedRewrite, evaluate_meaning
from worker.evaluation.measure import Task, measure
from worker.evaluation.rows import MeaningRow, read_meaning_rows

ROWS = [
    MeaningRow(source="a", proposal=proposal, same=same)
    for proposal, same in (("fine", True), ("odd", True), ("cut", False), ("new", False))
]
JUDGED = {
    "fine": JudgedRewrite(0.9, accepted=True),
    "odd": JudgedRewrite(0.4, accepted=False),
    "cut": JudgedRewrite(0.7, accepted=True),
    "new": JudgedRewrite(-1.0, accepted=False),
}


def judge(rows: Sequence[MeaningRow]) -> list[JudgedRewrite]:
    return [JUDGED[row.proposal] for row in rows]


def test_wrong_decisions_are_counted_on_both_sides() -> None:
    report = evaluate_meaning(ROWS, judge)
    assert (report.n, report.same) == (4, 2)
    # Of the four pairs of a same and a different rewrite, one is in the wrong order.
    assert report.auc == 0.75
    assert (report.differs_passed, report.same_refused) == (0.5, 0.5)
    assert report.rewrites_per_s > 0


@pytest.mark.parametrize("rows", [ROWS[:2], ROWS[2:], []])
def test_one_side_alone_is_nothing_to_tell_apart(rows: list[MeaningRow]) -> None:
    with pytest.raises(UsageError, match="nothing to tell apart"):
        evaluate_meaning(rows, judge)


def test_rows_need_a_reading(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    row = {"source": "a", "proposal": "b", "meaning": "differs", "by": "x"}
    path.write_text(json.dumps(row) + "\n", encoding="utf-8")
    assert read_meaning_rows(path) == [MeaningRow(source="a", proposal="b", same=False)]
    for meaning in (None, "Same", True, ""):
        path.write_text(json.dumps({**row, "meaning": meaning}), encoding="utf-8")
        with pytest.raises(UsageError, match=r"jsonl:1.*meaning"):
            read_meaning_rows(path)


def test_the_profiles_rules_and_judge_decide(
    profile: Profile, settings: Settings, tmp_path: Path
) -> None:
    # Given a rewrite that says the same, one that the judge refuses, and one with another number
    checks = profile.checks.model_copy(update={"meaning_judge": "meaning.v1"})
    source = "The crew comed back with 12 people, which many in the harbour expected."
    rows = [
        (source.replace("comed", "came"), "same"),
        ("The crew came back with 12 people.", "differs"),
        (source.replace("12", "13"), "differs"),
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text(
        "".join(
            json.dumps({"source": source, "proposal": proposal, "meaning": meaning}) + "\n"
            for proposal, meaning in rows
        ),
        encoding="utf-8",
    )
    judged = profile.model_copy(update={"checks": checks})
    report = measure(Task.MEANING, path, judged, settings).model_dump()
    # The judge alone takes the other number for the same word, misspelt
    assert 0.5 <= report["auc"] <= 1.0
    assert (report["differs_passed"], report["same_refused"]) == (0.0, 0.0)

    with pytest.raises(UsageError, match="small has no judge") as raised:
        measure(Task.MEANING, path, profile, settings)
    assert raised.value.code == "no_judge"
