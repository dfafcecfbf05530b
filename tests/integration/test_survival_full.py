"""Brokers that are killed, or whose memory or disk is full: nothing is lost, and work goes on."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.job_step import attempts, finish, messages, states, submit_all, wait_for_gate
from tests.integration.sample import make_article, make_articles
from tests.integration.worker_process import WorkerProcess, running_worker
from tests.support.broker import valkey_server
from tests.support.fake_worker import LEASE, WAITS
from tests.support.run_cli import Ran, run_cli
from tests.support.small import SMALL_MODEL
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_settings
from worker.config.weights import model_folder
from worker.queue.connection import connect
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.records.article import Article, ArticleState
from worker.records.job import JobId
from worker.runtime.embedded_valkey import EmbeddedBroker

#: Longer than any test.
_TTL_SECONDS = 600

#: Longest wait, on a busy machine.
_SECONDS = 30.0

#: Articles that submit accepts at a time.
_WINDOW = 2048

#: Options of a server, and how large its files may grow (``ulimit -f``: a few megabytes).
_MEMORY = ({"maxmemory-policy": "noeviction"}, None)
_DISK = ({"appendonly": "yes"}, 4096)


def _assert_done_once(store: JobStore, *jobs: JobId) -> None:
    """Wait for the end of all jobs, and check that each article is done and recorded once."""
    total = 0
    for job in jobs:
        finished = finish(store, job)
        assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
        assert states(store, job) == {"done": len(finished)}
        total += len(finished)
    # Every recording adds to these counters.
    assert store.roster.stats()["done"] == total


# A broker that is killed ----------------------------------------------------------------------


@pytest.fixture
def embedded(home: Path) -> Iterator[EmbeddedBroker]:
    """The embedded broker of a home that has a model, running; stopped at the end."""
    model_folder(SMALL_MODEL, home).mkdir(parents=True)  # must exist, but is not loaded
    broker = EmbeddedBroker(home)
    broker.start()
    yield broker
    broker.stop()


def _kill(broker: EmbeddedBroker) -> None:
    with connect(broker.url) as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGKILL)
    wait_until(lambda: not broker.running, timeout=_SECONDS, description="the broker's end")


def _lines(articles: list[Article]) -> bytes:
    rows = ({"id": article.id, "text": article.text} for article in articles)
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


def test_a_broker_killed_while_a_client_submits_and_a_worker_works(
    embedded: EmbeddedBroker, home: Path, tmp_path: Path
) -> None:
    settings = load_settings(home=home)
    pipe = home / "pipe"
    os.mkfifo(pipe)
    # All have the same text, which is processed once.
    text = make_article("alike").text
    articles = [Article(id=f"a{n}", text=text, source="-") for n in range(_WINDOW + 3)]
    with connect(embedded.url) as client, ThreadPoolExecutor(max_workers=1) as pool:
        store = JobStore(client, ttl_seconds=_TTL_SECONDS)
        with running_worker(settings, store, tmp_path / "worker") as worker:
            slow = submit_all([make_article("slow", word=WAITS)], store, settings).job
            wait_for_gate(worker)
            submitting = pool.submit(_submit, pipe, home)
            with pipe.open("wb") as stream:
                stream.write(_lines(articles[:_WINDOW]))
                stream.flush()
                job = _open_job(store, _WINDOW)
                wait_until(
                    lambda: messages(client) == 17,
                    timeout=_SECONDS,
                    description="the messages of a window, and of the running chunk",
                )

                _kill(embedded)
                worker.gate.open()
                stream.write(_lines(articles[_WINDOW:]))
            cut_off = submitting.result()
            embedded.start()
            resumed = run_cli("resume", job, "-", "--json", home=home, stdin=_lines(articles))

            _assert_done_once(store, slow, job)
            worker.kill()
        assert (cut_off.code, cut_off.codes) == (3, ["broker_unavailable"])
        assert "copydesk up" in cut_off.data["errors"][0]["hint"]
        assert (resumed.code, resumed.data["accepted"]) == (0, 3)
        assert store.progress(job).total == len(articles)
        assert attempts(client, slow) == [1]


def _submit(pipe: Path, home: Path) -> Ran:
    wrapper = ("sh", "-c", f'exec "$@" < "{pipe}"', "sh")
    return run_cli("submit", "-", "--json", home=home, wrapper=wrapper)


def _open_job(store: JobStore, articles: int) -> JobId:
    """Return the open job once it has that many articles."""

    def open_jobs() -> list[JobId]:
        return [job.id for job in store.jobs() if not job.closed and job.total == articles]

    wait_until(open_jobs, timeout=_SECONDS, description="accepted articles")
    return open_jobs()[0]


def test_work_goes_on_when_everything_is_killed_and_started_again(
    embedded: EmbeddedBroker, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEASE, "4")
    one_each = load_settings(home=home, chunk_articles=1)
    slow = [make_article(name, word=WAITS) for name in ("slow-1", "slow-2")]
    with connect(embedded.url) as client:
        store = JobStore(client, ttl_seconds=_TTL_SECONDS)
        with (
            running_worker(one_each, store, tmp_path / "first") as first,
            running_worker(one_each, store, tmp_path / "second") as second,
        ):
            job = submit_all([*slow, *make_articles(20)], store, one_each).job
            wait_for_gate(first)
            wait_for_gate(second)
            first.kill()
            second.kill()
            _kill(embedded)

        embedded.start()
        with running_worker(one_each, store, tmp_path / "third") as third:
            third.gate.open()
            _assert_done_once(store, job)
            third.kill()
        assert sorted(attempts(client, job)) == [*[1] * 20, 2, 2]


# A full broker -------------------------------------------------------------------------------


@pytest.fixture
def own(
    request: pytest.FixtureRequest, tmp_path: Path, home: Path
) -> Iterator[tuple[Settings, JobStore, Any]]:
    """Settings for a Valkey of the test's own, its store, and an admin client."""
    options, blocks = request.param
    with (
        valkey_server(tmp_path, options, max_file_blocks=blocks) as socket,
        # Without health checks, which a full disk refuses.
        redis.Redis(unix_socket_path=socket) as client,
    ):
        url = f"redis+socket://{socket}?virtual_host=0"
        settings = load_settings(home=home, broker_url=url, chunk_articles=1)
        yield settings, JobStore(client, ttl_seconds=_TTL_SECONDS), client


