"""A job that a person or its deadline cancels."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import redis

from tests.integration.job_step import (
    claim_chunk,
    contents,
    end_lease,
    make_job,
    record,
    release,
    states,
)
from tests.integration.sample import (
    PROFILE,
    TALLY,
    WORKER,
    cancelled,
    done,
    failed,
    make_article,
    make_articles,
)
from tests.support.waiting import wait_until
from worker.config.settings import Settings
from worker.errors import ExitCode, JobNotFoundError, JobStateError
from worker.queue import lease as lease_module
from worker.queue.celery_app import create_app
from worker.queue.lease import JobCancelledError, Lease
from worker.queue.reconciler import reconcile
from worker.queue.store.jobs import JobStore, NewChunk
from worker.queue.store.keys import Key
from worker.records.chunk import LeaseState
from worker.records.job import JobId
from worker.records.reason import Reason


def _reasons(store: JobStore, job: JobId) -> list[tuple[str, Reason | None]]:
    """Return state and reason of each article, in order."""
    return [
        (collected.outcome.state.value, collected.outcome.reason)
        for collected in store.collection.articles(job)
    ]


def test_waiting_articles_are_cancelled_at_once(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 2, 1, 3)
    claim = claim_chunk(store, job, 0)
    record(store, claim, [*done(claim.articles[:1]), failed(Reason.NO_STORY)])

    assert store.cancel(job) == 4

    progress = store.progress(job)
    assert states(store, job) == {"done": 1, "failed": 1, "cancelled": 4}
    assert (progress.finished, progress.cancel) == (True, Reason.CANCELLED)
    assert _reasons(store, job) == [
        ("done", None),
        ("failed", Reason.NO_STORY),
        *[("cancelled", Reason.CANCELLED)] * 4,
    ]
    assert client.exists(Key.waiting(job), Key.ACTIVE) == 0
    last = store.events(job, "0", wait_ms=1)[-1].fields
    assert last == {"what": "cancelled", "articles": "4", "why": "cancelled"}


def test_no_chunk_of_a_cancelled_job_can_be_claimed(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 1, 1)
    store.ledger.notify_next(job)
    store.cancel(job)

    answers = [
        store.ledger.claim(job, chunk, worker=WORKER, task="task-a", retried=False)
        for chunk in (0, 1)
    ]

    assert answers == ["cancelled", "cancelled"]
    assert client.exists(Key.notified(2)) == 0
    assert store.ledger.notify_next(job) == []
    assert states(store, job) == {"cancelled": 2}


def test_a_running_chunk_learns_of_the_cancel_and_keeps_its_results(store: JobStore) -> None:
    job = make_job(store, 3, 1)
    claim = claim_chunk(store, job)
    assert store.cancel(job) == 1
    assert states(store, job) == {"running": 3, "cancelled": 1}
    assert not store.progress(job).finished

    assert store.ledger.renew(claim, delivery="tag") is LeaseState.CANCELLED
    rest = [cancelled(Reason.CANCELLED)] * 2
    record(store, claim, [*done(claim.articles[:1]), *rest])

    assert states(store, job) == {"done": 1, "cancelled": 3}
    assert store.progress(job).finished
    assert _reasons(store, job) == [("done", None), *[("cancelled", Reason.CANCELLED)] * 3]


@pytest.mark.parametrize("how", ["release", "expired"])
def test_a_released_chunk_of_a_cancelled_job_is_cancelled(
    store: JobStore, client: redis.Redis, how: str
) -> None:
    job = make_job(store, 2)
    claim = claim_chunk(store, job)
    store.cancel(job)
    end_lease(client, job)

    # A cancelled chunk needs no notification.
    if how == "release":
        assert not release(store, claim)
    else:
        assert store.ledger.release_expired() == []

    assert states(store, job) == {"cancelled": 2}
    assert _reasons(store, job) == [("cancelled", Reason.CANCELLED)] * 2
    assert not store.ledger.complete(claim, done(claim.articles), TALLY)
    assert client.exists(Key.LEASES, Key.notified(2)) == 0


def test_an_open_job_that_is_cancelled_is_finished(store: JobStore) -> None:
    job = store.create(PROFILE)
    assert store.cancel(job) == 0
    assert store.progress(job).finished


def test_a_cancelled_job_accepts_no_more_articles(store: JobStore, client: redis.Redis) -> None:
    job = store.create(PROFILE)
    store.add(job, [NewChunk(make_articles(1), cached=False)])
    store.cancel(job)
    before = contents(client)

    with pytest.raises(JobStateError) as caught:
        store.add(job, [NewChunk([make_article("more")], cached=False)])

    assert (caught.value.code, caught.value.exit_code) == ("job_cancelled", ExitCode.USAGE)
    assert contents(client) == before


def _twice(store: JobStore, job: JobId) -> None:
    store.cancel(job, Reason.DEADLINE)


def _finished(store: JobStore, job: JobId) -> None:
    claim = claim_chunk(store, job)
    record(store, claim, done(claim.articles))


@pytest.mark.parametrize(
    ("begin", "why"), [(_twice, "was cancelled before"), (_finished, "is finished")]
)
def test_a_job_that_has_ended_is_not_cancelled(
    store: JobStore, client: redis.Redis, begin: Callable[[JobStore, JobId], None], why: str
) -> None:
    job = make_job(store, 1)
    begin(store, job)
    before = contents(client)

    with pytest.raises(JobStateError) as caught:
        store.cancel(job)

    assert (caught.value.code, caught.value.exit_code) == ("job_ended", ExitCode.USAGE)
    assert caught.value.message == f"job {job} {why}"
    assert contents(client) == before


def test_a_missing_job_is_not_cancelled(store: JobStore, client: redis.Redis) -> None:
    with pytest.raises(JobNotFoundError):
        store.cancel(JobId("260101-0000-abcdef"))

    assert contents(client) == {}


# The holder of a lease --------------------------------------------------------------------------


def test_a_cancelled_jobs_lease_is_renewed_until_the_checkpoint(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A batch of the model may take longer than a lease.
    untyped: Any = client
    monkeypatch.setattr(lease_module, "_RENEWAL_SECONDS", 0.01)
    job = make_job(store, 1)
    claim = claim_chunk(store, job)
    renewed_states: list[LeaseState] = []
    renew = store.ledger.renew

    def renew_and_record(*args: Any, **kwargs: Any) -> LeaseState:
        renewed_states.append(renew(*args, **kwargs))
        return renewed_states[-1]

    monkeypatch.setattr(store.ledger, "renew", renew_and_record)
    with Lease(store.ledger, claim, delivery="tag", meanwhile=lambda: None) as lease:
        lease.checkpoint("repair")
        store.cancel(job)
        wait_until(
            lambda: LeaseState.CANCELLED in renewed_states,
            timeout=10,
            description="a renewal that learns of the cancel",
        )
        end_lease(client, job)

        wait_until(
            lambda: untyped.zscore(Key.LEASES, f"{job}:0") > 1,
            timeout=10,
            description="a renewed lease",
        )
        with pytest.raises(JobCancelledError):
            lease.checkpoint()


# Deadlines ----------------------------------------------------------------------------------------


def _with_deadline(store: JobStore, client: redis.Redis) -> JobId:
    """Make a closed job of two articles whose deadline is over."""
    job = store.create(PROFILE, deadline=timedelta(hours=1))
    store.add(job, [NewChunk(make_articles(2), cached=False)])
    store.close(job)
    store.ledger.notify_next(job)
    assert store.ledger.overdue_jobs() == []
    client.zadd(Key.DEADLINES, {job: 1}, xx=True)
    assert store.ledger.overdue_jobs() == [job]
    return job


def test_a_job_past_its_deadline_is_cancelled_with_reason_deadline(
    store: JobStore, settings: Settings, client: redis.Redis
) -> None:
    job = _with_deadline(store, client)

    assert reconcile(store, create_app(settings), "test") == []

    assert states(store, job) == {"cancelled": 2}
    assert store.progress(job).cancel is Reason.DEADLINE
    assert _reasons(store, job) == [("cancelled", Reason.DEADLINE)] * 2
    assert client.exists(Key.DEADLINES) == 0


@pytest.mark.parametrize("end", ["finished", "refused", "removed", "expired"])
def test_a_deadline_is_removed_with_its_job(
    store: JobStore, settings: Settings, client: redis.Redis, end: str
) -> None:
    job = _with_deadline(store, client)
    if end == "expired":
        client.delete(Key.job(job))
    else:
        claim = claim_chunk(store, job)
        record(store, claim, done(claim.articles))
    if end == "refused":
        with pytest.raises(JobStateError):
            store.cancel(job)
    if end == "removed":
        store.remove(job)

    assert reconcile(store, create_app(settings), "test") == []

    assert store.ledger.overdue_jobs() == []
    assert client.exists(Key.DEADLINES) == 0
    if end in {"finished", "refused"}:
        assert states(store, job) == {"done": 2}
        assert store.progress(job).cancel is None
