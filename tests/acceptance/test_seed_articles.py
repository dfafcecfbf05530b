"""Two sample articles, processed by the real program with the real model."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import read_rows
from tests.support.run_cli import Ran, run_cli
from tests.support.small import SMALL_PROFILE
from worker.runtime.embedded_valkey import EmbeddedBroker

pytestmark = [
    pytest.mark.model,
    # Two minutes of processor time; up to four minutes on shared cores.
    pytest.mark.timeout(900),
]

#: The profile of both runs.
_PROFILE = SMALL_PROFILE

_SEEDS = Path(__file__).parents[2] / "seeds"
_TALKS, _LIFTS = _SEEDS / "ceasefire-talks.txt", _SEEDS / "lift-inspection.txt"

#: Text of the page, not of the article.
_PAGE = (
    "Times of India",
    "BREAKING",
    "Watch Russia and Iran",
    "Share drones",
    "Envoy to Moscow",
    "Be the first to comment",
    "Leave a Reply",
    "Your email address",
)

#: Words with which a summary names its source.
_SOURCES = re.compile(r"\b(report(s|ed|edly)?|according|sources?|said|says)\b", re.IGNORECASE)

_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_CAPITALISED = re.compile(r"\b[A-Z][A-Za-z]*")
_NEGATION = re.compile(r"\b(?:not|never|no|nobody|without)\b|n[\u2019']t\b", re.IGNORECASE)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


@dataclass(frozen=True)
class _Runs:
    """Two runs of the same command in one home."""

    first: Ran
    second: Ran
    home: Path
    out: Path
    rows: dict[str, dict[str, Any]]
    """Rows after the first run."""


@pytest.fixture(scope="module")
def memory() -> list[_Runs]:
    """Keeps the runs for all tests of this module, since the model is slow."""
    return []


@pytest.fixture
def runs(model_home: Path, memory: list[_Runs]) -> _Runs:
    """Both runs, made when the first test asks for them."""
    if not memory:
        out = model_home / "out"
        words = ("run", _TALKS, _LIFTS, "-o", out, "--profile", _PROFILE, "--json")
        first = run_cli(*words, home=model_home, model=True, timeout=800)
        rows = {row["id"]: row for row in read_rows(out)} if first.code == 0 else {}
        second = run_cli(*words, home=model_home, model=True)
        memory.append(_Runs(first, second, model_home, out, rows))
    return memory[0]


@pytest.fixture
def talks(runs: _Runs) -> dict[str, Any]:
    """The long article's row."""
    return runs.rows["ceasefire-talks"]


@pytest.fixture
def lifts(runs: _Runs) -> dict[str, Any]:
    """The short article's row."""
    return runs.rows["lift-inspection"]


def _own_words(path: Path) -> str:
    """Return the article without its page: the text that must be kept."""
    text = path.read_text(encoding="utf-8")
    paragraphs = [line for line in text.splitlines() if line.endswith(".") or "Watch " in line]
    article_lines = [line.partition("Watch Russia")[0] for line in paragraphs]
    return "\n".join(line for line in article_lines if not line.startswith("Your email"))


def _sentences(text: str) -> list[str]:
    return [part for line in text.splitlines() for part in _SENTENCE_END.split(line) if part]


def test_the_command_succeeds_and_leaves_nothing_running(runs: _Runs) -> None:
    assert runs.first.code == 0, runs.first
    assert (runs.first.data["total"], runs.first.data["done"]) == (2, 2)
    assert runs.first.codes == []
    assert not EmbeddedBroker(runs.home).running


def test_the_files_are_there(runs: _Runs) -> None:
    names = {path.name for path in runs.out.iterdir()}

    assert names == {
        "ceasefire-talks.md",
        "lift-inspection.md",
        "results.jsonl",
        "errors.jsonl",
        "manifest.json",
    }
    for name, row in runs.rows.items():
        page = (runs.out / f"{name}.md").read_text(encoding="utf-8")
        assert row["summary"].split()[-1] in page
        assert row["state"] == "done"


def test_the_second_run_reuses_all_results(runs: _Runs) -> None:
    data = runs.second.data

    assert (runs.second.code, data["cached"], data["total"]) == (0, 2, 2)
    again = {row["id"]: row for row in read_rows(runs.out)}
    assert again == {name: {**row, "cached": True} for name, row in runs.rows.items()}


