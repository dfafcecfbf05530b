"""The ledger: claim, renew, complete and release chunks."""

from __future__ import annotations

from collections.abc import Sequence
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
    release,
    states,
)
from tests.integration.sample import PROFILE, TALLY, WORKER, done, failed, make_articles
from worker.config.profile import Profile
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.queue.store.ledger import LEASE_MILLISECONDS
from worker.queue.store.scripts import run_script
from worker.records.article import DeadLetter, ProcessedArticle
from worker.records.chunk import ChunkCost, Claim, LeaseState, SoloAttempt
from worker.records.job import JobId
from worker.records.priority import LANE_COUNT
from worker.records.reason import Reason
from worker.records.result import Edit, Removal


def _claim(store: JobStore, job: JobId, task: str, *, retried: bool = False) -> Claim | str:
    return store.ledger.claim(job, 0, worker=WORKER, task=task, retried=retried)


# Claim ----------------------------------------------------------------------------------------


def test_a_claim_has_the_chunks_articles_in_order(store: JobStore) -> None:
    job = make_job(store, 2, 3)

    claim = claim_chunk(store, job, 1)

    assert claim.articles == tuple(make_articles(5)[2:])
    assert (claim.job, claim.chunk, claim.attempts, claim.profile) == (job, 1, 1, PROFILE)
    assert claim.last_stage == ""


@pytest.mark.parametrize("retried", [False, True])
def test_a_live_lease_keeps_other_messages_out(store: JobStore, retried: bool) -> None:
    job = make_job(store, 2)
    claim_chunk(store, job, task="task-a")

    assert _claim(store, job, "task-b", retried=retried) == "held"
    assert states(store, job) == {"running": 2}


def test_a_redelivered_message_does_not_take_over_a_live_lease(
    store: JobStore,
) -> None:
    job = make_job(store, 1)
    holder = claim_chunk(store, job, task="task-a")

    assert _claim(store, job, "task-a") == "held"
    assert store.ledger.renew(holder, delivery="tag") is LeaseState.HELD


def test_a_retried_task_takes_over_its_own_lease(store: JobStore) -> None:
    job = make_job(store, 2)
    lost = claim_chunk(store, job, task="task-a")

    again = _claim(store, job, "task-a", retried=True)

    assert isinstance(again, Claim)
    assert (again.attempts, again.token != lost.token) == (2, True)
    assert states(store, job) == {"running": 2}
    assert store.ledger.renew(lost, delivery="tag") is LeaseState.LOST


def test_any_task_may_claim_a_chunk_whose_lease_has_expired(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, 2)
    claim_chunk(store, job)
    end_lease(client, job)

    assert claim_chunk(store, job).attempts == 2
    assert states(store, job) == {"running": 2}


def _script_claim(client: redis.Redis, job: JobId, token: str) -> Sequence[Any]:
    """Claim like ``Ledger.claim``, but with the given token."""
    keys = [Key.job(job), Key.chunk(job, 0), Key.LEASES, Key.events(job)]
    keys += [Key.notified(lane) for lane in range(LANE_COUNT)]
    fields = {
        "member": f"{job}:0",
        "task": "task-a",
        "token": token,
        "lease_ms": LEASE_MILLISECONDS,
        "retried": False,
        "worker": WORKER,
        "chunk": 0,
    }
    answer: Sequence[Any] = run_script(client, "claim", keys, fields)
    return answer


def test_a_claim_whose_answer_was_lost_is_granted_again_and_counted_once(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, 2)
    first = _script_claim(client, job, "token-1")
    before = states(store, job)

    again = _script_claim(client, job, "token-1")

    assert again == first
    assert again[:2] == [b"claimed", 1]
    assert states(store, job) == before == {"running": 2}
    assert _script_claim(client, job, "token-2") == [b"held", 0]


@pytest.mark.parametrize(("job", "chunk"), [("260101-0000-abcdef", 0), (None, 7)])
def test_a_missing_job_or_chunk_is_gone(store: JobStore, job: str | None, chunk: int) -> None:
    job_id = JobId(job or make_job(store, 1))

    answer = store.ledger.claim(job_id, chunk, worker=WORKER, task="task-a", retried=False)

    assert answer == "gone"


