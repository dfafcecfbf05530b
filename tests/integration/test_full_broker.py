"""Submit waits for room in the broker, and a full broker loses nothing."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integration.job_step import (
    claim_chunk,
    finish,
    make_job,
    messages,
    pending_notifications,
    record,
    states,
    submit_all,
    wait_for_gate,
)
from tests.integration.sample import PROFILE, done, make_article, make_articles
from tests.integration.worker_process import running_worker
from tests.support.broker import valkey_server
from tests.support.fake_worker import WAITS
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_settings
from worker.errors import BrokerUnavailableError, ExitCode
from worker.queue import intake as intake_module
from worker.queue.celery_app import create_app
from worker.queue.connection import broker_url, connect, open_store
from worker.queue.intake import Intake, JobOptions, send
from worker.queue.store.jobs import JobStore
from worker.queue.store.roster import Memory
from worker.records.article import Article, ArticleState
from worker.records.job import JobId


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept four articles at a time, and wait for milliseconds only."""
    monkeypatch.setattr(intake_module, "_WINDOW_ARTICLES", 4)
    monkeypatch.setattr(intake_module, "_WAIT_SECONDS", 0.001)


@pytest.fixture
def one_each(settings: Settings) -> Settings:
    """Settings with chunks of one article."""
    return settings.model_copy(update={"chunk_articles": 1})


def _intake(store: JobStore, settings: Settings, waits: list[str] | None = None) -> Intake:
    on_wait = (waits if waits is not None else []).append
    return Intake(store, create_app(settings), settings, on_wait=on_wait)


def _ids(store: JobStore, job: JobId) -> list[str]:
    """Return the ids of the job's articles, sorted, with duplicates."""
    return sorted(collected.article.id for collected in store.collection.articles(job))


class _Clock:
    """Replaces ``time`` in the intake: each sleep takes a quarter of an hour.

    If ``works``, a worker completes a chunk of the first window meanwhile.
    """

    def __init__(self, store: JobStore, *, works: bool) -> None:
        self._store, self._works = store, works
        self.sleeps = 0

    def monotonic(self) -> float:
        return self.sleeps * 900.0

    def sleep(self, _seconds: float) -> None:
        (progress,) = self._store.jobs()
        if self._works:
            claim = claim_chunk(self._store, progress.id, self.sleeps)
            record(self._store, claim, done(claim.articles))
        self.sleeps += 1


# Too many chunks --------------------------------------------------------------------------------