@pytest.mark.parametrize("own", [_MEMORY], indirect=True, ids=["memory"])
def test_while_the_memory_is_full_running_work_ends_and_none_begins(
    own: tuple[Settings, JobStore, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(LEASE, "2")
    settings, store, client = own
    with (
        running_worker(settings, store, tmp_path / "first") as first,
        running_worker(settings, store, tmp_path / "second") as second,
    ):
        first_job, second_job = _hold_both(first, second, store, settings)
        # The second chunk goes article by article from now on.
        os.kill(second.gate.waiting[0], signal.SIGKILL)
        wait_for_gate(second, comers=2)
        rest = submit_all(make_articles(20), store, settings).job
        # Even under this limit the server still answers.
        client.config_set("maxmemory", 1)
        leases = dict(client.zrange(Key.LEASES, 0, -1, withscores=True))
        wait_until(
            lambda: all(
                client.zscore(Key.LEASES, member) > end + 2_000 for member, end in leases.items()
            ),
            timeout=_SECONDS,
            description="leases renewed for longer than a lease lasts",
        )

        first.gate.open()
        second.gate.open()
        for worker in (first, second):
            wait_until(
                partial(_has_recorded_and_been_refused, worker),
                timeout=_SECONDS,
                description="a recorded chunk, then a refused claim",
            )
        assert states(store, first_job) == states(store, second_job) == {"done": 2}
        assert states(store, rest) == {"queued": 20}

        client.config_set("maxmemory", 0)
        _assert_done_once(store, first_job, second_job, rest)
        for worker in (first, second):
            assert worker.process.poll() is None
            worker.kill()
    assert (attempts(client, first_job), attempts(client, second_job)) == ([1], [2])
    assert attempts(client, rest) == [1] * 20


def _has_recorded_and_been_refused(worker: WorkerProcess) -> bool:
    return "OutOfMemoryError" in worker.log.partition("chunk_recorded")[2]


def _hold_both(
    first: WorkerProcess, second: WorkerProcess, store: JobStore, settings: Settings
) -> tuple[JobId, JobId]:
    """Submit two jobs of a chunk each, and wait until both workers are at their gates."""
    twos = settings.model_copy(update={"chunk_articles": 2})
    job_a = submit_all(_slow_and_another("a"), store, twos).job
    wait_until(
        lambda: first.gate.waiting or second.gate.waiting,
        timeout=_SECONDS,
        description="a worker at its gate",
    )
    first_has_it = bool(first.gate.waiting)
    job_b = submit_all(_slow_and_another("b"), store, twos).job
    wait_for_gate(first)
    wait_for_gate(second)
    return (job_a, job_b) if first_has_it else (job_b, job_a)


def _slow_and_another(name: str) -> list[Article]:
    # Shorter articles come first.
    return [make_article(name, word=WAITS), make_article(f"{name}-on-the-road-to-the-harbour")]


@pytest.mark.parametrize("own", [_DISK], indirect=True, ids=["disk"])
def test_while_the_disk_is_full_commands_report_it_and_workers_wait(
    own: tuple[Settings, JobStore, Any], home: Path, tmp_path: Path
) -> None:
    settings, store, client = own
    with (
        running_worker(settings, store, tmp_path / "first") as first,
        running_worker(settings, store, tmp_path / "second") as second,
    ):
        jobs = _hold_both(first, second, store, settings)
        rest = submit_all(make_articles(20), store, settings).job
        _fill_disk(client)

        first.gate.open()
        environment = {"COPYDESK_BROKER_URL": settings.broker_url}
        for words in (("status",), ("jobs",), ("submit", "-")):
            ran = run_cli(*words, "--json", home=home, environment=environment, stdin=b"A text.")
            assert (ran.code, ran.codes) == (3, ["broker_disk_full"])
        assert [states(store, job) for job in jobs] == [{"running": 2}] * 2
        assert states(store, rest) == {"queued": 20}

        # The file shrinks to the current data.
        client.bgrewriteaof()
        second.gate.open()
        _assert_done_once(store, *jobs, rest)
        for worker in (first, second):
            assert worker.process.poll() is None
            worker.kill()
    assert [attempts(client, job) for job in jobs] == [[1], [1]]
    assert attempts(client, rest) == [1] * 20


def _fill_disk(client: Any) -> None:
    """Rewrite a key until the disk is full."""

    def is_full() -> bool:
        try:
            client.set("cd:large", "x" * 100_000, ex=_TTL_SECONDS)
        except redis.ResponseError as error:
            return "MISCONF" in str(error)
        return False

    wait_until(is_full, timeout=_SECONDS, description="a full disk")
