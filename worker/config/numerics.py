"""Which numbers a model computes in on this machine. Imports nothing heavy."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

__all__ = ["Dtype", "Numerics", "concrete_numerics"]

Numerics = Literal["bfloat16", "float32", "int8"]
Dtype = Literal["auto", "bfloat16", "float32", "int8"]

_CPU_INFO = Path("/proc/cpuinfo")

#: CPU flags, as Linux spells them, that stand for matrix products in bfloat16. Without one, torch
#: converts at every product: on two AVX2 cores 14 GFLOP/s, against 130 in float32 and 240 in int8,
#: where a CPU with AVX512-BF16 reaches 650 in bfloat16 (measured with torch 2.13).
_BFLOAT16_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})

#: The flag of CPUs that torch's int8 products are made for. Arm has none of them in its builds.
_INT8_FLAG = "avx2"


def concrete_numerics(dtype: Dtype, *, int8: bool) -> Numerics:
    """Return ``dtype``, with ``auto`` resolved for this machine.

    Args:
        dtype: the setting of a profile.
        int8: whether ``auto`` may choose int8.
    """
    if dtype != "auto":
        return dtype
    flags = _cpu_flags()
    if flags & _BFLOAT16_FLAGS:
        return "bfloat16"
    return "int8" if int8 and _INT8_FLAG in flags else "float32"


@cache
def _cpu_flags() -> frozenset[str]:
    """Return what this machine's CPU can do, in Linux's words; nothing on other systems."""
    return _flags_in(_CPU_INFO.read_text(encoding="utf-8")) if _CPU_INFO.exists() else frozenset()


def _flags_in(cpu_info: str) -> frozenset[str]:
    """Return the flags in a text such as ``/proc/cpuinfo``: x86 lists flags, Arm features."""
    for line in cpu_info.splitlines():
        name, _, values = line.partition(":")
        if name.strip().lower() in {"flags", "features"}:
            return frozenset(values.split())
    return frozenset()
