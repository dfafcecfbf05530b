"""The job store: jobs from creation to removal, and the outcomes of their articles."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis

from tests.integration.conftest import TTL_SECONDS
from tests.integration.job_step import (
    claim_chunk,
    contents,
    make_job,
    pending_notifications,
    record,
    release,
    states,
)
from tests.integration.sample import (
    PROFILE,
    TALLY,
    WORKER,
    done,
    failed,
    make_article,
    make_articles,
)
from worker.config.profile import Profile, RepairSettings
from worker.errors import ArticleNotFoundError, ExitCode, JobNotFoundError, JobStateError
from worker.queue.store.jobs import JobStore, NewChunk
from worker.queue.store.keys import Key
from worker.records.article import ArticleState, InputRefusal
from worker.records.job import JobId
from worker.records.priority import LANE_COUNT, Priority
from worker.records.reason import Reason

_NO_JOB = JobId("260101-0000-abcdef")


def _refusal(line: int) -> InputRefusal:
    return InputRefusal(reason=Reason.EMPTY, source=f"dump.jsonl:{line}", message="no text")


# Life of a job --------------------------------------------------------------------------------


def test_a_job_is_created_with_its_options(store: JobStore, client: redis.Redis) -> None:
    bold = RepairSettings(restraint="bold")
    profile = PROFILE.model_copy(update={"repair": bold})
    job = store.create(
        profile,
        priority=Priority.LOW,
        deadline=timedelta(hours=2),
        inputs=["a.txt", "dump\udcff.jsonl"],
        folder="/somewhere",
    )

    created = store.progress(job)
    assert (created.profile, created.priority, created.cancel) == ("test", Priority.LOW, None)
    assert created.restraint == "bold"
    assert (created.total, created.closed, created.finished) == (0, False, False)
    assert created.deadline == pytest.approx(created.created + 7200)
    assert client.zscore(Key.DEADLINES, job) == int((created.deadline or 0) * 1000)
    assert store.inputs(job) == (["a.txt", "dump\udcff.jsonl"], "/somewhere")
    assert store.collection.profile(job) == profile
    assert client.ttl(Key.job(job)) == pytest.approx(TTL_SECONDS, abs=5)


def test_a_job_without_a_deadline_is_never_overdue(store: JobStore, client: redis.Redis) -> None:
    assert store.progress(make_job(store, 1)).deadline is None
    assert client.exists(Key.DEADLINES) == 0


def test_every_step_moves_each_article_to_one_state(store: JobStore) -> None:
    job = store.create(PROFILE)
    assert states(store, job) == {}
    first, second, cached = make_articles(3), make_articles(7)[3:], [make_article("cached")]

    store.add(job, [NewChunk(first, cached=False)])
    assert states(store, job) == {"queued": 3}
    store.add(job, [NewChunk(second, cached=False), NewChunk(cached, cached=True)])
    assert states(store, job) == {"queued": 7, "done": 1}
    claim = claim_chunk(store, job, 0)
    assert states(store, job) == {"queued": 4, "running": 3, "done": 1}
    assert release(store, claim)
    assert states(store, job) == {"queued": 7, "done": 1}
    record(store, claim_chunk(store, job, 0), [*done(first[:2]), failed(Reason.NOT_ENGLISH)])
    assert states(store, job) == {"queued": 4, "done": 3, "failed": 1}
    record(store, claim_chunk(store, job, 1), done(second))
    assert states(store, job) == {"done": 7, "failed": 1}
    assert store.progress(job).cached == 1


def test_a_job_is_finished_when_it_is_closed_and_nothing_is_left(store: JobStore) -> None:
    job = store.create(PROFILE)
    store.add(job, [NewChunk(make_articles(1), cached=True)])
    assert not store.progress(job).finished

    store.close(job)

    assert store.progress(job).finished


def test_chunks_are_accepted_all_or_none(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(store, 1, 2)
    before = contents(client)
    # As if another client had added the second chunk since.
    monkeypatch.setattr(store, "_count_chunks", lambda _job: 1)

    with pytest.raises(JobStateError) as caught:
        store.add(job, [NewChunk([make_article(name)], cached=False) for name in ("x", "y")])

    assert (caught.value.code, caught.value.exit_code) == ("job_busy", ExitCode.USAGE)
    assert contents(client) == before


def test_added_chunks_wait_and_are_the_jobs_backlog(store: JobStore, client: redis.Redis) -> None:
    untyped: Any = client
    job = store.create(PROFILE)
    chunks = [NewChunk([article], cached=False) for article in make_articles(6)]
    store.add(job, [NewChunk([make_article("known")], cached=True), *chunks])

    waiting = untyped.lrange(Key.waiting(job), 0, -1)
    assert [entry.partition(b":")[0] for entry in waiting] == [b"1", b"2", b"3", b"4", b"5", b"6"]
    assert (store.backlog(job), store.ledger.active_jobs()) == (6, [job])
    assert len(store.ledger.notify_next(job)) == store.backlog(job) == 6
    claim = claim_chunk(store, job, 1)
    assert (store.backlog(job), pending_notifications(client, job)) == (5, 5)
    record(store, claim, done(claim.articles))
    assert store.backlog(job) == 5


def test_a_job_knows_which_articles_it_has(store: JobStore) -> None:
    job = make_job(store, 2, 1)
    asked = [make_article(name) for name in ("b2", "b3", "b0")]

    assert store.has_articles(job, asked) == [True, False, True]
    assert store.has_articles(job, []) == []
    assert store.has_articles(_NO_JOB, asked[:1]) == [False]


def test_a_cached_chunk_is_done_at_once_with_its_results(store: JobStore) -> None:
    claim = claim_chunk(store, make_job(store, 2))
    record(store, claim, done(claim.articles))
    again = store.create(PROFILE)

    store.add(again, [NewChunk(claim.articles, cached=True)])
    store.close(again)

    progress = store.progress(again)
    assert (progress.finished, progress.done, progress.cached) == (True, 2, 2)
    assert store.ledger.notify_next(again) == []
    collected = list(store.collection.articles(again))
    expected = [entry.result for entry in done(claim.articles)]
    assert [entry.result for entry in collected] == expected
    assert all(entry.outcome.cached for entry in collected)
    assert store.ledger.claim(again, 0, worker=WORKER, task="task-a", retried=False) == "done"


def test_a_profile_with_other_weights_has_another_digest() -> None:
    profile = Profile(name="test")
    assert profile.digest == PROFILE.digest

    changed = profile.model_copy(update={"model_digest": "other weights"})

    assert changed.digest != profile.digest


# Articles -------------------------------------------------------------------------------------


def test_articles_come_with_their_current_outcomes(store: JobStore) -> None:
    job = make_job(store, 2, 1, 1)
    claim = claim_chunk(store, job, 0)
    record(store, claim, [*done(claim.articles[:1]), failed(Reason.NOT_ENGLISH)])
    claim_chunk(store, job, 1)

    collected = list(store.collection.articles(job))

    assert [entry.article for entry in collected] == make_articles(4)
    assert [entry.outcome.state for entry in collected] == ["done", "failed", "running", "queued"]
    assert collected[0].result == done(claim.articles)[0].result
    assert (collected[1].outcome.reason, collected[1].result) == (Reason.NOT_ENGLISH, None)


def test_an_article_is_found_by_its_id(store: JobStore) -> None:
    job = make_job(store, 2, 2)

    assert store.collection.article(job, "b3").article == make_article("b3")


def test_a_missing_article_is_an_error(store: JobStore) -> None:
    with pytest.raises(ArticleNotFoundError) as caught:
        store.collection.article(make_job(store, 1), "b1")

    assert (caught.value.code, caught.value.exit_code) == ("article_not_found", ExitCode.NOT_FOUND)


def test_a_missing_job_is_an_error(store: JobStore) -> None:
    calls: list[Callable[[], object]] = [
        lambda: store.progress(_NO_JOB),
        lambda: list(store.collection.articles(_NO_JOB)),
        lambda: store.collection.article(_NO_JOB, "b1"),
        lambda: store.inputs(_NO_JOB),
        lambda: store.forget_refusals(_NO_JOB),
        lambda: store.remove(_NO_JOB),
    ]
    for call in calls:
        with pytest.raises(JobNotFoundError) as caught:
            call()
        assert (caught.value.code, caught.value.exit_code) == ("job_not_found", ExitCode.NOT_FOUND)


def test_a_lost_result_is_reported_as_a_failure(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 1)
    claim = claim_chunk(store, job)
    record(store, claim, done(claim.articles))
    client.delete(Key.result(PROFILE.digest, claim.articles[0].content_digest))

    (collected,) = store.collection.articles(job)

    assert (collected.outcome.state, collected.result) == (ArticleState.FAILED, None)
    assert collected.outcome.reason is Reason.INTERNAL_ERROR
    assert collected.result_is_lost


def test_refusals_keep_their_order_past_one_page(store: JobStore) -> None:
    job = store.create(PROFILE)
    refusals = [_refusal(line) for line in range(1_002)]
    store.record_refusals(job, refusals[:1_001])
    store.record_refusals(job, refusals[1_001:])

    assert list(store.collection.refusals(job)) == refusals
    assert store.progress(job).refused == len(refusals)
    assert states(store, job) == {}


def test_refusals_are_forgotten_before_the_inputs_are_read_again(store: JobStore) -> None:
    job = store.create(PROFILE)
    store.record_refusals(job, [_refusal(1), _refusal(2)])

    store.forget_refusals(job)

    assert (list(store.collection.refusals(job)), store.progress(job).refused) == ([], 0)


def test_events_come_in_order_and_can_be_waited_for(store: JobStore) -> None:
    job = make_job(store, 1)
    claim = claim_chunk(store, job)
    events = store.events(job, "0", wait_ms=1)
    assert [event.fields["what"] for event in events] == ["created", "claimed"]
    assert events[1].fields["worker"] == WORKER

    assert store.events(job, events[-1].id, wait_ms=1) == []
    record(store, claim, [failed(Reason.NO_STORY)])

    (event,) = store.events(job, events[-1].id, wait_ms=1)
    assert event.fields == {
        "what": "recorded",
        "chunk": "0",
        "worker": WORKER,
        "failed": "1",
        "cached": "0",
    }


# Listing and removal --------------------------------------------------------------------------


def test_jobs_come_newest_first(store: JobStore, monkeypatch: pytest.MonkeyPatch) -> None:
    created = []
    for now in (1_800_000_000.0, 1_800_000_060.0, 1_800_000_030.0):
        monkeypatch.setattr(store, "_now", lambda now=now: now)
        created.append(store.create(PROFILE))

    assert [job.id for job in store.jobs()] == [created[1], created[2], created[0]]


def _notified(client: redis.Redis) -> set[str]:
    untyped: Any = client
    lanes = [untyped.zrange(Key.notified(lane), 0, -1) for lane in range(LANE_COUNT)]
    return {member.decode() for members in lanes for member in members}


def test_a_removed_job_leaves_results_and_statistics_only(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.queue.store.jobs._REMOVED_AT_ONCE", 2)
    job = store.create(PROFILE, deadline=timedelta(hours=1), inputs=["a.txt"])
    store.add(job, [NewChunk([article], cached=False) for article in make_articles(3)])
    store.record_refusals(job, [_refusal(1)])
    store.ledger.notify_next(job)
    for chunk in range(3):
        claim = claim_chunk(store, job, chunk)
        record(store, claim, done(claim.articles) if chunk else [failed(Reason.NO_STORY)])
    store.close(job)

    store.remove(job)

    results = {
        Key.result(PROFILE.digest, article.content_digest) for article in make_articles(3)[1:]
    }
    assert set(contents(client)) == {Key.STATS, *results}
    assert store.jobs() == []


def test_notifications_of_a_removed_job_are_dropped(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 1, 1)
    store.ledger.notify_next(job)
    store.cancel(job)
    store.remove(job)
    assert _notified(client) == {f"{job}:0", f"{job}:1"}
    client.zadd(Key.notified(2), {f"{job}:{chunk}": 1 for chunk in (0, 1)})

    assert store.ledger.claim(job, 0, worker=WORKER, task="task-a", retried=False) == "gone"
    assert store.ledger.lost_notifications("a queue") == []

    assert contents(client) == {}


@pytest.mark.parametrize("step", ["open", "queued", "running"])
def test_an_unfinished_job_is_not_removed(store: JobStore, client: redis.Redis, step: str) -> None:
    job = store.create(PROFILE) if step == "open" else make_job(store, 1)
    if step == "running":
        claim_chunk(store, job)
        with pytest.raises(JobStateError):
            store.remove(job)
        store.cancel(job)  # the running chunk has not ended
    before = contents(client)

    with pytest.raises(JobStateError) as caught:
        store.remove(job)

    assert caught.value.code == "job_unfinished"
    assert f"copydesk cancel {job}" in (caught.value.hint or "")
    assert contents(client) == before


def test_an_expired_job_is_not_listed_and_its_id_is_dropped(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    expired = store.create(PROFILE)
    client.delete(Key.job(expired))
    assert store.jobs() == []
    later = store.progress(store.create(PROFILE)).created + TTL_SECONDS + 60

    monkeypatch.setattr(store, "_now", lambda: later)
    store.create(PROFILE)

    assert client.zscore(Key.JOBS, expired) is None


_LATE_STEPS = ["complete", "release", "claim", "renew", "close", "add", "refuse", "cancel", "retry"]


@pytest.mark.parametrize("step", _LATE_STEPS)
def test_a_job_that_expires_in_the_middle_leaves_nothing_behind(
    store: JobStore, client: redis.Redis, step: str
) -> None:
    # The ``client`` fixture looks for keys that would never expire.
    job = make_job(store, 1, 1)
    store.ledger.notify_next(job)
    claim = claim_chunk(store, job)
    client.delete(Key.job(job))

    take: Callable[[], object] = {
        "complete": lambda: store.ledger.complete(claim, done(claim.articles), TALLY),
        "release": lambda: release(store, claim),
        "claim": lambda: store.ledger.claim(job, 1, worker=WORKER, task="a", retried=False),
        "renew": lambda: store.ledger.renew(claim, delivery="tag").value,
        "close": lambda: store.close(job),
        "add": lambda: store.add(job, [NewChunk(make_articles(1), cached=False)]),
        "refuse": lambda: store.record_refusals(job, [_refusal(1)]),
        "cancel": lambda: store.cancel(job),
        "retry": lambda: store.retry(job, ["b0"]),
    }[step]
    # A task's late step is refused; a client is told that the job is gone.
    if step in {"complete", "release", "claim", "renew"}:
        assert take() in {False, "gone", "lost"}
    else:
        with pytest.raises(JobNotFoundError):
            take()

    assert client.exists(Key.job(job)) == 0
    assert store.ledger.notify_next(job) == []
    assert store.ledger.active_jobs() == []
