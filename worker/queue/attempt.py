"""One attempt at a chunk: what is known is found again, the rest goes through the pipeline.

A chunk that has lost its worker or its time is worked on article by article the next time: what is
done stays done, and the article that is in hand whenever a worker is lost is found out. Knows
nothing of the queue but the exception that ends its time.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from billiard.exceptions import SoftTimeLimitExceeded

from worker.engine.watched import WatchedEngine
from worker.pipeline import process
from worker.queue.lease import JobCancelledError
from worker.queue.store.codec import cancelled_outcome
from worker.records.article import ArticleState, Outcome, Processed
from worker.records.chunk import Tally
from worker.records.reason import Reason

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.engine.protocol import Engine
    from worker.queue.store.jobs import JobStore
    from worker.records.chunk import Claim

__all__ = ["MOST_ALONE", "Attempt"]

#: A worker may be lost with the whole chunk once, and with one article alone this often: the
#: third loss is the article's own.
MOST_ALONE = 2

#: Losses that no article explains, such as a machine that is switched off at night.
_MOST_OTHER_LOSSES = 8


class Attempt:
    """The work on one claim.

    Args:
        store: where results are found and kept.
        claim: the chunk.
        engine: is called when the first article needs it.
        checkpoint: is told the stage that begins, and called with ``""`` between two batches of
            the engine; may raise what ``worker.queue.lease.Lease.checkpoint`` raises.
        limit_seconds: how long a task may take, for messages.
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

    def run(self) -> list[Processed]:
        """What became of the claim's articles, in their order.

        Raises:
            SoftTimeLimitExceeded: the time is over; a next attempt goes on with what is left.
            LeaseLostError: another task has the chunk.
        """
        try:
            fresh = self._unknown()
            computed = self._together(fresh) if self._claim.attempts == 1 else self._alone(fresh)
        except JobCancelledError:
            fresh = self._unknown()
            why = self._store.progress(self._claim.job).cancel or Reason.CANCELLED
            computed = {at: Processed(outcome=cancelled_outcome(why)) for at in fresh}
        # What an earlier attempt has kept was computed in this job.
        cached = self._claim.attempts == 1
        found = Processed(outcome=Outcome(state=ArticleState.DONE, cached=cached))
        return [computed.get(at, found) for at in range(len(self._claim.articles))]

    def tally(self, worker: str) -> Tally:
        """What it took so far."""
        return Tally(
            worker=worker,
            seconds=time.monotonic() - self._started,
            engine_seconds=self._engine.seconds if self._engine else 0.0,
            tokens_read=self._engine.tokens_read if self._engine else 0,
            tokens_written=self._engine.tokens_written if self._engine else 0,
        )

    def _unknown(self) -> list[int]:
        """Positions of the articles whose result is not there."""
        known = self._store.ledger.known(self._claim.profile, self._claim.articles)
        return [at for at, is_known in enumerate(known) if not is_known]

    def _together(self, positions: list[int]) -> dict[int, Processed]:
        articles = [self._claim.articles[at] for at in positions]
        processed = process(articles, self._watched, self._claim.profile, self._checkpoint)
        return dict(zip(positions, processed, strict=True))

    def _alone(self, positions: list[int]) -> dict[int, Processed]:
        computed: dict[int, Processed] = {}
        most = 1 + MOST_ALONE * len(self._claim.articles) + _MOST_OTHER_LOSSES
        for at in positions:
            trial = self._store.ledger.begin_alone(self._claim, at)
            if trial.was_too_slow:
                computed[at] = self._failed(Reason.TOO_SLOW)
                continue
            if trial.number > MOST_ALONE or self._claim.attempts > most:
                computed[at] = self._failed(Reason.WORKER_LOST)
                continue
            try:
                computed |= self._together([at])
            except SoftTimeLimitExceeded:
                if not any(item.result for item in computed.values()):
                    # It had all of the time for itself.
                    self._store.ledger.note_too_slow(self._claim, at)
                raise
            result = computed[at].result
            if result is not None:
                self._store.ledger.keep(self._claim, at, result)
        return computed

    def _watched(self) -> Engine:
        if self._engine is None:
            self._engine = WatchedEngine(self._open_engine(), lambda: self._checkpoint(""))
        return self._engine

    def _failed(self, reason: Reason) -> Processed:
        said = {
            Reason.TOO_SLOW: (
                f"alone it took over {self._limit_seconds:g} seconds",
                "split it, or give the worker more cores",
            ),
            Reason.WORKER_LOST: (
                "three workers were lost while they held it",
                "does it take too much memory? the worker's log says how they ended",
            ),
        }
        message, hint = said[reason]
        return Processed(
            outcome=Outcome(
                state=ArticleState.FAILED,
                reason=reason,
                message=message,
                hint=hint,
                attempts=self._claim.attempts - 1,
                stage=self._claim.last_stage,
            )
        )
