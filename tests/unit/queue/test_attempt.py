"""One attempt at a chunk: all articles together at first, one by one after a loss."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import cast

import pytest
from billiard.exceptions import SoftTimeLimitExceeded

from tests.support.fake_engine import FAILS, FakeEngine
from worker.config.profile import Profile
from worker.engine.protocol import Engine, Generation, Prompt, no_checkpoint
from worker.queue.attempt import MAX_LOSSES_ALONE, Attempt
from worker.queue.lease import JobCancelledError, LeaseLostError
from worker.queue.store.jobs import JobStore
from worker.records.article import Article, ArticleState, Outcome, ProcessedArticle
from worker.records.chunk import Claim, SoloAttempt
from worker.records.job import JobId
from worker.records.reason import Reason
from worker.records.result import Result

_JOB = JobId("260101-0000-abcdef")


class _Store:
    """The parts of the job store and its ledger that an attempt uses, in memory."""

    def __init__(self, *, known: Sequence[str] = (), cancel: Reason | None = None) -> None:
        self.results = set(known)
        self.trials: Counter[int] = Counter()
        self.slow: set[int] = set()
        self.kept: dict[int, Result] = {}
        self._cancel = cancel

    @property
    def ledger(self) -> _Store:
        return self

    def progress(self, job: JobId) -> SimpleNamespace:
        assert job == _JOB
        return SimpleNamespace(cancel=self._cancel)

    def known_results(self, profile: Profile, articles: Sequence[Article]) -> list[bool]:
        del profile
        return [article.id in self.results for article in articles]

    def begin_alone(self, claim: Claim, position: int) -> SoloAttempt:
        del claim
        self.trials[position] += 1
        return SoloAttempt(number=self.trials[position], was_too_slow=position in self.slow)

    def note_too_slow(self, claim: Claim, position: int) -> None:
        del claim
        self.slow.add(position)

    def keep_result(self, claim: Claim, position: int, result: Result) -> None:
        self.kept[position] = result
        self.results.add(claim.articles[position].id)


class _StoppingEngine(FakeEngine):
    """Raises ``error`` when a prompt contains the word STOP."""

    def __init__(self, error: type[Exception]) -> None:
        super().__init__()
        self._error = error

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        if any("STOP" in prompt.text for prompt in prompts):
            raise self._error
        return super().generate(prompts, checkpoint)


def _claim(profile: Profile, words: Sequence[str], *, attempts: int = 1) -> Claim:
    """A chunk of sound articles, one for each of ``words``; their ids are 0, 1, …"""
    texts = [
        f"The council of Harrow Vale voted on Tuesday to repair bridge {number} before winter. "
        f"Engineers said {word} the work would take nine weeks and cost two million pounds."
        for number, word in enumerate(words)
    ]
    return Claim(
        job=_JOB,
        chunk=0,
        token="a token",  # noqa: S106 - no password
        attempts=attempts,
        last_stage="repair" if attempts > 1 else "",
        profile=profile,
        articles=tuple(Article(id=str(number), text=text) for number, text in enumerate(texts)),
    )


def _attempt(
    store: _Store,
    claim: Claim,
    engine: Engine | None = None,
    checkpoint: Callable[[str], None] = lambda _stage: None,
) -> Attempt:
    opened = engine or FakeEngine()
    return Attempt(cast("JobStore", store), claim, lambda: opened, checkpoint, limit_seconds=840.0)


def _outcomes(processed: Sequence[ProcessedArticle]) -> list[tuple[str, Reason | None]]:
    return [(article.outcome.state.value, article.outcome.reason) for article in processed]


_DONE = ("done", None)


# The first attempt --------------------------------------------------------------------------------


def test_the_first_attempt_processes_all_articles_together(profile: Profile) -> None:
    store, engine, engine_of_one = _Store(), FakeEngine(), FakeEngine()

    processed = _attempt(store, _claim(profile, ["that"] * 3), engine).run()

    assert _outcomes(processed) == [_DONE] * 3
    texts = [article.result.repaired for article in processed if article.result]
    assert [text.partition("bridge ")[2][0] for text in texts] == ["0", "1", "2"]
    _attempt(_Store(), _claim(profile, ["that"]), engine_of_one).run()
    assert engine.calls == engine_of_one.calls
    assert (store.trials, store.kept) == (Counter(), {})


def test_known_results_are_not_computed_again(profile: Profile) -> None:
    store, engine = _Store(known=["1"]), FakeEngine()

    processed = _attempt(store, _claim(profile, ["that"] * 3), engine).run()

    cached = Outcome(state=ArticleState.DONE, cached=True)
    assert processed[1] == ProcessedArticle(outcome=cached)
    assert [article.outcome.cached for article in processed] == [False, True, False]
    assert not any("bridge 1 " in prompt.text for prompt in engine.prompts)


def test_no_engine_is_loaded_when_all_results_are_known(profile: Profile) -> None:
    def fail() -> Engine:
        raise AssertionError("no engine is needed")

    store = cast("JobStore", _Store(known=["0", "1"]))
    claim = _claim(profile, ["that"] * 2)
    attempt = Attempt(store, claim, fail, lambda _stage: None, limit_seconds=840.0)

    assert _outcomes(attempt.run()) == [_DONE] * 2
    tally = attempt.tally("worker-1")
    assert (tally.worker, tally.tokens_read, tally.tokens_written) == ("worker-1", 0, 0)
    assert tally.seconds >= tally.engine_seconds == 0


def test_the_tally_counts_the_engines_tokens(profile: Profile) -> None:
    engine = FakeEngine()
    attempt = _attempt(_Store(), _claim(profile, ["that"] * 2), engine)
    attempt.run()

    tally = attempt.tally("worker-1")

    assert tally.tokens_read == sum(len(prompt.text.split()) for prompt in engine.prompts)
    assert 0 < tally.engine_seconds < tally.seconds
    assert 0 < tally.tokens_written <= sum(prompt.max_tokens for prompt in engine.prompts)


def test_every_stage_and_batch_calls_the_checkpoint(profile: Profile) -> None:
    checkpoints: list[str] = []
    engine = FakeEngine()

    _attempt(_Store(), _claim(profile, ["that"]), engine, checkpoints.append).run()

    assert [stage for stage in checkpoints if stage] == ["strip", "repair", "summarise"]
    assert checkpoints.count("") == engine.calls.total() > 1
    assert checkpoints.index("repair") < checkpoints.index("") < checkpoints.index("summarise")


# After a loss -----------------------------------------------------------------------------------


def test_after_a_loss_each_article_is_processed_alone_and_kept_at_once(profile: Profile) -> None:
    store, engine = _Store(), FakeEngine()
    kept_before: list[list[int]] = []

    def checkpoint(stage: str) -> None:
        if stage == "strip":
            kept_before.append(sorted(store.kept))

    claim = _claim(profile, ["that", FAILS, "that"], attempts=2)
    processed = _attempt(store, claim, engine, checkpoint).run()

    assert _outcomes(processed) == [_DONE, ("failed", Reason.ENGINE_ERROR), _DONE]
    assert kept_before == [[], [0], [0]]
    assert store.kept == {0: processed[0].result, 2: processed[2].result}
    assert store.trials == Counter({0: 1, 1: 1, 2: 1})


def test_results_of_an_earlier_attempt_are_done_and_not_cached(profile: Profile) -> None:
    store = _Store(known=["0"])

    processed = _attempt(store, _claim(profile, ["that"] * 2, attempts=2)).run()

    assert processed[0] == ProcessedArticle(outcome=Outcome(state=ArticleState.DONE))
    assert store.trials == Counter({1: 1})


def test_the_third_loss_fails_the_article_being_processed(profile: Profile) -> None:
    store = _Store()
    store.trials[1] = MAX_LOSSES_ALONE  # the first loss was with the whole chunk

    processed = _attempt(store, _claim(profile, ["that"] * 3, attempts=4)).run()

    assert _outcomes(processed) == [_DONE, ("failed", Reason.WORKER_LOST), _DONE]
    lost = processed[1].outcome
    assert (lost.attempts, lost.stage) == (3, "repair")
    assert lost.message
    assert lost.hint


def test_an_article_is_tried_twice_alone(profile: Profile) -> None:
    store = _Store()
    store.trials[0] = MAX_LOSSES_ALONE - 1

    assert _outcomes(_attempt(store, _claim(profile, ["that"], attempts=3)).run()) == [_DONE]


@pytest.mark.parametrize(("attempts", "expected"), [(13, _DONE), (14, ("failed", "worker_lost"))])
def test_unexplained_losses_are_limited(
    profile: Profile, attempts: int, expected: tuple[str, str | None]
) -> None:
    # One loss with the chunk, two with each of two articles, eight others.
    claim = _claim(profile, ["that"] * 2, attempts=attempts)

    assert _outcomes(_attempt(_Store(), claim).run()) == [expected] * 2


# Too slow ---------------------------------------------------------------------------------------


def test_a_chunk_that_runs_out_of_time_blames_no_article(profile: Profile) -> None:
    store = _Store()
    claim = _claim(profile, ["STOP", "that"])

    with pytest.raises(SoftTimeLimitExceeded):
        _attempt(store, claim, _StoppingEngine(SoftTimeLimitExceeded)).run()

    assert (store.slow, store.kept) == (set(), {})


def test_an_article_that_exceeds_the_whole_time_is_too_slow(profile: Profile) -> None:
    store, engine = _Store(), _StoppingEngine(SoftTimeLimitExceeded)
    with pytest.raises(SoftTimeLimitExceeded):
        _attempt(store, _claim(profile, ["STOP", "that"], attempts=2), engine).run()
    assert store.slow == {0}

    processed = _attempt(store, _claim(profile, ["STOP", "that"], attempts=3), engine).run()

    assert _outcomes(processed) == [("failed", Reason.TOO_SLOW), _DONE]
    slow = processed[0].outcome
    assert (slow.message, slow.attempts) == ("alone it took over 840 seconds", 2)


def test_an_article_gets_the_whole_time_before_it_is_blamed(profile: Profile) -> None:
    store, engine = _Store(), _StoppingEngine(SoftTimeLimitExceeded)
    with pytest.raises(SoftTimeLimitExceeded):
        _attempt(store, _claim(profile, ["that", "STOP"], attempts=2), engine).run()
    assert (store.slow, list(store.kept)) == (set(), [0])

    with pytest.raises(SoftTimeLimitExceeded):
        _attempt(store, _claim(profile, ["that", "STOP"], attempts=3), engine).run()
    assert store.slow == {1}

    processed = _attempt(store, _claim(profile, ["that", "STOP"], attempts=4), engine).run()
    assert _outcomes(processed) == [_DONE, ("failed", Reason.TOO_SLOW)]


# Cancelled, or taken over ----------------------------------------------------------------------


def _stop_at(stage: str, nth: int, error: type[Exception]) -> Callable[[str], None]:
    """Raise ``error`` when ``stage`` begins for the ``nth`` time."""
    seen: Counter[str] = Counter()

    def checkpoint(begun: str) -> None:
        seen[begun] += 1
        if seen[stage] == nth:
            raise error

    return checkpoint


@pytest.mark.parametrize(
    ("why", "expected"),
    [
        (Reason.CANCELLED, Reason.CANCELLED),
        (Reason.DEADLINE, Reason.DEADLINE),
        (None, Reason.CANCELLED),
    ],
)
@pytest.mark.parametrize("stage", ["strip", "", "summarise"])
def test_a_cancelled_job_keeps_known_results(
    profile: Profile, why: Reason | None, expected: Reason, stage: str
) -> None:
    store = _Store(known=["1"], cancel=why)
    claim = _claim(profile, ["that"] * 3)

    processed = _attempt(store, claim, checkpoint=_stop_at(stage, 1, JobCancelledError)).run()

    assert _outcomes(processed) == [("cancelled", expected), _DONE, ("cancelled", expected)]
    assert processed[0].outcome.message
    assert all(article.result is None for article in processed)


def test_articles_done_alone_before_the_cancel_stay_done(profile: Profile) -> None:
    store = _Store(cancel=Reason.CANCELLED)
    claim = _claim(profile, ["that"] * 3, attempts=2)

    processed = _attempt(store, claim, checkpoint=_stop_at("strip", 3, JobCancelledError)).run()

    assert _outcomes(processed) == [_DONE, _DONE, ("cancelled", Reason.CANCELLED)]
    assert list(store.kept) == [0, 1]


@pytest.mark.parametrize("attempts", [1, 2])
def test_a_chunk_that_another_task_holds_is_abandoned(profile: Profile, attempts: int) -> None:
    claim = _claim(profile, ["that"] * 2, attempts=attempts)

    with pytest.raises(LeaseLostError):
        _attempt(_Store(), claim, checkpoint=_stop_at("", 1, LeaseLostError)).run()
