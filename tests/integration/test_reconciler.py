"""Windows, lanes, and recovery after a death; on a real queue without a worker."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery import Celery

from tests.integration.job_step import (
    claim_chunk,
    contents,
    end_lease,
    make_job,
    messages,
    pending_notifications,
    record,
    release,
    states,
)
from tests.integration.sample import TALLY, WORKER, done
from tests.support.waiting import wait_until
from worker.config.settings import Settings
from worker.queue.celery_app import PROCESS_CHUNK, QUEUE, create_app
from worker.queue.intake import send
from worker.queue.reconciler import reconcile
from worker.queue.store import ledger as ledger_module
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.records.chunk import Notification
from worker.records.job import JobId
from worker.records.priority import LANE_COUNT, Priority
from worker.records.worker import WorkerPresence


@pytest.fixture
def app(settings: Settings) -> Celery:
    """The Celery application on the test's broker."""
    return create_app(settings)


@pytest.fixture
def no_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A notification counts as lost if it is not in the queue after a millisecond."""
    monkeypatch.setattr(ledger_module, "_SENDING_MILLISECONDS", 0)


def _show_workers(store: JobStore, live: int) -> None:
    for number in range(live):
        name = f"worker-{number}"
        store.roster.record_presence(
            WorkerPresence(name=name, host="here", pid=number, started=1.0, done_chunks=0)
        )


def _queued(client: redis.Redis) -> list[list[tuple[str, int]]]:
    """Return job and chunk of each message, lane by lane, the next message first."""
    untyped: Any = client
    lanes = [untyped.lrange(Key.queue(QUEUE, lane), 0, -1)[::-1] for lane in range(LANE_COUNT)]
    return [[tuple(_arguments(message)) for message in lane] for lane in lanes]


def _arguments(message: bytes) -> list[Any]:
    arguments = json.loads(json.loads(message)["headers"]["argsrepr"].replace("'", '"'))
    assert isinstance(arguments, list)
    return arguments


def _notified(client: redis.Redis, lane: int) -> dict[str, int]:
    """Return the time of each notification by ``job:chunk``."""
    untyped: Any = client
    notified = untyped.zrange(Key.notified(lane), 0, -1, withscores=True)
    return {member.decode(): int(stamp) for member, stamp in notified}


def _chunks(notifications: list[Notification]) -> list[int]:
    return [notification.chunk for notification in notifications]


# Windows and lanes ----------------------------------------------------------------------------


@pytest.mark.parametrize(("live", "window"), [(0, 16), (8, 16), (9, 18), (12, 24)])
def test_a_job_has_as_many_notifications_as_its_window(
    store: JobStore, client: redis.Redis, live: int, window: int
) -> None:
    job = make_job(store, *[1] * 30)
    _show_workers(store, live)

    notifications = store.ledger.notify_next(job)

    assert _chunks(notifications) == list(range(window))
    assert (pending_notifications(client, job), store.backlog(job)) == (window, 30)
    assert store.ledger.notify_next(job) == []


def test_a_stale_worker_does_not_widen_the_window(store: JobStore, client: redis.Redis) -> None:
    _show_workers(store, 12)
    for number in range(12):
        client.zadd(Key.WORKERS, {f"worker-{number}": 1})

    assert len(store.ledger.notify_next(make_job(store, *[1] * 30))) == 16


def test_an_answered_notification_makes_room_for_the_next(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, *[1] * 18)
    store.ledger.notify_next(job)

    claim = claim_chunk(store, job, 3)

    assert _chunks(store.ledger.notify_next(job)) == [16]
    assert store.ledger.active_jobs() == [job]
    release(store, claim)
    assert store.ledger.notify_next(job) == []
    for chunk in (3, 0):
        claim = claim_chunk(store, job, chunk)
        record(store, claim, done(claim.articles))
    assert _chunks(store.ledger.notify_next(job)) == [17]
    assert pending_notifications(client, job) == 16
    for chunk in (*range(1, 3), *range(4, 18)):
        claim = claim_chunk(store, job, chunk)
        record(store, claim, done(claim.articles))
    assert (pending_notifications(client, job), states(store, job)) == (0, {"done": 18})
    assert (store.ledger.notify_next(job), store.ledger.active_jobs()) == ([], [])
    assert not any(_notified(client, lane) for lane in range(LANE_COUNT))


def test_a_task_may_go_on_to_a_chunk_beyond_the_window(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, *[1] * 18)
    store.ledger.notify_next(job)

    assert _chunks(store.ledger.notify_next(job, only=1)) == [16]
    assert pending_notifications(client, job) == 17
    assert _chunks(store.ledger.notify_next(job, only=1)) == [17]
    assert store.ledger.notify_next(job, only=1) == []


@pytest.mark.parametrize(
    ("priority", "express"), [(Priority.HIGH, 0), (Priority.NORMAL, 2), (Priority.LOW, 4)]
)
def test_the_first_four_chunks_take_the_express_lane(
    store: JobStore, app: Celery, client: redis.Redis, priority: Priority, express: int
) -> None:
    job = make_job(store, *[1] * 6, priority=priority)

    notifications = store.ledger.notify_next(job)
    send(app, notifications)

    assert [notification.lane for notification in notifications] == [
        *[express] * 4,
        *[express + 1] * 2,
    ]
    queued = _queued(client)
    assert queued.pop(express) == [(job, chunk) for chunk in range(4)]
    assert queued.pop(express) == [(job, 4), (job, 5)]
    assert queued == [[]] * 4
    assert _notified(client, express) == {
        f"{job}:{chunk}": notifications[0].stamp_ms for chunk in range(4)
    }


def test_a_message_carries_only_ids_and_its_stamp(
    store: JobStore, app: Celery, client: redis.Redis
) -> None:
    untyped: Any = client
    (notification,) = store.ledger.notify_next(make_job(store, 1))

    send(app, [notification])

    message = json.loads(untyped.lindex(Key.queue(QUEUE, 2), 0))
    assert (message["headers"]["task"], message["headers"]["stamp"]) == (
        PROCESS_CHUNK,
        notification.stamp_ms,
    )
    assert message["properties"]["priority"] == 2
    assert b"bridge" not in untyped.lindex(Key.queue(QUEUE, 2), 0)


# Lost notifications ---------------------------------------------------------------------------


@pytest.mark.usefixtures("no_patience")
def test_a_lost_message_is_sent_again(store: JobStore, app: Celery, client: redis.Redis) -> None:
    job = make_job(store, *[1] * 6)
    notifications = store.ledger.notify_next(job)
    send(app, notifications)
    client.delete(Key.queue(QUEUE, 3))
    _wait_for_clock(store, notifications[0].stamp_ms)

    lost = store.ledger.lost_notifications(QUEUE)

    assert [(notification.chunk, notification.lane) for notification in lost] == [(4, 3), (5, 3)]
    assert all(notification.stamp_ms > notifications[0].stamp_ms for notification in lost)
    assert _notified(client, 3) == {
        f"{job}:{notification.chunk}": notification.stamp_ms for notification in lost
    }
    send(app, lost)
    _wait_for_clock(store, lost[0].stamp_ms)
    assert store.ledger.lost_notifications(QUEUE) == []
    assert pending_notifications(client, job) == 6


@pytest.mark.usefixtures("no_patience")
def test_only_notifications_older_than_the_oldest_message_are_lost(
    store: JobStore, app: Celery, client: redis.Redis
) -> None:
    job = make_job(store, *[1] * 3)
    for chunk in range(3):
        _wait_for_clock(store, store.ledger._now_ms())
        send(app, store.ledger.notify_next(job, only=1))
        if chunk == 1:
            # Two messages are taken, and one of them is claimed.
            assert client.rpop(Key.queue(QUEUE, 2), 2)
            claim_chunk(store, job, 1)
    _wait_for_clock(store, store.ledger._now_ms())

    assert _chunks(store.ledger.lost_notifications(QUEUE)) == [0]
    assert len(_queued(client)[2]) == 1


def test_a_notification_has_two_seconds_to_reach_the_queue(
    store: JobStore, client: redis.Redis
) -> None:
    job = make_job(store, 1)
    (notification,) = store.ledger.notify_next(job)
    assert store.ledger.lost_notifications(QUEUE) == []

    client.zadd(Key.notified(2), {f"{job}:0": notification.stamp_ms - 2_001})

    assert _chunks(store.ledger.lost_notifications(QUEUE)) == [0]
    assert store.ledger.lost_notifications(QUEUE) == []


class _SlowClient:
    """Wraps a client, and calls ``meanwhile`` after each HGET."""

    def __init__(self, client: Any, meanwhile: Callable[[], object]) -> None:
        self._client, self._meanwhile = client, meanwhile

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def hget(self, *args: Any) -> Any:
        answer = self._client.hget(*args)
        self._meanwhile()
        return answer


@pytest.mark.usefixtures("no_patience")
def test_a_chunk_claimed_in_the_same_moment_is_not_lost(
    store: JobStore, client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = make_job(store, 1)
    (notification,) = store.ledger.notify_next(job)
    rival = JobStore(client, ttl_seconds=600)
    slow = _SlowClient(client, lambda: claim_chunk(rival, job))
    monkeypatch.setattr(store.ledger, "_redis", slow)
    _wait_for_clock(store, notification.stamp_ms)

    assert store.ledger.lost_notifications(QUEUE) == []
    assert _notified(client, 2) == {}


@pytest.mark.usefixtures("no_patience")
@pytest.mark.parametrize("message", [b"{}", b"no message", b'{"headers": {"stamp": "soon"}}'])
def test_nothing_is_lost_behind_a_message_without_a_stamp(
    store: JobStore, client: redis.Redis, message: bytes
) -> None:
    (notification,) = store.ledger.notify_next(make_job(store, 1))
    client.lpush(Key.queue(QUEUE, 2), message)
    _wait_for_clock(store, notification.stamp_ms)

    assert store.ledger.lost_notifications(QUEUE) == []


def _wait_for_clock(store: JobStore, stamp_ms: int) -> None:
    wait_until(
        lambda: store.ledger._now_ms() > stamp_ms, timeout=5, description="the next millisecond"
    )


# Expired leases -------------------------------------------------------------------------------


def test_a_lost_holders_chunk_is_notified_again_and_its_late_result_refused(
    store: JobStore, app: Celery, client: redis.Redis
) -> None:
    job = make_job(store, 2, 1)
    store.ledger.notify_next(job)
    late, live = claim_chunk(store, job, 0), claim_chunk(store, job, 1)
    end_lease(client, job, 0)

    notifications = reconcile(store, app, "test")

    assert [(notification.chunk, notification.lane) for notification in notifications] == [(0, 2)]
    assert _queued(client)[2] == [(job, 0)]
    assert states(store, job) == {"queued": 2, "running": 1}
    last = store.events(job, "0", wait_ms=1)[-1].fields
    assert last == {"what": "released", "chunk": "0", "why": "lease_over"}
    before = contents(client)
    assert not store.ledger.complete(late, done(late.articles), TALLY)
    assert contents(client) == before
    again = claim_chunk(store, job, 0)
    assert again.attempts == 2
    record(store, again, done(again.articles))
    record(store, live, done(live.articles))
    assert (states(store, job), pending_notifications(client, job)) == ({"done": 3}, 0)


def test_a_released_chunk_takes_the_express_lane(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, *[1] * 5)
    assert [notification.lane for notification in store.ledger.notify_next(job)] == [2, 2, 2, 2, 3]
    claim_chunk(store, job, 4)
    end_lease(client, job, 4)

    assert [
        (notification.chunk, notification.lane) for notification in store.ledger.release_expired()
    ] == [(4, 2)]
    assert (set(_notified(client, 3)), pending_notifications(client, job)) == (set(), 5)
    claim_chunk(store, job, 4)
    assert (f"{job}:4" in _notified(client, 2), pending_notifications(client, job)) == (False, 4)


def test_the_lease_of_an_expired_chunk_is_removed(store: JobStore, client: redis.Redis) -> None:
    job = make_job(store, 1)
    claim_chunk(store, job)
    end_lease(client, job)
    client.delete(Key.job(job), Key.chunk(job, 0))

    assert store.ledger.release_expired() == []
    assert client.exists(Key.LEASES) == 0


# One step -------------------------------------------------------------------------------------


def test_only_one_leads_until_it_is_gone(store: JobStore, app: Celery, client: redis.Redis) -> None:
    job = make_job(store, 1)
    assert store.ledger.try_lead("first")
    assert 2_000 < client.pttl(Key.LEADER) <= 3_000

    assert reconcile(store, app, "second") == []
    assert (messages(client), pending_notifications(client, job)) == (0, 0)
    assert _chunks(reconcile(store, app, "first")) == [0]
    client.delete(Key.LEADER)  # as when it expires
    assert store.ledger.try_lead("second")
    assert not store.ledger.try_lead("first")


def test_a_step_fills_the_windows_of_all_waiting_jobs(
    store: JobStore, app: Celery, client: redis.Redis
) -> None:
    small, large = make_job(store, 1), make_job(store, *[1] * 20)
    gone = make_job(store, 1)
    client.delete(Key.job(gone))

    notifications = reconcile(store, app, "test")

    assert {notification.job for notification in notifications} == {small, large}
    assert len(notifications) == messages(client) == 1 + 16
    assert store.ledger.active_jobs() == [large]
    assert reconcile(store, app, "test") == []


@pytest.mark.usefixtures("no_patience")
def test_a_step_after_the_end_finds_nothing(
    store: JobStore, app: Celery, client: redis.Redis
) -> None:
    job = make_job(store, 1, 1)
    store.ledger.notify_next(job)
    for chunk in (0, 1):
        claim = claim_chunk(store, job, chunk)
        record(store, claim, done(claim.articles))
    _wait_for_clock(store, store.ledger._now_ms())

    assert reconcile(store, app, "test") == []
    assert messages(client) == 0


@pytest.mark.usefixtures("no_patience")
def test_a_notification_of_a_missing_job_is_dropped(
    store: JobStore, app: Celery, client: redis.Redis
) -> None:
    job = JobId("260101-0000-abcdef")
    for lane in range(LANE_COUNT):
        client.zadd(Key.notified(lane), {f"{job}:{lane}": 1})

    assert store.ledger.claim(job, 0, worker=WORKER, task="task-a", retried=False) == "gone"
    assert _notified(client, 0) == {}
    assert reconcile(store, app, "test") == []

    assert not any(_notified(client, lane) for lane in range(LANE_COUNT))
