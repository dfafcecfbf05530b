"""A real worker process on a real queue, with a rule-based engine."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from tests.integration.job_step import (
    attempts,
    claim_chunk,
    finish,
    messages,
    pending_notifications,
    record,
    states,
    submit_all,
    wait_for_gate,
)
from tests.integration.sample import WORKER, done, make_article, make_articles
from tests.integration.worker_process import WorkerProcess, running_worker
from tests.support.broker import RunningBroker
from tests.support.fake_engine import BREAKS, FAILS
from tests.support.fake_worker import WAITS
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_profile, load_settings
from worker.queue.connection import connect
from worker.queue.store.jobs import JobStore, NewChunk
from worker.records.article import Article, ArticleState
from worker.records.priority import Priority
from worker.records.reason import Reason


@pytest.fixture(scope="module")
def worker(
    broker: RunningBroker, broker_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkerProcess]:
    """A worker shared by the tests that do not kill it."""
    with connect(broker.url) as client:
        store = JobStore(client, ttl_seconds=600)
        settings = load_settings(home=broker_home, broker_url=broker.url)
        with running_worker(settings, store, tmp_path_factory.mktemp("worker")) as running:
            yield running


@pytest.fixture
def gated(worker: WorkerProcess) -> WorkerProcess:
    """The worker with its gate closed."""
    worker.gate.close()
    return worker


@pytest.mark.usefixtures("worker")
def test_two_hundred_articles_are_done_once_each(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    articles = make_articles(200)
    job = submit_all(articles, store, settings).job

    finished = finish(store, job)

    assert {collected.article.id: collected.article for collected in finished.values()} == {
        article.id: article for article in articles
    }
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
    assert all(
        collected.result and f"bridge {name} " in collected.result.repaired
        for name, collected in finished.items()
    )
    assert attempts(client, job) == [1] * 13
    wait_until(lambda: messages(client) == 0, timeout=10, description="no message left")
    assert pending_notifications(client, job) == 0
    stats = store.roster.stats()
    assert (stats["chunks"], stats["done"], stats["cached"]) == (13, 200, 0)
    # The rule-based engine counts each word as a token, and writes the summaries.
    assert stats["tokens_read"] > stats["tokens_written"] > 200


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize(
    ("word", "reason"), [(FAILS, Reason.ENGINE_ERROR), (BREAKS, Reason.INTERNAL_ERROR)]
)
def test_an_article_that_breaks_the_engine_costs_no_other(
    store: JobStore, settings: Settings, word: str, reason: Reason
) -> None:
    articles = [*make_articles(20), make_article("bad", word=word)]

    finished = finish(store, submit_all(articles, store, settings).job)

    bad = finished.pop("bad")
    assert (bad.outcome.state, bad.outcome.reason, bad.result) == ("failed", reason, None)
    assert bad.outcome.message
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}


@pytest.mark.usefixtures("worker")
def test_done_articles_are_not_processed_again(
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
    assert all(after[name].result == collected.result for name, collected in before.items())
    assert client.info("commandstats")["cmdstat_lpush"]["calls"] == sent


@pytest.mark.usefixtures("worker")
def test_only_new_articles_are_processed(store: JobStore, settings: Settings) -> None:
    finish(store, submit_all(make_articles(5), store, settings).job)

    again = submit_all(make_articles(8), store, settings)

    assert (again.accepted, again.cached) == (8, 5)
    finished = finish(store, again.job)
    assert sum(collected.outcome.cached for collected in finished.values()) == 5
    assert store.progress(again.job).cached == 5


@pytest.mark.usefixtures("worker")
def test_a_failed_article_is_tried_again_by_another_submit(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    article = make_article("bad", word=FAILS)
    finish(store, submit_all([article], store, settings).job)

    again = submit_all([article], store, settings)

    assert again.cached == 0
    finish(store, again.job)
    assert attempts(client, again.job) == [1]


def test_a_child_killed_during_a_chunk(
    gated: WorkerProcess, store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    articles = [*make_articles(3), make_article("slow", word=WAITS)]
    job = submit_all(articles, store, settings).job
    (child,) = wait_for_gate(gated)
    assert store.progress(job).running == 4

    os.kill(child, signal.SIGKILL)
    wait_for_gate(gated, comers=2)
    gated.gate.open()

    finished = finish(store, job)
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
    assert store.progress(job).done == 4
    assert attempts(client, job) == [2]
    wait_until(lambda: messages(client) == 0, timeout=10, description="no message left")


def test_a_late_result_of_a_chunk_that_another_worker_holds_is_dropped(
    gated: WorkerProcess, store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    job = submit_all([make_article("slow", word=WAITS)], store, settings).job
    wait_for_gate(gated)
    # As after a minute without network, in which another worker came.
    client.zadd("cd:leases", {f"{job}:0": 1}, xx=True)
    thief = store.ledger.claim(job, 0, worker=WORKER, task="another message", retried=False)
    assert not isinstance(thief, str)

    gated.gate.open()
    wait_until(lambda: messages(client) == 0, timeout=30, description="a late result")

    progress = store.progress(job)
    assert (progress.running, progress.done) == (1, 0)
    assert store.ledger.release(job, 0, thief.token, "test")


def test_a_worker_registers(worker: WorkerProcess, store: JobStore, client: redis.Redis) -> None:
    wait_until(store.roster.workers, timeout=10, description="a worker that registers")

    (shown,) = store.roster.workers()
    assert shown.pid == worker.process.pid
    assert (shown.stale, shown.tasks) == (False, ())
    assert 0 < client.ttl(f"cd:worker:{shown.name}") <= 600


# Order of work ----------------------------------------------------------------------------------


def test_priorities_come_in_order_and_small_jobs_before_the_bulk_of_large_ones(
    gated: WorkerProcess, store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    one_each = settings.model_copy(update={"chunk_articles": 1})
    submit_all([make_article("blocker", word=WAITS)], store, one_each)
    wait_for_gate(gated)
    sizes = {
        "low": (Priority.LOW, 2),
        "large": (Priority.NORMAL, 10),
        "small": (Priority.NORMAL, 3),
        "high": (Priority.HIGH, 2),
    }
    jobs = {}
    for name, (priority, size) in sizes.items():
        articles = [make_article(f"{name}-{number}") for number in range(size)]
        jobs[name] = submit_all(articles, store, one_each, priority=priority).job

    gated.gate.open()
    for job in jobs.values():
        finish(store, job)

    claimed = sorted(
        (int(event.id.partition("-")[0]), name, int(event.fields["chunk"]))
        for name, job in jobs.items()
        for event in store.events(job, "0", wait_ms=1)
        if event.fields["what"] == "claimed"
    )
    assert [(name, chunk) for _, name, chunk in claimed] == [
        *(("high", chunk) for chunk in range(2)),
        *(("large", chunk) for chunk in range(4)),
        *(("small", chunk) for chunk in range(3)),
        *(("large", chunk) for chunk in range(4, 10)),
        *(("low", chunk) for chunk in range(2)),
    ]
    assert [pending_notifications(client, job) for job in jobs.values()] == [0] * 4


# Cancel ---------------------------------------------------------------------------------------


def _two_chunks() -> list[Article]:
    """Articles for a chunk of four, the first of which waits at the gate, and a chunk of two."""
    longer = [make_article(f"on-the-road-to-the-harbour-{number}") for number in range(5)]
    return [make_article("slow", word=WAITS), *longer]


def test_a_cancelled_job_stops_at_the_next_checkpoint_and_keeps_its_results(
    gated: WorkerProcess, store: JobStore, settings: Settings
) -> None:
    fours = settings.model_copy(update={"chunk_articles": 4})
    articles = _two_chunks()
    job = submit_all(articles, store, fours).job
    wait_for_gate(gated)
    # Meanwhile another worker has recorded the result of one article.
    other_job = store.create(store.collection.profile(job))
    store.add(other_job, [NewChunk(articles[1:2], cached=False)])
    record(store, claim_chunk(store, other_job), done(articles[1:2]))

    assert store.cancel(job) == 2
    assert states(store, job) == {"running": 4, "cancelled": 2}
    gated.gate.open()
    finished = finish(store, job)

    assert states(store, job) == {"done": 1, "cancelled": 5}
    kept = finished.pop(articles[1].id)
    assert (kept.outcome.state, kept.result) == (ArticleState.DONE, done(articles[1:2])[0].result)
    assert {collected.outcome.reason for collected in finished.values()} == {Reason.CANCELLED}
    assert all(collected.outcome.hint for collected in finished.values())


def test_a_worker_cancels_a_job_past_its_deadline(
    gated: WorkerProcess, store: JobStore, settings: Settings
) -> None:
    fours = settings.model_copy(update={"chunk_articles": 4})
    job = submit_all(_two_chunks(), store, fours, deadline=timedelta(seconds=1)).job
    wait_for_gate(gated)

    wait_until(
        lambda: store.progress(job).cancel, timeout=20, description="the end of the deadline"
    )
    gated.gate.open()
    finished = finish(store, job)

    assert store.progress(job).cancel is Reason.DEADLINE
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.CANCELLED}
    assert {collected.outcome.reason for collected in finished.values()} == {Reason.DEADLINE}


# Lost notifications ---------------------------------------------------------------------------


@pytest.mark.usefixtures("worker")
@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_chunks_are_found_whose_client_died_before_it_sent_messages(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    jobs = []
    for name in ("notified", "waiting"):
        job = store.create(load_profile(settings))
        store.add(job, [NewChunk([make_article(f"{name}-{n}")], cached=False) for n in range(6)])
        store.close(job)
        jobs.append(job)
    # Noted in the ledger, but no message sent.
    assert len(store.ledger.notify_next(jobs[0])) == 6

    for job in jobs:
        finished = finish(store, job)
        assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
        assert pending_notifications(client, job) == 0
