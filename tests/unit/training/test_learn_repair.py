"""A newsroom's own repair adapter: from pairs in a file to weights with their card."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

from tests.support.tiny_model import WORDS, build_tiny_model
from worker.config.profile import ModelSettings, Profile
from worker.config.settings import Settings
from worker.errors import UsageError
from worker.stages.repair.acceptor import load_acceptor
from worker.training.card import draw_curve, draw_losses
from worker.training.learn_repair import _mix, learn_repair
from worker.training.pair import Pair
from worker.training.run import MIN_PAIRS


@pytest.fixture
def small(profile: Profile, tmp_path: Path) -> Profile:
    """The shipped profile over a tiny model, with the shipped adapter's acceptor."""
    model = ModelSettings(name=str(build_tiny_model(tmp_path / "tiny")))
    name = profile.repair.prompt
    shipped = profile.prompts[name].model_copy(update={"adapter": "repair.v2"})
    return profile.model_copy(
        update={"model": model, "prompts": {**profile.prompts, name: shipped}}
    )


def pairs_file(path: Path, count: int) -> Path:
    """Sentences of the tiny model's words; every other one lacks an article in its source."""
    rng = Random(5)  # noqa: S311 - no secret
    lines = []
    for index in range(count):
        words = rng.sample(WORDS, 6)
        target = " ".join([*words[:3], "the", *words[3:]])
        source = target.replace("the ", "") if index % 2 else target
        lines.append(json.dumps({"source": source, "target": target}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def test_too_few_pairs_are_refused(small: Profile, settings: Settings, tmp_path: Path) -> None:
    few = pairs_file(tmp_path / "pairs.jsonl", 60)
    with pytest.raises(UsageError, match=f"of 60 rows can be learned from; {MIN_PAIRS}"):
        learn_repair([few], out=tmp_path / "out", profile=small, settings=settings)


def test_a_profile_without_an_adapter_has_nothing_to_learn(
    profile: Profile, settings: Settings, tmp_path: Path
) -> None:
    pairs = pairs_file(tmp_path / "pairs.jsonl", 600)
    with pytest.raises(UsageError, match=r"repair\.v2\.toml has no adapter") as raised:
        learn_repair([pairs], out=tmp_path / "out", profile=profile, settings=settings)
    assert raised.value.code == "nothing_to_learn"


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_comes_with_acceptor_card_and_curve(
    small: Profile, settings: Settings, tmp_path: Path
) -> None:
    pairs, out = pairs_file(tmp_path / "pairs.jsonl", 600), tmp_path / "mine"

    learned = learn_repair([pairs], out=out, profile=small, settings=settings)

    assert learned.report.loss_after < learned.report.loss_before
    assert (out / "adapter_model.safetensors").stat().st_size > 0
    assert load_acceptor(str(out)) == load_acceptor("repair.v2") or learned.acceptor == "fitted"
    assert (learned.measured.invented, learned.measured.lost) == (0, 0)
    card = (out / "model_card.md").read_text(encoding="utf-8")
    assert card.startswith("# mine\n")
    assert f"| `post_edit` | {learned.pairs['post_edit']} |" in card
    assert (out / "loss.svg").read_text(encoding="utf-8").startswith("<?xml")
    report = json.loads((out / "work" / "report.json").read_text(encoding="utf-8"))
    assert report["pairs"] == learned.pairs


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_an_adapter_beside_a_judge_gets_no_acceptor(
    small: Profile, settings: Settings, tmp_path: Path
) -> None:
    # Given a profile whose adapter has no acceptor, as the default's
    name = small.repair.prompt
    writer = small.prompts[name].model_copy(update={"adapter": "repair.v4"})
    checks = small.checks.model_copy(update={"meaning_judge": "meaning.v1"})
    prompts = {**small.prompts, name: writer}
    judged = small.model_copy(update={"prompts": prompts, "checks": checks})
    pairs, out = pairs_file(tmp_path / "pairs.jsonl", 600), tmp_path / "mine"

    learned = learn_repair([pairs], out=out, profile=judged, settings=settings)

    assert learned.acceptor == "none"
    assert not (out / "acceptor.json").exists()
    assert json.loads((out / "adapter_config.json").read_text(encoding="utf-8"))["r"] == 8
    assert "Acceptor: none." in (out / "model_card.md").read_text(encoding="utf-8")


def test_unchanged_sentences_have_the_share_of_the_shipped_mixture() -> None:
    edited = [Pair(f"They has met {n}.", f"They have met {n}.", "post_edit") for n in range(400)]
    kept = [Pair(f"They met {n} times.", f"They met {n} times.", "kept") for n in range(900)]
    mixed = _mix([*edited, *kept], Random(1))  # noqa: S311
    assert sum(pair.kind == "post_edit" for pair in mixed) == 400
    assert sum(pair.kind in {"kept", "damage"} for pair in mixed) == 360
    assert any(pair.kind == "damage" for pair in mixed)


def test_a_step_that_was_logged_twice_is_one_point_of_the_curve(tmp_path: Path) -> None:
    log = tmp_path / "losses.jsonl"
    entries = [{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.0}, {"step": 2, "loss": 1.5}]
    log.write_text("".join(json.dumps(entry) + "\n" for entry in entries), encoding="utf-8")
    draw_losses(log, tmp_path / "loss.svg")
    assert "<svg" in (tmp_path / "loss.svg").read_text(encoding="utf-8")


def test_the_curve_of_an_acceptor_names_its_restraints(tmp_path: Path) -> None:
    points = [(0.3, 80, 90), (0.4, 60, 40), (0.6, 20, 5), (0.8, 0, 0)]
    curve = [
        {"probability": probability, "closer": closer, "farther": farther}
        for probability, closer, farther in points
    ]
    report = {
        "closer": 100,
        "curve": curve,
        "least_probability": {"careful": 0.6, "bold": 0.4, "reckless": 0.1},
    }
    draw_curve(report, tmp_path / "curve.svg")
    drawn = (tmp_path / "curve.svg").read_text(encoding="utf-8")
    assert "<!-- careful, 0.60 -->" in drawn
    assert "<!-- bold, 0.40 -->" in drawn
    assert "reckless" not in drawn
