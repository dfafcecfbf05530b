"""The training loop on a tiny model: its examples, that it learns, and that it resumes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from tests.support.tiny_model import build_tiny_model
from worker.training.lora import (
    Example,
    Recipe,
    Report,
    _batches,
    _rate_share,
    encode,
    load_base,
    surprisals,
    train,
)
from worker.training.pair import Pair

PAIRS = [Pair("ba be bi", "ba be bo", "damage"), Pair("du de", "du de", "clean_kept")] * 4
RECIPE = Recipe(rank=4, alpha=8, learning_rate=0.05, batch_tokens=24, checkpoint_steps=2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"), ends=["<end>"])


def run(folder: Path, tmp_path: Path, recipe: Recipe = RECIPE) -> tuple[Report, str]:
    base, tokenizer = load_base(folder, "float32")
    examples = encode(tokenizer, 2, "ta te", PAIRS)
    progress: list[str] = []
    report = train(
        base,
        examples,
        examples[:2],
        recipe,
        out=tmp_path / "out",
        work=tmp_path / "work",
        base_name="tiny",
        say=progress.append,
    )
    return report, "".join(progress)


def test_the_answer_is_tokenised_alone_and_ended(folder: Path) -> None:
    _, tokenizer = load_base(folder, "float32")
    example = encode(tokenizer, 2, "ta te", PAIRS[:1])[0]
    tokens = tokenizer.convert_ids_to_tokens(example.ids)
    assert tokens[: example.answer] == ["ta", "te", "ba", "be", "bi"]
    assert tokens[example.answer :] == ["ba", "be", "bo", "<end>"]


@pytest.mark.parametrize(
    ("target", "edited"),
    [
        ("ba be bi", [False, False, False, False]),
        ("ba be bo", [False, False, True, False]),
        ("ba bo be bi", [False, True, False, False, False]),
        # The token after a deletion, and the end token after a deletion at the end.
        ("ba bi", [False, True, False]),
        ("ba be", [False, False, True]),
    ],
)
def test_the_tokens_that_differ_from_the_source_weigh_more(
    target: str, edited: list[bool], folder: Path
) -> None:
    _, tokenizer = load_base(folder, "float32")
    pair = Pair("ba be bi", target, "damage")

    (example,) = encode(tokenizer, 2, "ta te", [pair], edit_weight=4.0, weight=2.0)
    assert example.weights == [8.0 if is_edited else 2.0 for is_edited in edited]


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_loss_falls_and_the_adapter_is_written(folder: Path, tmp_path: Path) -> None:
    report, _ = run(folder, tmp_path)
    assert report.loss_after < report.loss_before
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"]) == (4, 8)
    assert config["base_model_name_or_path"] == "tiny"
    assert (tmp_path / "out" / "adapter_model.safetensors").stat().st_size > 0


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_a_stopped_run_resumes_to_the_same_end(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a complete run, and one that stops after its first checkpoint
    whole, _ = run(folder, tmp_path / "whole")
    step = torch.optim.AdamW.step
    taken = 0

    def stop_at_third(self: Any, *args: Any, **kwargs: Any) -> Any:
        nonlocal taken
        taken += 1
        if taken == 3:
            raise KeyboardInterrupt
        return step(self, *args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(torch.optim.AdamW, "step", stop_at_third)
        with pytest.raises(KeyboardInterrupt):
            run(folder, tmp_path / "parts")

    # When it is started again
    parts, progress = run(folder, tmp_path / "parts")

    # Then it continues, and ends as the other did
    assert "held out before" not in progress
    assert parts.tokens == whole.tokens
    assert parts.loss_after == pytest.approx(whole.loss_after, rel=1e-3)


@pytest.mark.filterwarnings("ignore::UserWarning:peft")
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_another_recipe_starts_over(folder: Path, tmp_path: Path) -> None:
    run(folder, tmp_path)
    _, progress = run(
        folder, tmp_path, Recipe(rank=2, alpha=4, batch_tokens=24, checkpoint_steps=2)
    )
    assert "held out before" in progress


def test_batches_have_similar_lengths_and_stay_within_the_budget() -> None:
    examples = [Example([0] * size, 1, []) for size in (9, 2, 8, 3, 30, 2)]
    batches = _batches(examples, 20)
    assert sorted(index for batch in batches for index in batch) == list(range(6))
    for batch in batches:
        longest = max(len(examples[index].ids) for index in batch)
        assert longest * len(batch) <= 20 or len(batch) == 1


def test_the_rate_rises_and_falls() -> None:
    rates = [_rate_share(step, 100, 0.1) for step in range(100)]
    assert rates[0] == pytest.approx(0.1)
    assert max(rates) == 1
    assert rates[99] < 0.01


def test_a_longer_text_has_more_nats(folder: Path) -> None:
    base, tokenizer = load_base(folder, "float32")
    base.config.bos_token_id = 0
    short, long = surprisals(base, tokenizer, ["ba be", "ba be bi bo"])
    assert 0 < short < long
