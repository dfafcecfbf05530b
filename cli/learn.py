"""``copydesk learn``: train an adapter on your own post-edits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from cli.output import JsonFlag, Report
from cli.submit import ProfileOption
from worker.errors import UsageError

__all__ = ["app"]

app = typer.Typer(help="Train an adapter on your own post-edits.", no_args_is_help=True)

#: What the training needs beside the program itself.
_EXTRA = ("matplotlib", "peft", "sklearn")


@app.command("repair")
def repair(
    pairs: Annotated[
        list[Path],
        typer.Option(help="Rows with source and target(s), .jsonl or .jsonl.gz; may be repeated."),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the adapter, its card and its work.")],
    profile: ProfileOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Train a repair adapter for the profile's model, fit its acceptor, measure and describe it.

    Two thirds of the rows are trained on, the others judge. A thousand pairs take about four
    minutes on two cores. Run it again to go on where it was stopped. To use the result, copy the
    profile's prompt file and name the folder there as its adapter.
    """
    from importlib.util import find_spec

    missing = [name for name in _EXTRA if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"training needs packages that are not installed: {', '.join(missing)}",
            code="extra_missing",
            hint="pip install 'copydesk[train]'",
        )
    from worker.settings import load_profile, load_settings
    from worker.training.learn import learn_repair

    settings = load_settings(profile=profile)
    learned = learn_repair(pairs, out=out, profile=load_profile(settings), settings=settings)
    measured = learned.measured
    data = {
        "folder": str(learned.folder),
        "pairs": learned.pairs,
        "loss_before": learned.report.loss_before,
        "loss_after": learned.report.loss_after,
        "minutes": learned.report.minutes,
        "acceptor": learned.acceptor,
        "measured": measured.model_dump(mode="json"),
    }
    text = (
        f"{learned.folder}: {measured.changed_share:.1%} of {measured.n} sentences changed, "
        f"{measured.closer} closer, {measured.farther} farther; see its model_card.md"
    )
    return Report("learn repair", data, text, as_json=as_json)
