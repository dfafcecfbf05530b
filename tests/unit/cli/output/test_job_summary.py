"""A job's exit code, JSON keys and line."""

from __future__ import annotations

from typing import Any

import pytest

from cli.output.job_summary import exit_code_of, job_data, job_line
from worker.errors import ExitCode
from worker.records.article import ArticleState
from worker.records.job import JobId, JobProgress


def progress(**counts: Any) -> JobProgress:
    zero = dict.fromkeys(("total", *ArticleState, "cached", "refused"), 0)
    fields = {"id": JobId("j-1"), "profile": "p", "created": 5.0, "closed": True}
    ends = {"restraint": "bold", "priority": "low", "deadline": None, "cancel": None}
    return JobProgress.model_validate({**fields, **ends, **zero, **counts})


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        ({"total": 3, "done": 3}, ExitCode.OK),
        ({"total": 3, "done": 3, "cached": 3}, ExitCode.OK),
        ({"total": 3, "done": 1, "queued": 2}, ExitCode.OK),
        ({"total": 3, "done": 2, "failed": 1}, ExitCode.SOME_FAILED),
        ({"total": 3, "done": 3, "refused": 1}, ExitCode.SOME_FAILED),
        ({"total": 3, "done": 2, "cancelled": 1}, ExitCode.SOME_FAILED),
        ({"total": 3, "failed": 1, "running": 2}, ExitCode.SOME_FAILED),
        ({"total": 3, "failed": 3}, ExitCode.ALL_FAILED),
        ({"total": 3, "failed": 3, "refused": 2}, ExitCode.ALL_FAILED),
        ({"refused": 2}, ExitCode.ALL_FAILED),
        ({}, ExitCode.OK),
    ],
    ids=str,
)
def test_exit_code(counts: dict[str, int], code: ExitCode) -> None:
    assert exit_code_of(progress(**counts)) is code


@pytest.mark.parametrize(
    ("counts", "line"),
    [
        ({"total": 3, "done": 3}, "3/3 done"),
        ({"total": 3, "done": 1, "cached": 1, "queued": 2}, "1/3 done, 1 cached, 2 queued"),
        (
            {"total": 9, "done": 2, "failed": 1, "cancelled": 3, "running": 3, "refused": 4},
            "2/9 done, 1 failed, 3 cancelled, 3 running, 4 refused",
        ),
        ({}, "0/0 done"),
    ],
    ids=str,
)
def test_job_line(counts: dict[str, int], line: str) -> None:
    assert job_line(progress(**counts)) == line


def test_job_data_has_the_counters_and_whether_it_is_over() -> None:
    assert job_data(progress(total=3, done=2, queued=1)) == {
        "job": "j-1",
        "profile": "p",
        "restraint": "bold",
        "priority": "low",
        "deadline": None,
        "cancel": None,
        "created": 5.0,
        "closed": True,
        "total": 3,
        "queued": 1,
        "running": 0,
        "done": 2,
        "failed": 0,
        "cancelled": 0,
        "cached": 0,
        "refused": 0,
        "finished": False,
    }
