"""Runs the Lua scripts of ``worker/queue/store/lua``: every transition of the store is one of them.

Each script's header states its keys, arguments and return.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import redis

__all__ = ["run_script"]


def run_script(client: redis.Redis, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
    """What script ``name`` returns."""
    return client.register_script(_source(name))(keys=list(keys), args=list(args))


@cache
def _source(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
