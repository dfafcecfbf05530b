"""A newsroom's own summary adapter: from articles in a file to weights with their card."""

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
from worker.training.learn_summary import _draw_lessons, learn_summary
from worker.training.pair import Pair
from worker.training.run import MIN_PAIRS

TOWNS = ("Milltown", "Bremen", "Porto", "Norvale", "Brezina", "Lorne", "Castell", "Moresby")
THINGS = ("harbour", "bridge", "library", "market", "station", "museum", "hospital", "quay")


@pytest.fixture
def shortening(profile: Profile, tmp_path: Path) -> Profile:
    """The shipped profile over a tiny model, with its own prompts for sentences and titles."""
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


def row(number: int) -> dict[str, str]:
    """An article, its summary by a shortened and a whole sentence, and a title."""
    rng = Random(number)  # noqa: S311 - no secret
    town, thing = rng.choice(TOWNS), rng.choice(THINGS)
    days = number + 2
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
    path.write_text(
        "".join(json.dumps(row(number)) + "\n" for number in range(count)), encoding="utf-8"
    )
    return path


def lessons_by_task(fields: dict[str, str], profile: Profile) -> dict[str, list[Pair]]:
    """Draw the lessons of the row, given twice."""
    row = SummaryRow(
        id="1", text=fields["article"], summary=fields["summary"], title=fields["title"]
    )
    by_task: dict[str, list[Pair]] = {"short": [], "title": []}
    for task, pair in _draw_lessons([row] * 2, profile, Random(1)):  # noqa: S311
        by_task[task].append(pair)
    return by_task


def test_what_passes_the_checks_is_learned(shortening: Profile) -> None:
    fields = row(7)
    pairs = lessons_by_task(fields, shortening)
    first, second = fields["article"].split("\n")[0].split(". ")
    whole = second

    assert pairs["short"] == [
        *[Pair(f"{first}.", fields["summary"].split(". ")[0] + ".", "shortened")] * 2,
        Pair(whole, whole, "short"),
    ]
    assert pairs["title"] == [Pair(fields["summary"], fields["title"], "title")] * 2


@pytest.mark.parametrize(
    "summary",
    [
        "The library of Porto will close for 99 days.",
        "It is a scandal.",
        "The museum is closed, and nobody has said why it had to be.",
    ],
)
def test_what_fails_the_checks_is_not_learned(summary: str, shortening: Profile) -> None:
    fields = row(7) | {"summary": summary, "title": "Porto mayor resigns over museum"}
    assert lessons_by_task(fields, shortening) == {"short": [], "title": []}


def test_too_few_pairs_are_refused(shortening: Profile, settings: Settings, tmp_path: Path) -> None:
    few = rows_file(tmp_path / "rows.jsonl", 30)
    with pytest.raises(UsageError, match=f"of 30 rows can be learned from; {MIN_PAIRS}"):
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
