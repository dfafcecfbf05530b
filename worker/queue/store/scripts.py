"""Runs the Lua scripts in ``worker/queue/store/lua``; each script is one transition of the store.

The header of each script states its keys, its arguments and what it returns.
"""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import redis

__all__ = ["run_script"]


def run_script(
    client: redis.Redis,
    name: str,
    keys: Sequence[str],
    fields: Mapping[str, object],
    blobs: Sequence[bytes] = (),
) -> Any:
    """Run the script ``name`` and return its answer.

    Args:
        client: the store.
        name: name of the script's file, without its suffix.
        keys: the script's ``KEYS``.
        fields: named arguments, sent as one JSON object in ``ARGV[1]``.
        blobs: the arguments from ``ARGV[2]`` on, which JSON cannot carry.
    """
    return client.register_script(_source(name))(keys=list(keys), args=[json.dumps(fields), *blobs])


@cache
def _source(name: str) -> str:
    return (Path(__file__).parent / "lua" / f"{name}.lua").read_text(encoding="utf-8")
