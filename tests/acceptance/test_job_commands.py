"""cancel, retry, dlq, resume and rm, with what status reports meanwhile."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.desk import Desk, article_text
from tests.support.broker import valkey_server
from tests.support.fake_engine import FAILS
from tests.support.fake_worker import WAITS
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_profile, load_settings
from worker.queue.celery_app import create_app
from worker.queue.connection import connect, open_store
from worker.queue.intake import Intake, JobOptions
from worker.queue.store.jobs import JobStore
from worker.records.article import Article
from worker.records.job import JobId

_ROOT = Path(__file__).parents[2]

#: Small chunks, so that a few articles make several.
_FOURS = {"COPYDESK_CHUNK_ARTICLES": "4"}


def _records(count: int) -> list[dict[str, object]]:
    return [{"id": f"n{number}", "text": article_text(str(number))} for number in range(count)]


def _write_slow(desk: Desk) -> Path:
    """Write two chunks: four articles, the first waiting at the gate, and two longer ones."""
    longer = [{"id": f"long-{n}", "text": article_text(str(n)) * 2} for n in range(5)]
    slow = {"id": "slow", "text": article_text("slow", word=WAITS)}
    return desk.write_lines("slow.jsonl", [*longer, slow])


@contextmanager
def _store_of(desk: Desk) -> Iterator[tuple[JobStore, Settings]]:
    settings = load_settings(home=desk.home)
    with open_store(settings) as store:
        yield store, settings


@pytest.fixture
def gated(desk: Desk) -> Iterator[Desk]:
    """The running desk with its gate closed."""
    desk.gate.close()
    yield desk
    desk.gate.open()


def _wait_for_gate(desk: Desk) -> None:
    wait_until(lambda: desk.gate.waiting, timeout=60, description="the engine at the gate")


def _ids(desk: Desk, job: str) -> list[str]:
    """Return the sorted ids of the job's articles, duplicates included."""
    with _store_of(desk) as (store, _):
        return sorted(entry.article.id for entry in store.collection.articles(JobId(job)))


# Status, cancel ---------------------------------------------------------------------------------


def test_a_job_is_cancelled_and_what_is_done_is_collected(gated: Desk) -> None:
    desk = gated
    first = desk.submit(desk.write_lines("few.jsonl", _records(2)))
    assert desk.run("watch", first, "--timeout", "60").code == 0
    path = _write_slow(desk)
    submitted = desk.run("submit", path, desk.files / "few.jsonl", environment=_FOURS)
    assert (submitted.data["accepted"], submitted.data["cached"]) == (8, 2)
    job = submitted.data["job"]
    _wait_for_gate(desk)

    status = desk.run("status").data
    assert job in [listed["job"] for listed in status["jobs"]]
    (worker,) = status["workers"]
    (task,) = worker["tasks"]
    assert (task["job"], task["articles"], task["stage"]) == (job, 4, "repair")
    assert sum(status["queue"]) >= 1
    assert 0 < status["memory"]["used"] < status["memory"]["limit"]

    cancelled = desk.run("cancel", job)
    assert (cancelled.code, cancelled.data["cancel"]) == (0, "cancelled")
    assert (cancelled.data["cancelled"], cancelled.data["running"]) == (2, 4)
    again = desk.run("cancel", job)
    assert (again.code, again.codes) == (2, ["job_ended"])
    busy = desk.run("rm", job)
    assert (busy.code, busy.codes) == (2, ["job_unfinished"])

    desk.gate.open()
    watched = desk.run("watch", job, "--timeout", "60")
    assert (watched.code, watched.data["finished"]) == (1, True)
    desk.run("collect", job, "-o", desk.out)
    rows = desk.rows
    ended = {state: count for state, count in desk.manifest["states"].items() if count}
    assert ended == {"done": 2, "cancelled": 6}
    assert {row["reason"] for name, row in rows.items() if name[0] != "n"} == {"cancelled"}
    assert rows["n1"]["state"] == "done"
    assert desk.manifest["complete"]


def test_priority_and_deadline_are_stored(desk: Desk) -> None:
    path = desk.write("good.txt", article_text("seven"))
    ran = desk.run("submit", path, "--priority", "high", "--deadline", "2h30m")

    status = desk.run("status", ran.data["job"]).data
    assert (status["priority"], status["cancel"]) == ("high", None)
    assert status["deadline"] - status["created"] == pytest.approx(9_000)
    for words in (("--deadline", "soon"), ("--priority", "urgent")):
        refused = desk.run("submit", path, *words)
        assert (refused.code, refused.codes) == (2, ["usage"])


# Dead letters and retry -------------------------------------------------------------------------


