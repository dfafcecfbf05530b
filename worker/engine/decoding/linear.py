"""Layers of a frozen model: packed weights, with the branches of adapters beside them.

A LoRA adapter (Hu et al. 2021, 2106.09685) holds two thin matrices for a linear layer. Merged into
the weights, every adapter is another copy of the model; as a branch beside the layer it takes its
own few megabytes, and a batch switches to it by name.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import torch

from worker.engine.decoding.product import activation_dtype, make_product

if TYPE_CHECKING:
    from worker.config.numerics import Numerics

__all__ = ["AdapterSwitch", "FrozenEmbedding", "FrozenLinear", "freeze"]


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
        numerics: what to multiply in.
    """

    def __init__(self, linear: torch.nn.Linear, switch: AdapterSwitch, numerics: Numerics) -> None:
        super().__init__()
        self.in_features, self.out_features = linear.in_features, linear.out_features
        self._dtype = activation_dtype(numerics)
        # Typed as always present, but it is None without a bias.
        bias: Any = linear.bias
        self._product = make_product(
            linear.weight.detach(), None if bias is None else bias.detach(), numerics
        )
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


class FrozenEmbedding(torch.nn.Module):
    """Token embeddings, kept in the type of their file and looked up in another.

    Args:
        embedding: the layer whose vectors it takes over.
        dtype: type of the vectors that it returns.
    """

    def __init__(self, embedding: torch.nn.Embedding, dtype: torch.dtype) -> None:
        super().__init__()
        # A copy, since a view would keep the whole file mapped.
        self._vectors = embedding.weight.detach().clone()
        self._dtype = dtype

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Return the tokens' vectors."""
        return torch.nn.functional.embedding(tokens, self._vectors).to(self._dtype)


def freeze(model: torch.nn.Module, switch: AdapterSwitch, numerics: Numerics) -> None:
    """Replace the linear layers and embeddings of ``model`` by frozen ones, in place.

    All other weights are copied, so that the file that they were loaded from can be closed: any one
    left would keep all of it in memory (0.2 GB for 135 M parameters, measured).
    """
    dtype = activation_dtype(numerics)

    def replace(place: tuple[torch.nn.Module, str]) -> None:
        parent, name = place
        child = parent.get_submodule(name)
        if isinstance(child, torch.nn.Linear):
            setattr(parent, name, FrozenLinear(child, switch, numerics))
        elif type(child) is torch.nn.Embedding:  # a subclass may scale its vectors
            setattr(parent, name, FrozenEmbedding(child, dtype))

    places = [(parent, name) for parent in model.modules() for name, _ in parent.named_children()]
    # The largest first: begun last, the output layer would keep one thread waiting for the other.
    places.sort(key=_own_weights, reverse=True)
    threads = torch.get_num_threads()
    # A matrix is packed by one thread. Its other steps would be shared among all cores, by each of
    # the pool's threads: that many threads get in one another's way.
    with ThreadPoolExecutor(threads, initializer=torch.set_num_threads, initargs=(1,)) as pool:
        list(pool.map(replace, places))
    # The number also counts for threads that start later.
    torch.set_num_threads(threads)
    for weight in model.parameters():
        weight.data = weight.data.to(dtype, copy=True)


def _own_weights(place: tuple[torch.nn.Module, str]) -> int:
    """Return the number of weights of a layer, without those of the layers in it."""
    parent, name = place
    layer = parent.get_submodule(name)
    return sum(weight.numel() for weight in layer.parameters(recurse=False))