def test_a_claim_answers_its_notification_once(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 1)
    store.ledger.notify_next(job)
    assert (client.zcard(Key.notified(2)), pending_notifications(client, job)) == (1, 1)

    claim = claim_chunk(store, job)
    assert (client.zcard(Key.notified(2)), pending_notifications(client, job)) == (0, 0)
    record(store, claim, done(claim.articles))

    # A notification that was sent twice.
    assert _claim(store, job, "task-b") == "done"
    assert (client.zcard(Key.notified(2)), pending_notifications(client, job)) == (0, 0)


# Renew ----------------------------------------------------------------------------------------


def test_a_renewal_extends_the_lease_and_the_messages_visibility_timeout(
    store: JobStore, client: redis.Redis
) -> None:
    untyped: Any = client
    job = make_job(store, 1)
    claim = claim_chunk(store, job)
    client.zadd(Key.UNACKED, {"tag": 1})
    end_lease(client, job)

    assert store.ledger.renew(claim, delivery="tag") is LeaseState.HELD

    seconds, microseconds = untyped.time()
    now = seconds * 1000 + microseconds // 1000
    assert 0 < untyped.zscore(Key.LEASES, f"{job}:0") - now <= LEASE_MILLISECONDS
    assert abs(untyped.zscore(Key.UNACKED, "tag") - seconds) < 5


def test_a_renewal_does_not_revive_an_acknowledged_message(
    store: JobStore, client: redis.Redis
) -> None:
    store.ledger.renew(claim_chunk(store, make_job(store, 1)), delivery="settled")

    assert client.exists(Key.UNACKED) == 0


def test_the_next_holder_learns_the_last_stage_and_completion_deletes_it(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, 1)
    first = claim_chunk(store, job)
    store.ledger.renew(first, delivery="tag", stage="strip")
    store.ledger.renew(first, delivery="tag", stage="repair")
    store.ledger.renew(first, delivery="tag")
    release(store, first)

    second = claim_chunk(store, job)
    assert second.last_stage == "repair"

    record(store, second, done(second.articles))
    left: Any = client.hkeys(Key.chunk(job, 0))
    assert set(left) == {b"articles", b"size", b"lane", b"attempts", b"state", b"outcomes"}


# Complete -------------------------------------------------------------------------------------


def test_recorded_reasons_are_counted(store: JobStore, client: redis.Redis) -> None:
    # Given two articles of one chunk, and one of another
    job = make_job(store, 2, 1)
    edit = Edit(paragraph=0, before="a. b", after="a b", reason=Reason.FALSE_BREAK)
    removal = Removal(line=3, text="tags", reason=Reason.TAG_LINE)
    for chunk in range(2):
        claim = claim_chunk(store, job, chunk)
        processed = [
            ProcessedArticle(
                outcome=entry.outcome,
                result=entry.result.model_copy(
                    update={"edits": (edit, edit), "removed": (removal,)}
                ),
            )
            for entry in done(claim.articles)
            if entry.result is not None
        ]
        record(store, claim, processed)

    # Then both chunks count, by field, and the counts expire with the job
    assert store.reasons(job) == {
        "edits": {Reason.FALSE_BREAK: 6},
        "refused": {},
        "removed": {Reason.TAG_LINE: 3},
        "flags": {},
    }
    assert 0 < client.ttl(Key.reasons(job)) <= TTL_SECONDS


def test_a_stale_token_writes_nothing(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 2)
    stale = claim_chunk(store, job)
    end_lease(client, job)
    holder = claim_chunk(store, job)
    before = contents(client)

    late = [*done(stale.articles[:1]), failed(Reason.ENGINE_ERROR)]
    assert not store.ledger.complete(stale, late, TALLY)
    assert not release(store, stale)
    assert store.ledger.renew(stale, delivery="tag", stage="repair") is LeaseState.LOST

    # No result, no counter, no dead letter, no statistics, no event.
    assert contents(client) == before
    record(store, holder, [failed(Reason.ENGINE_ERROR)] * 2)
    assert states(store, job) == {"failed": 2}


