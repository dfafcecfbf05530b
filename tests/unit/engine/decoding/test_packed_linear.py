"""Packed linear layers compute the same as plain ones."""

from __future__ import annotations

import pytest
import torch

from worker.engine.decoding.packed_linear import _PackedLinear, pack

SUPPORTED = torch.ops.mkldnn._is_mkldnn_bf16_supported()


def network(dtype: torch.dtype, *, bias: bool) -> torch.nn.Sequential:
    torch.manual_seed(5)
    inner = torch.nn.Sequential(torch.nn.Linear(32, 64, bias=bias), torch.nn.SiLU())
    return torch.nn.Sequential(inner, torch.nn.Linear(64, 16, bias=bias)).to(dtype)


@pytest.mark.skipif(not SUPPORTED, reason="this CPU has no bfloat16 products")
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("rows", [1, 7, 300])
def test_a_packed_layer_gives_the_same(rows: int, bias: bool) -> None:
    plain, packed = network(torch.bfloat16, bias=bias), network(torch.bfloat16, bias=bias)
    pack(packed)
    inputs = torch.randn(rows, 32).bfloat16()

    assert sum(isinstance(part, _PackedLinear) for part in packed.modules()) == 2
    with torch.inference_mode():
        torch.testing.assert_close(packed(inputs), plain(inputs), rtol=0.02, atol=0.02)


def test_in_float32_nothing_is_packed() -> None:
    plain = network(torch.float32, bias=True)
    pack(plain)

    assert sum(isinstance(part, torch.nn.Linear) for part in plain.modules()) == 2
