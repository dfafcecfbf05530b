"""Failed articles are retried in a chunk of their own, and counted once."""

from __future__ import annotations

import json
from typing import Any

import pytest
import redis

from tests.integration.conftest import TTL_SECONDS
from tests.integration.job_step import (
    claim_chunk,
    contents,
    end_lease,
    make_job,
    pending_notifications,
    record,
    states,
)
from tests.integration.sample import PROFILE, TALLY, done, failed, make_article, make_articles
from worker.errors import ExitCode, JobStateError
from worker.queue.store.jobs import JobStore, NewChunk
from worker.queue.store.keys import Key
from worker.records.article import Article
from worker.records.job import JobId
from worker.records.priority import Priority
from worker.records.reason import Reason


def _half_failed(store: JobStore) -> JobId:
    """Make chunks of 3, 2 and 1: b1, b2, b4 have failed, b0, b3 are done, b5 is notified."""
    job = make_job(store, 3, 2, 1)
    store.ledger.notify_next(job)
    for chunk in (0, 1):
        claim = claim_chunk(store, job, chunk)
        bad = [failed(Reason.ENGINE_ERROR)] * (2 - chunk)
        record(store, claim, [*done(claim.articles[:1]), *bad])
    assert states(store, job) == {"queued": 1, "done": 2, "failed": 3}
    return job


def _letters(store: JobStore, job: JobId) -> set[str]:
    return {letter.article for letter in store.collection.dead_letters(job)}


def _collected(store: JobStore, job: JobId) -> dict[str, str]:
    """Return the state of each article by id, and check that none is there twice."""
    states_by_id = [
        (collected.article.id, collected.outcome.state)
        for collected in store.collection.articles(job)
    ]
    assert len(states_by_id) == len(dict(states_by_id)) == store.progress(job).total
    return dict(states_by_id)


def _lose_result(client: redis.Redis, article: Article) -> None:
    assert client.delete(Key.result(PROFILE.digest, article.content_digest)) == 1


def test_failed_articles_are_queued_again_and_the_rest_stays_unchanged(
    store: JobStore, client: redis.Redis
) -> None:
    untyped: Any = client
    job = _half_failed(store)
    assert _letters(store, job) == {"b1", "b2", "b4"}
    assert store.ledger.active_jobs() == []

    # b0 is done, b5 waits, b9 does not exist.
    assert store.retry(job, ["b0", "b1", "b2", "b5", "b9", "b1"]) == 2

    assert states(store, job) == {"queued": 3, "done": 2, "failed": 1}
    assert _letters(store, job) == {"b4"}
    assert store.ledger.active_jobs() == [job]
    expected = ["done", "queued", "queued", "done", "failed", "queued"]
    assert _collected(store, job) == {f"b{number}": state for number, state in enumerate(expected)}
    assert untyped.hmget(Key.ids(job), ["b0", "b1", "b2", "b4"]) == [b"0:0", b"3:0", b"3:1", b"1:1"]
    assert store.collection.article(job, "b2").article == make_article("b2")
    assert client.ttl(Key.chunk(job, 3)) == pytest.approx(TTL_SECONDS, abs=5)
    last = store.events(job, "0", wait_ms=1)[-1].fields
    assert last == {"what": "retried", "chunk": "3", "articles": "2"}


def test_articles_of_several_chunks_are_retried_together_and_end_once(
    store: JobStore, client: redis.Redis
) -> None:
    job = _half_failed(store)

    assert store.retry(job, ["b4", "b2", "b1"]) == 3

    assert not store.progress(job).finished
    assert [notification.chunk for notification in store.ledger.notify_next(job)] == [3, 4]
    for chunk in (2, 3, 4):
        claim = claim_chunk(store, job, chunk)
        assert claim.attempts == 1
        record(store, claim, done(claim.articles))
    assert states(store, job) == {"done": 6}
    assert store.progress(job).finished
    assert (_letters(store, job), pending_notifications(client, job)) == (set(), 0)
    assert set(_collected(store, job).values()) == {"done"}
    assert all(collected.result for collected in store.collection.articles(job))


@pytest.mark.parametrize(
    ("priority", "lane"), [(Priority.HIGH, 0), (Priority.NORMAL, 2), (Priority.LOW, 4)]
)
def test_retried_articles_take_the_express_lane(
    store: JobStore, priority: Priority, lane: int
) -> None:
    job = make_job(store, *[1] * 5, priority=priority)
    assert [notification.lane for notification in store.ledger.notify_next(job)] == [
        *[lane] * 4,
        lane + 1,
    ]
    record(store, claim_chunk(store, job, 4), [failed(Reason.ENGINE_ERROR)])

    store.retry(job, ["b4"])

    assert [
        (notification.chunk, notification.lane) for notification in store.ledger.notify_next(job)
    ] == [(5, lane)]


