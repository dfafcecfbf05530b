"""Linear layers of a frozen model: packed weights, with the branches of adapters beside them.

A LoRA adapter (Hu et al. 2021, 2106.09685) holds two thin matrices for a linear layer. Merged into
the weights, every adapter is another copy of the model; as a branch beside the layer it takes its
own few megabytes, and a batch switches to it by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["AdapterSwitch", "FrozenLinear", "freeze"]

#: Rows that packing optimises for: between a step's 64 and a first pass's 2,048.
_ROWS = 512


class AdapterSwitch:
    """Names the adapter that the layers of one model use."""

    def __init__(self) -> None:
        self.active = ""
        """Name of the adapter; empty for the base model alone."""


class FrozenLinear(torch.nn.Module):
    """A linear layer that can no longer be trained, saved or moved, with a branch per adapter.

    Args:
        linear: the layer whose weights it takes over.
        switch: names the branch to add.
    """

    def __init__(self, linear: torch.nn.Linear, switch: AdapterSwitch) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._dtype = linear.weight.dtype
        self._product = _product(linear)
        self._switch = switch
        self._branches: dict[str, tuple[torch.Tensor, torch.Tensor]] = {}

    def add_branch(self, name: str, down: torch.Tensor, up: torch.Tensor) -> None:
        """Add the branch of the adapter ``name``: ``inputs @ down.T @ up.T`` joins the outputs.

        Args:
            name: what the switch calls the adapter.
            down: rank x ``in_features``.
            up: ``out_features`` x rank, scaled.

        Raises:
            ValueError: the matrices do not fit the layer.
        """
        if down.shape != (up.shape[1], self.in_features) or up.shape[0] != self.out_features:
            raise ValueError(
                f"matrices of {tuple(down.shape)} and {tuple(up.shape)} do not fit a layer of "
                f"{self.out_features} x {self.in_features}"
            )
        self._branches[name] = (
            down.to(self._dtype).t().contiguous(),
            up.to(self._dtype).t().contiguous(),
        )

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the layer's outputs, with the active adapter's branch added."""
        outputs = self._product(inputs)
        branch = self._branches.get(self._switch.active)
        if branch is not None:
            down, up = branch
            outputs.flatten(0, -2).addmm_(inputs.flatten(0, -2) @ down, up)
        return outputs


def freeze(model: torch.nn.Module, switch: AdapterSwitch) -> None:
    """Replace the linear layers of ``model`` by frozen ones, in place."""
    for name, child in list(model.named_children()):
        if isinstance(child, torch.nn.Linear):
            setattr(model, name, FrozenLinear(child, switch))
        else:
            freeze(child, switch)


def _product(linear: torch.nn.Linear) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the layer as a function; its weights are packed where the CPU supports it.

    oneDNN reorders a bfloat16 matrix on every call, which takes a third of a call with few rows.
    With weights packed once, a chunk's repair is a tenth faster (450 to 500 tokens/s, measured by
    turns in one process). torch's own compiler uses the same operators. Another library computes
    float32 products, so those layers stay as they are.
    """
    weight = linear.weight.detach()
    # Typed as always present, but it is None without a bias.
    stored: Any = linear.bias
    bias = None if stored is None else stored.detach()
    operators: Any = torch.ops.mkldnn
    if not (
        weight.dtype is torch.bfloat16
        and torch.backends.mkldnn.is_available()
        and operators._is_mkldnn_bf16_supported()  # noqa: SLF001 - torch has no public name
    ):
        return lambda inputs: torch.nn.functional.linear(inputs, weight, bias)
    packed = operators._reorder_linear_weight(weight, _ROWS)  # noqa: SLF001
    product = operators._linear_pointwise  # noqa: SLF001
    return lambda inputs: product(inputs, packed, bias, "none", [], "")