def test_dead_letters_are_listed_and_put_back(desk: Desk) -> None:
    bad = [{"id": f"bad-{n}", "text": article_text(str(n), word=FAILS)} for n in range(2)]
    job = desk.submit(desk.write_lines("job.jsonl", [*_records(2), *bad]))
    assert desk.run("watch", job, "--timeout", "60").code == 1

    listed = desk.run("dlq", job)
    assert (listed.code, listed.data["letters"]) == (
        0,
        [
            {
                "job": job,
                "article": f"bad-{number}",
                "source": f"{desk.files}/job.jsonl:{number + 3}",
                "reason": "engine_error",
                "message": "the fake engine was told to fail",
                "hint": "a hint",
                "attempts": 0,
                "stage": "",
            }
            for number in range(2)
        ],
    )
    assert listed.data["letters"][0] in desk.run("dlq").data["letters"]

    retried = desk.run("retry", job, "bad-0", "n1")
    assert (retried.code, retried.data["retried"]) == (0, 1)
    assert desk.run("watch", job, "--timeout", "60").code == 1
    every = desk.run("retry", job)
    assert (every.code, every.data["retried"], every.data["refused"]) == (0, 2, 0)
    assert desk.run("watch", job, "--timeout", "60").data["failed"] == 2
    letters = desk.run("dlq", job).data["letters"]
    assert [letter["article"] for letter in letters] == ["bad-0", "bad-1"]
    desk.run("collect", job, "-o", desk.out)
    states = {name: row["state"] for name, row in desk.rows.items()}
    assert states == {"n0": "done", "n1": "done", "bad-0": "failed", "bad-1": "failed"}
    unknown = desk.run("retry", job, "bad-0", "nobody")
    assert (unknown.code, unknown.codes) == (4, ["article_not_found"])
    both = desk.run("retry", job, "bad-0", "--failed")
    assert (both.code, both.codes) == (2, ["usage"])


def _within(folder: Path) -> tuple[str, ...]:
    """Return a wrapper that runs a command in ``folder``."""
    return ("sh", "-c", f'cd {folder}; exec "$@"', "sh")


def test_refused_inputs_are_read_again_when_they_are_corrected(desk: Desk) -> None:
    # Inputs are relative to the folder of submit, COPYDESK_HOME to that of retry.
    lines = [json.dumps(record) for record in _records(4)]
    desk.write("job.jsonl", "\n".join([lines[0], "{", lines[1], "{", lines[2]]) + "\n")
    desk.write("empty.txt", "")
    inputs = ("job.jsonl", "empty.txt", "gone.txt")
    submitted = desk.run("submit", *inputs, wrapper=_within(desk.files))
    assert (submitted.code, submitted.data["accepted"], submitted.data["refused"]) == (1, 3, 4)
    job = submitted.data["job"]

    corrected = {"id": "corrected", "text": article_text("corrected")}
    desk.write("job.jsonl", "\n".join([lines[0], json.dumps(corrected), lines[1], "{", lines[2]]))
    desk.write("empty.txt", article_text("no more"))
    ran = desk.run("retry", job, "--refused", environment={"COPYDESK_HOME": "."})

    assert (ran.code, ran.codes) == (1, ["bad_json", "file_missing"])
    assert (ran.data["accepted"], ran.data["refused"], ran.data["retried"]) == (2, 2, 0)
    rows = desk.collect(job)
    assert set(rows) == {"n0", "n1", "n2", "corrected", "empty"}
    assert {row["state"] for row in rows.values()} == {"done"}
    assert desk.manifest["errors"] == {"bad_json": 1, "file_missing": 1}


def test_a_file_that_is_gone_is_refused_again(
    desk: Desk,
) -> None:
    path = desk.write("job.jsonl", json.dumps(_records(1)[0]) + "\n{\n")
    ran = desk.run("submit", path)
    assert (ran.code, ran.codes) == (1, ["bad_json"])
    path.unlink()

    again = desk.run("retry", ran.data["job"], "--refused")

    assert (again.code, again.codes) == (1, ["file_missing"])
    assert desk.run("status", ran.data["job"]).data["refused"] == 1


# Resume -----------------------------------------------------------------------------------------


def _submit_stdin(desk: Desk) -> subprocess.Popen[bytes]:
    """Start ``copydesk submit -``, which waits for its input."""
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "cli", "submit", "-"],
        cwd=desk.home,
        env={**os.environ, "PYTHONPATH": str(_ROOT), "COPYDESK_HOME": str(desk.home)},
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def test_a_submit_that_was_killed_is_resumed(desk: Desk) -> None:
    # A thousand refusals fill a window, so the articles before them are in the store.
    lines = [*map(json.dumps, _records(25)[:20]), *["{}"] * 1_000]
    rest = map(json.dumps, _records(25)[18:])
    before = {listed["job"] for listed in desk.run("jobs").data["jobs"]}
    with _submit_stdin(desk) as client, _store_of(desk) as (store, _):
        assert client.stdin is not None
        client.stdin.write("\n".join([*lines, ""]).encode())
        client.stdin.flush()
        wait_until(
            lambda: [
                progress
                for progress in store.jobs()
                if progress.id not in before and progress.total == 20
            ],
            timeout=60,
            description="the first window of the job",
        )
        client.kill()
    (job,) = {progress.id for progress in store.jobs()} - before

    waited = desk.run("watch", job, "--timeout", "0.1")
    assert (waited.code, waited.codes) == (5, ["wait_timed_out"])
    assert f"cut off: copydesk resume {job}" in waited.err
    assert desk.run("status", job).data["closed"] is False
    nothing = desk.run("resume", job)
    assert (nothing.code, nothing.codes) == (2, ["no_input"])
    assert nothing.data["errors"][0]["hint"] == f"give it again: copydesk resume {job} -"

    path = desk.write("job.jsonl", "\n".join([*lines, *rest]))
    resumed = desk.run("resume", job, path)

    assert (resumed.code, resumed.data["job"]) == (1, job)
    # Two of the last seven are in the job already, so their ids are refused.
    assert (resumed.data["accepted"], resumed.data["refused"]) == (5, 1_002)
    assert _ids(desk, job) == sorted(f"n{number}" for number in range(25))
    again = desk.run("resume", job, path)
    assert (again.code, again.codes) == (2, ["job_complete"])


