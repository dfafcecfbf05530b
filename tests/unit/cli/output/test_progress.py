"""Workers are described in one line."""

from __future__ import annotations

from typing import Any

import pytest

from cli.output.progress import worker_line
from worker.records.job import JobId
from worker.records.worker import WorkerPresence, WorkerTask

_NOW = 1_800_000_000.0
_JOB = JobId("260101-0000-abcdef")


@pytest.fixture(autouse=True)
def now(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop the clock."""
    monkeypatch.setattr("cli.output.progress.time.time", lambda: _NOW)


def _worker(*tasks: WorkerTask, **fields: Any) -> WorkerPresence:
    defaults = {
        "name": "copydesk-7@here",
        "host": "here",
        "pid": 7,
        "started": 1.0,
        "done_chunks": 3,
    }
    return WorkerPresence.model_validate({**defaults, "tasks": tasks, **fields})


def _task(
    chunk: int, *, articles: int = 16, stage: str = "repair", seconds: float = 65
) -> WorkerTask:
    return WorkerTask(
        job=_JOB,
        chunk=chunk,
        articles=articles,
        stage=stage,
        since=_NOW - seconds,
    )


@pytest.mark.parametrize(
    ("worker", "line"),
    [
        (_worker(), "idle"),
        (_worker(_task(3)), f"{_JOB} chunk 3, 16 articles, repair, 0:01:05"),
        (_worker(_task(3, stage="")), f"{_JOB} chunk 3, 16 articles, 0:01:05"),
        (
            _worker(_task(3, seconds=0.9), _task(4, articles=9, stage="", seconds=7_200)),
            f"{_JOB} chunk 3, 16 articles, repair, 0:00:00, {_JOB} chunk 4, 9 articles, 2:00:00",
        ),
        # The broker's clock is ahead of this machine's.
        (_worker(_task(3, seconds=-9)), f"{_JOB} chunk 3, 16 articles, repair, 0:00:00"),
        (_worker(idle_seconds=31.6, stale=True), "STALE, not seen for 32 s"),
        (
            _worker(_task(3), idle_seconds=20.0, stale=True),
            f"STALE, not seen for 20 s; held {_JOB} chunk 3, 16 articles, repair, 0:01:05",
        ),
    ],
    ids=["idle", "busy", "no stage", "two tasks", "clock", "stale", "stale and busy"],
)
def test_a_worker_in_a_line(worker: WorkerPresence, line: str) -> None:
    assert worker_line(worker) == f"copydesk-7@here: {line}"
