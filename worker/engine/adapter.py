"""Attach a LoRA adapter to a frozen model, as branches beside its linear layers.

The files are peft's: ``adapter_config.json`` and ``adapter_model.safetensors``.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from safetensors.torch import load_file

from worker.engine.decoding.linear import FrozenLinear
from worker.errors import EngineError

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["attach_adapter"]

#: How peft names the two matrices of a layer.
_PREFIX, _DOWN, _UP = "base_model.model.", ".lora_A.weight", ".lora_B.weight"


def attach_adapter(model: Any, folder: Path, name: str) -> None:
    """Add the adapter in ``folder`` to the frozen ``model`` under ``name``.

    Raises:
        EngineError: there is no adapter, or it does not fit the model.
    """
    try:
        config = json.loads((folder / "adapter_config.json").read_text(encoding="utf-8"))
        matrices = load_file(folder / "adapter_model.safetensors")
        scale = config["lora_alpha"] / config["r"]
        for key in matrices:
            if key.endswith(_DOWN):
                path = key.removesuffix(_DOWN)
                layer = _frozen_layer(model, path.removeprefix(_PREFIX))
                layer.add_branch(name, matrices[key], scale * matrices[path + _UP])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError) as error:
        raise EngineError(
            f"the adapter {folder.name} cannot be attached to the model: {error}",
            code="model_load_failed",
            hint="its prompt needs the model that it was trained on; name another prompt",
        ) from error


def _frozen_layer(model: Any, path: str) -> FrozenLinear:
    layer = model.get_submodule(path)
    if not isinstance(layer, FrozenLinear):
        raise TypeError(f"{path} is not a linear layer")
    return layer