def test_a_chunk_is_recorded_once(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 2)
    claim = claim_chunk(store, job, task="task-a")
    record(store, claim, done(claim.articles))
    before = contents(client)

    assert not store.ledger.complete(claim, [failed(Reason.ENGINE_ERROR)] * 2, TALLY)
    assert not release(store, claim)
    assert _claim(store, job, "task-a", retried=True) == "done"

    assert contents(client) == before


def test_complete_needs_one_outcome_per_article(store: JobStore) -> None:
    claim = claim_chunk(store, make_job(store, 2))

    with pytest.raises(ValueError, match="1 results for 2 articles"):
        store.ledger.complete(claim, done(claim.articles[:1]), TALLY)


def test_a_failed_article_leaves_a_dead_letter(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 3)
    claim = claim_chunk(store, job)
    lost = failed(Reason.WORKER_LOST, attempts=3, stage="repair")

    record(store, claim, [*done(claim.articles[:1]), lost, failed(Reason.NOT_ENGLISH)])

    letters = sorted(store.collection.dead_letters(job), key=lambda letter: letter.article)
    assert letters == [
        DeadLetter(
            article="b1",
            source="b1.txt",
            reason=Reason.WORKER_LOST,
            message="the reason",
            hint="",
            attempts=3,
            stage="repair",
        ),
        DeadLetter.from_outcome(claim.articles[2], failed(Reason.NOT_ENGLISH).outcome),
    ]
    assert client.ttl(Key.failed(job)) == pytest.approx(TTL_SECONDS, abs=5)


def test_the_statistics_add_up(store: JobStore) -> None:
    job = make_job(store, 2, 3, 1)
    costs = [
        ChunkCost(
            worker=WORKER, seconds=0.5, engine_seconds=0.4, tokens_read=40, tokens_written=20
        ),
        ChunkCost(worker=WORKER, seconds=0.51, tokens_read=1),
        ChunkCost(worker=WORKER, seconds=841.0, engine_seconds=800.0, tokens_written=5),
    ]

    for chunk, tally in enumerate(costs):
        claim = claim_chunk(store, job, chunk)
        processed = [*done(claim.articles[1:]), failed(Reason.NO_STORY)]
        assert store.ledger.complete(claim, processed, tally)

    assert store.roster.stats() == {
        "chunks": 3,
        "done": 3,
        "failed": 3,
        "cached": 0,
        "seconds": pytest.approx(842.01),
        "engine_seconds": pytest.approx(800.4),
        "tokens_read": 41,
        "tokens_written": 25,
        "seconds_le_0.5": 1,
        "seconds_le_1": 1,
        "seconds_le_inf": 1,
    }


def test_a_lease_ends_with_its_chunk(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 1, 1)
    release(store, claim_chunk(store, job, 0))
    claim = claim_chunk(store, job, 1)
    record(store, claim, done(claim.articles))

    assert client.exists(Key.LEASES) == 0


# Alone ----------------------------------------------------------------------------------------


def test_an_article_alone_counts_once_per_attempt(store: JobStore) -> None:
    job = make_job(store, 2)
    first = claim_chunk(store, job)
    assert store.ledger.begin_alone(first, 1) == SoloAttempt(number=1, was_too_slow=False)
    # The first answer was lost, so the call is repeated.
    assert store.ledger.begin_alone(first, 1) == SoloAttempt(number=1, was_too_slow=False)
    release(store, first)

    second = claim_chunk(store, job)
    store.ledger.note_too_slow(second, 1)

    assert store.ledger.begin_alone(second, 1) == SoloAttempt(number=2, was_too_slow=True)
    assert store.ledger.begin_alone(second, 0) == SoloAttempt(number=1, was_too_slow=False)


