"""The roster: which workers there are, what each is doing, and how full the broker is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from worker.queue.store.clock import broker_microseconds
from worker.queue.store.keys import Key, read_member
from worker.queue.store.ledger import LIVE_MILLISECONDS
from worker.records.priority import LANE_COUNT
from worker.records.worker import WorkerPresence, WorkerTask

if TYPE_CHECKING:
    import redis

__all__ = ["Memory", "Roster"]

#: A worker that has not reported for this long is no longer listed; until then it is listed as
#: stale, so that a person sees which worker is missing.
_LISTED_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Memory:
    """The broker's memory, in bytes."""

    used: int
    limit: int
    """0 if there is no limit."""

    @property
    def share(self) -> float:
        """The used share of the limit, from 0 to 1; 0 if there is no limit."""
        return self.used / self.limit if self.limit else 0.0


class Roster:
    """The workers and gauges of one Redis or Valkey."""

    def __init__(self, client: redis.Redis) -> None:
        self._redis: Any = client

    def record_presence(self, worker: WorkerPresence) -> None:
        """Record that ``worker`` is alive."""
        presence = worker.model_dump_json(exclude={"idle_seconds", "stale", "tasks"})
        now = self._now()
        with self._redis.pipeline() as pipe:
            pipe.set(Key.worker(worker.name), presence, ex=_LISTED_SECONDS)
            pipe.zadd(Key.WORKERS, {worker.name: int(now * 1000)})
            pipe.zremrangebyscore(Key.WORKERS, "-inf", int((now - _LISTED_SECONDS) * 1000))
            pipe.execute()

    def forget_worker(self, name: str) -> None:
        """Remove a worker that has ended."""
        with self._redis.pipeline() as pipe:
            pipe.delete(Key.worker(name))
            pipe.zrem(Key.WORKERS, name)
            pipe.execute()

    def workers(self) -> list[WorkerPresence]:
        """Return the workers seen in the last few minutes, with their tasks, sorted by name."""
        seen = dict(self._redis.zrange(Key.WORKERS, 0, -1, withscores=True))
        if not seen:
            return []
        now = self._now()
        tasks = self._tasks()
        presences = self._redis.mget([Key.worker(name.decode()) for name in seen])
        workers = []
        for (name, seen_ms), presence in zip(seen.items(), presences, strict=True):
            if presence is None:
                continue
            idle = max(0.0, now - seen_ms / 1000)
            worker = WorkerPresence.model_validate_json(presence)
            update = {
                "idle_seconds": round(idle, 1),
                "stale": idle * 1000 > LIVE_MILLISECONDS,
                "tasks": tuple(tasks.get(name.decode(), ())),
            }
            workers.append(worker.model_copy(update=update))
        return sorted(workers, key=lambda worker: worker.name)

    def count_live_workers(self) -> int:
        """Count the workers that reported in the last few seconds."""
        since = int(self._now() * 1000) - LIVE_MILLISECONDS
        return int(self._redis.zcount(Key.WORKERS, since, "+inf"))

    def count_leases(self) -> int:
        """Count the chunks that tasks hold."""
        return int(self._redis.zcard(Key.LEASES))

    def count_expired_leases(self) -> int:
        """Count the chunks whose lease has expired but that have not been released yet."""
        return int(self._redis.zcount(Key.LEASES, "-inf", int(self._now() * 1000)))

    def queue_lengths(self, queue: str) -> list[int]:
        """Return the number of messages in each lane of Celery's queue, first lane first."""
        with self._redis.pipeline(transaction=False) as pipe:
            for lane in range(LANE_COUNT):
                pipe.llen(Key.queue(queue, lane))
            return [int(length) for length in pipe.execute()]

    def oldest_waiting_seconds(self) -> float:
        """Return the age of the oldest pending notification; 0 if none is pending."""
        with self._redis.pipeline(transaction=False) as pipe:
            for lane in range(LANE_COUNT):
                pipe.zrange(Key.notified(lane), 0, 0, withscores=True)
            stamps = [stamp_ms for first in pipe.execute() for _, stamp_ms in first]
        return max(0.0, self._now() - min(stamps) / 1000) if stamps else 0.0

    def stats(self) -> dict[str, float]:
        """Return the totals of all jobs since the store was created, by name."""
        return {
            name.decode(): float(value) for name, value in self._redis.hgetall(Key.STATS).items()
        }

    def memory(self) -> Memory:
        """Return the broker's used memory and its limit."""
        info = self._redis.info("memory")
        return Memory(used=int(info["used_memory"]), limit=int(info.get("maxmemory", 0)))

    def writes_to_disk(self) -> bool:
        """Return whether the last write to the append-only file succeeded; True if there is none.

        While such writes fail, the broker refuses every command that writes.
        """
        info = self._redis.info("persistence")
        return bool(info.get("aof_last_write_status", "ok") == "ok")

    def _tasks(self) -> dict[str, list[WorkerTask]]:
        """Return the tasks that hold chunks, by worker."""
        chunks = [read_member(member) for member in self._redis.zrange(Key.LEASES, 0, -1)]
        with self._redis.pipeline(transaction=False) as pipe:
            for job_id, chunk in chunks:
                pipe.hmget(Key.chunk(job_id, chunk), "worker", "size", "stage", "since")
            answers = pipe.execute()
        tasks: dict[str, list[WorkerTask]] = {}
        for (job_id, chunk), (worker, size, stage, since) in zip(chunks, answers, strict=True):
            if worker is None:
                continue
            task = WorkerTask(
                job=job_id,
                chunk=chunk,
                articles=int(size),
                stage=(stage or b"").decode(),
                since=int(since) / 1000,
            )
            tasks.setdefault(worker.decode(), []).append(task)
        return tasks

    def _now(self) -> float:
        """Return the broker's Unix time in seconds."""
        return broker_microseconds(self._redis) / 1e6
