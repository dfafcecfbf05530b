"""A short ``make chaos``: a dozen kills of everything that can be killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

_ROOT = Path(__file__).parents[2]

#: A run takes a minute on an idle machine.
_SECONDS = 240.0

#: Promised recovery times after the death of a worker, and of its child.
_WORKER_SECONDS = 30
_CHILD_SECONDS = 5


@pytest.mark.timeout(_SECONDS + 60)
def test_nothing_is_lost_and_nothing_recorded_twice_whatever_is_killed(tmp_path: Path) -> None:
    # Every accepted article ends as done, failed or cancelled, whatever is killed.
    figures, log = _run_chaos("--kills", "12", "--broker-kills", "2", "--seed", "7", cwd=tmp_path)

    assert (figures["lost"], figures["recorded_twice"]) == (0, 0), log
    assert figures["worst_recovery_s"] <= _WORKER_SECONDS, log
    assert figures["worst_child_recovery_s"] <= _CHILD_SECONDS, log
    assert all(figures[state] > 0 for state in ("done", "failed", "cancelled")), figures
    ended = figures["done"] + figures["failed"] + figures["cancelled"]
    assert ended == figures["accepted"], figures
    assert (figures["kills"], figures["broker_kills"]) == (12, 2)
    assert all(figures["kills_by_kind"].values()), figures


def _run_chaos(*arguments: str, cwd: Path) -> tuple[dict[str, Any], str]:
    """Run chaos to its end and return its figures and log."""
    command = [sys.executable, "-P", "-m", "tests.chaos", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(_ROOT)}
    with subprocess.Popen(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            out, log = process.communicate(timeout=_SECONDS)
        except subprocess.TimeoutExpired:
            # On SIGTERM it ends the processes that it started.
            process.terminate()
            _, log = process.communicate(timeout=30)
            pytest.fail(f"it took over {_SECONDS:g} s\n{log}")
    assert process.returncode == 0, (out, log)
    figures = json.loads(out)
    assert isinstance(figures, dict)
    return figures, log
