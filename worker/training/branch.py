"""Trainable LoRA branches beside the frozen linear layers of a model.

Frozen weights are packed as for inference, and once more transposed for the way back. So a base in
int8 trains on CPUs without bfloat16, 1.9 times as fast as in float32, with the numbers that it
answers in. Gradients in int8 with a scale per row are those of SwitchBack (Wortsman et al. 2023,
2304.13013).
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch

from worker.engine.decoding.linear import FrozenEmbedding
from worker.engine.decoding.product import Product, activation_dtype, make_product

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.config.numerics import Numerics

__all__ = ["BranchedLinear", "branched_layers", "freeze_base"]


class BranchedLinear(torch.nn.Module):
    """A frozen linear layer with room for a branch that is trained.

    Args:
        linear: the layer whose weights it takes over.
        forward: what its outputs are computed in.
        backward: what its gradients are computed in.
    """

    def __init__(self, linear: torch.nn.Linear, forward: Numerics, backward: Numerics) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        weight = linear.weight.detach()
        # Typed as always present, but it is None without a bias.
        bias: Any = linear.bias
        self._product = make_product(weight, None if bias is None else bias.detach(), forward)
        self._transposed = make_product(weight.t(), None, backward)
        self._scale = 0.0
        self.down: torch.nn.Parameter | None = None
        """Rank x inputs, in float32: steps of 5e-4 would vanish in bfloat16."""
        self.up: torch.nn.Parameter | None = None
        """Outputs x rank."""

    def add_branch(self, rank: int, scale: float) -> None:
        """Add a branch that changes nothing yet, initialised as in LoRA's paper and peft."""
        down = torch.empty(rank, self.in_features)
        torch.nn.init.kaiming_uniform_(down, a=math.sqrt(5))
        self.down = torch.nn.Parameter(down)
        self.up = torch.nn.Parameter(torch.zeros(self.out_features, rank))
        self._scale = scale

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """Return the layer's outputs, with the branch added."""
        apply: Any = _FrozenProduct.apply
        outputs: torch.Tensor = apply(inputs, self._product, self._transposed)
        if self.down is None or self.up is None:
            return outputs
        linear = torch.nn.functional.linear
        branch = linear(linear(inputs, self.down.to(inputs.dtype)), self.up.to(inputs.dtype))
        return outputs + self._scale * branch


class _FrozenProduct(torch.autograd.Function):
    """A product whose weights get no gradient."""

    @staticmethod
    def forward(
        ctx: Any, inputs: torch.Tensor, product: Product, transposed: Product
    ) -> torch.Tensor:
        ctx.transposed = transposed
        return product(inputs)

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        return ctx.transposed(gradients[0].contiguous()), None, None


def freeze_base(model: torch.nn.Module, numerics: Numerics) -> None:
    """Replace the linear layers and embeddings of ``model``, and freeze all weights, in place."""
    model.requires_grad_(requires_grad=False)
    head: Any = model
    _freeze(model, head.get_output_embeddings(), numerics)


def _freeze(module: torch.nn.Module, head: Any, numerics: Numerics) -> None:
    dtype = activation_dtype(numerics)
    for name, child in list(module.named_children()):
        if isinstance(child, torch.nn.Linear):
            # A gradient over the vocabulary is one large value and many small ones, which a scale
            # per row would round to zero.
            backward: Numerics = "float32" if child is head and numerics == "int8" else numerics
            setattr(module, name, BranchedLinear(child, numerics, backward))
        elif type(child) is torch.nn.Embedding:  # a subclass may scale its vectors
            setattr(module, name, FrozenEmbedding(child, dtype))
        else:
            _freeze(child, head, numerics)
    for weight in module.parameters(recurse=False):
        weight.data = weight.data.to(dtype, copy=True)


def branched_layers(
    model: torch.nn.Module, names: list[str]
) -> Iterator[tuple[str, BranchedLinear]]:
    """Yield path and layer of every frozen linear layer whose last name is one of ``names``."""
    for path, layer in model.named_modules():
        if isinstance(layer, BranchedLinear) and path.rpartition(".")[2] in names:
            yield path, layer
