"""Calls the measured function slice by slice, and times only these calls."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TypeVar

__all__ = ["call_in_slices"]

_Input = TypeVar("_Input")
_Output = TypeVar("_Output")


def call_in_slices(
    items: Sequence[_Input],
    call: Callable[[Sequence[_Input]], Sequence[_Output]],
    *,
    size: int,
    noun: str,
    on_progress: Callable[[int, int], None] | None,
) -> tuple[list[_Output], float]:
    """Return the outputs of ``call`` for all ``items``, in order, and the seconds spent in it.

    Raises:
        ValueError: ``call`` did not return one output per item; the message calls items ``noun``.
    """
    outputs: list[_Output] = []
    seconds = 0.0
    for start in range(0, len(items), size):
        part = items[start : start + size]
        started = perf_counter()
        part_outputs = call(part)
        seconds += perf_counter() - started
        if len(part_outputs) != len(part):
            raise ValueError(f"{len(part)} {noun} went in, {len(part_outputs)} came out")
        outputs.extend(part_outputs)
        if on_progress is not None:
            on_progress(len(outputs), len(items))
    return outputs, seconds
