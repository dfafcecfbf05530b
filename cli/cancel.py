"""``copydesk cancel`` cancels the unfinished articles of a job."""

from __future__ import annotations

from cli.output.job_summary import job_data, job_line
from cli.output.report import JsonFlag, Report
from cli.watch import JobArgument

__all__ = ["command"]


def command(job: JobArgument, as_json: JsonFlag = False) -> Report:
    """Cancel a job's unfinished articles; finished ones can still be collected.

    Waiting articles are cancelled immediately, running ones before the model's next batch.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    with open_store(load_settings()) as store:
        store.cancel(JobId(job))
        progress = store.progress(JobId(job))
    return Report("cancel", job_data(progress), f"{job}: {job_line(progress)}", as_json=as_json)
