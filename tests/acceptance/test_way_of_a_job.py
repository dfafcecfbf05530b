"""up, submit, watch, collect and down: a whole job, and every way to end it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.acceptance.desk import Desk, article_text, read_rows
from tests.support.fake_worker import PATIENCE, WAITS
from tests.support.run_cli import run_cli, start_cli
from tests.support.waiting import wait_until
from worker.config.numerics import concrete_numerics
from worker.runtime.daemon import Daemon
from worker.runtime.embedded_valkey import EmbeddedBroker

_STATES = ("queued", "running", "done", "failed", "cancelled")

#: Small chunks, so that a few articles make several.
_FOURS = {"COPYDESK_CHUNK_ARTICLES": "4"}


def _write_job(desk: Desk, count: int) -> Path:
    """Write ``count`` articles; the last one in the queue waits at the gate."""
    records = [{"id": f"n{n}", "text": article_text(str(n))} for n in range(count - 1)]
    slow = article_text("slow", word=WAITS) + article_text("more") * 3
    return desk.write_lines("job.jsonl", [*records, {"id": "slow", "text": slow}])


def _sums(data: dict[str, int]) -> bool:
    return sum(data[state] for state in _STATES) == data["total"]


def _wait_for_gate(desk: Desk) -> None:
    wait_until(lambda: desk.gate.waiting, timeout=60, description="the engine at the gate")


def test_a_job_from_up_to_down(own_desk: Desk) -> None:
    desk = own_desk
    path = _write_job(desk, 22)

    first, second = desk.run("up"), desk.run("up")
    assert (first.code, second.code) == (0, 0)
    assert (first.data["broker_started"], first.data["worker_started"]) == (True, True)
    assert (second.data["broker_started"], second.data["worker_started"]) == (False, False)

    submitted = desk.run("submit", path, environment=_FOURS)
    assert (submitted.code, submitted.data["accepted"], submitted.data["cached"]) == (0, 22, 0)
    job = submitted.data["job"]

    _wait_for_gate(desk)
    waited = desk.run("watch", job, "--timeout", "0.5")
    assert (waited.code, waited.codes) == (5, ["wait_timed_out"])
    status = desk.run("status", job).data
    assert _sums(status)
    assert (status["total"], status["done"], status["finished"]) == (22, 20, False)

    half = desk.run("collect", job, "-o", desk.out)
    assert (half.code, _sums(half.data)) == (0, True)
    assert (len(desk.rows), desk.manifest["complete"]) == (20, False)

    desk.gate.open()
    watched = desk.run("watch", job, "--timeout", "60")
    assert (watched.code, watched.data["done"], _sums(watched.data)) == (0, 22, True)

    whole = desk.run("collect", job, "-o", desk.out)
    assert (whole.code, desk.manifest["complete"], desk.manifest["states"]["done"]) == (0, True, 22)
    assert set(desk.rows) == {"slow", *(f"n{n}" for n in range(21))}
    assert len(list(desk.out.glob("*.md"))) == 22
    assert all(
        f"pier {name[1:]} " in row["repaired"] for name, row in desk.rows.items() if name != "slow"
    )

    down, again = desk.run("down"), desk.run("down")
    assert (down.data["worker_stopped"], down.data["broker_stopped"]) == (True, True)
    assert (again.code, again.data["worker_stopped"], again.data["broker_stopped"]) == (
        0,
        False,
        False,
    )
    assert desk.run("status").code == 3


def test_a_job_outlives_down_and_up(own_desk: Desk) -> None:
    own_desk.gate.open()
    own_desk.run("up")
    job = own_desk.submit(_write_job(own_desk, 5))
    own_desk.collect(job)

    own_desk.run("down")
    own_desk.run("up")

    assert own_desk.run("status", job).data["done"] == 5
    again = own_desk.run("submit", own_desk.files)
    assert (again.data["accepted"], again.data["cached"]) == (5, 5)


def test_a_finished_article_is_reused(desk: Desk) -> None:
    path = _write_job(desk, 6)
    first = desk.collect(desk.submit(path))

    again = desk.run("submit", path)

    assert (again.data["accepted"], again.data["cached"]) == (6, 6)
    watched = desk.run("watch", again.data["job"])
    assert (watched.code, watched.data["cached"]) == (0, 6)
    second = desk.collect(again.data["job"])
    for name, row in second.items():
        assert row == {**first[name], "cached": True}


def test_status_and_jobs_and_show(desk: Desk) -> None:
    job = desk.submit(_write_job(desk, 3))
    desk.run("watch", job, "--timeout", "60")

    jobs = desk.run("jobs").data["jobs"]
    assert jobs[0]["job"] == job
    assert all(_sums(progress) for progress in jobs)
    assert len(desk.run("status").data["workers"]) == 1
    shown = desk.run("show", job, "n1")
    assert (shown.code, shown.data["id"], shown.data["state"]) == (0, "n1", "done")


def test_reasons_are_counted_as_the_manifest_counts_them(desk: Desk) -> None:
    # No other test has these articles: a reused result is counted in the job that computed it.
    records = [{"id": f"r{n}", "text": article_text(f"counted {n}")} for n in range(3)]
    job = desk.submit(desk.write_lines("counted.jsonl", records))
    desk.run("watch", job, "--timeout", "60")

    desk.collect(job)
    reasons = desk.run("status", job).data["reasons"]
    manifest = json.loads((desk.out / "manifest.json").read_text(encoding="utf-8"))
    assert reasons == {field: manifest[field] for field in reasons}
    assert reasons["flags"] == {"short_article": 3}


def test_doctor_finds_nothing_wrong(desk: Desk) -> None:
    ran = desk.run("doctor")

    assert (ran.code, ran.codes) == (0, [])
    assert "1 workers" in ran.data["checks"]["broker"]["found"]
    assert ran.data["checks"]["model"]["found"].endswith(
        f", in {concrete_numerics('auto', int8=False)}"
    )
    assert "GB in all; smollm2-135m" in ran.data["checks"]["memory"]["found"]
    assert ran.data["checks"]["profile"]["found"].startswith("small, careful: ")


def test_a_restraint_goes_with_its_job(desk: Desk) -> None:
    desk.gate.open()
    path = desk.write("restrained.txt", article_text("restrained"))
    careful = desk.submit(path)
    desk.collect(careful)

    submitted = desk.run("submit", path, "--restraint", "bold")

    # A result that was found under another restraint is another result.
    assert submitted.data["cached"] == 0
    bold = submitted.data["job"]
    desk.collect(bold)
    assert (desk.manifest["profile"], desk.manifest["restraint"]) == ("small", "bold")
    assert desk.run("status", careful).data["restraint"] == "careful"
    shown = run_cli("jobs", home=desk.home).out.splitlines()
    assert [line for line in shown if bold in line and "  small, bold  " in line]
    # The same restraint again, whether by a flag or by the environment, finds the result.
    again = desk.run("submit", path, environment={"COPYDESK_RESTRAINT": "bold"})
    assert again.data["cached"] == 1


def test_run_leaves_nothing_running(own_desk: Desk) -> None:
    desk = own_desk
    desk.gate.open()

    ran = run_cli("run", _write_job(desk, 6), "-o", desk.out, home=desk.home)

    assert (ran.code, ran.out) == (0, f"{desk.out}\n")
    assert len(desk.rows) == 6
    assert not EmbeddedBroker(desk.home).running
    assert not Daemon(desk.home / "worker", "worker").running
    again = desk.run("run", desk.files, "-o", desk.out)
    assert (again.code, again.data["cached"], again.data["total"]) == (0, 6, 6)


def test_run_leaves_a_started_desk_running(desk: Desk) -> None:
    ran = desk.run("run", _write_job(desk, 3), "-o", desk.out)

    assert ran.code == 0
    assert len(desk.run("status").data["workers"]) == 1


def test_stdout_is_data_and_stderr_is_plain_lines(desk: Desk) -> None:
    submitted = run_cli("submit", _write_job(desk, 4), home=desk.home)
    job = submitted.out.strip()
    watched = run_cli("watch", job, "--timeout", "60", home=desk.home)
    collected = run_cli("collect", job, "-o", desk.out, home=desk.home)

    assert submitted.out == f"{job}\n"
    assert watched.out.startswith(f"{job}: 4/4 done")
    assert watched.out.count("\n") == 1
    assert collected.out == f"{desk.out}\n"
    for ran in (submitted, watched, collected):
        assert ran.code == 0
        assert not {"\x1b", "\r"} & set(ran.out + ran.err)
    assert all(line.startswith(f"{job}: ") for line in watched.err.splitlines())
    assert len(watched.err.splitlines()) <= 2


def test_the_installed_script_is_the_same_program() -> None:
    script = Path(sys.executable).with_name("copydesk")
    ran = subprocess.run([script, "--version"], capture_output=True, text=True, check=True)

    assert ran.stdout.startswith("copydesk ")


def _interrupt(
    process: subprocess.Popen[str], number: signal.Signals = signal.SIGINT
) -> tuple[str, str]:
    """Send Ctrl-C or another signal, and return the command's output."""
    process.send_signal(number)
    try:
        return process.communicate(timeout=60)
    finally:
        process.kill()


