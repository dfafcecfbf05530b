"""``copydesk status`` shows a job, or the workers, jobs and queue of the desk."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.job_summary import exit_code_of, job_data, job_line
from cli.output.report import JsonFlag, Report

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.records.reason import Reason

__all__ = ["command"]


def command(
    job: Annotated[
        str | None,
        typer.Argument(help="A job's id; the whole desk if omitted.", show_default=False),
    ] = None,
    as_json: JsonFlag = False,
) -> Report:
    """Show a job's counters, or workers and their tasks, unfinished jobs, queue and memory.

    For a job, also count the changes to its texts by reason. Its exit code is 0 if all is well so
    far, 1 if some articles failed, 6 if all failed.
    """
    from cli.output.progress import worker_line
    from worker.config.settings import load_settings
    from worker.queue.celery_app import QUEUE
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    with open_store(load_settings()) as store:
        if job is not None:
            progress = store.progress(JobId(job))
            reasons = store.reasons(progress.id)
            text = "\n".join([f"{job}: {job_line(progress)}", *_reason_lines(reasons)])
            data = {**job_data(progress), "reasons": reasons}
            return Report("status", data, text, exit_code_of(progress), (), as_json)
        workers = store.roster.workers()
        active = [progress for progress in store.jobs() if not progress.finished]
        queued, memory = store.roster.queue_lengths(QUEUE), store.roster.memory()
    live = sum(not worker.stale for worker in workers)
    lines = [f"{live} workers, {len(active)} unfinished jobs, {sum(queued)} chunks in the queue"]
    if memory.limit:
        lines[0] += f", {memory.share:.0%} of the broker's memory used"
    lines += [f"worker {worker_line(worker)}" for worker in workers]
    lines += [f"{progress.id}: {job_line(progress)}" for progress in active]
    data = {
        "workers": [worker.model_dump(mode="json") for worker in workers],
        "jobs": [job_data(progress) for progress in active],
        "queue": queued,
        "memory": {"used": memory.used, "limit": memory.limit},
    }
    return Report("status", data, "\n".join(lines), as_json=as_json)


def _reason_lines(reasons: dict[str, dict[Reason, int]]) -> Iterator[str]:
    for field, counts in reasons.items():
        if counts:
            yield f"{field}: " + ", ".join(f"{count} {reason}" for reason, count in counts.items())
