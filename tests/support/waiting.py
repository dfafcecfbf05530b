"""The only way for a test to wait."""

from __future__ import annotations

import time
from collections.abc import Callable

__all__ = ["wait_until"]

#: Short compared to what tests wait for, long enough to leave the processor to others.
_POLL_SECONDS = 0.02


def wait_until(predicate: Callable[[], object], *, timeout: float, description: str) -> None:
    """Return as soon as ``predicate`` is true; fail the test after ``timeout`` seconds.

    Raises:
        AssertionError: the time is over; the message says what was waited for.
    """
    end = time.monotonic() + timeout
    while not predicate():
        if time.monotonic() >= end:
            raise AssertionError(f"waited {timeout:g} s in vain for: {description}")
        time.sleep(_POLL_SECONDS)
