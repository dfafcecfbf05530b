"""Any order of the store's steps, also with stale claims and lost leases, keeps its books right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import redis
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)

from tests.integration.sample import PROFILE, TALLY, WORKER, counts_sum, done, failed, make_article
from worker.jobs import JobStore, NewChunk
from worker.reason import Reason
from worker.records import ArticleState, Claim, Verdict

_MESSAGES = st.sampled_from(["message-1", "message-2"])


@dataclass
class _Chunk:
    """What the books should say of one chunk."""

    size: int
    state: str = "queued"
    task: str = ""
    token: str = ""
    lease_lives: bool = False
    attempts: int = 0
    states: list[ArticleState] = field(default_factory=list)


class _Books(RuleBasedStateMachine):
    """The store against a model of it."""

    client: redis.Redis
    claims: Bundle[Claim] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.client.flushall()
        self.store = JobStore(self.client, ttl_seconds=600)
        self.job = self.store.create(PROFILE)
        self.chunks: list[_Chunk] = []

    @rule(size=st.integers(1, 3), cached=st.booleans())
    def add(self, size: int, cached: bool) -> None:
        number = len(self.chunks)
        articles = [make_article(f"c{number}-{at}") for at in range(size)]
        self.store.add(self.job, [NewChunk(articles, known=cached)])
        chunk = _Chunk(size)
        if cached:
            chunk.state, chunk.states = "done", [ArticleState.DONE] * size
        self.chunks.append(chunk)

    @rule(target=claims, number=st.integers(0, 4), task=_MESSAGES, came_back=st.booleans())
    def claim(self, number: int, task: str, came_back: bool) -> Any:
        said = self.store.ledger.claim(
            self.job, number, worker=WORKER, task=task, retried=came_back
        )
        if number >= len(self.chunks):
            assert said == "gone"
            return multiple()
        chunk = self.chunks[number]
        if chunk.state == "done":
            assert said == "done"
        elif chunk.lease_lives and not (came_back and chunk.task == task):
            assert said == "held"
        else:
            assert isinstance(said, Claim)
            chunk.state, chunk.task, chunk.token, chunk.lease_lives = (
                "running",
                task,
                said.token,
                True,
            )
            chunk.attempts += 1
            assert said.attempts == chunk.attempts
            return said
        return multiple()

    @rule(number=st.integers(0, 4))
    def lose_lease(self, number: int) -> None:
        if number < len(self.chunks):
            self.client.zadd("cd:leases", {f"{self.job}:{number}": 1}, xx=True)
            self.chunks[number].lease_lives = False

    @rule(claim=claims)
    def renew(self, claim: Claim) -> None:
        chunk = self.chunks[claim.chunk]
        holds = chunk.token == claim.token
        assert (self.store.ledger.renew(claim, delivery="tag") is Verdict.HELD) == holds
        chunk.lease_lives |= holds

    @rule(claim=consumes(claims))
    def release(self, claim: Claim) -> None:
        chunk = self.chunks[claim.chunk]
        holds = chunk.token == claim.token
        assert (
            self.store.ledger.release(claim.job, claim.chunk, claim.token, "test") is not None
        ) == holds
        if holds:
            chunk.state, chunk.task, chunk.token, chunk.lease_lives = "queued", "", "", False

    @rule(claim=claims, well=st.integers(0, 3))
    def complete(self, claim: Claim, well: int) -> None:
        chunk = self.chunks[claim.chunk]
        holds = chunk.token == claim.token
        bad = [failed(Reason.ENGINE_ERROR)] * len(claim.articles[well:])
        processed = [*done(claim.articles[:well]), *bad]
        assert self.store.ledger.complete(claim, processed, TALLY) == holds
        if holds:
            chunk.state, chunk.task, chunk.token, chunk.lease_lives = "done", "", "", False
            chunk.states = [one.outcome.state for one in processed]

    @invariant()
    def counters_are_the_models(self) -> None:
        progress = self.store.progress(self.job)
        ended = [state for chunk in self.chunks for state in chunk.states]
        assert counts_sum(progress)
        assert progress.total == sum(chunk.size for chunk in self.chunks)
        for state in ("queued", "running"):
            sizes = [chunk.size for chunk in self.chunks if chunk.state == state]
            assert getattr(progress, state) == sum(sizes)
        assert progress.done == ended.count(ArticleState.DONE)
        assert progress.failed == ended.count(ArticleState.FAILED)

    @invariant()
    def only_running_chunks_have_leases(self) -> None:
        untyped: Any = self.client
        leased = {
            int(name.decode().rpartition(":")[2]) for name in untyped.zrange("cd:leases", 0, -1)
        }
        assert leased == {at for at, chunk in enumerate(self.chunks) if chunk.state == "running"}


def test_the_books_are_right_after_any_steps(client: redis.Redis) -> None:
    class Books(_Books):
        pass

    Books.client = client
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=40,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