def test_an_article_that_fails_again_is_a_dead_letter_again(store: JobStore) -> None:
    job = _half_failed(store)
    store.retry(job, ["b1"])
    claim = claim_chunk(store, job, 3)

    record(store, claim, [failed(Reason.WORKER_LOST, attempts=3)])

    assert states(store, job) == {"queued": 1, "done": 2, "failed": 3}
    assert _letters(store, job) == {"b1", "b2", "b4"}
    assert store.collection.article(job, "b1").outcome.reason is Reason.WORKER_LOST
    assert store.retry(job, ["b1"]) == 1
    assert _collected(store, job)["b1"] == "queued"


def test_a_second_retry_finds_nothing_to_do(store: JobStore, client: redis.Redis) -> None:
    job = _half_failed(store)
    assert store.retry(job, ["b1", "b2", "b4"]) == 3
    before = contents(client)

    assert store.retry(job, ["b1", "b2", "b4"]) == 0

    assert contents(client) == before


@pytest.mark.parametrize("moment", ["articles", "number"])
def test_two_concurrent_retries_move_an_article_once(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    job = _half_failed(store)
    rival = JobStore(client, ttl_seconds=TTL_SECONDS)
    name, owner = {
        "articles": ("chunk", store.collection),  # the retry has read which articles failed
        "number": ("_count_chunks", store),  # the retry has read everything, and is about to write
    }[moment]
    read = getattr(owner, name)

    def read_slowly(*args: Any) -> Any:
        answer = read(*args)
        answer = answer if isinstance(answer, int) else list(answer)
        rival.retry(job, ["b1", "b2"])
        return answer

    monkeypatch.setattr(owner, name, read_slowly)

    assert store.retry(job, ["b1", "b2"]) == 0

    assert states(store, job) == {"queued": 3, "done": 2, "failed": 1}
    assert _collected(store, job)["b1"] == "queued"
    assert store.progress(job).total == 6


def test_a_chunk_added_during_a_retry_costs_nothing(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _half_failed(store)
    rival, count_chunks = JobStore(client, ttl_seconds=TTL_SECONDS), store._count_chunks
    more = iter([NewChunk([make_article("more")], cached=False)])

    def count_slowly(asked: JobId) -> int:
        count = count_chunks(asked)
        for chunk in more:
            rival.add(job, [chunk])
        return count

    monkeypatch.setattr(store, "_count_chunks", count_slowly)

    assert store.retry(job, ["b1"]) == 1

    assert states(store, job) == {"queued": 3, "done": 2, "failed": 2}
    assert set(_collected(store, job)) == {"more", *(f"b{n}" for n in range(6))}


def test_a_late_result_of_the_old_chunk_is_refused(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 2)
    late = claim_chunk(store, job)
    end_lease(client, job)
    record(store, claim_chunk(store, job), [failed(Reason.ENGINE_ERROR)] * 2)
    store.retry(job, ["b0", "b1"])
    before = contents(client)

    assert not store.ledger.complete(late, done(late.articles), TALLY)

    assert contents(client) == before


def test_an_article_whose_result_is_lost_is_processed_again(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, 3)
    claim = claim_chunk(store, job)
    record(store, claim, [*done(claim.articles[:2]), failed(Reason.NO_STORY)])
    _lose_result(client, claim.articles[1])

    assert store.retry(job, ["b0", "b1", "b2"]) == 2

    assert states(store, job) == {"queued": 2, "done": 1}
    again = claim_chunk(store, job, 1)
    assert [article.id for article in again.articles] == ["b1", "b2"]
    record(store, again, done(again.articles))
    assert _collected(store, job) == {"b0": "done", "b1": "done", "b2": "done"}
    assert states(store, job) == {"done": 3}


def test_a_lost_cached_result_no_longer_counts_as_cached(
    store: JobStore, client: redis.Redis
) -> None:
    articles = make_articles(2)
    claim = claim_chunk(store, make_job(store, 2))
    record(store, claim, done(articles))
    job = store.create(PROFILE)
    store.add(job, [NewChunk(articles, cached=True)])
    store.close(job)
    _lose_result(client, articles[0])
    assert store.progress(job).cached == 2

    assert store.retry(job, ["b0", "b1"]) == 1

    assert states(store, job) == {"queued": 1, "done": 1}
    assert store.progress(job).cached == 1
    again = claim_chunk(store, job, 1)
    record(store, again, done(again.articles))
    assert (states(store, job), store.progress(job).cached) == ({"done": 2}, 1)


def test_a_cancelled_job_is_not_retried(store: JobStore, client: redis.Redis) -> None:
    job = _half_failed(store)
    store.cancel(job)
    before = contents(client)

    with pytest.raises(JobStateError) as caught:
        store.retry(job, ["b1"])

    assert (caught.value.code, caught.value.exit_code) == ("job_cancelled", ExitCode.USAGE)
    assert contents(client) == before


def test_the_old_chunk_keeps_the_outcomes_of_its_other_articles(
    store: JobStore, client: redis.Redis
) -> None:
    untyped: Any = client
    job = _half_failed(store)

    store.retry(job, ["b1"])

    first, moved, second = json.loads(untyped.hget(Key.chunk(job, 0), "outcomes"))
    assert (first["state"], moved, second["state"]) == ("done", None, "failed")
    with pytest.raises(KeyError):
        dict(store.collection.chunk(job, 0))[1]
