"""Products of activations with a frozen weight matrix, packed once for the CPU.

Three kinds of numbers: bfloat16 and float32 are packed by oneDNN, int8 by FBGEMM (Khudia et al.
2021, 2101.05615), the fastest on CPUs without bfloat16. docs/decisions/032-numerics.md compares.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from worker.config.numerics import Numerics

__all__ = ["Product", "activation_dtype", "make_product"]

#: Maps activations of any leading shape to the layer's outputs.
Product = Callable[[torch.Tensor], torch.Tensor]

#: Rows that oneDNN's packing optimises for: between a step's 64 and a first pass's 2,048.
_ROWS = 512

#: Largest sum of two neighbouring int8 weights of the same sign. AVX2 adds the products of such a
#: pair with two activations of up to 255 in 16 bits, which saturate at 32,767.
_PAIR_MAX = 127

#: Weights that are quantised at a time: few enough for the CPU's own cache.
_BLOCK_WEIGHTS = 2**17

#: Keeps a row of zeros from being divided by zero.
_SMALLEST_SCALE = 1e-8

#: The 255 activations from -1 to 1, and which of them is zero.
_STEP, _ZERO = 1 / 127, 128


def activation_dtype(numerics: Numerics) -> torch.dtype:
    """Return the type of the activations around a product: int8 products take float32."""
    return torch.bfloat16 if numerics == "bfloat16" else torch.float32


def make_product(weight: torch.Tensor, bias: torch.Tensor | None, numerics: Numerics) -> Product:
    """Pack ``weight`` and return its product with activations.

    Args:
        weight: outputs x inputs, in any floating type.
        bias: one value per output, or None.
        numerics: what to multiply in.
    """
    dtype = activation_dtype(numerics)
    bias = None if bias is None else bias.to(dtype, copy=True)
    if numerics == "int8":
        return _int8_product(weight, bias)
    return _packed_product(weight.to(dtype), bias)


def _packed_product(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Return the product with a matrix in the layout that oneDNN multiplies.

    Packed once, a float32 product of 512 rows is 1.3 times as fast as torch's own, of 64 rows twice
    and of 8 rows four times (AVX2, two cores); bfloat16 gains a tenth over a chunk's repair, since
    oneDNN would reorder the matrix on every call. torch's own compiler uses the same operators.
    """
    operators: Any = torch.ops.mkldnn
    if not (
        torch.backends.mkldnn.is_available()
        and (weight.dtype is torch.float32 or operators._is_mkldnn_bf16_supported())  # noqa: SLF001 - torch has no public name
    ):
        # A copy, since a view would keep the whole file mapped.
        kept = weight.clone()
        return lambda inputs: torch.nn.functional.linear(inputs, kept, bias)
    packed = operators._reorder_linear_weight(weight, _ROWS)  # noqa: SLF001
    product = operators._linear_pointwise  # noqa: SLF001
    return lambda inputs: product(inputs, packed, bias, "none", [], "")


def _int8_product(weight: torch.Tensor, bias: torch.Tensor | None) -> Product:
    """Return the product with int8 weights, one scale per output, and int8 activations.

    Activations are quantised on the fly. FBGEMM takes one scale per call, and a model's activations
    differ by orders of magnitude between tokens, so every row is brought to the same size first:
    that makes it one scale per token. The scale is fixed, where torch's dynamic product would take
    it from all rows of the call: a token's outputs do not depend on the rows beside it. The scale
    of a row of weights keeps every pair's sum within 16 bits. So activations have all eight bits,
    where torch's own remedy is to give them seven.
    """
    with warnings.catch_warnings():
        # torch means to move these types to torchao, whose int8 products need AVX512.
        warnings.filterwarnings("ignore", category=UserWarning)
        packed = torch.ops.quantized.linear_prepack(_quantise(weight), None)
    product = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32

    def multiply(inputs: torch.Tensor) -> torch.Tensor:
        # abs() would take a copy of the activations.
        size = torch.maximum(inputs.amax(-1, keepdim=True), -inputs.amin(-1, keepdim=True))
        size.clamp_min_(_SMALLEST_SCALE)
        output: torch.Tensor = product(inputs / size, _STEP, _ZERO, packed).mul_(size)
        return output if bias is None else output.add_(bias)

    return multiply


def _quantise(weight: torch.Tensor) -> torch.Tensor:
    """Return the matrix in int8, a block of rows at a time: in float32 the whole takes 1 GB."""
    blocks, scales = [], []
    for block in weight.split(max(1, _BLOCK_WEIGHTS // weight.shape[1])):
        rows = block.float()
        scale = (_largest_pair(rows) / _PAIR_MAX).clamp_min_(_SMALLEST_SCALE)
        blocks.append((rows / scale[:, None]).round_().to(torch.int8))
        scales.append(scale)
    zeros = torch.zeros(weight.shape[0], dtype=torch.int64)
    return torch._make_per_channel_quantized_tensor(torch.cat(blocks), torch.cat(scales), zeros, 0)  # noqa: SLF001 - torch has no public name


def _largest_pair(rows: torch.Tensor) -> torch.Tensor:
    """Return each row's largest sum of two neighbouring weights of the same sign."""
    if rows.shape[1] % 2:
        rows = torch.nn.functional.pad(rows, (0, 1))
    # Of two weights with different signs, the larger one exceeds the size of their sum.
    sums = (rows[:, 0::2] + rows[:, 1::2]).abs_()
    return torch.maximum(sums.amax(1), rows.abs().amax(1))
