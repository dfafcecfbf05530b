"""How much memory a model needs, and how much this machine has. Imports nothing heavy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from worker.config.catalogue import catalogue_model, in_catalogue
from worker.config.numerics import Numerics, concrete_numerics

if TYPE_CHECKING:
    from worker.config.profile import ModelSettings

__all__ = ["Memory", "machine_memory", "needed_bytes"]

#: Bytes of one weight in memory, by what it computes in.
_WEIGHT_BYTES: dict[Numerics, int] = {"int8": 1, "bfloat16": 2, "float32": 4}

#: What a prepared model is stored in. Its embeddings stay in it, which the estimate leaves out.
_STORED: Numerics = "bfloat16"

#: What a worker needs beside the weights: Python and torch, the pipeline, and passes of the engine.
#: The small model in float32 had a peak of 2.18 GB over 2,000 articles, .55 GB of it weights
#: (docs/performance.md).
_WORKING_BYTES = 1_600_000_000

_MEMORY_INFO = Path("/proc/meminfo")
_OWN_GROUPS = Path("/proc/self/cgroup")
_GROUPS = Path("/sys/fs/cgroup")


class Memory(NamedTuple):
    """Memory of this machine or, if that is less, of the container that this process runs in."""

    total: int
    available: int
    """What a new process can take without swapping; ``total`` where the system does not tell."""


def needed_bytes(model: ModelSettings) -> int | None:
    """Return the memory that a worker with ``model`` needs, or None if it is not known.

    Only a model of the catalogue has a known size; a server's model takes none here, and is None.
    """
    if model.kind == "server" or not in_catalogue(model.name):
        return None
    numerics = concrete_numerics(model.dtype, int8=model.int8)
    scale = _WEIGHT_BYTES[numerics] / _WEIGHT_BYTES[_STORED]
    return int(catalogue_model(model.name).prepared_bytes * scale) + _WORKING_BYTES


def machine_memory() -> Memory:
    """Return the memory that processes here can use."""
    physical = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    total = min([physical, *_container_limits()])
    return Memory(total, min(total, _available_bytes() or total))


def _available_bytes() -> int | None:
    """Return Linux's estimate of what is free or can be freed, or None on other systems."""
    if not _MEMORY_INFO.exists():
        return None
    for line in _MEMORY_INFO.read_text(encoding="utf-8").splitlines():
        name, _, amount = line.partition(":")
        if name == "MemAvailable":
            return int(amount.split()[0]) * 1024
    return None


def _container_limits() -> Iterator[int]:
    """Yield the memory limits of the control groups that this process is in."""
    if not _OWN_GROUPS.exists():
        return
    for line in _OWN_GROUPS.read_text(encoding="utf-8").splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root, name = _GROUPS, "memory.max"
        elif controllers == "memory":
            root, name = _GROUPS / "memory", "memory.limit_in_bytes"
        else:
            continue
        group = root / path.lstrip("/")
        # A container may see its group as the root, while the path is the one outside.
        for folder in (group, *group.parents):
            limit = folder / name
            if limit.is_file() and (text := limit.read_text(encoding="ascii").strip()).isdigit():
                yield int(text)
