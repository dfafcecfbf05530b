"""The sample articles are complete, readable and explained."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

SEEDS = Path(__file__).parents[2] / "seeds"
ARTICLES = sorted(path for path in SEEDS.iterdir() if not path.name.startswith("README"))
USERS_SAMPLE = "ceasefire-talks.txt"

_TABLE_ROW = re.compile(r"^\| `([^`]+)` \| [^|]+ \| [^|]+ \|$", re.MULTILINE)


def _names_in_table() -> list[str]:
    return _TABLE_ROW.findall((SEEDS / "README.md").read_text(encoding="utf-8"))


def test_there_are_at_least_eight_of_the_projects_own() -> None:
    assert len({path.name for path in ARTICLES} - {USERS_SAMPLE}) >= 8


def test_the_table_names_every_file_once() -> None:
    assert sorted(_names_in_table()) == [path.name for path in ARTICLES]


def test_every_format_is_represented() -> None:
    assert {path.suffix for path in ARTICLES} == {".txt", ".md", ".html", ".jsonl"}


@pytest.mark.parametrize("path", ARTICLES, ids=lambda path: path.name)
def test_a_seed_has_numbers_and_negations_to_preserve(path: Path) -> None:
    text = path.read_bytes().decode("utf-8")

    assert re.search(r"\d", text)
    assert re.search(r"\b(not|no|nobody|never|without)\b", text)


def test_lengths_range_from_two_sentences_to_a_long_document() -> None:
    words = {path.name: len(path.read_text(encoding="utf-8").split()) for path in ARTICLES}

    assert words["lift-inspection.txt"] < 60
    assert 2_500 <= words["reservoir-inquiry.txt"] <= 3_500


def test_the_jsonl_seed_has_three_articles_with_their_own_ids() -> None:
    lines = (SEEDS / "briefs.jsonl").read_text(encoding="utf-8").splitlines()
    records = [json.loads(line) for line in lines]

    assert len({record["id"] for record in records}) == 3
    assert all(record["title"] and record["text"] for record in records)


def test_the_licence_names_its_exception() -> None:
    licence = (SEEDS / "README.md").read_text(encoding="utf-8").partition("## Licence")[2]

    assert "Apache-2.0" in licence
    assert USERS_SAMPLE in licence
