"""Networks that fail, processes that are killed, clocks that are wrong: all ends, and once.

Two workers serve all of these tests: one near the broker, one far from it, by a way that can be
cut. Others come and go with their test.
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

#: Seconds of a lease: long against a renewal on a busy machine, short to be waited for.
_SHORT_LEASE = {LEASE: "4"}

#: A busy machine is patient.
_SECONDS = 30.0

_HOUR = 3600


@pytest.fixture(scope="module")
def way(broker: RunningBroker) -> Iterator[Proxy]:
    """The network between the far worker and the broker."""
    with proxy_to(broker.url) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def workers(
    broker: RunningBroker,
    broker_home: Path,
    way: Proxy,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[WorkerProcess, WorkerProcess]]:
    """The near and the far worker."""
    folder = tmp_path_factory.mktemp("workers")
    with connect(broker.url) as client:
        store = JobStore(client, ttl_seconds=600)
        direct = load_settings(home=broker_home, broker_url=broker.url)
        through = load_settings(home=broker_home, broker_url=way.url)
        with (
            running_worker(direct, store, folder / "near", _SHORT_LEASE) as near,
            running_worker(through, store, folder / "far", _SHORT_LEASE) as far,
        ):
            yield near, far


@dataclass(frozen=True, slots=True)
class _Scene:
    """Two workers at their closed gates, each with a chunk of one article in hand."""

    near: WorkerProcess
    far: WorkerProcess
    way: Proxy
    job: JobId
    """The job of these two chunks."""
    store: JobStore
    settings: Settings
    client: redis.Redis

    def submit(self, *articles: Article) -> JobId:
        """A job of one more chunk."""
        return submit_all(list(articles), self.store, self.settings).job

    def open_gates(self) -> None:
        """Let both workers go on."""
        self.near.gate.open()
        self.far.gate.open()

    def attempts(self, job: JobId) -> list[int]:
        """How often each chunk of the job was claimed; the fewest first."""
        return sorted(job_step.attempts(self.client, job))

    def all_done(self, *others: JobId) -> None:
        """Wait for the end of the jobs, all that there are: all is done, and was recorded once."""
        total = 0
        for job in (self.job, *others):
            found = finish(self.store, job)
            assert {one.outcome.state for one in found.values()} == {ArticleState.DONE}
            assert states(self.store, job) == {"done": len(found)}
            total += len(found)
        # Each recording is added to them.
        assert self.store.roster.stats()["done"] == total


@pytest.fixture
def scene(
    workers: tuple[WorkerProcess, WorkerProcess],
    way: Proxy,
    store: JobStore,
    settings: Settings,
    client: redis.Redis,
) -> Iterator[_Scene]:
    """Both workers are busy; at the end the way and the gates are open."""
    for worker in workers:
        worker.gate.close()
    articles = [make_article(name, word=WAITS) for name in ("slow-1", "slow-2")]
    one_each = settings.model_copy(update={"chunk_articles": 1})
    job = submit_all(articles, store, one_each).job
    made = _Scene(*workers, way, job, store, settings, client)
    try:
        for worker in workers:
            wait_for_gate(worker)
        yield made
    finally:
        way.mend()
        made.open_gates()


@contextmanager
def _heard(worker: WorkerProcess, *words: str) -> Iterator[None]:
    """What is done inside makes the worker say one of the words."""
    before = _count(worker, *words)
    yield
    wait_until(
        lambda: _count(worker, *words) > before,
        timeout=_SECONDS,
        description=f"a worker that says {' or '.join(words)}",
    )


def _count(worker: WorkerProcess, *words: str) -> int:
    return sum(worker.log.count(word) for word in words)


# The network ----------------------------------------------------------------------------------


def test_a_worker_cut_off_in_the_middle_of_a_chunk_records_it_when_the_way_is_back(
    scene: _Scene,
) -> None:
    with _heard(scene.far, "Cannot connect"):
        scene.way.cut()
        scene.far.gate.open()
    assert states(scene.store, scene.job) == {"running": 2}
    with _heard(scene.far, "chunk_recorded"):
        scene.way.mend()

    scene.near.gate.open()
    scene.all_done()
    assert scene.attempts(scene.job) == [1, 1]


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_a_worker_cut_off_for_longer_than_its_lease_comes_too_late(
    scene: _Scene, trouble: str
) -> None:
    getattr(scene.way, trouble)()
    scene.near.gate.open()
    scene.all_done()

    with _heard(scene.far, "chunk_was_late", "chunk_lost"):
        scene.far.gate.open()
        scene.way.mend()

    scene.all_done()
    assert scene.attempts(scene.job) == [1, 2]


def test_a_worker_cut_off_while_idle_takes_work_when_the_way_is_back(scene: _Scene) -> None:
    with _heard(scene.far, "chunk_recorded"):
        scene.far.gate.open()
    with _heard(scene.far, "Cannot connect"):
        scene.way.cut()
    job = scene.submit(*make_articles(3))
    scene.way.mend()

    finish(scene.store, job)
    scene.near.gate.open()
    scene.all_done(job)
    assert (scene.attempts(scene.job), scene.attempts(job)) == ([1, 1], [1])


# Signals --------------------------------------------------------------------------------------

_TERM, _KILL = signal.SIGTERM, signal.SIGKILL


@pytest.mark.parametrize(
    "blows",
    [
        [("main", _KILL)],
        [("main", _TERM), ("main", _KILL)],
        [("child", _KILL), ("main", _TERM)],
        [("main", _TERM), ("child", _KILL)],
    ],
    ids=lambda blows: "-".join(f"{whom}-{how.name}" for whom, how in blows),
)
def test_whatever_is_killed_in_whatever_order_nothing_of_it_stays_and_another_takes_over(
    scene: _Scene, tmp_path: Path, blows: list[tuple[str, signal.Signals]]
) -> None:
    folder = tmp_path / "struck"
    with running_worker(scene.settings, scene.store, folder, _SHORT_LEASE) as struck:
        job = scene.submit(make_article("struck", word=WAITS), *make_articles(3))
        (child,) = wait_for_gate(struck)
        for whom, how in blows:
            if how is _KILL:
                os.kill(child if whom == "child" else struck.process.pid, how)
            else:
                with _heard(struck, "shutdown"):
                    struck.process.send_signal(how)
        struck.process.wait(_SECONDS)
        # On Linux Celery has the kernel end it with its main process.
        wait_until(lambda: not _lives(child), timeout=_SECONDS, description="the child's end")

    scene.open_gates()
    scene.all_done(job)
    assert (scene.attempts(scene.job), scene.attempts(job)) == ([1, 1], [2])


def _lives(process: int) -> bool:
    """Whether it is there, and not only waits to be collected by its parent."""
    try:
        state = Path(f"/proc/{process}/stat").read_text(encoding="ascii").split()[2]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


# Clocks ---------------------------------------------------------------------------------------


def test_a_worker_whose_clock_is_ahead_takes_no_chunk_from_another(
    scene: _Scene, tmp_path: Path
) -> None:
    # The far worker's message is one that Celery has retried: its first child is lost.
    os.kill(scene.far.gate.waiting[0], signal.SIGKILL)
    wait_for_gate(scene.far, comers=2)

    ahead = {**_SHORT_LEASE, CLOCK: str(_HOUR)}
    with running_worker(scene.settings, scene.store, tmp_path / "ahead", ahead) as wrong:
        # To it both have been in hand for an hour: it has them delivered again.
        wait_until(
            lambda: _count(wrong, "chunk_not_claimed") == 2,
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
    with running_worker(scene.settings, scene.store, tmp_path / "behind", behind) as wrong:
        job = scene.submit(make_article("slow", word=WAITS))
        wait_for_gate(wrong)
        # Older than its message when that was delivered, and too old for the others only: when it
        # is gone, these have looked.
        untyped: Any = scene.client
        untyped.zadd(Key.UNACKED, {"older": time.time() - _HOUR - 30})
        wait_until(
            lambda: untyped.zscore(Key.UNACKED, "older") is None,
            timeout=_SECONDS,
            description="a look at what has been in hand for too long",
        )
        assert untyped.zcard(Key.UNACKED) == 3
        scene.open_gates()
        finish(scene.store, scene.job)
        wrong.gate.open()
        scene.all_done(job)
    assert (scene.attempts(scene.job), scene.attempts(job)) == ([1, 1], [1])


# Time limits ----------------------------------------------------------------------------------


def test_an_article_that_does_not_hear_that_its_time_is_over_ends_as_failed(
    scene: _Scene, tmp_path: Path
) -> None:
    # Law 3: one bad article never costs another.
    limits = {TIME_LIMIT: "1", HARD_LIMIT: "2"}
    with running_worker(scene.settings, scene.store, tmp_path / "limited", limits):
        job = scene.submit(*make_articles(3), make_article("endless", word=DEAF))
        found = finish(scene.store, job)

    endless = found.pop("endless").outcome
    assert (endless.state, endless.reason) == (ArticleState.FAILED, Reason.WORKER_LOST)
    assert (endless.attempts, endless.stage) == (3, "repair")
    assert states(scene.store, job) == {"done": 3, "failed": 1}
    scene.open_gates()
    finish(scene.store, scene.job)
    stats = scene.store.roster.stats()
    assert (stats["done"], stats["failed"]) == (5, 1)
