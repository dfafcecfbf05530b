"""Summarises a job as an exit code, as JSON and as one line of text."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from worker.errors import ExitCode

if TYPE_CHECKING:
    from worker.records.job import JobProgress

__all__ = ["exit_code_of", "job_data", "job_line"]


def exit_code_of(progress: JobProgress) -> ExitCode:
    """Return 0 if all is well so far, 6 if every article failed or was refused, else 1."""
    unsuccessful = progress.failed + progress.cancelled + progress.refused
    if not unsuccessful:
        return ExitCode.OK
    return ExitCode.SOME_FAILED if progress.total > progress.failed else ExitCode.ALL_FAILED


def job_data(progress: JobProgress) -> dict[str, Any]:
    """Return a job's counters as JSON types."""
    data = progress.model_dump(mode="json")
    return {"job": data.pop("id"), **data, "finished": progress.finished}


def job_line(progress: JobProgress) -> str:
    """Return a job's counters as one line of text."""
    parts = [f"{progress.done}/{progress.total} done"]
    for name in ("cached", "failed", "cancelled", "running", "queued", "refused"):
        count = getattr(progress, name)
        if count:
            parts.append(f"{count} {name}")
    return ", ".join(parts)
