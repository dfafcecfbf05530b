"""Failing networks, killed processes, skewed clocks: every article ends, and only once.

Two workers serve all of these tests: a near one, and a far one behind a proxy that can be cut.
Others start and stop with their test.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.integration import job_step
from tests.integration.job_step import finish, states, submit_all, wait_for_gate
from tests.integration.sample import make_article, make_articles
from tests.integration.worker_process import WorkerProcess, running_worker
from tests.support.broker import RunningBroker
from tests.support.fake_worker import CLOCK, DEAF, HARD_LIMIT, LEASE, TIME_LIMIT, WAITS
from tests.support.proxy import Proxy, proxy_to
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_settings
from worker.queue.connection import connect
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.records.article import Article, ArticleState
from worker.records.job import JobId
from worker.records.reason import Reason

pytestmark = pytest.mark.parametrize("broker", ["redis"], indirect=True)

#: Lease in seconds: long enough to be renewed on a busy machine, short enough to wait for.
_SHORT_LEASE = {LEASE: "4"}

#: Longest wait, on a busy machine.
_SECONDS = 30.0

_HOUR = 3600


@pytest.fixture(scope="module")
def proxy(broker: RunningBroker) -> Iterator[Proxy]:
    """The network between the far worker and the broker."""
    with proxy_to(broker.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def workers(
    broker: RunningBroker,
    broker_home: Path,
    proxy: Proxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[WorkerProcess, WorkerProcess]]:
    """The near and the far worker."""
    folder = tmp_path_factory.mktemp("workers")
    with connect(broker.url) as client:
        store = JobStore(client, ttl_seconds=600)
        direct = load_settings(home=broker_home, broker_url=broker.url)
        through = load_settings(home=broker_home, broker_url=proxy.url)
        with (
            running_worker(direct, store, folder / "near", _SHORT_LEASE) as near,
            running_worker(through, store, folder / "far", _SHORT_LEASE) as far,
        ):
            yield near, far


@dataclass(frozen=True, slots=True)
class _Scene:
    """Two workers at their closed gates, each with a chunk of one article."""

    near: WorkerProcess
    far: WorkerProcess
    proxy: Proxy
    job: JobId
    """The job of these two chunks."""
    store: JobStore
    settings: Settings
    client: redis.Redis

    def submit(self, *articles: Article) -> JobId:
        """Submit a job of one chunk."""
        return submit_all(list(articles), self.store, self.settings).job

    def open_gates(self) -> None:
        """Let both workers go on."""
        self.near.gate.open()
        self.far.gate.open()

    def attempts(self, job: JobId) -> list[int]:
        """Return how often each chunk of the job was claimed, in ascending order."""
        return sorted(job_step.attempts(self.client, job))

    def all_done(self, *more_jobs: JobId) -> None:
        """Wait for the end of all jobs, and check that each article is done and recorded once."""
        total = 0
        for job in (self.job, *more_jobs):
            finished = finish(self.store, job)
            assert {collected.outcome.state for collected in finished.values()} == {
                ArticleState.DONE
            }
            assert states(self.store, job) == {"done": len(finished)}
            total += len(finished)
        # Every recording adds to these counters.
        assert self.store.roster.stats()["done"] == total


@pytest.fixture
def scene(
    workers: tuple[WorkerProcess, WorkerProcess],
    proxy: Proxy,
    store: JobStore,
    settings: Settings,
    client: redis.Redis,
) -> Iterator[_Scene]:
    """Both workers busy; the proxy and the gates are open at the end."""
    for worker in workers:
        worker.gate.close()
    articles = [make_article(name, word=WAITS) for name in ("slow-1", "slow-2")]
    one_each = settings.model_copy(update={"chunk_articles": 1})
    job = submit_all(articles, store, one_each).job
    busy = _Scene(*workers, proxy, job, store, settings, client)
    try:
        for worker in workers:
            wait_for_gate(worker)
        yield busy
    finally:
        proxy.mend()
        busy.open_gates()


@contextmanager
def _logged(worker: WorkerProcess, *words: str) -> Iterator[None]:
    """Wait until the worker, because of the block, has logged one of the words."""
    before = _count(worker, *words)
    yield
    wait_until(
        lambda: _count(worker, *words) > before,
        timeout=_SECONDS,
        description=f"a worker that logs {' or '.join(words)}",
    )


def _count(worker: WorkerProcess, *words: str) -> int:
    return sum(worker.log.count(word) for word in words)


# The network ----------------------------------------------------------------------------------


def test_a_worker_cut_off_during_a_chunk_records_it_when_the_network_is_back(
    scene: _Scene,
) -> None:
    with _logged(scene.far, "Cannot connect"):
        scene.proxy.cut()
        scene.far.gate.open()
    assert states(scene.store, scene.job) == {"running": 2}
    with _logged(scene.far, "chunk_recorded"):
        scene.proxy.mend()

    scene.near.gate.open()
    scene.all_done()
    assert scene.attempts(scene.job) == [1, 1]


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_a_worker_cut_off_for_longer_than_its_lease_comes_too_late(
    scene: _Scene, trouble: str
) -> None:
    getattr(scene.proxy, trouble)()
    scene.near.gate.open()
    scene.all_done()

    with _logged(scene.far, "chunk_was_late", "chunk_lost"):
        scene.far.gate.open()
        scene.proxy.mend()

    scene.all_done()
    assert scene.attempts(scene.job) == [1, 2]


def test_a_worker_cut_off_while_idle_takes_work_when_the_network_is_back(scene: _Scene) -> None:
    with _logged(scene.far, "chunk_recorded"):
        scene.far.gate.open()
    with _logged(scene.far, "Cannot connect"):
        scene.proxy.cut()
    job = scene.submit(*make_articles(3))
    scene.proxy.mend()

    finish(scene.store, job)
    scene.near.gate.open()
    scene.all_done(job)
    assert (scene.attempts(scene.job), scene.attempts(job)) == ([1, 1], [1])


# Signals --------------------------------------------------------------------------------------

_TERM, _KILL = signal.SIGTERM, signal.SIGKILL


@pytest.mark.parametrize(
    "signals",
    [
        [("main", _KILL)],
        [("main", _TERM), ("main", _KILL)],
        [("child", _KILL), ("main", _TERM)],
        [("main", _TERM), ("child", _KILL)],
    ],
    ids=lambda signals: "-".join(f"{target}-{how.name}" for target, how in signals),
)
def test_killed_in_any_order_a_worker_leaves_nothing_and_another_takes_over(
    scene: _Scene, tmp_path: Path, signals: list[tuple[str, signal.Signals]]
) -> None:
    folder = tmp_path / "victim"
    with running_worker(scene.settings, scene.store, folder, _SHORT_LEASE) as victim:
        job = scene.submit(make_article("victim", word=WAITS), *make_articles(3))
        (child,) = wait_for_gate(victim)
        for target, how in signals:
            if how is _KILL:
                os.kill(child if target == "child" else victim.process.pid, how)
            else:
                with _logged(victim, "shutdown"):
                    victim.process.send_signal(how)
        victim.process.wait(_SECONDS)
        # On Linux Celery has the kernel kill the child with its main process.
        wait_until(lambda: not _is_alive(child), timeout=_SECONDS, description="the child's end")

    scene.open_gates()
    scene.all_done(job)
    assert (scene.attempts(scene.job), scene.attempts(job)) == ([1, 1], [2])


def _is_alive(process: int) -> bool:
    """Return whether the process exists and is no zombie."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


