"""The quality gate as CI runs it, and its own logic.

The sets are not part of the project: ``QUALITY_DATA`` names their folder.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.quality.gate import Bar, Measure, list_failures, raise_bars, read_gate, take_figures
from worker.evaluation.measure import Task

PINNED = Measure(
    task=Task.REPAIR,
    file="rows.jsonl",
    sha256="0",
    rows=10,
    bars={
        "net": Bar(kind="least", value=2.0, noise=0.5),
        "invented": Bar(kind="most", value=0.0),
    },
)


@pytest.mark.model
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("name", list(read_gate()))
def test_the_default_profile_reaches_its_bars(name: str, model_home: Path) -> None:
    del model_home
    data = os.environ.get("QUALITY_DATA")
    if not data:
        pytest.skip("QUALITY_DATA does not name a folder of development sets")
    pinned = read_gate()[name]
    assert list_failures(pinned, take_figures(pinned, Path(data))) == []


def test_a_figure_below_its_bar_is_named() -> None:
    assert list_failures(PINNED, {"net": 2.0, "invented": 0.0}) == []
    assert list_failures(PINNED, {"net": 1.9, "invented": 1.0}) == [
        "net is 1.9000, and least is 2.0",
        "invented is 1.0000, and most is 0.0",
    ]


def test_an_update_allows_for_noise_and_lowers_no_bar() -> None:
    better = raise_bars(PINNED, {"net": 4.0, "invented": 0.0}, allow_regression=False)
    assert better.bars["net"].value == 3.5
    with pytest.raises(ValueError, match="would lower net"):
        raise_bars(PINNED, {"net": 2.0, "invented": 0.0}, allow_regression=False)
    lower = raise_bars(PINNED, {"net": 2.0, "invented": 1.0}, allow_regression=True)
    assert (lower.bars["net"].value, lower.bars["invented"].value) == (1.5, 1.0)


def test_another_file_is_not_measured(tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"source": "a", "target": "a"}\n', encoding="utf-8")
    with pytest.raises(ValueError, match="is not the file"):
        take_figures(PINNED, tmp_path)
