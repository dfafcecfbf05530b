"""``copydesk rm`` deletes jobs from the store."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output.report import JsonFlag, Report

__all__ = ["command"]


def command(
    jobs: Annotated[list[str], typer.Argument(help="Ids of jobs.", show_default=False)],
    as_json: JsonFlag = False,
) -> Report:
    """Delete finished or cancelled jobs, but not their collected files.

    Results stay in the store until they expire, so that no article is processed twice.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    with open_store(load_settings()) as store:
        for job in jobs:
            store.remove(JobId(job))
    return Report("rm", {"removed": jobs}, "\n".join(jobs), as_json=as_json)
