from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import redis

from tests.integration.conftest import TTL_SECONDS
from tests.integration.sample import (
    PROFILE,
    counts_sum,
    done,
    failed,
    make_article,
    make_articles,
)
from worker.errors import ArticleNotFoundError, ExitCode, JobNotFoundError
from worker.jobs import LEASE_MILLISECONDS, JobStore
from worker.reason import Reason
from worker.records import ArticleState, Claim, InputRefusal, JobId, JobProgress
from worker.settings import Profile


def _job(store: JobStore, *sizes: int) -> JobId:
    """A closed job with chunks of these sizes, all queued."""
    job = store.create(PROFILE)
    articles = iter(make_articles(sum(sizes)))
    for number, size in enumerate(sizes):
        store.add_chunk(job, number, [next(articles) for _ in range(size)], cached=False)
    store.close(job)
    return job


def _claim(store: JobStore, job: JobId, chunk: int = 0, task: str = "message-1") -> Claim:
    claim = store.claim(job, chunk, task=task, came_back=False)
    assert isinstance(claim, Claim)
    return claim


def _states(progress: JobProgress) -> dict[str, int]:
    assert counts_sum(progress)
    counted = {state.value: getattr(progress, state.value) for state in ArticleState}
    return {state: count for state, count in counted.items() if count}


def _end_lease(client: redis.Redis, job: JobId, chunk: int = 0) -> None:
    """As if its holder had not been heard of for a minute."""
    client.zadd("cd:leases", {f"{job}:{chunk}": 1}, xx=True)


def test_every_step_moves_each_article_to_one_state(store: JobStore) -> None:
    job = store.create(PROFILE)
    assert _states(store.progress(job)) == {}
    first, second, found = make_articles(3), make_articles(7)[3:], [make_article("known")]

    store.add_chunk(job, 0, first, cached=False)
    assert _states(store.progress(job)) == {"queued": 3}
    store.add_chunk(job, 1, second, cached=False)
    store.add_chunk(job, 2, found, cached=True)
    assert _states(store.progress(job)) == {"queued": 7, "done": 1}
    claim = _claim(store, job, 0)
    assert _states(store.progress(job)) == {"queued": 4, "running": 3, "done": 1}
    assert store.release(claim)
    assert _states(store.progress(job)) == {"queued": 7, "done": 1}
    assert store.complete(_claim(store, job, 0), [*done(first[:2]), failed(Reason.NOT_ENGLISH)])
    assert _states(store.progress(job)) == {"queued": 4, "done": 3, "failed": 1}
    assert store.complete(_claim(store, job, 1), done(second))
    assert _states(store.progress(job)) == {"done": 7, "failed": 1}
    assert store.progress(job).cached == 1


def test_a_job_is_finished_when_it_is_closed_and_nothing_is_left(store: JobStore) -> None:
    job = store.create(PROFILE)
    store.add_chunk(job, 0, make_articles(1), cached=True)
    assert not store.progress(job).finished

    store.close(job)

    assert store.progress(job).finished


def test_a_claim_holds_the_chunks_articles_in_order(store: JobStore) -> None:
    job = _job(store, 2, 3)

    claim = _claim(store, job, 1)

    assert claim.articles == tuple(make_articles(5)[2:])
    assert (claim.job, claim.chunk, claim.attempts, claim.profile) == (job, 1, 1, PROFILE)


@pytest.mark.parametrize("came_back", [False, True])
def test_a_live_lease_keeps_other_messages_out(store: JobStore, came_back: bool) -> None:
    job = _job(store, 2)
    _claim(store, job)

    assert store.claim(job, 0, task="message-2", came_back=came_back) == "held"
    assert _states(store.progress(job)) == {"running": 2}


def test_the_same_message_delivered_twice_at_once_is_held(store: JobStore) -> None:
    job = _job(store, 1)
    _claim(store, job)

    assert store.claim(job, 0, task="message-1", came_back=False) == "held"


def test_the_message_that_came_back_takes_over(store: JobStore) -> None:
    job = _job(store, 2)
    lost = _claim(store, job)

    again = store.claim(job, 0, task="message-1", came_back=True)

    assert isinstance(again, Claim)
    assert (again.attempts, again.token != lost.token) == (2, True)
    assert _states(store.progress(job)) == {"running": 2}


def test_a_chunk_whose_lease_is_over_is_anyones(store: JobStore, client: redis.Redis) -> None:
    job = _job(store, 2)
    _claim(store, job)
    _end_lease(client, job)

    again = store.claim(job, 0, task="message-2", came_back=False)

    assert isinstance(again, Claim)
    assert again.attempts == 2


