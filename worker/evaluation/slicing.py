"""Hands rows over slice by slice, and takes the time that only the measured thing took."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeVar

__all__ = ["call_in_slices"]

_Given = TypeVar("_Given")
_Got = TypeVar("_Got")


def call_in_slices(
    items: Sequence[_Given],
    call: Callable[[Sequence[_Given]], Sequence[_Got]],
    *,
    size: int,
    noun: str,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[list[_Got], float]:
    """What ``call`` gave for all of ``items``, in order, and the seconds that it took.

    Raises:
        ValueError: ``call`` gave another number of outputs than it got items (``noun``).
    """
    outputs: list[_Got] = []
    seconds = 0.0
    for start in range(0, len(items), size):
        given = items[start : start + size]
        began = perf_counter()
        got = call(given)
        seconds += perf_counter() - began
        if len(got) != len(given):
            raise ValueError(f"{len(given)} {noun} went in, {len(got)} came out")
        outputs.extend(got)
        if on_progress is not None:
            on_progress(len(outputs), len(items))
    return outputs, seconds
