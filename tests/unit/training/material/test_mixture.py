"""The writer's material: where it comes from, its shares, and what is left out."""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest

from worker.errors import UsageError
from worker.training.material import mixture
from worker.training.material.mixture import (
    Material,
    draw_material,
    is_worth_learning,
    write_material,
)
from worker.training.material.round_trip import round_trips
from worker.training.material.sets import Sets
from worker.training.pair import Pair

needs_apertium = pytest.mark.skipif(
    shutil.which("apertium") is None, reason="apertium is not installed"
)

PLACES = "Norby Selby Whitby Derby Formby Corby Rugby Kirby Hornby Grimsby Danby Ashby".split()  # noqa: SIM905


def write_set(folder: Path, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
    path = folder / f"{name}.jsonl.gz"
    path.parent.mkdir(exist_ok=True)
    with gzip.open(path, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps(row) + "\n" for row in rows)


def make_sets(folder: Path) -> None:
    """Write small sets in the form of the real ones."""
    sentences = [
        f'The council of {place} said on Monday that it will "not close" its old {thing} in town.'
        for place in PLACES
        for thing in ("school", "bridge", "harbour", "station")
    ]
    write_set(
        folder, "clean/bbc", [{"text": f"Headline {i}\n\n{s}"} for i, s in enumerate(sentences)]
    )
    write_set(
        folder,
        "clean/wikinews",
        [
            {"url": f"u{i}", "title": f"Title {i}", "lead": "Friday, May 3, 2019", "body": [s]}
            for i, s in enumerate(sentences[::-1])
        ],
    )
    rough: list[dict[str, Any]] = [
        {
            "pair": "de-en",
            "doc": None,
            "seg": i,
            "source": f"Council of {place} has rejected plan for new bridge {i}.",
            "reference": f"The council of {place} has rejected the plan for a new bridge {i}.",
            "target": "",
            "targets": [],
        }
        for i, place in enumerate(PLACES * 4)
    ]
    for year in ("2013", "2018"):
        write_set(folder, f"repair/train_rough_wmt{year}", rough)
    write_set(folder, "repair/train_wmt21_news", rough)
    write_set(folder, "repair/train_mlqe", [])
    write_set(folder, "repair/train_accept", [])
    write_set(folder, "repair/train_demetr", [])
    write_set(
        folder,
        "repair/train_harper_rules",
        [
            {"bad": f"He met an mayor of {place}.", "good": f"He met a mayor of {place}."}
            for place in PLACES
        ],
    )
    for year in ("20", "21"):
        write_set(
            folder,
            f"quality/train_mqm{year}",
            [
                {
                    "doc": f"d{i}",
                    "source": f"The mayor of {place} left on day {i}.",
                    "human": False,
                    "raters": 1,
                    "clean_votes": 1,
                }
                for i, place in enumerate(PLACES * 4)
            ],
        )


@needs_apertium
def test_a_draw_has_rough_and_good_sentences_and_repeats_with_its_seed(tmp_path: Path) -> None:
    make_sets(tmp_path)

    material = draw_material(tmp_path, pairs=40, seed=3)

    kinds = {pair.kind for pair in material.pairs}
    assert {"rough", "rule", "calque", "kept_clean", "kept_machine", "kept_line"} <= kinds
    assert all(pair.is_unchanged == pair.kind.startswith("kept") for pair in material.pairs)
    answers = [pair.target.lower() for pair in (*material.pairs,)]
    assert len(set(answers)) == len(answers)
    assert material == draw_material(tmp_path, pairs=40, seed=3)


@needs_apertium
def test_both_sides_have_the_same_marks_and_datelines(tmp_path: Path) -> None:
    make_sets(tmp_path)

    pairs = draw_material(tmp_path, pairs=120, seed=3).pairs

    marks = ('"', "\u201c", "\u201d", "\u2014", "\u2013", "(Reuters)", "(own report)", "4 May.")
    assert all(
        pair.source.count(mark) == pair.target.count(mark) for pair in pairs for mark in marks
    )
    found = {mark for pair in pairs for mark in marks if mark in pair.target}
    assert {'"', "\u201c"} < found


def test_held_out_documents_are_not_trained_on(tmp_path: Path) -> None:
    make_sets(tmp_path)
    trained, held = (
        {row["text"] for row in Sets(tmp_path, is_held=is_held, seed=0).rows("clean/bbc")}
        for is_held in (False, True)
    )
    assert trained
    assert held
    assert not trained & held


def test_a_missing_set_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as raised:
        Sets(tmp_path, is_held=False, seed=0).rows("repair/train_mlqe")
    assert str(tmp_path / "repair" / "train_mlqe.jsonl.gz") in raised.value.message
    assert raised.value.code == "set_missing"
    assert raised.value.hint


def test_material_is_written_as_json_lines(tmp_path: Path) -> None:
    pairs = [Pair("He met an mayor.", "He met a mayor.", "rule"), Pair("Yes.", "Yes.", "kept_line")]

    write_material(Material(pairs, []), tmp_path / "out")

    written = (tmp_path / "out" / "pairs.jsonl").read_text(encoding="utf-8")
    assert [json.loads(line) for line in written.splitlines()] == [pair._asdict() for pair in pairs]
    assert (tmp_path / "out" / "held.jsonl").read_text(encoding="utf-8") == ""


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("It has been said so.", "He left the town.", False),
        ("In May rejected the town it.", "In May, the town rejected it.", True),
        ("It is the best bridge in the world.", "It is the world's best bridge.", False),
        ("The gate is shut.", "The gate is shut.", False),
    ],
)
def test_pairs_that_teach_nothing_or_are_other_sentences_are_left_out(
    source: str, target: str, *, expected: bool
) -> None:
    assert is_worth_learning(source, target, Random(0)) is expected  # noqa: S311


@needs_apertium
def test_round_trips_come_back_in_order_and_without_unknown_words() -> None:
    sentences = ["The council has rejected the plan.", "The Xqzt is shut.", "The gate is old."]
    back = dict(round_trips(sentences, "spa"))
    assert set(back) <= set(sentences)
    assert "Xqzt" not in "".join(back.values())
    assert "The council has rejected the plan." not in back.values()


def test_a_missing_apertium_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(UsageError) as raised:
        list(round_trips(["The gate is old."], "spa"))
    assert raised.value.code == "apertium_missing"
    assert "apertium-eng-spa" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("source", "target", "keeps"),
    [
        ("They not know the way.", "They do not know the way.", True),
        ("They don't know nothing.", "They know nothing.", False),
        ("It cannot be said.", "It can not be said.", True),
        ("The rate is by 5% higher.", "The rate is higher by 5 per cent.", False),
        ("The club\u2014the oldest\u2014won.", "The club, the oldest, won.", False),
    ],
)
def test_negations_and_signs_are_no_faults(source: str, target: str, *, keeps: bool) -> None:
    assert mixture._keeps_signs(Pair(source, target, "rough")) is keeps
