"""``copydesk show`` prints one article of a job for an editor."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output.report import JsonFlag, Report
from cli.watch import JobArgument
from worker.errors import ExitCode

__all__ = ["command"]


def command(
    job: JobArgument,
    article: Annotated[str, typer.Argument(help="An article's id.", show_default=False)],
    as_json: JsonFlag = False,
) -> Report:
    """Print one article: its summary, repaired text, changes, removals and refused proposals."""
    from cli.output.files import result_row
    from cli.output.markdown import render_article
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.article import ArticleState
    from worker.records.job import JobId

    with open_store(load_settings()) as store:
        collected = store.collection.article(JobId(job), article)
    failed = collected.outcome.state is ArticleState.FAILED
    return Report(
        command="show",
        data=result_row(collected),
        text=render_article(collected),
        exit_code=ExitCode.ALL_FAILED if failed else ExitCode.OK,
        as_json=as_json,
    )
