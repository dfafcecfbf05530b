"""A newsroom's own summaries: from articles in a file to weights with their card."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.support.tiny_model import build_tiny_model
from worker.config.profile import ModelSettings, Profile, PromptTemplate
from worker.config.settings import Settings
from worker.errors import UsageError
from worker.evaluation.rows import SummaryRow
from worker.training.learn_summary import LEAST_PAIRS, _tasks, learn_summary
from worker.training.pair import Pair

TOWNS = ("Milltown", "Bremen", "Porto", "Norvale", "Brezina", "Lorne", "Castell", "Moresby")
THINGS = ("harbour", "bridge", "library", "market", "station", "museum", "hospital", "quay")


@pytest.fixture
def shortening(profile: Profile, tmp_path: Path) -> Profile:
    """Over a tiny model, with prompts of its own for sentences and titles."""
    prompts = {
        **profile.prompts,
        "short": PromptTemplate(instruction="Shorten."),
        "title": PromptTemplate(instruction="A headline."),
    }
    summary = profile.summary.model_copy(
        update={"shorten_prompt": "short", "title_prompt": "title"}
    )
    model = ModelSettings(name=str(build_tiny_model(tmp_path / "tiny")))
    return profile.model_copy(update={"model": model, "summary": summary, "prompts": prompts})


def row(at: int) -> dict[str, str]:
    """An article, its summary by a shortened and a whole sentence, and a title."""
    rng = Random(at)  # noqa: S311 - no secret
    town, thing = rng.choice(TOWNS), rng.choice(THINGS)
    days = at + 2
    first = (
        f"The {thing} of {town}, which is the oldest of the country, will close for {days} days."
    )
    second = f"Workers will repair its old roof and paint the {days} doors in spring."
    third = "Nobody had asked the people who live next to it about that before."
    return {
        "article": f"{first} {second}\n\n{third}",
        "summary": f"The {thing} of {town} will close for {days} days. {second}",
        "title": f"{town} {thing} to close for {days} days",
    }


def rows_file(path: Path, count: int) -> Path:
    path.write_text("".join(json.dumps(row(at)) + "\n" for at in range(count)), encoding="utf-8")
    return path


def summary_row(**said: str) -> SummaryRow:
    return SummaryRow(id="1", text=said["article"], summary=said["summary"], title=said["title"])


def test_what_the_checks_let_pass_is_learned(shortening: Profile) -> None:
    one = row(7)
    tasks = _tasks([summary_row(**one)] * 2, shortening, Random(1))  # noqa: S311
    first, second = one["article"].split("\n")[0].split(". ")
    whole = f"{second}"

    assert tasks["short"] == [
        *[Pair(f"{first}.", one["summary"].split(". ")[0] + ".", "shortened")] * 2,
        Pair(whole, whole, "short"),
    ]
    assert tasks["title"] == [Pair(one["summary"], one["title"], "title")] * 2


@pytest.mark.parametrize(
    "summary",
    [
        "The library of Porto will close for 99 days.",
        "It is a scandal.",
        "The museum is closed, and nobody has said why it had to be.",
    ],
)
def test_what_they_refuse_is_not(summary: str, shortening: Profile) -> None:
    said = row(7) | {"summary": summary, "title": "Porto mayor resigns over museum"}
    tasks = _tasks([summary_row(**said)], shortening, Random(1))  # noqa: S311
    assert tasks == {"short": [], "title": []}


def test_too_few_are_refused(shortening: Profile, settings: Settings, tmp_path: Path) -> None:
    few = rows_file(tmp_path / "rows.jsonl", 30)
    with pytest.raises(UsageError, match=f"of 30 rows can be learned from; {LEAST_PAIRS}"):
        learn_summary([few], out=tmp_path / "out", profile=shortening, settings=settings)


def test_a_profile_that_shortens_nothing_has_nothing_to_learn(
    profile: Profile, settings: Settings, tmp_path: Path
) -> None:
    rows = rows_file(tmp_path / "rows.jsonl", 1)
    with pytest.raises(UsageError, match="no shorten_prompt"):
        learn_summary([rows], out=tmp_path / "out", profile=profile, settings=settings)


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_comes_with_card_and_curve(
    shortening: Profile, settings: Settings, tmp_path: Path
) -> None:
    rows, out = rows_file(tmp_path / "rows.jsonl", 160), tmp_path / "mine"

    learned = learn_summary([rows], out=out, profile=shortening, settings=settings)

    assert learned.report.loss_after < learned.report.loss_before
    assert (out / "adapter_model.safetensors").stat().st_size > 0
    assert learned.measured.n > 20
    assert (learned.measured.invented, learned.measured.without_evidence) == (0, 0)
    card = (out / "model_card.md").read_text(encoding="utf-8")
    assert card.startswith("# mine\n\nA LoRA adapter that shortens sentences")
    assert f"| `shortened` | {learned.pairs['shortened']} |" in card
    assert f"{learned.measured.n} articles: ROUGE-1 {learned.measured.rouge1:.1f}" in card
    assert (out / "loss.svg").read_text(encoding="utf-8").startswith("<?xml")
