"""Workers that end during their work; each test has its own."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration.job_step import (
    attempts,
    end_lease,
    finish,
    messages,
    submit_all,
    wait_for_gate,
)
from tests.integration.sample import make_article, make_articles
from tests.integration.worker_process import running_worker
from tests.support.fake_worker import DIES, PATIENCE, TIME_LIMIT, WAITS
from tests.support.waiting import wait_until
from worker.config.settings import Settings
from worker.queue.store.jobs import JobStore
from worker.records.article import ArticleState
from worker.records.reason import Reason


def test_an_article_that_kills_every_worker_fails(
    store: JobStore, settings: Settings, tmp_path: Path
) -> None:
    # Every accepted article ends as done, failed or cancelled, whatever is killed.
    one_chunk = settings.model_copy(update={"chunk_articles": 32})
    articles = [*make_articles(31), make_article("deadly", word=DIES)]

    with running_worker(settings, store, tmp_path) as worker:
        job = submit_all(articles, store, one_chunk).job
        finished = finish(store, job)
        assert worker.process.poll() is None

    deadly = finished.pop("deadly").outcome
    assert (deadly.state, deadly.reason) == ("failed", Reason.WORKER_LOST)
    # Lost with the whole chunk and twice alone; the fourth attempt fails it.
    assert (deadly.attempts, deadly.stage) == (3, "repair")
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
    assert (store.progress(job).done, store.progress(job).failed) == (31, 1)


@pytest.mark.parametrize("broker", ["embedded"], indirect=True)
def test_a_task_that_dies_in_a_chunk_without_a_message_releases_it(
    store: JobStore, settings: Settings, tmp_path: Path
) -> None:
    one_each = settings.model_copy(update={"chunk_articles": 1})
    # The longest article is the last chunk, which a task reaches beyond the window.
    articles = [*make_articles(17), make_article("the-deadly-one", word=DIES)]

    with running_worker(settings, store, tmp_path):
        job = submit_all(articles, store, one_each).job
        finished = finish(store, job)

    # No lease had to expire.
    events = [event.fields for event in store.events(job, "0", wait_ms=1)]
    assert [event["why"] for event in events if event["what"] == "released"] == ["child_lost"]
    deadly = finished.pop("the-deadly-one").outcome
    assert (deadly.state, deadly.reason) == (ArticleState.FAILED, Reason.WORKER_LOST)
    assert (deadly.attempts, deadly.stage) == (3, "repair")
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}


def test_an_article_that_takes_too_long_fails(
    store: JobStore, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # One bad article never costs another.
    monkeypatch.setenv(TIME_LIMIT, "2")
    articles = [*make_articles(3), make_article("endless", word=WAITS)]

    with running_worker(settings, store, tmp_path):
        finished = finish(store, submit_all(articles, store, settings).job)

    endless = finished.pop("endless")
    assert (endless.outcome.state, endless.outcome.reason) == ("failed", Reason.TOO_SLOW)
    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}


def test_a_worker_finishes_its_chunk_after_sigterm(
    store: JobStore, settings: Settings, client: redis.Redis, tmp_path: Path
) -> None:
    one_each = settings.model_copy(update={"chunk_articles": 1})
    with running_worker(settings, store, tmp_path) as worker:
        job = submit_all([make_article("slow", word=WAITS)], store, one_each).job
        wait_for_gate(worker)
        rest = submit_all(make_articles(3), store, one_each).job

        worker.process.send_signal(signal.SIGTERM)
        wait_until(
            lambda: "shutdown" in worker.log.lower(),
            timeout=10,
            description="a worker that shuts down",
        )
        assert worker.process.poll() is None
        worker.gate.open()

        # It exits at once, without waiting for the 30 s that the chunk may take.
        assert worker.process.wait(15) == 0

    assert finish(store, job)["slow"].outcome.state is ArticleState.DONE
    assert attempts(client, job) == [1]
    # The other chunks wait for another worker, unless this worker had time for them.
    progress = store.progress(rest)
    assert progress.running == 0
    assert progress.queued == messages(client)


def test_a_worker_out_of_time_after_sigquit_releases_its_chunk(
    store: JobStore,
    settings: Settings,
    client: redis.Redis,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(PATIENCE, "0.5")
    with running_worker(settings, store, tmp_path / "first") as first:
        job = submit_all([make_article("slow", word=WAITS)], store, settings).job
        wait_for_gate(first)
        first.stop(signal.SIGQUIT)
    # Celery restores the message and the worker sends another: one of them finds the chunk done.
    assert (store.progress(job).queued, messages(client)) == (1, 2)

    with running_worker(settings, store, tmp_path / "second") as second:
        second.gate.open()
        finished = finish(store, job)

    assert finished["slow"].outcome.state is ArticleState.DONE
    assert attempts(client, job) == [2]


def test_a_worker_and_its_child_killed_at_once_lose_nothing(
    store: JobStore, settings: Settings, client: redis.Redis, tmp_path: Path
) -> None:
    with running_worker(settings, store, tmp_path / "first") as first:
        job = submit_all([make_article("slow", word=WAITS), *make_articles(3)], store, settings).job
        wait_for_gate(first)
        first.kill()
    # As after its lease and its visibility timeout.
    end_lease(client, job)
    untyped: Any = client
    (tag,) = untyped.zrange("cd:mq:unacked_index", 0, -1)
    client.zadd("cd:mq:unacked_index", {tag: 1})

    with running_worker(settings, store, tmp_path / "second") as second:
        second.gate.open()
        finished = finish(store, job)

    assert {collected.outcome.state for collected in finished.values()} == {ArticleState.DONE}
    assert attempts(client, job) == [2]
