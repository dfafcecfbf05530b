"""The store stays consistent after any order of steps, with stale claims and expired leases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.sample import (
    PROFILE,
    TALLY,
    WORKER,
    cancelled,
    counts_sum,
    done,
    failed,
    make_article,
)
from worker.errors import JobNotFoundError, JobStateError
from worker.queue.store import ledger as ledger_module
from worker.queue.store.jobs import JobStore, NewChunk
from worker.queue.store.keys import Key
from worker.records.article import ArticleState
from worker.records.chunk import Claim, LeaseState
from worker.records.priority import LANE_COUNT
from worker.records.reason import Reason

_MESSAGES = st.sampled_from(["message-1", "message-2"])
_NUMBERS = st.integers(0, 7)

#: Small, so that some chunks wait.
_WINDOW = 3


@dataclass
class _Chunk:
    """The expected state of one chunk."""

    ids: list[str]
    state: str = "waiting"
    """``waiting``, ``notified``, ``running`` or ``done``."""
    task: str = ""
    token: str = ""
    lease_lives: bool = False
    attempts: int = 0
    ends: dict[str, ArticleState] = field(default_factory=dict)
    """How its articles ended, except those moved to another chunk."""

    def put_back(self, state: str) -> None:
        """Clear its holder, and set its state."""
        self.state, self.task, self.token, self.lease_lives = state, "", "", False


class _StoreModel(RuleBasedStateMachine):
    """Compares the store with a model of it, one job at a time."""

    client: redis.Redis
    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.store = JobStore(self.client, ttl_seconds=600)
        self.begin()

    def begin(self) -> None:
        """Replace the job by a new one with two notified chunks."""
        self.job = self.store.create(PROFILE)
        self.chunks: list[_Chunk] = []
        self.is_cancelled = self.is_closed = False
        for size in (2, 3):
            self.add(size, cached=False)
        self.notify_next(0)

    # Model ---------------------------------------------------------------------------------------

    def in_state(self, *states: str) -> list[int]:
        return [number for number, chunk in enumerate(self.chunks) if chunk.state in states]

    def pick(self, number: int) -> int:
        """Return the number of an existing chunk."""
        return number % len(self.chunks)

    @property
    def failures(self) -> list[int]:
        """Return the chunks with a failed article."""
        states = [chunk.ends.values() for chunk in self.chunks]
        return [number for number, ends in enumerate(states) if ArticleState.FAILED in ends]

    def of(self, claim: Claim) -> _Chunk | None:
        """Return the chunk that ``claim`` holds; ``None`` if the claim is stale."""
        if claim.job != self.job or self.chunks[claim.chunk].token != claim.token:
            return None
        return self.chunks[claim.chunk]

    @property
    def finished(self) -> bool:
        left = self.in_state("running") or (
            not self.is_cancelled and self.in_state("waiting", "notified")
        )
        return (self.is_closed or self.is_cancelled) and not left

    def release_chunk(self, chunk: _Chunk) -> bool:
        """Release the chunk, and return whether that needs a notification."""
        chunk.put_back("waiting" if self.is_cancelled else "notified")
        return not self.is_cancelled

    # Client --------------------------------------------------------------------------------------

    @rule(size=st.integers(1, 3), cached=st.booleans())
    def add(self, size: int, cached: bool) -> None:
        number = len(self.chunks)
        chunk = _Chunk([f"c{number}-{position}" for position in range(size)])
        new = NewChunk([make_article(name) for name in chunk.ids], cached=cached)
        if self.is_cancelled:
            with pytest.raises(JobStateError, match="was cancelled"):
                self.store.add(self.job, [new])
            return
        if cached:  # as if another job had the results
            self.keep(new)
            chunk.state, chunk.ends = "done", dict.fromkeys(chunk.ids, ArticleState.DONE)
        self.store.add(self.job, [new])
        self.chunks.append(chunk)

    def keep(self, new: NewChunk) -> None:
        articles = tuple(new.articles)
        claim = Claim(
            job=self.job,
            chunk=0,
            token="",
            attempts=1,
            last_stage="",
            profile=PROFILE,
            articles=articles,
        )
        for position, processed in enumerate(done(articles)):
            assert processed.result is not None
            self.store.ledger.keep_result(claim, position, processed.result)

    @rule()
    def close(self) -> None:
        self.store.close(self.job)
        self.is_closed = True

    @precondition(lambda self: len(self.chunks) > 3)  # not before much has happened
    @rule()
    def cancel(self) -> None:
        if self.is_cancelled or self.finished:
            with pytest.raises(JobStateError):
                self.store.cancel(self.job)
            return
        waiting = self.in_state("waiting", "notified")
        articles = sum(len(self.chunks[number].ids) for number in waiting)
        assert self.store.cancel(self.job) == articles
        self.is_cancelled = True

    @precondition(lambda self: self.failures)
    @rule(number=_NUMBERS, positions=st.sets(st.integers(0, 2), min_size=1))
    def retry(self, number: int, positions: set[int]) -> None:
        failures = self.failures
        old = self.chunks[failures[number % len(failures)]]
        wanted = [name for position, name in enumerate(old.ids) if position in positions]
        moved = [name for name in wanted if old.ends.get(name) is ArticleState.FAILED]
        if moved and self.is_cancelled:
            with pytest.raises(JobStateError, match="was cancelled"):
                self.store.retry(self.job, moved)
            return
        # An article moved before is found in its new chunk.
        here = [name for name in wanted if name in old.ends or old.state != "done"]
        assert self.store.retry(self.job, here) == len(moved)
        for name in moved:
            del old.ends[name]
        if moved:
            self.chunks.append(_Chunk(moved))

    @precondition(lambda self: self.finished)
    @rule()
    def remove(self) -> None:
        self.store.remove(self.job)
        untyped: Any = self.client
        assert not [key for key in untyped.scan_iter() if self.job.encode() in key]
        with pytest.raises(JobNotFoundError):
            self.store.progress(self.job)
        self.begin()

    # Worker --------------------------------------------------------------------------------------

    @rule(target=claims, number=_NUMBERS, task=_MESSAGES, retried=st.booleans())
    def claim(self, number: int, task: str, retried: bool) -> Any:
        number = self.pick(number)
        chunk = self.chunks[number]
        if chunk.state == "waiting" and not self.is_cancelled:
            return multiple()  # nobody was notified of it
        answer = self.store.ledger.claim(
            self.job, number, worker=WORKER, task=task, retried=retried
        )
        if chunk.state == "done":
            assert answer == "done"
        elif chunk.state in {"waiting", "notified"} and self.is_cancelled:
            assert answer == "cancelled"
            chunk.state = "waiting"
        elif chunk.lease_lives and not (retried and chunk.task == task):
            assert answer == "held"
        else:
            assert isinstance(answer, Claim)
            chunk.state, chunk.task, chunk.token = "running", task, answer.token
            chunk.lease_lives = True
            chunk.attempts += 1
            assert answer.attempts == chunk.attempts
            assert [article.id for article in answer.articles] == chunk.ids
            return answer
        return multiple()

    @precondition(lambda self: self.in_state("running"))
    @rule(number=_NUMBERS)
    def lose_lease(self, number: int) -> None:
        number = self.pick(number)
        self.client.zadd(Key.LEASES, {f"{self.job}:{number}": 1}, xx=True)
        self.chunks[number].lease_lives = False

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        chunk = self.of(claim)
        expected = LeaseState.CANCELLED if self.is_cancelled else LeaseState.HELD
        state = self.store.ledger.renew(claim, delivery="tag")
        assert state is (expected if chunk else LeaseState.LOST)
        if chunk:
            chunk.lease_lives = True

    @rule(claim=consumes(claims))
    def release(self, claim: Claim) -> None:
        chunk = self.of(claim)
        notification = self.store.ledger.release(claim.job, claim.chunk, claim.token, "test")
        assert (notification is not None) == (chunk is not None and self.release_chunk(chunk))

    @rule(claim=claims, well=st.integers(0, 3))
    def complete(self, claim: Claim, well: int) -> None:
        chunk = self.of(claim)
        bad = cancelled(Reason.CANCELLED) if self.is_cancelled else failed(Reason.ENGINE_ERROR)
        processed = [*done(claim.articles[:well]), *[bad] * len(claim.articles[well:])]
        assert self.store.ledger.complete(claim, processed, TALLY) == (chunk is not None)
        if chunk:
            chunk.put_back("done")
            chunk.ends = {
                name: entry.outcome.state for name, entry in zip(chunk.ids, processed, strict=True)
            }

    # Reconciler -----------------------------------------------------------------------------------

    @precondition(lambda self: self.in_state("waiting"))
    @rule(only=st.integers(0, 1))
    def notify_next(self, only: int) -> None:
        waiting = [] if self.is_cancelled else self.in_state("waiting")
        room = only or max(0, _WINDOW - len(self.in_state("notified")))
        notifications = self.store.ledger.notify_next(self.job, only=only)
        assert [notification.chunk for notification in notifications] == waiting[:room]
        for notification in notifications:
            self.chunks[notification.chunk].state = "notified"

    @precondition(lambda self: self.in_state("running"))
    @rule(number=_NUMBERS)
    def expire(self, number: int) -> None:
        self.lose_lease(number)
        expired = [n for n in self.in_state("running") if not self.chunks[n].lease_lives]
        notifications = self.store.ledger.release_expired()
        released = [n for n in expired if self.release_chunk(self.chunks[n])]
        assert sorted(notification.chunk for notification in notifications) == released

    @precondition(lambda self: self.in_state("notified"))
    @rule()
    def lose_notifications(self) -> None:
        for lane in range(LANE_COUNT):
            members: Any = self.client.zrange(Key.notified(lane), 0, -1)
            if members:
                self.client.zadd(Key.notified(lane), dict.fromkeys(members, 1))
        mine = [
            notification.chunk
            for notification in self.store.ledger.lost_notifications("a queue")
            if notification.job == self.job
        ]
        # Those of a cancelled job too: a claim then learns of it.
        assert sorted(mine) == self.in_state("notified")

    # Invariants -----------------------------------------------------------------------------------

    @invariant()
    def counters_match_the_model(self) -> None:
        progress = self.store.progress(self.job)
        ended = [state for chunk in self.chunks for state in chunk.ends.values()]
        assert counts_sum(progress)
        assert progress.finished == self.finished
        waiting = sum(len(self.chunks[n].ids) for n in self.in_state("waiting", "notified"))
        assert progress.queued == (0 if self.is_cancelled else waiting)
        cancelled_later = ended.count(ArticleState.CANCELLED)
        assert progress.cancelled == cancelled_later + (waiting if self.is_cancelled else 0)
        running = sum(len(self.chunks[n].ids) for n in self.in_state("running"))
        assert progress.running == running
        assert progress.done == ended.count(ArticleState.DONE)
        assert progress.failed == ended.count(ArticleState.FAILED)
        assert progress.total == waiting + running + len(ended)

    @invariant()
    def sets_match_the_model(self) -> None:
        untyped: Any = self.client
        assert self.numbers_of(untyped.zrange(Key.LEASES, 0, -1)) == self.in_state("running")
        lanes = [
            self.numbers_of(untyped.zrange(Key.notified(lane), 0, -1)) for lane in range(LANE_COUNT)
        ]
        assert sorted(number for lane in lanes for number in lane) == self.in_state("notified")
        for lane, numbers in enumerate(lanes):
            stored = [untyped.hget(Key.chunk(self.job, number), "lane") for number in numbers]
            assert stored == [str(lane).encode()] * len(numbers)
        assert int(untyped.hget(Key.job(self.job), "open")) == len(self.in_state("notified"))
        waiting = [] if self.is_cancelled else self.in_state("waiting")
        listed = untyped.lrange(Key.waiting(self.job), 0, -1)
        assert [int(entry.partition(b":")[0]) for entry in listed] == waiting
        assert (self.job in self.store.ledger.active_jobs()) >= bool(waiting)

    def numbers_of(self, members: list[bytes]) -> list[int]:
        parts = [member.decode().rpartition(":") for member in members]
        return sorted(int(number) for job, _, number in parts if job == self.job)

    @invariant()
    def articles_match_the_model(self) -> None:
        ends = {name: end for chunk in self.chunks for name, end in chunk.ends.items()}
        collected = [
            (entry.article.id, entry.outcome.state)
            for entry in self.store.collection.articles(self.job)
        ]
        assert len(collected) == len(dict(collected)) == self.store.progress(self.job).total
        assert {name: end for name, end in collected if name in ends} == ends
        failures = {name for name, end in ends.items() if end is ArticleState.FAILED}
        letters = self.store.collection.dead_letters(self.job)
        assert {letter.article for letter in letters} == failures
        places = {
            name.encode(): f"{number}:{position}".encode()
            for number, chunk in enumerate(self.chunks)
            for position, name in enumerate(chunk.ids)
            if chunk.state != "done" or name in chunk.ends
        }
        untyped: Any = self.client
        assert untyped.hgetall(Key.ids(self.job)) == places


@pytest.mark.parametrize("broker", ["embedded", "redis"], indirect=True)
def test_the_store_matches_its_model_after_any_steps(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledger_module, "_LEAST_WINDOW", _WINDOW)

    class Model(_StoreModel):
        pass

    Model.client = client
    run_state_machine_as_test(
        Model,
        settings=settings(
            max_examples=25,
            stateful_step_count=40,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
