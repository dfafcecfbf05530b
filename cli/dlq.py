"""``copydesk dlq`` lists the articles that failed."""

from __future__ import annotations

from typing import Annotated

import typer

from cli.output.report import JsonFlag, Report

__all__ = ["command"]


def command(
    job: Annotated[
        str | None, typer.Argument(help="A job's id; every job if omitted.", show_default=False)
    ] = None,
    as_json: JsonFlag = False,
) -> Report:
    """List dead letters: each failed article with its reason, attempts and last stage.

    copydesk retry JOB puts a job's failed articles back into the queue.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    with open_store(load_settings()) as store:
        jobs = [store.progress(JobId(job))] if job is not None else store.jobs()
        letters = [
            {"job": progress.id, **letter.model_dump(mode="json")}
            for progress in jobs
            if progress.failed
            for letter in sorted(
                store.collection.dead_letters(progress.id), key=lambda letter: letter.article
            )
        ]
    lines = [
        f"{letter['job']}  {letter['article']}  {letter['reason']}  {letter['message']}"
        + (
            f" ({letter['attempts']} attempts, last in {letter['stage']})"
            if letter["attempts"]
            else ""
        )
        for letter in letters
    ]
    return Report("dlq", {"letters": letters}, "\n".join(lines), as_json=as_json)
