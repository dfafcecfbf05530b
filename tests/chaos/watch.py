"""Sample the ledger every 50 ms: who holds which chunk, and when chunks go on after a kill."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import redis

from tests.chaos.place import Place, say
from worker.queue.connection import broker_url, connect
from worker.queue.store.keys import Key

__all__ = ["Recovery", "Watch"]

_SAMPLE_SECONDS = 0.05


@dataclass(slots=True)
class Recovery:
    """The chunks held at a kill, until each has another token or is done."""

    kind: str
    since: float
    """Time of the kill, on the monotonic clock."""
    held: dict[str, bytes]
    """Token by ``job:chunk``; chunks that have gone on are removed."""
    seconds: float = 0.0
    """Time until the last chunk went on, or so far."""

    @property
    def settled(self) -> bool:
        """Whether every chunk has gone on."""
        return not self.held


class Watch(threading.Thread):
    """The sampling thread. Time without a broker or a worker counts."""

    def __init__(self, place: Place) -> None:
        super().__init__(name="watch", daemon=True)
        self._redis: Any = connect(broker_url(place.settings))
        self._stopped = threading.Event()
        self._lock = threading.Lock()
        self.recoveries: list[Recovery] = []

    def holders(self) -> dict[str, dict[str, bytes]]:
        """Return the chunks that each worker holds now, with their tokens.

        Raises:
            redis.RedisError: the broker is away.
        """
        members = [member.decode() for member in self._redis.zrange(Key.LEASES, 0, -1)]
        holders: dict[str, dict[str, bytes]] = {}
        for member, (worker, token) in self._read(members, "worker", "token"):
            if worker is not None and token is not None:
                holders.setdefault(worker.decode(), {})[member] = token
        return holders

    def held(self, *workers: str) -> dict[str, bytes]:
        """Return the chunks that these workers hold, or all workers if none is named."""
        holders = self.holders()
        names = workers or tuple(holders)
        return {
            member: token for worker in names for member, token in holders.get(worker, {}).items()
        }

    def begin(self, kind: str, since: float, held: dict[str, bytes]) -> Recovery:
        """Watch the chunks that were held at a kill."""
        recovery = Recovery(kind, since, dict(held))
        with self._lock:
            self.recoveries.append(recovery)
        return recovery

    def stop(self) -> None:
        """Stop the thread."""
        self._stopped.set()
        self.join()
        self._redis.close()

    def run(self) -> None:
        """Sample until ``stop``."""
        while not self._stopped.wait(_SAMPLE_SECONDS):
            with self._lock:
                pending = [recovery for recovery in self.recoveries if not recovery.settled]
            for recovery in pending:
                try:
                    self._update(recovery)
                except redis.RedisError:
                    recovery.seconds = time.monotonic() - recovery.since

    def _update(self, recovery: Recovery) -> None:
        members = list(recovery.held)
        states = self._read(members, "state", "token")
        cancelled = {job: self._redis.hget(Key.job(job), "cancel") for job in _jobs(members)}
        recovery.seconds = time.monotonic() - recovery.since
        for member, (state, token) in states:
            ended = state == b"done" or (state == b"queued" and cancelled[_job(member)])
            if ended or (token is not None and token != recovery.held[member]):
                del recovery.held[member]
        if recovery.settled:
            say(f"  {recovery.kind}: all go on after {recovery.seconds:.1f} s, {members[-1]} last")

    def _read(
        self, members: list[str], *fields: str
    ) -> list[tuple[str, tuple[bytes | None, bytes | None]]]:
        with self._redis.pipeline(transaction=False) as pipe:
            for member in members:
                pipe.hmget(Key.chunk(_job(member), int(member.rpartition(":")[2])), *fields)
            return list(zip(members, pipe.execute(), strict=True))


def _job(member: str) -> str:
    return member.rpartition(":")[0]


def _jobs(members: Iterable[str]) -> set[str]:
    return {_job(member) for member in members}
