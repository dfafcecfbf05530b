"""``copydesk watch`` follows a job until it is finished."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from cli.output.job_summary import exit_code_of, job_data, job_line
from cli.output.progress import follow
from cli.output.report import JsonFlag, Report

__all__ = ["JobArgument", "TimeoutOption", "command", "timeout_from_seconds"]

JobArgument = Annotated[str, typer.Argument(help="A job's id.", show_default=False)]
TimeoutOption = Annotated[
    float | None,
    typer.Option(
        "--timeout", min=0, help="Maximum seconds to wait; then exit 5.", show_default=False
    ),
]


def command(job: JobArgument, timeout: TimeoutOption = None, as_json: JsonFlag = False) -> Report:
    """Show a job's counters, rate, time left and workers until the job is finished.

    Exit code 0 if all articles are done, 1 if some failed, 6 if all failed, 5 after --timeout.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    settings = load_settings()
    with open_store(settings) as store:
        progress = follow(store, JobId(job), settings, timeout=timeout_from_seconds(timeout))
    line = f"{job}: {job_line(progress)}"
    return Report("watch", job_data(progress), line, exit_code_of(progress), (), as_json)


def timeout_from_seconds(seconds: float | None) -> timedelta | None:
    """Return ``seconds`` as a time span, or None if there is no limit."""
    return None if seconds is None else timedelta(seconds=seconds)