def test_ctrl_c_in_watch_leaves_the_job_alone(own_desk: Desk) -> None:
    desk = own_desk
    desk.run("up")
    job = desk.submit(_write_job(desk, 3))
    _wait_for_gate(desk)
    watching = start_cli("watch", job, home=desk.home)
    assert watching.stderr is not None
    assert watching.stderr.readline().startswith(f"{job}: ")

    out, err = _interrupt(watching)

    assert (watching.returncode, out) == (130, "")
    assert "interrupted" in err
    assert "Traceback" not in err
    desk.gate.open()
    assert len(desk.collect(job)) == 3


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_leaves_a_job_that_can_go_on(
    own_desk: Desk, number: signal.Signals
) -> None:
    desk = own_desk
    path = _write_job(desk, 6)
    running = start_cli(
        "run", path, "-o", desk.out, home=desk.home, environment={PATIENCE: "1", **_FOURS}
    )
    _wait_for_gate(desk)

    out, err = _interrupt(running, number)

    assert (running.returncode, out) == (130, "")
    assert "Traceback" not in err
    assert not EmbeddedBroker(desk.home).running
    assert not Daemon(desk.home / "worker", "worker").running
    (job,) = {line.split()[1].strip(":") for line in err.splitlines() if line.startswith("job ")}
    desk.gate.open()
    desk.run("up")
    assert len(desk.collect(job)) == 6
    assert {row["state"] for row in read_rows(desk.out)} == {"done"}


def test_a_run_whose_worker_is_killed_ends_and_says_so(own_desk: Desk) -> None:
    desk = own_desk
    running = start_cli("run", _write_job(desk, 3), "-o", desk.out, home=desk.home)
    _wait_for_gate(desk)
    # Wait until the run is watching: it must notice itself that the worker is gone.
    assert running.stderr is not None
    assert any("/3 done" in line for line in running.stderr)
    worker = Daemon(desk.home / "worker", "worker").pid
    assert worker is not None

    os.killpg(worker, signal.SIGKILL)

    try:
        out, err = running.communicate(timeout=60)
    finally:
        running.kill()
    assert (running.returncode, out) == (1, "")
    assert "[worker_died]" in err
    assert not EmbeddedBroker(desk.home).running
