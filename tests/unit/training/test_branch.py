"""Branched layers give the outputs and gradients of plain ones, with only the branch to train."""

from __future__ import annotations

import pytest
import torch

from tests.unit.engine.decoding.test_product import error, needs_int8
from worker.config.numerics import Numerics
from worker.training.branch import BranchedLinear, branched_layers, freeze_base

KINDS: list[object] = ["float32", pytest.param("int8", marks=needs_int8)]


@pytest.mark.parametrize("numerics", KINDS)
@pytest.mark.parametrize("bias", [True, False])
def test_outputs_and_gradients_are_those_of_a_plain_layer(numerics: Numerics, bias: bool) -> None:
    torch.manual_seed(3)
    plain = torch.nn.Linear(256, 128, bias=bias)
    layer = BranchedLinear(plain, numerics, numerics)
    layer.add_branch(4, 2.0)
    assert layer.down is not None
    assert layer.up is not None
    layer.up.data.normal_()
    ours = torch.randn(3, 5, 256, requires_grad=True)
    theirs = ours.detach().clone().requires_grad_()
    down, up = (part.detach().clone().requires_grad_() for part in (layer.down, layer.up))
    outputs = layer(ours)
    expected = plain(theirs) + 2.0 * (theirs @ down.t() @ up.t())
    target = torch.randn_like(expected)
    (outputs * target).sum().backward()
    (expected * target).sum().backward()

    tolerance = 0.03 if numerics == "int8" else 1e-5
    pairs = [(outputs, expected), (ours.grad, theirs.grad)]
    pairs += [(layer.down.grad, down.grad), (layer.up.grad, up.grad)]
    for mine, other in pairs:
        assert mine is not None
        assert other is not None
        assert error(mine.detach(), other.detach()) < tolerance


def test_a_new_branch_changes_nothing() -> None:
    plain = torch.nn.Linear(16, 8)
    layer = BranchedLinear(plain, "float32", "float32")
    layer.add_branch(4, 2.0)
    inputs = torch.randn(5, 16)

    torch.testing.assert_close(layer(inputs), plain(inputs))


class Model(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.embedding = torch.nn.Embedding(20, 8)
        self.norm, self.q_proj = torch.nn.LayerNorm(8), torch.nn.Linear(8, 8)
        self.head = torch.nn.Linear(8, 20)

    def get_output_embeddings(self) -> torch.nn.Module:
        return self.head


def test_only_branches_are_trained() -> None:
    model = Model()
    freeze_base(model, "float32")
    layers = dict(branched_layers(model, ["q_proj"]))
    for layer in layers.values():
        layer.add_branch(2, 1.0)

    assert list(layers) == ["q_proj"]
    trained = {name for name, weight in model.named_parameters() if weight.requires_grad}
    assert trained == {"q_proj.down", "q_proj.up"}
