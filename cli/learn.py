"""``copydesk learn`` trains an adapter on your own post-edits or summaries."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli.output.report import JsonFlag, Report
from cli.submit import ProfileOption
from worker.errors import UsageError

if TYPE_CHECKING:
    from worker.training.run import Learned

__all__ = ["app"]

app = typer.Typer(
    help="Train an adapter on your own post-edits or summaries.", no_args_is_help=True
)

#: Import names of the packages in the extra ``train``.
_EXTRA_PACKAGES = ("matplotlib", "peft", "sklearn")


@app.command("repair")
def repair(
    pairs: Annotated[
        list[Path],
        typer.Option(help="Rows with source and target(s), .jsonl or .jsonl.gz; may be repeated."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the adapter, its card and its checkpoints.")
    ],
    profile: ProfileOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Train a repair adapter for the profile's model, fit its acceptor, measure and describe it.

    Two thirds of the rows train the adapter; the rest measure the outcome. A thousand pairs take
    about an hour on two cores without bfloat16, and four minutes with the profile small. Run the
    command again to continue an interrupted run. To use the result, copy the profile's prompt file
    and name the folder there as its adapter.
    """
    _require_extra()
    from worker.config.settings import load_profile, load_settings
    from worker.training.learn_repair import learn_repair

    settings = load_settings(profile=profile)
    learned = learn_repair(pairs, out=out, profile=load_profile(settings), settings=settings)
    measured = learned.measured
    text = (
        f"{measured.changed_share:.1%} of {measured.n} sentences changed, "
        f"{measured.closer} closer, {measured.farther} farther"
    )
    return _report("repair", learned, text, as_json=as_json, acceptor=learned.acceptor)


@app.command("summary")
def summary(
    pairs: Annotated[
        list[Path],
        typer.Option(help="Rows with article and summary (and title), .jsonl or .jsonl.gz."),
    ],
    out: Annotated[
        Path, typer.Option(help="Folder for the adapter, its card and its checkpoints.")
    ],
    profile: ProfileOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Train an adapter that shortens sentences and writes titles as your summaries do.

    The training data are the summary sentences that shorten one sentence of their article and pass
    the checks, and the titles that add nothing to their summary. Two thirds of the rows train the
    adapter; the rest measure the outcome. Run the command again to continue an interrupted run. To
    use the result, copy the profile's prompt files for shortening and titles, and name the folder
    there as their adapter. The default profile has no such prompts: name small.
    """
    _require_extra()
    from worker.config.settings import load_profile, load_settings
    from worker.training.learn_summary import learn_summary

    settings = load_settings(profile=profile)
    learned = learn_summary(pairs, out=out, profile=load_profile(settings), settings=settings)
    measured = learned.measured
    text = (
        f"ROUGE-1 {measured.rouge1:.1f} on {measured.n} articles, {measured.extractive_share:.0%} "
        "wholly extractive"
    )
    return _report("summary", learned, text, as_json=as_json)


def _report(
    task: str, learned: Learned[Any], outcome: str, *, as_json: bool, **more: str | None
) -> Report:
    data = {
        "folder": str(learned.folder),
        "pairs": learned.pairs,
        "loss_before": learned.report.loss_before,
        "loss_after": learned.report.loss_after,
        "minutes": learned.report.minutes,
        "measured": learned.measured.model_dump(mode="json"),
        **more,
    }
    text = f"{learned.folder}: {outcome}; see its model_card.md"
    return Report(f"learn {task}", data, text, as_json=as_json)


def _require_extra() -> None:
    from importlib.util import find_spec

    missing = [name for name in _EXTRA_PACKAGES if find_spec(name) is None]
    if missing:
        raise UsageError(
            f"training needs packages that are not installed: {', '.join(missing)}",
            code="extra_missing",
            hint="pip install 'copydesk[train]'",
        )
