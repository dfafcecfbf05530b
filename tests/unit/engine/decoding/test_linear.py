"""Frozen linear layers compute what plain ones do."""

from __future__ import annotations

import pytest
import torch

from worker.config.numerics import Numerics
from worker.engine.decoding.linear import AdapterSwitch, FrozenEmbedding, FrozenLinear, freeze

NAMES: dict[torch.dtype, Numerics] = {torch.float32: "float32", torch.bfloat16: "bfloat16"}
SUPPORTED = torch.ops.mkldnn._is_mkldnn_bf16_supported()


def network(dtype: torch.dtype, *, bias: bool) -> torch.nn.Sequential:
    torch.manual_seed(5)
    inner = torch.nn.Sequential(torch.nn.Linear(32, 64, bias=bias), torch.nn.SiLU())
    return torch.nn.Sequential(inner, torch.nn.Linear(64, 16, bias=bias)).to(dtype)


@pytest.mark.parametrize(
    "dtype",
    [
        torch.float32,
        pytest.param(
            torch.bfloat16,
            marks=pytest.mark.skipif(not SUPPORTED, reason="this CPU has no bfloat16 products"),
        ),
    ],
)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_a_frozen_layer_gives_the_same(rows: int, bias: bool, dtype: torch.dtype) -> None:
    plain, frozen = network(dtype, bias=bias), network(dtype, bias=bias)
    freeze(frozen, AdapterSwitch(), NAMES[dtype])
    inputs = torch.randn(rows, 32).to(dtype)

    assert sum(isinstance(part, FrozenLinear) for part in frozen.modules()) == 2
    with torch.inference_mode():
        torch.testing.assert_close(frozen(inputs), plain(inputs), rtol=0.02, atol=0.02)


def test_a_branch_joins_outputs_of_any_shape() -> None:
    switch = AdapterSwitch()
    layer = FrozenLinear(torch.nn.Linear(6, 4), switch, "float32")
    down, up = torch.randn(2, 6), torch.randn(4, 2)
    inputs = torch.randn(3, 5, 6)
    with torch.inference_mode():
        before = layer(inputs)
        layer.add_branch("mine", down, up)
        switch.active = "mine"
        after = layer(inputs)

    torch.testing.assert_close(after, before + inputs @ down.T @ up.T)


@pytest.mark.parametrize(("down", "up"), [((2, 5), (4, 2)), ((2, 6), (3, 2)), ((2, 6), (4, 3))])
def test_matrices_that_do_not_fit_are_refused(down: tuple[int, int], up: tuple[int, int]) -> None:
    layer = FrozenLinear(torch.nn.Linear(6, 4), AdapterSwitch(), "float32")

    with pytest.raises(ValueError, match="do not fit a layer of 4 x 6"):
        layer.add_branch("mine", torch.zeros(down), torch.zeros(up))


def test_embeddings_keep_their_type_and_return_the_activations() -> None:
    embedding = torch.nn.Embedding(10, 4)
    model = torch.nn.Sequential(embedding, torch.nn.LayerNorm(4)).bfloat16()
    vectors = embedding.weight.detach().clone()
    freeze(model, AdapterSwitch(), "float32")

    frozen: torch.nn.Module = model[0]
    assert isinstance(frozen, FrozenEmbedding)
    looked_up: torch.Tensor = model.get_submodule("0").forward(torch.tensor([3, 7]))
    assert looked_up.dtype is torch.float32
    assert torch.equal(looked_up, vectors[[3, 7]].float())
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}


def test_nothing_of_the_loaded_file_is_kept() -> None:
    stored = torch.randn(6000)
    model = torch.nn.Sequential(torch.nn.Embedding(10, 4), torch.nn.Linear(4, 4))
    model[0].weight.data, model[1].weight.data = stored[:40].view(10, 4), stored[40:56].view(4, 4)
    model[1].bias.data = stored[56:60]
    expected = model(torch.tensor([3]))
    freeze(model, AdapterSwitch(), "float32")
    stored.zero_()

    torch.testing.assert_close(model(torch.tensor([3])), expected)
