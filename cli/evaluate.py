"""``copydesk evaluate``: how good is a profile on pairs, articles or pages with known answers?"""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from cli.output.progress import portion
from cli.output.report import JsonFlag, Report
from cli.submit import ProfileOption

__all__ = ["command"]


class _Task(StrEnum):
    """``worker.evaluation.measure.Task``, which --help cannot afford to import."""

    REPAIR = "repair"
    SUMMARY = "summary"
    FURNITURE = "furniture"
    DAMAGE = "damage"
    SUPPORT = "support"


def command(
    task: Annotated[_Task, typer.Argument(help="What is measured.", show_default=False)],
    file: Annotated[
        Path,
        typer.Argument(help="Rows with known answers, .jsonl or .jsonl.gz.", show_default=False),
    ],
    limit: Annotated[
        int | None, typer.Option(min=1, help="Only the first rows.", show_default=False)
    ] = None,
    profile: ProfileOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Measure a stage on a file of known answers, in this process, without a queue.

    Rows: repair has source and target or targets; summary has article (or text) and summary;
    furniture has html (or text) and article; damage has clean articles as text, in which it cuts
    sentences and glues promos; support has article, sentence and supported. docs/evaluation.md
    says what each figure is.
    """
    from worker.config.settings import load_profile, load_settings
    from worker.evaluation.measure import Task, measure

    settings = load_settings(profile=profile)
    with portion("rows") as show:
        report = measure(
            Task(task), file, load_profile(settings), settings, limit=limit, on_progress=show
        )
    data = report.model_dump(mode="json")
    width = max(map(len, data))
    text = "\n".join(f"{key:<{width}}  {value}" for key, value in data.items())
    return Report("evaluate", {"task": task.value, **data}, text, as_json=as_json)
