"""Keeps a claim alive while its chunk is worked on, and says when to stop."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Self

import redis

from worker.process.log import get_logger
from worker.queue.store.ledger import LEASE_MILLISECONDS
from worker.records.chunk import LeaseState

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from worker.queue.store.ledger import Ledger
    from worker.records.chunk import Claim

__all__ = ["JobCancelledError", "Lease", "LeaseLostError"]

#: Six renewals within a lease: five may be missed.
_RENEWAL_SECONDS = LEASE_MILLISECONDS / 1000 / 6

_log = get_logger(__name__)


class LeaseLostError(Exception):
    """Another task has the chunk by now: what is found out would not be recorded."""


class JobCancelledError(Exception):
    """The job was taken back while its chunk was worked on."""


class Lease:
    """A context in which the claim and its message are renewed by a thread.

    The work asks at each ``checkpoint`` whether to go on. Whatever it does, the store refuses a
    late result by its token.

    Args:
        ledger: where the claim is held.
        claim: what is held.
        delivery: Celery's delivery tag of the message.
        meanwhile: what the thread does first, beside the work.
    """

    def __init__(
        self, ledger: Ledger, claim: Claim, *, delivery: str, meanwhile: Callable[[], None]
    ) -> None:
        self._ledger, self._claim, self._delivery = ledger, claim, delivery
        self._meanwhile = meanwhile
        self._verdict = LeaseState.HELD
        self._over = threading.Event()
        # In the work's own context, so that its log lines say which chunk they are about.
        work = contextvars.copy_context()
        self._thread = threading.Thread(
            target=work.run, args=(self._renew_often,), name="lease", daemon=True
        )

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()

    def checkpoint(self, stage: str = "") -> None:
        """Between two micro-batches: go on, or not.

        Args:
            stage: the stage that begins, if one does; the ledger notes it.

        Raises:
            LeaseLostError: the work is another task's by now.
            JobCancelledError: the job was taken back.
        """
        self._renew(stage)
        if self._verdict is LeaseState.LOST:
            raise LeaseLostError
        if self._verdict is LeaseState.CANCELLED:
            raise JobCancelledError

    def _renew_often(self) -> None:
        self._meanwhile()
        # Also of a cancelled job: a batch of the model may take longer than a lease.
        while not self._over.wait(_RENEWAL_SECONDS) and self._verdict is not LeaseState.LOST:
            self._renew("")

    def _renew(self, stage: str) -> None:
        before = self._verdict
        try:
            self._verdict = self._ledger.renew(self._claim, delivery=self._delivery, stage=stage)
        except redis.RedisError:
            # The broker may be back before the lease is over; the next renewal will tell.
            _log.warning("lease_not_renewed")
        else:
            if self._verdict is not before:
                _log.warning("lease_ended", verdict=self._verdict.value)