def test_submit_waits_while_too_many_chunks_wait_and_reports_it_once(
    store: JobStore, one_each: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_MAX_OPEN_CHUNKS", 1)
    clock = _Clock(store, works=True)
    monkeypatch.setattr(intake_module, "time", clock)
    waits: list[str] = []

    job = _intake(store, one_each, waits).submit(make_articles(6), JobOptions(PROFILE)).job

    assert waits == ["4 chunks of the job wait for a worker", ""]
    assert clock.sleeps == 3
    assert states(store, job) == {"queued": 3, "done": 3}


@pytest.mark.parametrize("cause", ["chunks", "memory"])
def test_a_submit_gives_up_after_an_hour_without_change_and_can_be_resumed(
    store: JobStore, one_each: Settings, monkeypatch: pytest.MonkeyPatch, cause: str
) -> None:
    clock = _Clock(store, works=False)
    with monkeypatch.context() as patch:
        patch.setattr(intake_module, "time", clock)
        if cause == "chunks":
            patch.setattr(intake_module, "_MAX_OPEN_CHUNKS", 3)
        else:
            patch.setattr(intake_module, "_RESULT_BYTES", 200)  # four are queued
            patch.setattr(store.roster, "memory", lambda: Memory(used=0, limit=1000))
        with pytest.raises(BrokerUnavailableError) as caught:
            _intake(store, one_each).submit(make_articles(6), JobOptions(PROFILE))

    (progress,) = store.jobs()
    assert clock.sleeps == 5
    assert (caught.value.code, caught.value.exit_code) == ("broker_full", ExitCode.NO_BROKER)
    assert f"copydesk resume {progress.id}" in (caught.value.hint or "")
    assert (progress.closed, progress.total) == (False, 4)
    _intake(store, one_each).resume(progress.id, make_articles(6))
    assert _ids(store, progress.id) == [f"b{number}" for number in range(6)]


def test_a_submit_waits_as_long_as_work_goes_on(
    store: JobStore, one_each: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Results come slowly, and the reason stays the same.
    clock = _Clock(store, works=True)
    monkeypatch.setattr(intake_module, "time", clock)
    monkeypatch.setattr(intake_module, "_WINDOW_ARTICLES", 8)

    def memory() -> Memory:
        (progress,) = store.jobs()
        return Memory(used=8, limit=10 if progress.total == 8 and clock.sleeps < 7 else 0)

    monkeypatch.setattr(store.roster, "memory", memory)
    waits: list[str] = []

    job = _intake(store, one_each, waits).submit(make_articles(10), JobOptions(PROFILE)).job

    assert (len(waits), clock.sleeps) == (2, 7)
    assert states(store, job) == {"queued": 3, "done": 7}


# A full broker ---------------------------------------------------------------------------------


@pytest.fixture
def own_broker(tmp_path: Path, home: Path) -> Iterator[tuple[Settings, Any]]:
    """Settings for a Valkey of the test's own, and a client to set its memory."""
    with valkey_server(tmp_path, {"maxmemory-policy": "noeviction"}) as socket:
        url = f"redis+socket://{socket}?virtual_host=0"
        settings = load_settings(home=home, broker_url=url, chunk_articles=1)
        with connect(broker_url(settings)) as client:
            # Compared to this, the server's own megabyte and its connections do not count.
            for number in range(1_000):
                client.set(f"cd:ballast:{number}", "x" * 10_000, ex=600)
            yield settings, client


def _limit_memory(client: Any, share: float) -> None:
    """Set the memory limit so that ``share`` of it is used."""
    client.config_set("maxmemory", int(client.info("memory")["used_memory"] / share))


@pytest.mark.parametrize(
    ("trouble", "code"), [("full", "broker_full"), ("gone", "broker_unavailable")]
)
def test_notifications_that_cannot_be_sent_raise_one_clear_error_and_stay_noted(
    own_broker: tuple[Settings, Any], trouble: str, code: str
) -> None:
    settings, client = own_broker
    app = create_app(settings)
    with open_store(settings) as store:
        job = make_job(store, 1, 1)
        first, second = store.ledger.notify_next(job)
        send(app, [first])
        if trouble == "full":
            _limit_memory(client, 1.1)
        else:
            client.shutdown(nosave=True)

        with pytest.raises(BrokerUnavailableError) as caught:
            send(app, [second])

        assert (caught.value.code, caught.value.exit_code) == (code, ExitCode.NO_BROKER)
        assert caught.value.hint
        if trouble == "full":
            assert pending_notifications(client, job) == 2


def test_submit_waits_while_most_of_the_brokers_memory_is_used(
    own_broker: tuple[Settings, Any],
) -> None:
    settings, client = own_broker
    _limit_memory(client, 0.75)
    waits: list[str] = []

    def make_room(why: str) -> None:
        waits.append(why)
        client.config_set("maxmemory", 0)

    with open_store(settings) as store:
        intake = Intake(store, create_app(settings), settings, on_wait=make_room)
        job = intake.submit(make_articles(2), JobOptions(PROFILE)).job
        assert states(store, job) == {"queued": 2}

    first, last = waits
    assert re.match(r"7[5-9]% of the broker's memory is used, .*copydesk rm", first)
    assert last == ""


def test_submit_waits_while_the_broker_refuses_writes_and_loses_no_article(
    own_broker: tuple[Settings, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings, client = own_broker
    monkeypatch.setattr(intake_module, "_FULL_SHARE", 9.0)
    waits: list[str] = []

    def fill(articles: list[Article]) -> Iterator[Article]:
        yield from articles[:4]
        yield articles[4]
        _limit_memory(client, 1.1)
        yield from articles[5:]

    with open_store(settings) as store:

        def make_room(why: str) -> None:
            waits.append(why)
            (progress,) = store.jobs()
            assert (progress.total, progress.queued) == ((4, 4) if why else (6, 6))
            client.config_set("maxmemory", 0)

        intake = Intake(store, create_app(settings), settings, on_wait=make_room)
        job = intake.submit(fill(make_articles(6)), JobOptions(PROFILE)).job

        assert waits == ["the broker's memory is full", ""]
        assert _ids(store, job) == [f"b{number}" for number in range(6)]
        assert messages(client) == 6


def test_a_broker_that_fills_up_during_work_loses_nothing(
    own_broker: tuple[Settings, Any], tmp_path: Path
) -> None:
    settings, client = own_broker
    articles = [make_article("slow", word=WAITS), *make_articles(40)]
    with open_store(settings) as store, running_worker(settings, store, tmp_path / "w") as worker:
        job = submit_all(articles, store, settings).job
        wait_for_gate(worker)
        _limit_memory(client, 1.1)
        worker.gate.open()
        wait_until(
            lambda: "OutOfMemoryError" in worker.log,
            timeout=30,
            description="a worker that is refused",
        )
        # The running chunk is recorded; no other is begun.
        before = states(store, job)
        assert (before["done"] >= 1, before["queued"] >= 1, len(before)) == (True, True, 2)

        client.config_set("maxmemory", 0)

        finished = finish(store, job)
        assert worker.process.poll() is None
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
    assert len(finished) == len(articles)
