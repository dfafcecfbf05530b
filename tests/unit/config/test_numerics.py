from __future__ import annotations

import pytest

from worker.config import numerics
from worker.config.numerics import _dtype_of, native_dtype
from worker.config.settings import load_profile, load_settings


@pytest.mark.parametrize(
    ("cpu_info", "dtype"),
    [
        ("processor\t: 0\nflags\t\t: fpu sse2 avx2 fma\n", "float32"),
        ("flags\t\t: fpu avx2 avx512f avx512_bf16\n", "bfloat16"),
        ("flags\t\t: fpu avx2 amx_tile amx_bf16\n", "bfloat16"),
        ("Features\t: fp asimd bf16 i8mm\n", "bfloat16"),
        ("Features\t: fp asimd\n", "float32"),
        ("model name\t: bf16 is only in the name\n", "float32"),
        ("", "float32"),
    ],
)
def test_the_dtype_follows_the_cpus_flags(cpu_info: str, dtype: str) -> None:
    assert _dtype_of(cpu_info) == dtype


@pytest.mark.parametrize("dtype", ["bfloat16", "float32"])
def test_a_profile_names_its_dtype_once_it_is_loaded(
    monkeypatch: pytest.MonkeyPatch, dtype: str
) -> None:
    monkeypatch.setattr(numerics, "native_dtype", lambda: dtype)

    assert load_profile(load_settings()).model.dtype == dtype


def test_the_digest_differs_by_dtype(monkeypatch: pytest.MonkeyPatch) -> None:
    digests = set()
    for dtype in ("bfloat16", "float32"):
        monkeypatch.setattr(numerics, "native_dtype", lambda dtype=dtype: dtype)
        digests.add(load_profile(load_settings()).digest)

    assert len(digests) == 2


def test_this_machines_dtype_is_asked_once() -> None:
    assert native_dtype() in {"bfloat16", "float32"}
    assert native_dtype.cache_info().currsize == 1
