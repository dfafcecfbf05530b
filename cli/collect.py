"""``copydesk collect`` writes a job's results to files, also while the job runs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.job_summary import exit_code_of, job_data, job_line
from cli.output.progress import progress_counter
from cli.output.report import JsonFlag, Report, talk
from cli.watch import JobArgument

if TYPE_CHECKING:
    from worker.queue.store.jobs import JobStore
    from worker.records.job import JobId, JobProgress

__all__ = ["OutOption", "command", "write_results"]

OutOption = Annotated[
    Path, typer.Option("--out", "-o", help="Folder for the files; created if missing.")
]


def command(job: JobArgument, out: OutOption = Path("out"), as_json: JsonFlag = False) -> Report:
    """Write one Markdown file per article, results.jsonl, errors.jsonl and manifest.json.

    Only finished articles are written; collect again later for the rest. An interruption leaves no
    partial file. Exit codes as for watch.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    with open_store(load_settings()) as store:
        progress = write_results(store, JobId(job), out)
    if not progress.finished:
        talk(f"job {job} is not finished: {job_line(progress)}; collect again later")
    data = {**job_data(progress), "out": str(out)}
    return Report("collect", data, str(out), exit_code_of(progress), (), as_json)


def write_results(store: JobStore, job: JobId, out: Path) -> JobProgress:
    """Write the job's finished articles to ``out``.

    Returns:
        The job's counters, read before the first file was written.

    Raises:
        JobNotFoundError: no such job.
        OutputError: a file cannot be written.
    """
    from cli.output.files import ResultWriter
    from worker.records.article import TERMINAL_STATES

    progress = store.progress(job)
    with (
        ResultWriter(out, job=job, profile=progress.profile) as writer,
        progress_counter("files") as count,
    ):
        for refusal in store.collection.refusals(job):
            writer.refuse(refusal)
        written = 0
        for collected in store.collection.articles(job):
            if collected.outcome.state in TERMINAL_STATES:
                writer.write(collected)
                written += 1
                count(written)
        writer.finish(progress)
    return progress
