"""``copydesk resume``: the rest of a submit that was cut off."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.report import JsonFlag, Report
from cli.submit import error_problems, open_intake, report_submission
from cli.watch import JobArgument
from worker.errors import CopydeskError, NoInputError

if TYPE_CHECKING:
    from worker.queue.store.jobs import JobStore
    from worker.records.job import JobId

__all__ = ["command", "inputs_of"]


def command(
    job: JobArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="As for submit; none: what submit was given.", show_default=False),
    ] = None,
    as_json: JsonFlag = False,
) -> Report:
    """Add to a job what its submit did not come to, and close it.

    Articles that are in it are passed over, by their ids. Exit codes as for submit.
    """
    from cli.documents.reader import read_documents
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    settings = load_settings()
    try:
        with open_store(settings) as store, open_intake(store, settings) as intake:
            given = inputs or inputs_of(store, JobId(job))
            documents = read_documents(
                given, max_chars=settings.max_article_chars, stdin=sys.stdin.buffer
            )
            submission = intake.resume(JobId(job), documents)
    except CopydeskError as error:
        return Report("resume", {}, "", error.exit_code, error_problems(error), as_json)
    return report_submission("resume", submission, as_json=as_json)


def inputs_of(store: JobStore, job: JobId) -> list[str]:
    """What the job's submit was given; relative names are meant from here afterwards.

    Raises:
        JobNotFoundError: no such job.
        NoInputError: it read stdin, or a folder that is not on this machine.
    """
    inputs, folder = store.inputs(job)
    if not inputs or "-" in inputs:
        raise NoInputError(
            f"job {job} was read from stdin", hint=f"give it again: copydesk resume {job} -"
        )
    if not Path(folder).is_dir():
        raise NoInputError(
            f"job {job} was submitted from {folder}, which is not here",
            hint=f"name its inputs: copydesk resume {job} INPUTS",
        )
    os.chdir(folder)
    return inputs