def test_a_stale_token_records_nothing(store: JobStore, client: redis.Redis) -> None:
    job = _job(store, 2)
    stale = _claim(store, job)
    _end_lease(client, job)
    holder = _claim(store, job, task="message-2")
    before = store.progress(job)

    assert not store.complete(stale, done(stale.articles))
    assert not store.release(stale)
    assert not store.renew(stale, delivery="tag")

    assert store.progress(job) == before
    assert store.known(PROFILE, stale.articles) == [False, False]
    assert store.complete(holder, [failed(Reason.ENGINE_ERROR)] * 2)
    assert _states(store.progress(job)) == {"failed": 2}


def test_a_chunk_is_recorded_once(store: JobStore) -> None:
    job = _job(store, 2)
    claim = _claim(store, job)
    assert store.complete(claim, done(claim.articles))
    before = store.progress(job)

    assert not store.complete(claim, [failed(Reason.ENGINE_ERROR)] * 2)
    assert not store.release(claim)
    assert store.claim(job, 0, task="message-1", came_back=True) == "done"

    assert store.progress(job) == before
    assert [found.outcome.state for found in store.articles(job)] == [ArticleState.DONE] * 2


def test_there_must_be_one_outcome_for_each_article(store: JobStore) -> None:
    claim = _claim(store, _job(store, 2))

    with pytest.raises(ValueError, match="1 results for 2 articles"):
        store.complete(claim, done(claim.articles[:1]))


def test_a_renewed_lease_lives_on_and_so_does_its_message(
    store: JobStore, client: redis.Redis
) -> None:
    untyped: Any = client
    job = _job(store, 1)
    claim = _claim(store, job)
    client.zadd("cd:mq:unacked_index", {"tag": 1})
    untyped.zadd("cd:leases", {f"{job}:0": 5})

    assert store.renew(claim, delivery="tag")

    seconds, microseconds = untyped.time()
    now = seconds * 1000 + microseconds // 1000
    assert 0 < untyped.zscore("cd:leases", f"{job}:0") - now <= LEASE_MILLISECONDS
    assert abs(untyped.zscore("cd:mq:unacked_index", "tag") - seconds) < 5


def test_a_message_that_is_settled_is_not_made_unsettled_by_a_renewal(
    store: JobStore, client: redis.Redis
) -> None:
    claim = _claim(store, _job(store, 1))

    store.renew(claim, delivery="settled")

    assert client.exists("cd:mq:unacked_index") == 0


def test_leases_go_with_their_chunk(store: JobStore, client: redis.Redis) -> None:
    job = _job(store, 1, 1)
    store.release(_claim(store, job, 0))
    claim = _claim(store, job, 1)
    store.complete(claim, done(claim.articles))

    assert client.exists("cd:leases") == 0


@pytest.mark.parametrize(("job", "chunk"), [("260101-0000-abcdef", 0), (None, 7)])
def test_what_is_not_there_is_gone(store: JobStore, job: str | None, chunk: int) -> None:
    found = _job(store, 1)

    assert store.claim(JobId(job or found), chunk, task="message-1", came_back=False) == "gone"


def test_a_cancelled_job_is_not_claimed(store: JobStore, client: redis.Redis) -> None:
    job = _job(store, 1)
    client.hset(f"cd:job:{job}", "cancel", 1)

    assert store.claim(job, 0, task="message-1", came_back=False) == "cancelled"


def test_a_result_is_known_under_its_profile_and_its_whole_content(store: JobStore) -> None:
    job = _job(store, 2)
    claim = _claim(store, job)
    store.complete(claim, [*done(claim.articles[:1]), failed(Reason.NO_STORY)])
    kept, lost = claim.articles
    titled = kept.model_copy(update={"title": "Another headline"})
    renamed = kept.model_copy(update={"id": "another-id"})
    other = Profile(name=PROFILE.name, model_digest="other weights")

    assert store.known(PROFILE, [kept, lost, titled, renamed]) == [True, False, False, True]
    assert store.known(other, [kept]) == [False]


def test_a_profile_that_gets_other_weights_gets_another_digest() -> None:
    profile = Profile(name="test")
    assert profile.digest == PROFILE.digest

    weighed = profile.model_copy(update={"model_digest": "other weights"})

    assert weighed.digest != profile.digest


def test_looking_for_a_result_lets_it_live_a_full_term(
    store: JobStore, client: redis.Redis
) -> None:
    claim = _claim(store, _job(store, 1))
    store.complete(claim, done(claim.articles))
    key = f"cd:result:{PROFILE.digest}:{claim.articles[0].content_digest}"
    client.expire(key, 10)

    store.known(PROFILE, claim.articles)

    assert client.ttl(key) == pytest.approx(TTL_SECONDS, abs=5)


def test_a_cached_chunk_is_done_at_once_and_has_its_results(store: JobStore) -> None:
    claim = _claim(store, _job(store, 2))
    store.complete(claim, done(claim.articles))
    again = store.create(PROFILE)

    store.add_chunk(again, 0, claim.articles, cached=True)
    store.close(again)

    progress = store.progress(again)
    assert (progress.finished, progress.done, progress.cached) == (True, 2, 2)
    found = list(store.articles(again))
    assert [one.result for one in found] == [one.result for one in done(claim.articles)]
    assert all(one.outcome.cached for one in found)
    assert store.claim(again, 0, task="message-9", came_back=False) == "done"


