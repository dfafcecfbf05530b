"""Merge a LoRA adapter, trained by this project, into a base model's weights.

A LoRA adapter (Hu et al. 2021, 2106.09685) holds two thin matrices per linear layer, as peft writes
them. Their product is added once, at loading, so inference is as fast as without it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import torch
from safetensors.torch import load_file

from worker.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["merge"]

#: How peft names the two matrices of a layer.
_PREFIX, _DOWN, _UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def merge(model: Any, folder: Path) -> None:
    """Add the adapter in ``folder`` to the weights of ``model``, in place.

    Raises:
        EngineError: there is no adapter, or it does not fit the model.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        matrices = load_file(folder / "adapter_model.safetensors")
        scale = config["lora_alpha"] / config["r"]
        for name, down in matrices.items():
            if not name.endswith(_DOWN):
                continue
            layer = name.removeprefix(_PREFIX).removesuffix(_DOWN)
            up = matrices[name.removesuffix(_DOWN) + _UP]
            weight = model.get_submodule(layer).weight
            # Sum in float32, so that the weight is rounded only once.
            delta = scale * up.float() @ down.float()
            with torch.no_grad():
                weight.copy_((weight.float() + delta).to(weight.dtype))
    except (OSError, ValueError, KeyError, AttributeError, RuntimeError) as error:
        raise EngineError(
            f"the adapter {folder.name} cannot be merged into the model: {error}",
            code="model_load_failed",
            hint="its prompt needs the model that it was trained on; name another prompt",
        ) from error
