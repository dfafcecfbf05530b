"""One attempt at a chunk: reuses stored results and sends the other articles through the pipeline.

The first attempt processes the whole chunk together. Later attempts, after a lost worker or a time
limit, process one article at a time: each result is kept at once, and the article that keeps losing
workers can be identified. Independent of Celery, except for its time-limit exception.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from billiard.exceptions import SoftTimeLimitExceeded

from worker.engine.watched import WatchedEngine
from worker.pipeline import process
from worker.queue.lease import JobCancelledError
from worker.queue.store.codec import cancelled_outcome
from worker.records.article import ArticleState, Outcome, ProcessedArticle
from worker.records.chunk import ChunkCost
from worker.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.engine.protocol import Engine
    from worker.queue.store.jobs import JobStore
    from worker.records.chunk import Claim

__all__ = ["MAX_LOSSES_ALONE", "Attempt"]

#: Maximum number of workers lost while an article is processed alone, after one was lost with the
#: whole chunk. The third loss in total fails the article.
MAX_LOSSES_ALONE = 2

#: Allowance for losses that no article causes, such as a machine that is switched off at night.
_MAX_OTHER_LOSSES = 8

#: Message and hint for each reason why the queue gives up on an article.
_FAILURES = {
    Reason.TOO_SLOW: (
        "alone it took over {limit_seconds:g} seconds",
        "split it, or give the worker more cores",
    ),
    Reason.WORKER_LOST: (
        "three workers were lost while they held it",
        "does it take too much memory? the worker's log says how they ended",
    ),
}


class Attempt:
    """The work on one claim.

    Args:
        store: holds the results.
        claim: the claimed chunk.
        engine: returns the engine; called when the first article needs it.
        checkpoint: called with the name of each stage as it begins, and with ``""`` between engine
            batches; may raise the exceptions of ``worker.queue.lease.Lease.checkpoint``.
        limit_seconds: a task's soft time limit, quoted in messages.
    """

    def __init__(
        self,
        store: JobStore,
        claim: Claim,
        engine: Callable[[], Engine],
        checkpoint: Callable[[str], None],
        *,
        limit_seconds: float,
    ) -> None:
        self._store, self._claim = store, claim
        self._open_engine, self._checkpoint = engine, checkpoint
        self._limit_seconds = limit_seconds
        self._engine: WatchedEngine | None = None
        self._started = time.monotonic()

    def run(self) -> list[ProcessedArticle]:
        """Process the claim's articles and return their outcomes, in the claim's order.

        Raises:
            SoftTimeLimitExceeded: the time is up; the next attempt continues with the rest.
            LeaseLostError: another task holds the chunk, or the job is gone.
        """
        try:
            missing = self._missing_results()
            together = self._claim.attempts == 1
            processed = (
                self._process_together(missing) if together else self._process_alone(missing)
            )
        except JobCancelledError:
            missing = self._missing_results()
            reason = self._store.progress(self._claim.job).cancel or Reason.CANCELLED
            processed = {
                index: ProcessedArticle(outcome=cancelled_outcome(reason)) for index in missing
            }
        # Results of earlier attempts were computed in this job, so they do not count as cached.
        cached = self._claim.attempts == 1
        reused = ProcessedArticle(outcome=Outcome(state=ArticleState.DONE, cached=cached))
        return [processed.get(index, reused) for index in range(len(self._claim.articles))]

    def tally(self, worker: str) -> ChunkCost:
        """Return the time and the tokens used so far."""
        return ChunkCost(
            worker=worker,
            seconds=time.monotonic() - self._started,
            engine_seconds=self._engine.seconds if self._engine else 0.0,
            tokens_read=self._engine.tokens_read if self._engine else 0,
            tokens_written=self._engine.tokens_written if self._engine else 0,
        )

    def _missing_results(self) -> list[int]:
        """Return the positions of the articles that have no result in the store."""
        known = self._store.ledger.known_results(self._claim.profile, self._claim.articles)
        return [index for index, is_known in enumerate(known) if not is_known]

    def _process_together(self, positions: list[int]) -> dict[int, ProcessedArticle]:
        articles = [self._claim.articles[index] for index in positions]
        processed = process(articles, self._watched_engine, self._claim.profile, self._checkpoint)
        return dict(zip(positions, processed, strict=True))

    def _process_alone(self, positions: list[int]) -> dict[int, ProcessedArticle]:
        processed: dict[int, ProcessedArticle] = {}
        max_attempts = 1 + MAX_LOSSES_ALONE * len(self._claim.articles) + _MAX_OTHER_LOSSES
        for index in positions:
            trial = self._store.ledger.begin_alone(self._claim, index)
            if trial.was_too_slow:
                processed[index] = self._failure(Reason.TOO_SLOW)
                continue
            if trial.number > MAX_LOSSES_ALONE or self._claim.attempts > max_attempts:
                processed[index] = self._failure(Reason.WORKER_LOST)
                continue
            try:
                processed |= self._process_together([index])
            except SoftTimeLimitExceeded:
                if not any(earlier.result for earlier in processed.values()):
                    # The article had the whole time limit to itself.
                    self._store.ledger.note_too_slow(self._claim, index)
                raise
            result = processed[index].result
            if result is not None:
                self._store.ledger.keep_result(self._claim, index, result)
        return processed

    def _watched_engine(self) -> Engine:
        if self._engine is None:
            self._engine = WatchedEngine(self._open_engine(), lambda: self._checkpoint(""))
        return self._engine

    def _failure(self, reason: Reason) -> ProcessedArticle:
        message, hint = _FAILURES[reason]
        return ProcessedArticle(
            outcome=Outcome(
                state=ArticleState.FAILED,
                reason=reason,
                message=message.format(limit_seconds=self._limit_seconds),
                hint=hint,
                attempts=self._claim.attempts - 1,
                stage=self._claim.last_stage,
            )
        )
