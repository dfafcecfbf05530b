from __future__ import annotations

import os
from pathlib import Path
from typing import get_args

import pytest

from worker.config import memory
from worker.config.catalogue import catalogue_model
from worker.config.memory import machine_memory, needed_bytes
from worker.config.numerics import Dtype
from worker.config.profile import DEFAULT_MODEL, ModelSettings

PHYSICAL = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that stands for /proc and /sys/fs/cgroup: a machine whose memory is all free."""
    monkeypatch.setattr(memory, "_MEMORY_INFO", tmp_path / "meminfo")
    monkeypatch.setattr(memory, "_OWN_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_GROUPS", tmp_path / "groups")
    return tmp_path


def write_limit(system: Path, file: str, limit: str) -> None:
    path = system / "groups" / file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{limit}\n", encoding="ascii")


# What a model needs --------------------------------------------------------------------------


def test_a_model_needs_its_weights_and_room_to_work() -> None:
    prepared = catalogue_model(DEFAULT_MODEL).prepared_bytes

    assert needed_bytes(ModelSettings(dtype="int8")) == prepared // 2 + memory._WORKING_BYTES
    assert needed_bytes(ModelSettings(dtype="bfloat16")) == prepared + memory._WORKING_BYTES
    assert needed_bytes(ModelSettings(dtype="float32")) == 2 * prepared + memory._WORKING_BYTES


@pytest.mark.parametrize("dtype", get_args(Dtype))
def test_every_dtype_has_a_size(dtype: Dtype) -> None:
    assert (needed_bytes(ModelSettings(dtype=dtype)) or 0) > memory._WORKING_BYTES


def test_the_small_model_needs_less_than_the_default() -> None:
    small = needed_bytes(ModelSettings(name="smollm2-135m", dtype="bfloat16"))

    assert small
    assert small < (needed_bytes(ModelSettings(dtype="bfloat16")) or 0) / 2


@pytest.mark.parametrize(
    "model",
    [
        ModelSettings(name="someone/something", revision="abc"),
        ModelSettings(kind="server", name=DEFAULT_MODEL, revision="1", url="http://127.0.0.1/v1"),
    ],
    ids=["hub", "server"],
)
def test_the_need_of_other_models_is_not_known(model: ModelSettings) -> None:
    assert needed_bytes(model) is None


# What the machine has ------------------------------------------------------------------------


def test_this_machine_has_memory() -> None:
    total, available = machine_memory()

    assert 0 < available <= total <= PHYSICAL


def test_a_system_that_does_not_tell_has_all_of_it(system: Path) -> None:
    del system
    assert machine_memory() == (PHYSICAL, PHYSICAL)


def test_linux_tells_what_is_available(system: Path) -> None:
    text = "MemTotal:  16000000 kB\nMemFree:  1000 kB\nMemAvailable:  250000 kB\n"
    (system / "meminfo").write_text(text, encoding="utf-8")

    assert machine_memory() == (PHYSICAL, 256_000_000)


@pytest.mark.parametrize(
    ("groups", "file"),
    [
        ("0::/\n", "memory.max"),
        ("0::/system.slice/copydesk.service\n", "system.slice/memory.max"),
        # The path is that of the host, and the container sees its own group as the root.
        ("0::/docker/abc\n", "memory.max"),
        ("5:cpu:/docker/abc\n4:memory:/docker/abc\n", "memory/memory.limit_in_bytes"),
    ],
)
def test_a_containers_limit_counts(system: Path, groups: str, file: str) -> None:
    (system / "cgroup").write_text(groups, encoding="utf-8")
    write_limit(system, file, "300000000")

    assert machine_memory() == (300_000_000, 300_000_000)


def test_the_narrowest_limit_counts(system: Path) -> None:
    (system / "cgroup").write_text("0::/outer/inner\n", encoding="utf-8")
    write_limit(system, "outer/inner/memory.max", "400000000")
    write_limit(system, "outer/memory.max", "300000000")
    (system / "meminfo").write_text("MemAvailable: 100000 kB\n", encoding="utf-8")

    assert machine_memory() == (300_000_000, 102_400_000)


def test_a_group_without_a_limit_limits_nothing(system: Path) -> None:
    (system / "cgroup").write_text("0::/\n4:memory:/\n", encoding="utf-8")
    write_limit(system, "memory.max", "max")
    write_limit(system, "memory/memory.limit_in_bytes", "9223372036854771712")

    assert machine_memory() == (PHYSICAL, PHYSICAL)
