"""Packed products compute what plain ones do, in int8 within its resolution."""

from __future__ import annotations

import pytest
import torch

from worker.engine.decoding.product import activation_dtype, make_product

#: Activations have 127 steps and weights 255 between their extremes: per product half a step of
#: each, which average out over a row's inputs.
INT8_ERROR = 0.02

needs_int8 = pytest.mark.skipif(
    "fbgemm" not in torch.backends.quantized.supported_engines,
    reason="torch has int8 products for x86 only",
)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_a_packed_product_is_the_plain_one(rows: int, bias: bool) -> None:
    layer, inputs = torch.nn.Linear(32, 64, bias=bias), torch.randn(rows, 32)
    product = make_product(layer.weight.detach(), detached(layer.bias), "float32")

    with torch.inference_mode():
        torch.testing.assert_close(product(inputs), layer(inputs), rtol=1e-5, atol=1e-5)


@needs_int8
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("shape", [(1, 256), (7, 256), (2, 150, 256)])
def test_int8_comes_close(shape: tuple[int, ...], bias: bool) -> None:
    layer, inputs = torch.nn.Linear(256, 64, bias=bias), torch.randn(shape)
    product = make_product(layer.weight.detach(), detached(layer.bias), "int8")

    with torch.inference_mode():
        assert error(product(inputs), layer(inputs)) < INT8_ERROR


@needs_int8
def test_a_large_token_does_not_coarsen_its_neighbours() -> None:
    layer, inputs = torch.nn.Linear(256, 64, bias=False), torch.randn(8, 256)
    product = make_product(layer.weight.detach(), None, "int8")
    beside = torch.cat([inputs, 1000 * torch.randn(1, 256)])

    with torch.inference_mode():
        assert error(product(beside)[:8], layer(inputs)) < INT8_ERROR


@needs_int8
def test_a_large_output_does_not_coarsen_the_others() -> None:
    layer, inputs = torch.nn.Linear(256, 64, bias=False), torch.randn(8, 256)
    with torch.inference_mode():
        layer.weight[5] *= 1000
        product = make_product(layer.weight.detach(), None, "int8")
        outputs, expected = product(inputs), layer(inputs)

    others = [index for index in range(64) if index != 5]
    assert error(outputs[:, others], expected[:, others]) < INT8_ERROR


@needs_int8
def test_a_tokens_outputs_do_not_depend_on_the_rows_beside_it() -> None:
    # Given: tokens that lean to one side, each to another degree
    inputs = torch.randn(9, 256).abs() - torch.linspace(0, 2, 9)[:, None]
    product = make_product(torch.randn(64, 256), None, "int8")

    together = product(inputs)

    alone = [product(row[None])[0] for row in inputs]
    assert torch.equal(together, torch.stack(alone))


@needs_int8
def test_int8_leaves_its_inputs_and_survives_zeros() -> None:
    product = make_product(torch.randn(64, 256), None, "int8")
    inputs = torch.randn(4, 256)
    inputs[2] = 0.0
    before = inputs.clone()

    outputs = product(inputs)

    assert torch.equal(inputs, before)
    assert outputs[2].abs().max() == 0.0


def test_activations_follow_the_numerics() -> None:
    kinds = [activation_dtype(kind) for kind in ("bfloat16", "float32", "int8")]

    assert kinds == [torch.bfloat16, torch.float32, torch.float32]


def detached(bias: torch.Tensor | None) -> torch.Tensor | None:
    return None if bias is None else bias.detach()


def error(outputs: torch.Tensor, expected: torch.Tensor) -> float:
    """Return the error's size relative to the outputs'."""
    return float((outputs - expected).norm() / expected.norm())


@needs_int8
@pytest.mark.parametrize("inputs", [255, 256])
def test_int8_never_saturates(inputs: int) -> None:
    # All weights and activations at their extremes: the largest sums that there can be.
    product = make_product(torch.ones(64, inputs), None, "int8")

    torch.testing.assert_close(
        product(torch.ones(4, inputs)), torch.full((4, 64), float(inputs)), rtol=0.02, atol=0.0
    )
