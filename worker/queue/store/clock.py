"""The broker's clock, on which leases, deadlines and presences run: workers' own may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import redis

__all__ = ["broker_microseconds"]


def broker_microseconds(client: redis.Redis) -> int:
    """Unix time in microseconds."""
    untyped: Any = client
    seconds, micros = untyped.time()
    return int(seconds) * 1_000_000 + int(micros)
