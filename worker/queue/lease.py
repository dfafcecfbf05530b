"""Keeps a claim alive while its chunk is processed, and says when to stop."""

from __future__ import annotations

import contextvars
import threading
from typing import TYPE_CHECKING, Self

import redis

from worker.queue.store.ledger import LEASE_MILLISECONDS
from worker.records.chunk import LeaseState
from worker.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from worker.queue.store.ledger import Ledger
    from worker.records.chunk import Claim

__all__ = ["JobCancelledError", "Lease", "LeaseLostError"]

#: Six renewals per lease, so five in a row may fail.
_RENEWAL_SECONDS = LEASE_MILLISECONDS / 1000 / 6

_log = get_logger(__name__)


class LeaseLostError(Exception):
    """Another task holds the chunk, or the job is gone: the store would refuse these results."""


class JobCancelledError(Exception):
    """The job was cancelled while its chunk was processed."""


class Lease:
    """A context in which a thread renews the claim and its Celery message.

    The work checks at each ``checkpoint`` whether to continue. Even without this check, the store
    would refuse a late result by its token.

    Args:
        ledger: holds the claim.
        claim: the claim to renew.
        delivery: Celery's delivery tag for the message.
        meanwhile: called once in the renewal thread, before the first renewal.
    """

    def __init__(
        self, ledger: Ledger, claim: Claim, *, delivery: str, meanwhile: Callable[[], None]
    ) -> None:
        self._ledger, self._claim, self._delivery = ledger, claim, delivery
        self._meanwhile = meanwhile
        self._state = LeaseState.HELD
        self._stopped = threading.Event()
        # Copied so that the thread's log records carry the chunk's fields too.
        context = contextvars.copy_context()
        self._thread = threading.Thread(
            target=context.run, args=(self._renew_until_stopped,), name="lease", daemon=True
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
        self._stopped.set()
        self._thread.join()

    def checkpoint(self, stage: str = "") -> None:
        """Renew the lease, and raise if the work should stop.

        Args:
            stage: the stage that begins, if any; the ledger records its name.

        Raises:
            LeaseLostError: another task holds the chunk, or the job is gone.
            JobCancelledError: the job was cancelled.
        """
        self._renew(stage)
        if self._state is LeaseState.LOST:
            raise LeaseLostError
        if self._state is LeaseState.CANCELLED:
            raise JobCancelledError

    def _renew_until_stopped(self) -> None:
        self._meanwhile()
        # A cancelled job's lease is renewed too, since one model batch may outlast a lease.
        while not self._stopped.wait(_RENEWAL_SECONDS) and self._state is not LeaseState.LOST:
            self._renew("")

    def _renew(self, stage: str) -> None:
        before = self._state
        try:
            self._state = self._ledger.renew(self._claim, delivery=self._delivery, stage=stage)
        except redis.RedisError:
            # The broker may be back before the lease expires; the next renewal decides.
            _log.warning("lease_not_renewed")
        else:
            if self._state is not before:
                _log.warning("lease_ended", verdict=self._state.value)
