"""Keeps a claim alive while its chunk is worked on."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING, Self

import redis

from worker.jobs import LEASE_MILLISECONDS

if TYPE_CHECKING:
    from types import TracebackType

    from worker.jobs import JobStore
    from worker.records import Claim

__all__ = ["Lease"]

#: Six renewals within a lease: five may be missed.
_RENEWAL_SECONDS = LEASE_MILLISECONDS / 1000 / 6

_log = logging.getLogger(__name__)


class Lease:
    """A context in which the claim and its message are renewed by a thread.

    Losing the lease is noted, not raised: the store refuses a late result by its token.
    """

    def __init__(self, store: JobStore, claim: Claim, *, delivery: str) -> None:
        self._store, self._claim, self._delivery = store, claim, delivery
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lease", daemon=True)

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

    def _renew(self) -> None:
        claim = self._claim
        while not self._over.wait(_RENEWAL_SECONDS):
            try:
                if not self._store.renew(claim, delivery=self._delivery):
                    _log.warning("lease_lost job=%s chunk=%d", claim.job, claim.chunk)
                    return
            except redis.RedisError:
                # The broker may be back before the lease is over; the next renewal will tell.
                _log.warning("lease_not_renewed job=%s chunk=%d", claim.job, claim.chunk)
