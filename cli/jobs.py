"""``copydesk jobs`` lists every job."""

from __future__ import annotations

from datetime import UTC, datetime

from cli.output.job_summary import job_data, job_line
from cli.output.report import JsonFlag, Report

__all__ = ["command"]


def command(as_json: JsonFlag = False) -> Report:
    """List every job that has not expired, newest first."""
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store

    with open_store(load_settings()) as store:
        jobs = store.jobs()
    lines = [
        f"{progress.id}  {datetime.fromtimestamp(progress.created, UTC):%Y-%m-%d %H:%M}Z  "
        f"{progress.profile}, {progress.restraint}  {job_line(progress)}"
        for progress in jobs
    ]
    data = {"jobs": [job_data(progress) for progress in jobs]}
    return Report("jobs", data, "\n".join(lines), as_json=as_json)
