"""Adapters attached to a tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.support.tiny_model import ARCHITECTURES, build_tiny_model
from worker.engine.adapter import attach_adapter
from worker.engine.decoding.linear import AdapterSwitch, freeze
from worker.errors import EngineError

LAYER = "model.layers.1.mlp.up_proj"
RANK, ALPHA = 4, 8


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)


@pytest.fixture(scope="module", params=ARCHITECTURES)
def base(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"), architecture=request.param)


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    return write_adapter(tmp_path, seed=3)


def write_adapter(folder: Path, *, seed: int) -> Path:
    """Write an adapter as peft does, for one layer."""
    torch.manual_seed(seed)
    name = f"base_model.model.{LAYER}"
    matrices = {
        f"{name}.lora_A.weight": torch.randn(RANK, 32, dtype=torch.float32),
        f"{name}.lora_B.weight": torch.randn(64, RANK, dtype=torch.float32),
    }
    save_file(matrices, folder / "adapter_model.safetensors")
    config = {"r": RANK, "lora_alpha": ALPHA}
    (folder / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def logits(model: Any) -> torch.Tensor:
    with torch.inference_mode():
        answer: torch.Tensor = model(torch.tensor([[1, 5, 9, 3]])).logits
    return answer


def frozen(folder: Path) -> tuple[Any, AdapterSwitch]:
    model, switch = load(folder), AdapterSwitch()
    freeze(model, switch, "float32")
    return model, switch


def test_a_branch_answers_as_merged_weights_do(base: Path, adapter: Path) -> None:
    merged = load(base)
    down, up = load_file(adapter / "adapter_model.safetensors").values()
    merged.get_submodule(LAYER).weight.data += ALPHA / RANK * (up @ down)
    model, switch = frozen(base)

    attach_adapter(model, adapter, "mine")
    switch.active = "mine"

    torch.testing.assert_close(logits(model), logits(merged))


def test_the_switch_chooses_between_base_and_adapters(
    base: Path, adapter: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = write_adapter(tmp_path_factory.mktemp("other"), seed=4)
    model, switch = frozen(base)
    attach_adapter(model, adapter, "mine")
    attach_adapter(model, other, "other")
    answers = {}
    for name in ("", "mine", "other", "unknown"):
        switch.active = name
        answers[name] = logits(model)

    plain = logits(load(base))
    torch.testing.assert_close(answers[""], plain)
    assert torch.equal(answers["unknown"], answers[""])
    assert not torch.allclose(answers["mine"], plain)
    assert not torch.allclose(answers["other"], answers["mine"])


def test_an_adapter_takes_no_second_copy_of_the_weights(base: Path, adapter: Path) -> None:
    model, _ = frozen(base)
    attach_adapter(model, adapter, "mine")

    layer = model.get_submodule(LAYER)
    ((down, up),) = layer._branches.values()
    assert down.numel() + up.numel() == RANK * (32 + 64)


def no_file(folder: Path) -> None:
    (folder / "adapter_model.safetensors").unlink()


def no_config(folder: Path) -> None:
    (folder / "adapter_config.json").unlink()


def broken_config(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")


def only_down_matrices(folder: Path) -> None:
    matrices = load_file(folder / "adapter_model.safetensors")
    save_file(
        {name: matrix for name, matrix in matrices.items() if "lora_A" in name},
        folder / "adapter_model.safetensors",
    )


def for_another_model(folder: Path) -> None:
    matrices = load_file(folder / "adapter_model.safetensors")
    renamed = {name.replace("layers.1", "layers.7"): matrix for name, matrix in matrices.items()}
    save_file(renamed, folder / "adapter_model.safetensors")


def of_another_size(folder: Path) -> None:
    matrices = load_file(folder / "adapter_model.safetensors")
    cut = {name: matrix[:, :3].contiguous() for name, matrix in matrices.items()}
    save_file(cut, folder / "adapter_model.safetensors")


@pytest.mark.parametrize(
    "damage",
    [no_file, no_config, broken_config, only_down_matrices, for_another_model, of_another_size],
)
def test_an_adapter_that_does_not_fit_is_refused(
    damage: Callable[[Path], None], base: Path, adapter: Path
) -> None:
    model, _ = frozen(base)
    damage(adapter)

    with pytest.raises(EngineError, match=f"adapter {adapter.name}") as raised:
        attach_adapter(model, adapter, "mine")
    assert raised.value.code == "model_load_failed"
    assert raised.value.hint
