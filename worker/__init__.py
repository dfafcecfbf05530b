"""The copy desk: stages, engine and queue. Knows nothing of the command line.

For Python users: ``process`` takes articles through the stages, in this process and without a
queue. The names load when they are first used, since a command line has to answer at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from worker.pipeline import process
    from worker.records.article import Article
    from worker.records.result import Result

__all__ = ["Article", "Result", "__version__", "process"]

__version__ = "0.1.0"

_HOMES = {
    "Article": "worker.records.article",
    "Result": "worker.records.result",
    "process": "worker.pipeline",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used (PEP 562)."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)
