"""A real worker process on a real queue; only the model is by rule."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.integration.job_step import attempts, finish, messages, submit_all, wait_for_gate
from tests.integration.sample import WORKER, make_article, make_articles
from tests.integration.worker_process import WorkerProcess, running_worker
from tests.support.fake_engine import BREAKS, FAILS
from tests.support.fake_worker import WAITS
from tests.support.waiting import wait_until
from worker.broker import EmbeddedBroker
from worker.connection import connect
from worker.jobs import JobStore
from worker.reason import Reason
from worker.records import ArticleState
from worker.settings import Settings, load_settings


@pytest.fixture(scope="module")
def worker(
    broker: EmbeddedBroker, broker_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """One worker for the tests that leave theirs alive."""
    with connect(broker.url) as client:
        store = JobStore(client, ttl_seconds=600)
        settings = load_settings(home=broker_home)
        with running_worker(settings, store, tmp_path_factory.mktemp("worker")) as running:
            yield running


@pytest.fixture
def gated(worker: WorkerProcess) -> WorkerProcess:
    """The worker with its gate closed."""
    worker.gate.close()
    return worker


@pytest.mark.usefixtures("worker")
def test_two_hundred_articles_are_all_done_and_none_twice(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    articles = make_articles(200)
    job = submit_all(articles, store, settings).job

    found = finish(store, job)

    assert {one.article.id: one.article for one in found.values()} == {
        article.id: article for article in articles
    }
    assert {one.outcome.state for one in found.values()} == {ArticleState.DONE}
    assert all(
        one.result and f"bridge {name} " in one.result.repaired for name, one in found.items()
    )
    assert attempts(client, job) == [1] * 13
    wait_until(lambda: messages(client) == 0, timeout=10, description="no message left")


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("word", "reason"), [(FAILS, Reason.ENGINE_ERROR), (BREAKS, Reason.INTERNAL_ERROR)]
)
def test_an_article_that_the_engine_fails_on_costs_no_other(
    store: JobStore, settings: Settings, word: str, reason: Reason
) -> None:
    articles = [*make_articles(20), make_article("bad", word=word)]

    found = finish(store, submit_all(articles, store, settings).job)

    bad = found.pop("bad")
    assert (bad.outcome.state, bad.outcome.reason, bad.result) == ("failed", reason, None)
    assert bad.outcome.message
    assert {one.outcome.state for one in found.values()} == {ArticleState.DONE}


@pytest.mark.usefixtures("worker")
def test_what_is_done_is_not_done_again(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    articles = make_articles(20)
    before = finish(store, submit_all(articles, store, settings).job)
    wait_until(lambda: messages(client) == 0, timeout=10, description="no message left")
    sent = client.info("commandstats")["cmdstat_lpush"]["calls"]

    again = submit_all([*articles[::-1]], store, settings)

    assert (again.accepted, again.cached) == (20, 20)
    assert store.progress(again.job).finished
    assert store.progress(again.job).cached == 20
    after = finish(store, again.job)
    assert all(after[name].result == one.result for name, one in before.items())
    assert client.info("commandstats")["cmdstat_lpush"]["calls"] == sent


@pytest.mark.usefixtures("worker")
def test_only_what_is_new_is_worked_on(store: JobStore, settings: Settings) -> None:
    finish(store, submit_all(make_articles(5), store, settings).job)

    again = submit_all(make_articles(8), store, settings)

    assert (again.accepted, again.cached) == (8, 5)
    found = finish(store, again.job)
    assert sum(one.outcome.cached for one in found.values()) == 5
    assert store.progress(again.job).cached == 5


@pytest.mark.usefixtures("worker")
def test_a_failed_article_is_tried_again_by_anothersubmit_all(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    article = make_article("bad", word=FAILS)
    finish(store, submit_all([article], store, settings).job)

    again = submit_all([article], store, settings)

    assert again.cached == 0
    finish(store, again.job)
    assert attempts(client, again.job) == [1]


def test_a_child_killed_in_the_middle_of_a_chunk(
    gated: WorkerProcess, store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    articles = [*make_articles(3), make_article("slow", word=WAITS)]
    job = submit_all(articles, store, settings).job
    (child,) = wait_for_gate(gated)
    assert store.progress(job).running == 4

    os.kill(child, signal.SIGKILL)
    wait_for_gate(gated, comers=2)
    gated.gate.open()

    found = finish(store, job)
    assert {one.outcome.state for one in found.values()} == {ArticleState.DONE}
    assert store.progress(job).done == 4
    assert attempts(client, job) == [2]
    wait_until(lambda: messages(client) == 0, timeout=10, description="no message left")


def test_a_late_result_of_a_chunk_that_another_took_is_dropped(
    gated: WorkerProcess, store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    job = submit_all([make_article("slow", word=WAITS)], store, settings).job
    wait_for_gate(gated)
    # As if the worker had been cut off for a minute, and another had come.
    client.zadd("cd:leases", {f"{job}:0": 1}, xx=True)
    thief = store.ledger.claim(job, 0, worker=WORKER, task="another message", retried=False)
    assert not isinstance(thief, str)

    gated.gate.open()
    wait_until(lambda: messages(client) == 0, timeout=30, description="a late result")

    progress = store.progress(job)
    assert (progress.running, progress.done) == (1, 0)
    assert store.ledger.release(job, 0, thief.token, "test")


def test_a_worker_shows_itself(worker: WorkerProcess, store: JobStore, client: redis.Redis) -> None:
    wait_until(store.roster.workers, timeout=10, description="a worker that shows itself")

    (shown,) = store.roster.workers()
    assert shown.pid == worker.process.pid
    assert (shown.stale, shown.tasks) == (False, ())
    assert 0 < client.ttl(f"cd:worker:{shown.name}") <= 600