@pytest.mark.parametrize("words", _PAGE)
def test_nothing_of_the_page_is_left(talks: dict[str, Any], words: str) -> None:
    assert words.lower() not in talks["repaired"].lower()
    assert words.lower() not in talks["summary"].lower()
    assert words.lower() not in talks["title"].lower()


def test_the_headline_is_kept_once_without_the_outlets_name(talks: dict[str, Any]) -> None:
    headline = "Russian president Putin expresses willingness for Ukraine ceasefire talks"

    assert talks["title"].startswith(headline)
    assert headline not in talks["repaired"]


def test_removed_text_is_listed(talks: dict[str, Any]) -> None:
    reasons = {removal["reason"] for removal in talks["removed"]}

    assert reasons >= {
        "repeated_title",
        "outlet_suffix",
        "promo_line",
        "glued_promo",
        "tag_line",
        "comment_form",
    }


def test_no_sentence_is_a_stray_piece_or_the_rest_of_another(talks: dict[str, Any]) -> None:
    sentences = _sentences(talks["repaired"])

    assert "Is." not in sentences
    assert not [sentence for sentence in sentences if sentence.startswith("are not on")]
    assert not [sentence for sentence in sentences if sentence[0].islower()]
    assert "are not on the negotiating table" in talks["repaired"]


@pytest.mark.parametrize("path", [_TALKS, _LIFTS], ids=lambda path: path.stem)
def test_no_number_and_no_negation_is_lost_or_new(runs: _Runs, path: Path) -> None:
    before, after = _own_words(path), runs.rows[path.stem]["repaired"]

    assert Counter(_NUMBER.findall(after)) == Counter(_NUMBER.findall(before))
    assert len(_NEGATION.findall(after)) == len(_NEGATION.findall(before))


@pytest.mark.parametrize("path", [_TALKS, _LIFTS], ids=lambda path: path.stem)
def test_no_capitalised_word_is_lost_or_new(runs: _Runs, path: Path) -> None:
    before, after = _own_words(path), runs.rows[path.stem]["repaired"]
    # The stray "Is." is removed; a word may lose a wrong capital.
    must = {word.lower() for word in _CAPITALISED.findall(before)} - {"is"}
    may = set(re.findall(r"[a-z]+", before.lower()))

    assert must - set(re.findall(r"[a-z]+", after.lower())) == set()
    assert {word.lower() for word in _CAPITALISED.findall(after)} - may == set()


def test_the_paragraphs_are_kept_and_the_link_in_the_lead_gets_its_own(
    talks: dict[str, Any],
) -> None:
    link, lead, *others = talks["repaired"].split("\n\n")
    before = _own_words(_TALKS).splitlines()

    assert link == "Russian President Vladimir Putin"
    assert lead == before[0].replace(f"{link} ", "")
    assert len(others) == len(before) - 1
    flagged = [flag["text"] for flag in talks["flags"] if flag["reason"] == "needs_source"]
    assert lead in flagged


def test_the_summary_is_short_attributed_and_supported(talks: dict[str, Any]) -> None:
    summary = talks["summary"]

    assert 30 <= len(summary.split()) <= 80
    assert _SOURCES.search(summary)
    # Each side is named: the report, its sources, and Zelensky, who was not asked.
    assert all(who in summary for who in ("the report", "former senior Russian officials"))
    assert "Zelensky has vowed not to negotiate with Russia" in summary
    assert talks["evidence"]
    assert " ".join(entry["sentence"] for entry in talks["evidence"]) == summary
    for entry in talks["evidence"]:
        assert entry["sentences"]
        assert all(source["text"] in talks["repaired"] for source in entry["sentences"])


@pytest.mark.parametrize("path", [_TALKS, _LIFTS], ids=lambda path: path.stem)
def test_the_summary_has_no_number_and_no_name_of_its_own(runs: _Runs, path: Path) -> None:
    row = runs.rows[path.stem]
    summary, article = row["summary"], row["repaired"].lower()

    assert set(_NUMBER.findall(summary)) <= set(_NUMBER.findall(article))
    inside = {word for sentence in _sentences(summary) for word in sentence.split()[1:]}
    names = {word.lower() for part in inside for word in _CAPITALISED.findall(part)}
    assert names <= set(re.findall(r"[a-z]+", article))


def test_an_article_of_two_sentences_stays_one(lifts: dict[str, Any]) -> None:
    assert len(_sentences(lifts["repaired"])) == 2
    assert len(_sentences(lifts["summary"])) <= 2
    assert "nobody was injured" in lifts["repaired"]