class _CutOffError(Exception):
    """Stands in for the death of the client."""


def _cut_off(desk: Desk, inputs: tuple[str, ...], folder: Path) -> str:
    """Leave an open job with three articles of ``inputs`` and return its id."""

    def documents() -> Iterator[Article]:
        for number, record in enumerate(_records(3)):
            yield Article(id=f"n{number}", text=str(record["text"]), source=f"job.jsonl:{number}")
        raise _CutOffError

    with _store_of(desk) as (store, settings), pytest.MonkeyPatch.context() as patch:
        patch.setattr("worker.queue.intake._WINDOW_ARTICLES", 3)
        options = JobOptions(load_profile(settings), inputs=inputs, folder=str(folder))
        with pytest.raises(_CutOffError):
            Intake(store, create_app(settings), settings).submit(documents(), options)
        return store.jobs()[0].id


def test_a_resume_reads_what_submit_was_given(desk: Desk) -> None:
    desk.write_lines("job.jsonl", _records(9))
    job = _cut_off(desk, ("job.jsonl",), desk.files)

    resumed = desk.run("resume", job)

    assert (resumed.code, resumed.data["accepted"]) == (0, 6)
    assert len(desk.collect(job)) == 9
    assert desk.manifest["states"]["done"] == 9


def test_a_resume_from_a_folder_that_is_not_here(desk: Desk) -> None:
    job = _cut_off(desk, ("job.jsonl",), desk.files / "elsewhere")

    ran = desk.run("resume", job)

    assert (ran.code, ran.codes) == (2, ["no_input"])
    assert f"copydesk resume {job} INPUTS" in ran.data["errors"][0]["hint"]


def test_a_cancelled_submit_is_not_resumed(desk: Desk) -> None:
    job = _cut_off(desk, ("job.jsonl",), desk.files)
    desk.write_lines("job.jsonl", _records(4))
    assert desk.run("cancel", job).code == 0

    ran = desk.run("resume", job)

    assert (ran.code, ran.codes) == (2, ["job_cancelled"])
    assert desk.run("rm", job).code == 0


# Remove -----------------------------------------------------------------------------------------


def test_a_job_is_removed_and_its_results_stay(desk: Desk) -> None:
    path = desk.write_lines("job.jsonl", _records(3))
    job = desk.submit(path)
    assert desk.run("watch", job, "--timeout", "60").code == 0

    removed = desk.run("rm", job)

    assert (removed.code, removed.data["removed"]) == (0, [job])
    assert job not in {listed["job"] for listed in desk.run("jobs").data["jobs"]}
    for command in ("rm", "retry", "dlq"):
        gone = desk.run(command, job)
        assert (gone.code, gone.codes) == (4, ["job_not_found"])
    again = desk.run("submit", path)
    assert (again.data["accepted"], again.data["cached"]) == (3, 3)


# A broker that is full --------------------------------------------------------------------------


def test_a_full_broker_still_reports_cancels_and_removes(own_desk: Desk, tmp_path: Path) -> None:
    desk, full = own_desk, {"maxmemory-policy": "noeviction"}
    client: Any
    with (
        valkey_server(tmp_path, full) as socket,
        connect(f"redis+socket://{socket}?virtual_host=0") as client,
    ):
        there = {"COPYDESK_BROKER_URL": f"redis+socket://{socket}?virtual_host=0"}
        path = desk.write_lines("job.jsonl", _records(3))
        job = desk.run("submit", path, environment=there).data["job"]
        client.config_set("maxmemory", 1)

        waited = desk.run("watch", job, "--timeout", "0.1", environment=there)
        assert (waited.code, waited.codes) == (5, ["wait_timed_out"])
        assert desk.run("status", environment=there).data["memory"]["limit"] == 1
        refused = desk.run("submit", path, environment=there)
        assert (refused.code, refused.codes) == (3, ["broker_full"])
        assert desk.run("cancel", job, environment=there).data["cancelled"] == 3
        assert desk.run("rm", job, environment=there).code == 0
