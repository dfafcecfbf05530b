"""The kills: which, in what order, whom, and what happens right after each."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from tests.chaos.client import WINDOW_ARTICLES
from tests.chaos.fleet import Fleet, Worker
from tests.chaos.load import Register, find_job, make_article
from tests.chaos.place import Place, say
from tests.chaos.watch import Recovery, Watch
from worker.errors import ExitCode
from worker.process.embedded_valkey import EmbeddedBroker
from worker.queue.store.keys import Key
from worker.records.job import JobId
from worker.records.priority import Priority

__all__ = ["WHOLE_WORKERS", "Kill", "Striker", "plan"]


class Kill(StrEnum):
    """What is killed, and how."""

    WORKER_KILL = "worker_kill"
    """SIGKILL to a main process and its child at once."""
    WORKER_TERM = "worker_term"
    WORKER_QUIT = "worker_quit"
    CHILD_KILL = "child_kill"
    """SIGKILL to a child."""
    MAIN_KILL = "main_kill"
    """SIGKILL to a main process. Every other one is paused first, with their child, until their
    chunk is another's: that is when their death is felt. They come late with what they had, and
    are killed two seconds later."""
    ALL_KILL = "all_kill"
    """SIGKILL to all workers at once."""
    CLIENT_KILL = "client_kill"
    """SIGKILL to a ``copydesk submit`` that is half-way; ``copydesk resume`` does the rest."""
    BROKER_KILL = "broker_kill"
    """SIGKILL to Valkey."""


#: Kills that take a whole worker, or its main process.
WHOLE_WORKERS = (
    *(Kill.WORKER_KILL, Kill.WORKER_TERM, Kill.WORKER_QUIT),
    *(Kill.MAIN_KILL, Kill.ALL_KILL),
)

#: How often each kind comes among those that do not kill the broker.
_SHARES = {
    Kill.WORKER_KILL: 30,
    Kill.CHILD_KILL: 26,
    Kill.WORKER_TERM: 10,
    Kill.WORKER_QUIT: 8,
    Kill.MAIN_KILL: 12,
    Kill.ALL_KILL: 6,
    Kill.CLIENT_KILL: 8,
}

#: Before each kill. A worker that was killed needs two or three seconds to be at work again.
_PAUSE_SECONDS = (0.3, 2.0)

#: A chunk takes about a quarter of a second: the kill meets it, or what comes right after.
_PHASE_SECONDS = 0.25

#: Longest wait for a worker that is at work.
_VICTIM_SECONDS = 60.0

#: A kill of a child finds all workers there, and is over before the next kill of anything: two
#: kills of the same chunk would be measured as one, and workers that start as a long queue.
_CHILD_SECONDS = 10.0

#: Longest time that the broker stays away.
_DOWN_SECONDS = 2.0

#: Articles of a submit that is killed: eight windows.
_CLIENT_ARTICLES = 8 * WINDOW_ARTICLES

#: What a window of a submit takes; see ``tests.chaos.client``.
_WINDOW_SECONDS = 0.05

_CLIENT_SECONDS = 60.0
_POLL_SECONDS = 0.01


def plan(kills: int, broker_kills: int, rng: random.Random) -> list[Kill]:
    """So many kills, so many of them of the broker; of the others each kind once, if they reach."""
    others = kills - broker_kills
    kinds = list(_SHARES)[:others]
    kinds += rng.choices(list(_SHARES), list(_SHARES.values()), k=others - len(kinds))
    kinds += [Kill.BROKER_KILL] * broker_kills
    rng.shuffle(kinds)
    return kinds


class Striker:
    """Kills one thing after the other, each at work."""

    def __init__(
        self, place: Place, fleet: Fleet, watch: Watch, register: Register, seed: int
    ) -> None:
        self._place, self._fleet, self._watch, self._register = place, fleet, watch, register
        self._random = random.Random(f"kills {seed}")  # noqa: S311
        self._broker = EmbeddedBroker(place.home)
        self._store = place.open_store()
        self._clients = 0
        self.kills: Counter[Kill] = Counter()

    def strike(self, kind: Kill) -> None:
        """One kill, and what it needs to go on.

        Raises:
            TimeoutError: nothing was at work, or a client did not end.
        """
        self.rest(self._random.uniform(*_PAUSE_SECONDS))
        say(f"{sum(self.kills.values()) + 1} {kind}")
        match kind:
            case Kill.WORKER_KILL:
                self._kill_whole(kind, self._victim())
            case Kill.ALL_KILL:
                self._victim()
                self._kill_whole(kind, *self._fleet.active)
            case Kill.WORKER_TERM | Kill.WORKER_QUIT:
                self._dismiss(kind)
            case Kill.CHILD_KILL:
                self._kill_child()
            case Kill.MAIN_KILL:
                self._kill_main()
            case Kill.BROKER_KILL:
                self._kill_broker()
            case Kill.CLIENT_KILL:
                self._kill_client()
        self.kills[kind] += 1

    def rest(self, seconds: float) -> None:
        """Wait, and look after the workers meanwhile."""
        end = time.monotonic() + seconds
        while True:
            self._fleet.tend()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    def _victim(self, *, of_whole_fleet: bool = False) -> Worker:
        """A worker that is at work, at a random moment of it.

        Args:
            of_whole_fleet: all others have started, too.
        """
        end = time.monotonic() + _VICTIM_SECONDS
        while time.monotonic() < end:
            holders = self._watch.holders()
            busy = [
                one
                for one in self._fleet.active
                if one.name in holders and one.child_is_there and one.alive
            ]
            ready = all(one.child_is_there for one in self._fleet.active)
            if busy and (ready or not of_whole_fleet):
                worker = self._random.choice(busy)
                time.sleep(self._random.uniform(0, _PHASE_SECONDS))
                return worker
            self.rest(_POLL_SECONDS)
        raise TimeoutError(f"no worker was at work for {_VICTIM_SECONDS:g} s")

    def _kill_whole(self, kind: Kill, *workers: Worker) -> None:
        since = time.monotonic()
        self._fleet.kill(*workers)
        # The dead hold what they held: nothing of it can change but by what is measured.
        self._watch.begin(kind, since, self._watch.held(*(one.name for one in workers)))

    def _dismiss(self, kind: Kill) -> None:
        worker = self._victim()
        held, since = self._watch.held(worker.name), time.monotonic()
        self._fleet.dismiss(worker, signal.Signals[f"SIG{kind.name.partition('_')[2]}"])
        self._watch.begin(kind, since, held)

    def _kill_child(self) -> None:
        worker = self._victim(of_whole_fleet=True)
        since = time.monotonic()
        worker.tell_child(signal.SIGKILL)
        recovery = self._watch.begin(Kill.CHILD_KILL, since, self._watch.held(worker.name))
        while not recovery.settled and time.monotonic() < since + _CHILD_SECONDS:
            self.rest(_POLL_SECONDS)

    def _kill_main(self) -> None:
        if self.kills[Kill.MAIN_KILL] % 2:
            worker = self._victim()
            self._behead(worker)
            self._fleet.replace(worker)
            return
        held: dict[str, bytes] = {}
        while not held:
            worker, since = self._victim(), time.monotonic()
            worker.tell_all(signal.SIGSTOP)
            held = self._watch.held(worker.name)
            if not held:
                # It was between two chunks, and would come late with nothing.
                worker.tell_all(signal.SIGCONT)
        recovery = self._watch.begin(Kill.MAIN_KILL, since, held)
        say(f"  worker {worker.pid} is paused")
        self._fleet.pause(worker, may_go_on=lambda: recovery.settled, end=self._behead)

    def _behead(self, worker: Worker) -> None:
        since = time.monotonic()
        self._fleet.behead(worker)
        self._watch.begin(Kill.MAIN_KILL, since, self._watch.held(worker.name))

    def _kill_broker(self) -> None:
        self._victim()
        held, since = self._watch.held(), time.monotonic()
        pid = self._broker._daemon.pid
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        recovery: Recovery = self._watch.begin(Kill.BROKER_KILL, since, held)
        time.sleep(self._random.uniform(0, _DOWN_SECONDS))
        while self._broker.running:
            time.sleep(_POLL_SECONDS)
        self._broker.start()
        say(f"  Valkey is back after {time.monotonic() - recovery.since:.1f} s")

    def _kill_client(self) -> None:
        """A submit from the command line, killed between two windows or in one; then the rest."""
        while True:
            self._clients += 1
            articles = [
                make_article(f"c{self._clients}-{number}", self._random, fails=number == 0)
                for number in range(_CLIENT_ARTICLES)
            ]
            lines = (json.dumps({"id": one.id, "text": one.text}) + "\n" for one in articles)
            file = self._place.home / f"client-{self._clients}.jsonl"
            file.write_text("".join(lines), encoding="utf-8")
            priority = self._random.choice(tuple(Priority)).value
            submit = ["submit", file.name, "--priority", priority]
            was_killed = self._kill_submit(submit, file.name)
            job = self._finish_submit(submit, file.name)
            self._register.note(job, {one.id for one in articles})
            if was_killed:
                return

    def _kill_submit(self, submit: list[str], name: str) -> bool:
        """Whether it was killed before its end."""
        least = self._random.randrange(_CLIENT_ARTICLES)
        with self._client(submit) as client:
            end = time.monotonic() + _CLIENT_SECONDS
            while time.monotonic() < end and client.poll() is None:
                job = find_job(self._store, name)
                if job and self._store.progress(job).total >= least:
                    time.sleep(self._random.uniform(0, _WINDOW_SECONDS))
                    break
                self.rest(_POLL_SECONDS / 5)
            client.kill()
        job = find_job(self._store, name)
        there = self._store._redis.hkeys(Key.ids(job)) if job else []
        say(f"  submit has ended with {len(there)} of {_CLIENT_ARTICLES} articles in")
        if job:
            self._register.note(job, {one.decode() for one in there})
        return client.returncode == -signal.SIGKILL

    def _finish_submit(self, submit: list[str], name: str) -> JobId:
        """``copydesk resume``; or, where no job had been made yet, ``submit`` once more."""
        job = find_job(self._store, name)
        if job and self._store.progress(job).closed:
            return job
        with self._client(["resume", job] if job else submit) as client:
            end = time.monotonic() + _CLIENT_SECONDS
            while client.poll() is None and time.monotonic() < end:
                self.rest(_POLL_SECONDS)
        job = find_job(self._store, name)
        if client.returncode != ExitCode.OK or job is None:
            raise TimeoutError(f"the rest of {name} was not accepted, see {self._client_log}")
        return job

    @contextmanager
    def _client(self, words: Sequence[str]) -> Iterator[subprocess.Popen[bytes]]:
        """``copydesk`` with these words; killed at the end if it has none."""
        client = self._place.start(["tests.chaos.client", *words], self._client_log)
        try:
            yield client
        finally:
            client.kill()
            client.wait(_CLIENT_SECONDS)

    @property
    def _client_log(self) -> Path:
        return self._place.notes / f"client-{self._clients}.log"