def test_attempts_are_distinguished_by_all_their_digits(store: JobStore) -> None:
    claim = claim_chunk(store, make_job(store, 1))
    for attempt, number in ((1, 1), (11, 2), (1, 3), (21, 4)):
        again = claim.model_copy(update={"attempts": attempt})
        assert store.ledger.begin_alone(again, 0).number == number


def test_a_result_can_be_kept_before_its_chunk_is_complete(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, 2)
    claim = claim_chunk(store, job)
    (kept,) = done(claim.articles[1:])
    assert kept.result is not None

    store.ledger.keep_result(claim, 1, kept.result)

    assert store.ledger.known_results(PROFILE, claim.articles) == [False, True]
    key = Key.result(PROFILE.digest, claim.articles[1].content_digest)
    assert client.ttl(key) == pytest.approx(TTL_SECONDS, abs=5)
    assert states(store, job) == {"running": 2}


# Release --------------------------------------------------------------------------------------


def test_a_released_chunk_needs_a_notification(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 2)
    store.ledger.notify_next(job)
    claim = claim_chunk(store, job)

    notification = store.ledger.release(job, 0, claim.token, "worker_ended")

    assert notification is not None
    assert (notification.job, notification.chunk, notification.lane) == (job, 0, 2)
    assert client.zscore(Key.notified(2), f"{job}:0") == notification.stamp_ms
    assert (states(store, job), pending_notifications(client, job)) == ({"queued": 2}, 1)
    last = store.events(job, "0", wait_ms=1)[-1].fields
    assert last == {"what": "released", "chunk": "0", "why": "worker_ended"}


def test_a_failed_task_releases_what_it_holds_and_nothing_else(store: JobStore) -> None:
    job = make_job(store, 1, 1, 1, 1)
    for chunk, task in enumerate(("task-a", "task-b", "task-a", "task-a")):
        claim = claim_chunk(store, job, chunk, task)

    notifications = store.ledger.release_task("task-a", "child_lost", but=claim)

    assert sorted(notification.chunk for notification in notifications) == [0, 2]
    assert states(store, job) == {"queued": 2, "running": 2}
    assert [notification.chunk for notification in store.ledger.release_task("task-a", "test")] == [
        3
    ]
    assert store.ledger.release_task("task-a", "test") == []


def test_a_worker_that_ends_releases_all_that_it_holds(store: JobStore) -> None:
    job = make_job(store, 1, 1, 1)
    for chunk, worker in enumerate((WORKER, "worker-2", WORKER)):
        store.ledger.claim(job, chunk, worker=worker, task=f"task-{chunk}", retried=False)

    notifications = store.ledger.release_worker(WORKER, "worker_ended")

    assert sorted(notification.chunk for notification in notifications) == [0, 2]
    assert states(store, job) == {"queued": 2, "running": 1}
    assert store.ledger.release_worker(WORKER, "worker_ended") == []


# Results --------------------------------------------------------------------------------------


def test_a_result_is_found_by_its_profile_and_its_whole_content(store: JobStore) -> None:
    claim = claim_chunk(store, make_job(store, 2))
    record(store, claim, [*done(claim.articles[:1]), failed(Reason.NO_STORY)])
    kept, lost = claim.articles
    titled = kept.model_copy(update={"title": "Another headline"})
    renamed = kept.model_copy(update={"id": "another-id"})
    other_profile = Profile(name=PROFILE.name, model_digest="other weights")

    assert store.ledger.known_results(PROFILE, [kept, lost, titled, renamed]) == [
        True,
        False,
        False,
        True,
    ]
    assert store.ledger.known_results(other_profile, [kept]) == [False]
    assert store.ledger.known_results(PROFILE, []) == []


def test_looking_up_a_result_extends_it_to_a_full_lifetime(
    store: JobStore, client: redis.Redis
) -> None:
    claim = claim_chunk(store, make_job(store, 1))
    record(store, claim, done(claim.articles))
    key = Key.result(PROFILE.digest, claim.articles[0].content_digest)
    client.expire(key, 10)

    store.ledger.known_results(PROFILE, claim.articles)

    assert client.ttl(key) == pytest.approx(TTL_SECONDS, abs=5)
