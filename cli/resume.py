"""``copydesk resume`` completes a submit that was interrupted."""

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

__all__ = ["command", "restore_inputs"]


def command(
    job: JobArgument,
    inputs: Annotated[
        list[str] | None,
        typer.Argument(help="As for submit; the job's own inputs if omitted.", show_default=False),
    ] = None,
    as_json: JsonFlag = False,
) -> Report:
    """Add the articles that an interrupted submit did not reach, and close the job.

    Articles whose id is already in the job are skipped. Exit codes as for submit.
    """
    from cli.documents.reader import read_documents
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    settings = load_settings()
    try:
        with open_store(settings) as store, open_intake(store, settings) as intake:
            names = inputs or restore_inputs(store, JobId(job))
            documents = read_documents(
                names, max_chars=settings.max_article_chars, stdin=sys.stdin.buffer
            )
            submission = intake.resume(JobId(job), documents)
    except CopydeskError as error:
        return Report("resume", {}, "", error.exit_code, error_problems(error), as_json)
    return report_submission("resume", submission, as_json=as_json)


def restore_inputs(store: JobStore, job: JobId) -> list[str]:
    """Return the inputs of the job's submit and change to the folder they are relative to.

    Raises:
        JobNotFoundError: no such job.
        NoInputError: the job was read from stdin, or its folder is not on this machine.
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