def test_articles_come_with_what_is_known_of_each(store: JobStore) -> None:
    job = _job(store, 2, 1, 1)
    claim = _claim(store, job, 0)
    store.complete(claim, [*done(claim.articles[:1]), failed(Reason.NOT_ENGLISH)])
    _claim(store, job, 1)

    found = list(store.articles(job))

    assert [one.article for one in found] == make_articles(4)
    assert [one.outcome.state for one in found] == ["done", "failed", "running", "queued"]
    assert found[0].result == done(claim.articles)[0].result
    assert (found[1].outcome.reason, found[1].result) == (Reason.NOT_ENGLISH, None)


def test_an_article_is_found_by_its_id(store: JobStore) -> None:
    job = _job(store, 2, 2)

    assert store.article(job, "b3").article == make_article("b3")


def test_an_article_that_is_not_there(store: JobStore) -> None:
    with pytest.raises(ArticleNotFoundError) as caught:
        store.article(_job(store, 1), "b1")

    assert (caught.value.code, caught.value.exit_code) == ("article_not_found", ExitCode.NOT_FOUND)


@pytest.mark.parametrize("question", ["progress", "articles", "article"])
def test_a_job_that_is_not_there(store: JobStore, question: str) -> None:
    nobody = JobId("260101-0000-abcdef")
    ask: Callable[[], object] = {
        "progress": lambda: store.progress(nobody),
        "articles": lambda: list(store.articles(nobody)),
        "article": lambda: store.article(nobody, "b1"),
    }[question]

    with pytest.raises(JobNotFoundError) as caught:
        ask()

    assert (caught.value.code, caught.value.exit_code) == ("job_not_found", ExitCode.NOT_FOUND)


def test_a_result_that_the_store_lost_is_a_failure_that_says_so(
    store: JobStore, client: redis.Redis
) -> None:
    job = _job(store, 1)
    claim = _claim(store, job)
    store.complete(claim, done(claim.articles))
    client.delete(f"cd:result:{PROFILE.digest}:{claim.articles[0].content_digest}")

    (found,) = store.articles(job)

    assert (found.outcome.state, found.result) == (ArticleState.FAILED, None)
    assert found.outcome.reason is Reason.INTERNAL_ERROR


def test_refusals_keep_their_order_past_one_page(store: JobStore) -> None:
    job = store.create(PROFILE)
    said = [
        InputRefusal(reason=Reason.EMPTY, source=f"dump.jsonl:{line}", message="it holds no text")
        for line in range(1_002)
    ]
    for refusal in said:
        store.refuse(job, refusal)

    assert list(store.refusals(job)) == said
    assert store.progress(job).refused == len(said)
    assert _states(store.progress(job)) == {}


def test_jobs_come_newest_first(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    for now in (1_800_000_000.0, 1_800_000_060.0, 1_800_000_030.0):
        monkeypatch.setattr("worker.jobs.time.time", lambda now=now: now)
        made.append(store.create(PROFILE))

    assert [job.id for job in store.jobs()] == [made[1], made[2], made[0]]


def test_an_expired_job_is_not_listed_and_its_name_goes(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = store.create(PROFILE)
    client.delete(f"cd:job:{expired}")
    assert store.jobs() == []
    later = store.progress(store.create(PROFILE)).created + TTL_SECONDS + 60

    monkeypatch.setattr("worker.jobs.time.time", lambda: later)
    store.create(PROFILE)

    assert client.zscore("cd:jobs", expired) is None


@pytest.mark.parametrize("step", ["complete", "release", "close", "add_chunk", "refuse"])
def test_a_job_that_expires_in_the_middle_leaves_nothing_behind(
    store: JobStore, client: redis.Redis, step: str
) -> None:
    # The fixture of ``client`` looks for keys that would stay for ever.
    job = _job(store, 1)
    claim = _claim(store, job)
    client.delete(f"cd:job:{job}")

    take: Callable[[], object] = {
        "complete": lambda: store.complete(claim, done(claim.articles)),
        "release": lambda: store.release(claim),
        "close": lambda: store.close(job),
        "add_chunk": lambda: store.add_chunk(job, 1, make_articles(1), cached=False),
        "refuse": lambda: store.refuse(
            job, InputRefusal(reason=Reason.EMPTY, source="a.txt", message="it holds no text")
        ),
    }[step]
    # A task's late step is refused like any other; a submit is told that its job is gone.
    if step in {"complete", "release"}:
        assert take() is False
    else:
        with pytest.raises(JobNotFoundError):
            take()

    assert client.exists(f"cd:job:{job}") == 0
