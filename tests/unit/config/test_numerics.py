from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import pytest

from worker.config import numerics
from worker.config.numerics import concrete_numerics
from worker.config.settings import load_profile, load_settings

AVX2 = "processor\t: 0\nflags\t\t: fpu sse2 avx2 fma\n"
AVX512_BF16 = "flags\t\t: fpu avx2 avx512f avx512_bf16\n"


@pytest.fixture
def forget() -> Iterable[None]:
    """Let each test read a CPU of its own, and the next one this machine's again."""
    numerics._cpu_flags.cache_clear()
    yield
    numerics._cpu_flags.cache_clear()


def use_cpu(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "cpuinfo"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    numerics._cpu_flags.cache_clear()
    monkeypatch.setattr(numerics, "_CPU_INFO", path)


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize(
    ("cpu_info", "plain", "with_int8"),
    [
        (AVX2, "float32", "int8"),
        (AVX512_BF16, "bfloat16", "bfloat16"),
        ("flags\t\t: fpu avx2 amx_tile amx_bf16\n", "bfloat16", "bfloat16"),
        ("flags\t\t: fpu sse2 sse4_2\n", "float32", "float32"),
        ("Features\t: fp asimd bf16 i8mm\n", "bfloat16", "bfloat16"),
        ("Features\t: fp asimd\n", "float32", "float32"),
        ("model name\t: bf16 and avx2 are only in the name\n", "float32", "float32"),
        ("", "float32", "float32"),
        (None, "float32", "float32"),
    ],
)
def test_auto_follows_the_cpus_flags(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    cpu_info: str | None,
    plain: str,
    with_int8: str,
) -> None:
    use_cpu(monkeypatch, tmp_path, cpu_info)

    assert concrete_numerics("auto", int8=False) == plain
    assert concrete_numerics("auto", int8=True) == with_int8


@pytest.mark.usefixtures("forget")
@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "int8"])
def test_a_named_dtype_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dtype: str) -> None:
    use_cpu(monkeypatch, tmp_path, AVX2)

    assert concrete_numerics(dtype, int8=True) == dtype  # type: ignore[arg-type]


@pytest.mark.usefixtures("forget")
def test_a_loaded_profile_names_its_dtype_and_digests_differ(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digests = {}
    for cpu_info in (AVX2, AVX512_BF16):
        use_cpu(monkeypatch, tmp_path, cpu_info)
        profile = load_profile(load_settings())
        digests[profile.model.dtype] = profile.digest

    assert "bfloat16" in digests
    assert len(digests) == len(set(digests.values())) == 2


@pytest.mark.usefixtures("forget")
def test_a_servers_digest_is_the_same_on_every_machine(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    digests = set()
    for cpu_info in (AVX2, AVX512_BF16):
        use_cpu(monkeypatch, tmp_path, cpu_info)
        digests.add(load_profile(load_settings(), "vllm").digest)

    assert len(digests) == 1


@pytest.mark.usefixtures("forget")
def test_this_machines_cpu_is_read_once() -> None:
    numerics._cpu_flags()
    numerics._cpu_flags()

    assert numerics._cpu_flags.cache_info().misses == 1