# Clocks ---------------------------------------------------------------------------------------


def test_a_worker_whose_clock_is_ahead_takes_no_chunk_from_another(
    scene: _Scene, tmp_path: Path
) -> None:
    # The far worker's first child is lost, so Celery retries its message.
    os.kill(scene.far.gate.waiting[0], signal.SIGKILL)
    wait_for_gate(scene.far, comers=2)

    ahead = {**_SHORT_LEASE, CLOCK: str(_HOUR)}
    with running_worker(scene.settings, scene.store, tmp_path / "ahead", ahead) as skewed:
        # By its clock both are an hour old: it has them delivered again.
        wait_until(
            lambda: _count(skewed, "chunk_not_claimed") == 2,
            timeout=_SECONDS,
            description="two messages that came again",
        )
        scene.open_gates()
        scene.all_done()
    assert scene.attempts(scene.job) == [1, 2]


def test_a_worker_whose_clock_is_behind_loses_no_chunk_to_another(
    scene: _Scene, tmp_path: Path
) -> None:
    behind = {**_SHORT_LEASE, CLOCK: str(-_HOUR)}
    with running_worker(scene.settings, scene.store, tmp_path / "behind", behind) as skewed:
        job = scene.submit(make_article("slow", word=WAITS))
        wait_for_gate(skewed)
        # Older than its message, and expired only by the clock of the others: when this entry is
        # gone, they have checked.
        untyped: Any = scene.client
        untyped.zadd(Key.UNACKED, {"older": time.time() - _HOUR - 30})
        wait_until(
            lambda: untyped.zscore(Key.UNACKED, "older") is None,
            timeout=_SECONDS,
            description="a check for expired messages",
        )
        assert untyped.zcard(Key.UNACKED) == 3
        scene.open_gates()
        finish(scene.store, scene.job)
        skewed.gate.open()
        scene.all_done(job)
    assert (scene.attempts(scene.job), scene.attempts(job)) == ([1, 1], [1])


# Time limits ----------------------------------------------------------------------------------


def test_an_article_deaf_to_its_time_limit_fails(scene: _Scene, tmp_path: Path) -> None:
    # One bad article never costs another.
    limits = {TIME_LIMIT: "1", HARD_LIMIT: "2"}
    with running_worker(scene.settings, scene.store, tmp_path / "limited", limits):
        job = scene.submit(*make_articles(3), make_article("endless", word=DEAF))
        finished = finish(scene.store, job)

    endless = finished.pop("endless").outcome
    assert (endless.state, endless.reason) == (ArticleState.FAILED, Reason.WORKER_LOST)
    assert (endless.attempts, endless.stage) == (3, "repair")
    assert states(scene.store, job) == {"done": 3, "failed": 1}
    scene.open_gates()
    finish(scene.store, scene.job)
    stats = scene.store.roster.stats()
    assert (stats["done"], stats["failed"]) == (5, 1)
