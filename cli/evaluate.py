"""``copydesk evaluate`` measures a profile on pairs, articles or pages with known answers."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.output.progress import progress_bar
from cli.output.report import JsonFlag, Report
from cli.submit import ProfileOption, RestraintOption, warn_of_unused_restraint

__all__ = ["command"]


class _Task(StrEnum):
    """A copy of ``worker.evaluation.measure.Task``, which is too slow to import for --help."""

    REPAIR = "repair"
    SUMMARY = "summary"
    FURNITURE = "furniture"
    DAMAGE = "damage"
    SUPPORT = "support"
    SPOTTING = "spotting"
    MEANING = "meaning"


def command(
    task: Annotated[_Task, typer.Argument(help="What is measured.", show_default=False)],
    file: Annotated[
        Path,
        typer.Argument(help="Rows with known answers, .jsonl or .jsonl.gz.", show_default=False),
    ],
    *,
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first rows.", show_default=False)
    ] = None,
    profile: ProfileOption = None,
    restraint: RestraintOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Measure a stage on a file of known answers, in this process, without a queue.

    Fields of the rows: repair needs source and target (or targets); summary needs article (or text)
    and summary; furniture needs html (or text) and article; damage needs the text of a clean
    article, in which it cuts sentences and glues promos; support needs article, sentence and
    supported; spotting needs source and fluency_votes; meaning needs source, proposal and meaning,
    which is "same" or "differs". docs/evaluation.md explains each figure.
    """
    from worker.config.settings import load_profile, load_settings
    from worker.evaluation.measure import Task, measure

    settings = load_settings(profile=profile, restraint=restraint)
    loaded = load_profile(settings)
    warn_of_unused_restraint(loaded, settings)
    with progress_bar("rows") as show:
        report = measure(Task(task), file, loaded, settings, limit=limit, on_progress=show)
    data = report.model_dump(mode="json")
    width = max(map(len, data))
    text = "\n".join(f"{key:<{width}}  {value}" for key, value in data.items())
    return Report("evaluate", {"task": task.value, **data}, text, as_json=as_json)
