"""An adapter merged into the weights of a tiny model."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM

from tests.support.tiny_model import build_tiny_model
from worker.engine.adapter import merge
from worker.errors import EngineError

LAYER = "model.layers.1.mlp.up_proj"
RANK, ALPHA = 4, 8


def load(folder: Path) -> Any:
    return AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """An adapter as peft writes it, for one layer."""
    torch.manual_seed(3)
    name = f"base_model.model.{LAYER}"
    matrices = {
        f"{name}.lora_A.weight": torch.randn(RANK, 32, dtype=torch.bfloat16),
        f"{name}.lora_B.weight": torch.randn(64, RANK, dtype=torch.bfloat16),
    }
    save_file(matrices, tmp_path / "adapter_model.safetensors")
    config = {"r": RANK, "lora_alpha": ALPHA}
    (tmp_path / "adapter_config.json").write_text(json.dumps(config), encoding="utf-8")
    return tmp_path


def test_the_scaled_product_is_added_to_its_layer_alone(base: Path, adapter: Path) -> None:
    model, before = load(base), load(base).state_dict()
    down, up = load_file(adapter / "adapter_model.safetensors").values()

    merge(model, adapter)

    expected = before[f"{LAYER}.weight"].float() + ALPHA / RANK * (up.float() @ down.float())
    after = model.state_dict()
    assert torch.equal(after.pop(f"{LAYER}.weight"), expected.to(torch.bfloat16))
    assert after
    assert all(torch.equal(weight, before[name]) for name, weight in after.items())


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
    model = load(base)
    damage(adapter)

    with pytest.raises(EngineError, match=f"adapter {adapter.name}") as raised:
        merge(model, adapter)
    assert raised.value.code == "model_load_failed"
    assert raised.value.hint
