"""Opens the engine that a profile names: local or on a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from worker.config.profile import ModelSettings
    from worker.config.settings import Settings
    from worker.engine.protocol import Engine

__all__ = ["open_engine"]


def open_engine(model: ModelSettings, settings: Settings) -> Engine:
    """Return the engine that ``model`` names; a local one is loaded.

    Raises:
        ModelMissingError: the weights are not on this machine.
        EngineError: the weights cannot be loaded.
    """
    # torch takes seconds to import, and only a worker's child process and the evaluations need it.
    if model.kind == "server":
        from worker.engine.server import ServerEngine  # noqa: PLC0415

        return ServerEngine(model, settings)
    from worker.engine.local import LocalEngine  # noqa: PLC0415

    return LocalEngine(model, settings)
