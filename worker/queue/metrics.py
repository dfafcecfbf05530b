"""Prometheus metrics of the queue, read from the store at each scrape.

A scrape costs a few commands, plus one for each job and each worker. No label names a single job,
article or worker, so the number of series is fixed. Uses the store,
but no Redis keys of its own.
"""

from __future__ import annotations

from collections import Counter
from itertools import accumulate
from typing import TYPE_CHECKING

import redis
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString

from worker.queue.celery_app import QUEUE
from worker.queue.connection import broker_url, connect
from worker.queue.store.jobs import JobStore
from worker.queue.store.ledger import CHUNK_SECONDS_BOUNDS
from worker.records.article import TERMINAL_STATES, ArticleState
from worker.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from prometheus_client.core import Metric

    from worker.config.settings import Settings
    from worker.queue.store.roster import Roster
    from worker.records.job import JobProgress

__all__ = ["DeskCollector"]

#: A broker that does not answer for this long counts as down. Prometheus abandons a scrape after
#: 10 s; a whole scrape of 5,000 jobs took 0.3 s (measured).
_TIMEOUT_SECONDS = 3

#: No health check: a broker that cannot write to its disk refuses PING, but answers reads.
_OPTIONS = (
    f"socket_timeout={_TIMEOUT_SECONDS}&socket_connect_timeout={_TIMEOUT_SECONDS}"
    "&health_check_interval=0"
)

_log = get_logger(__name__)


class DeskCollector(Collector):
    """Collects the metrics of one store, or only ``copydesk_broker_up 0`` if the broker is down.

    Raises:
        ConfigError: the broker's URL is not valid.
    """

    def __init__(self, settings: Settings) -> None:
        url = broker_url(settings)
        # Options in the URL override those of worker/queue/connection.py.
        self._url = f"{url}{'&' if '?' in url else '?'}{_OPTIONS}"
        self._ttl_seconds = int(settings.job_ttl.total_seconds())
        connect(self._url).close()

    def collect(self) -> Iterator[Metric]:
        """Yield every metric family with its current values."""
        families: Sequence[Metric] = ()
        try:
            # Not open_store, which starts with a PING.
            with connect(self._url) as client:
                store = JobStore(client, ttl_seconds=self._ttl_seconds)
                families = [
                    *_job_metrics(store.jobs()),
                    *_gauges(store.roster),
                    *_counters(store.roster),
                ]
        except redis.RedisError as error:
            _log.warning("broker_not_read", why=type(error).__name__)
        yield _gauge("broker_up", "Whether the broker answers (1) or not (0).", bool(families))
        yield from families


def _job_metrics(jobs: Sequence[JobProgress]) -> Iterator[Metric]:
    yield _labelled(
        "articles",
        "Articles of all jobs that have not expired, by state.",
        "state",
        {state.value: sum(getattr(job, state.value) for job in jobs) for state in ArticleState},
    )
    job_counts = Counter(_state_of(job) for job in jobs)
    yield _labelled(
        "jobs",
        "Jobs that have not expired; a cancelled job is unfinished while one of its chunks runs.",
        "state",
        {state: job_counts[state] for state in ("unfinished", "finished", "cancelled")},
    )


def _state_of(job: JobProgress) -> str:
    if not job.finished:
        return "unfinished"
    return "finished" if job.cancel is None else "cancelled"


def _gauges(roster: Roster) -> Iterator[Metric]:
    stale = [worker.stale for worker in roster.workers()]
    yield _labelled(
        "workers",
        "Workers seen in the last seconds (live), or last seen minutes ago (stale).",
        "state",
        {"live": stale.count(False), "stale": stale.count(True)},
    )
    lengths = {str(lane): length for lane, length in enumerate(roster.queue_lengths(QUEUE))}
    yield _labelled(
        "queue_messages", "Messages in each lane of the queue; lane 0 goes first.", "lane", lengths
    )
    yield _gauge(
        "oldest_waiting_seconds",
        "Age of the oldest message whose chunk no worker has claimed; 0 if none waits.",
        roster.oldest_waiting_seconds(),
    )
    yield _gauge("leases", "Chunks that workers hold.", roster.count_leases())
    yield _gauge(
        "expired_leases",
        "Chunks whose lease has expired and that were not released yet.",
        roster.count_expired_leases(),
    )
    memory = roster.memory()
    yield _gauge("broker_memory_bytes", "Memory that the broker uses.", memory.used)
    yield _gauge(
        "broker_memory_limit_bytes", "The broker's maxmemory; 0 if none is set.", memory.limit
    )
    yield _gauge(
        "broker_aof_ok",
        "Whether the last write to the append-only file succeeded (1) or not (0).",
        roster.writes_to_disk(),
    )


def _counters(roster: Roster) -> Iterator[Metric]:
    stats = roster.stats()
    # Not "articles": in OpenMetrics a gauge and a counter must not share a name.
    recorded = CounterMetricFamily(
        "copydesk_articles_recorded",
        "Articles that workers have recorded since the store was created, by final state.",
        labels=["state"],
    )
    for state in sorted(TERMINAL_STATES):
        recorded.add_metric([state.value], stats.get(state.value, 0.0))
    yield recorded
    tokens = CounterMetricFamily(
        "copydesk_tokens",
        "Tokens that engines have read and written since the store was created.",
        labels=["kind"],
    )
    for kind in ("read", "written"):
        tokens.add_metric([kind], stats.get(f"tokens_{kind}", 0.0))
    yield tokens
    engine_seconds = CounterMetricFamily(
        "copydesk_engine_seconds",
        "Seconds of copydesk_chunk_seconds_sum that were spent inside an engine.",
    )
    engine_seconds.add_metric([], stats.get("engine_seconds", 0.0))
    yield engine_seconds
    yield HistogramMetricFamily(
        "copydesk_chunk_seconds",
        "Seconds that recorded chunks took.",
        buckets=_buckets(stats),
        sum_value=stats.get("seconds", 0.0),
    )


def _buckets(stats: Mapping[str, float]) -> list[tuple[str, float]]:
    """Return cumulative counts by upper bound; the store counts a chunk under one bound only."""
    bounds = (*CHUNK_SECONDS_BOUNDS, "inf")
    counts = accumulate(stats.get(f"seconds_le_{bound}", 0.0) for bound in bounds)
    return list(zip(map(floatToGoString, bounds), counts, strict=True))


def _gauge(name: str, description: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"copydesk_{name}", description, value=float(value))


def _labelled(
    name: str, description: str, label: str, values: Mapping[str, float]
) -> GaugeMetricFamily:
    family = GaugeMetricFamily(f"copydesk_{name}", description, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family
