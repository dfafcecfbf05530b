"""The broker's clock times leases, deadlines and presences; a worker's own clock may be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import redis

__all__ = ["broker_microseconds"]


def broker_microseconds(client: redis.Redis) -> int:
    """Return the broker's Unix time in microseconds."""
    untyped: Any = client
    seconds, microseconds = untyped.time()
    return int(seconds) * 1_000_000 + int(microseconds)
