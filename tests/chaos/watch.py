"""Looks at the ledger every 50 ms: who holds what, and when a killed one's chunks go on."""

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
    """The chunks that were held at a kill, until each has another token or is done."""

    what: str
    since: float
    """When the kill was, on the monotonic clock."""
    held: dict[str, bytes]
    """``job:chunk`` → token; those that have gone on are taken out."""
    seconds: float = 0.0
    """How long the last one took, or has taken so far."""

    @property
    def settled(self) -> bool:
        """Whether every chunk goes on."""
        return not self.held


class Watch(threading.Thread):
    """The sampling thread. Time in which the broker is down, or no worker is there, counts."""

    def __init__(self, place: Place) -> None:
        super().__init__(name="watch", daemon=True)
        self._redis: Any = connect(broker_url(place.settings))
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.recoveries: list[Recovery] = []

    def holders(self) -> dict[str, dict[str, bytes]]:
        """For each worker the chunks it holds at this moment, with their tokens.

        Raises:
            redis.RedisError: the broker is away.
        """
        members = [member.decode() for member in self._redis.zrange(Key.LEASES, 0, -1)]
        found: dict[str, dict[str, bytes]] = {}
        for member, (worker, token) in self._read(members, "worker", "token"):
            if worker is not None and token is not None:
                found.setdefault(worker.decode(), {})[member] = token
        return found

    def held(self, *workers: str) -> dict[str, bytes]:
        """What these hold; all workers' where none is named."""
        holders = self.holders()
        wanted = workers or tuple(holders)
        return {
            member: token for worker in wanted for member, token in holders.get(worker, {}).items()
        }

    def begin(self, what: str, since: float, held: dict[str, bytes]) -> Recovery:
        """Watch what was held when something was killed."""
        recovery = Recovery(what, since, dict(held))
        with self._lock:
            self.recoveries.append(recovery)
        return recovery

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self.join()
        self._redis.close()

    def run(self) -> None:
        """Sample until ``stop``."""
        while not self._over.wait(_SAMPLE_SECONDS):
            with self._lock:
                opened = [one for one in self.recoveries if not one.settled]
            for recovery in opened:
                try:
                    self._look(recovery)
                except redis.RedisError:
                    recovery.seconds = time.monotonic() - recovery.since

    def _look(self, recovery: Recovery) -> None:
        members = list(recovery.held)
        states = self._read(members, "state", "token")
        cancelled = {job: self._redis.hget(Key.job(job), "cancel") for job in _jobs(members)}
        recovery.seconds = time.monotonic() - recovery.since
        for member, (state, token) in states:
            ended = state == b"done" or (state == b"queued" and cancelled[_job(member)])
            if ended or (token is not None and token != recovery.held[member]):
                del recovery.held[member]
        if recovery.settled:
            say(
                f"  {recovery.what}: all goes on after {recovery.seconds:.1f} s, {members[-1]} last"
            )

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
