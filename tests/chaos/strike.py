"""The kills: their kinds, order and victims, and what follows each."""

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
from worker.queue.store.keys import Key
from worker.records.job import JobId
from worker.records.priority import Priority
from worker.runtime.embedded_valkey import EmbeddedBroker

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
    """SIGKILL to a main process. Every other victim is first paused, with its child, until another
    worker has its chunk: then its late result is refused, and it is killed two seconds later."""
    ALL_KILL = "all_kill"
    """SIGKILL to all workers at once."""
    CLIENT_KILL = "client_kill"
    """SIGKILL to a ``copydesk submit`` that is half-way; ``copydesk resume`` adds the rest."""
    BROKER_KILL = "broker_kill"
    """SIGKILL to Valkey."""


#: Kills of a whole worker, or of its main process.
WHOLE_WORKERS = (
    *(Kill.WORKER_KILL, Kill.WORKER_TERM, Kill.WORKER_QUIT),
    *(Kill.MAIN_KILL, Kill.ALL_KILL),
)

#: Share of each kind, in percent of the kills that do not hit the broker.
_SHARES = {
    Kill.WORKER_KILL: 30,
    Kill.CHILD_KILL: 26,
    Kill.WORKER_TERM: 10,
    Kill.WORKER_QUIT: 8,
    Kill.MAIN_KILL: 12,
    Kill.ALL_KILL: 6,
    Kill.CLIENT_KILL: 8,
}

#: Pause before each kill. A killed worker needs two or three seconds to work again.
_PAUSE_SECONDS = (0.3, 2.0)

#: A chunk takes about a quarter of a second: the kill hits it, or what comes right after.
_PHASE_SECONDS = 0.25

#: Longest wait for a busy worker.
_VICTIM_SECONDS = 60.0

#: A child is killed while all workers run, and the next kill waits for its recovery: two kills of
#: a chunk would be measured as one, and starting workers as a long queue.
_CHILD_SECONDS = 10.0

#: Longest time that the broker stays away.
_DOWN_SECONDS = 2.0

#: Articles of a killed submit: eight windows.
_CLIENT_ARTICLES = 8 * WINDOW_ARTICLES

#: Time for a window of a submit; see ``tests.chaos.client``.
_WINDOW_SECONDS = 0.05

_CLIENT_SECONDS = 60.0
_POLL_SECONDS = 0.01


def plan(kills: int, broker_kills: int, rng: random.Random) -> list[Kill]:
    """Return that many kills in random order, each kind at least once if there are enough."""
    worker_kills = kills - broker_kills
    kinds = list(_SHARES)[:worker_kills]
    kinds += rng.choices(list(_SHARES), list(_SHARES.values()), k=worker_kills - len(kinds))
    kinds += [Kill.BROKER_KILL] * broker_kills
    rng.shuffle(kinds)
    return kinds


class Striker:
    """Kills one process after the other, each while it works."""

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
        """Make a kill, and start whatever replaces the victim.

        Raises:
            TimeoutError: no worker was busy, or a client did not end.
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
                self._signal_main(kind)
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
        """Wait, and tend the workers meanwhile."""
        end = time.monotonic() + seconds
        while True:
            self._fleet.tend()
            left = end - time.monotonic()
            if left <= 0:
                return
            time.sleep(min(left, 0.05))

    def _victim(self, *, of_whole_fleet: bool = False) -> Worker:
        """Return a busy worker, at a random moment of its work.

        Args:
            of_whole_fleet: wait until all workers have started.
        """
        end = time.monotonic() + _VICTIM_SECONDS
        while time.monotonic() < end:
            holders = self._watch.holders()
            busy = [
                worker
                for worker in self._fleet.active
                if worker.name in holders and worker.child_is_alive and worker.alive
            ]
            ready = all(worker.child_is_alive for worker in self._fleet.active)
            if busy and (ready or not of_whole_fleet):
                victim = self._random.choice(busy)
                time.sleep(self._random.uniform(0, _PHASE_SECONDS))
                return victim
            self.rest(_POLL_SECONDS)
        raise TimeoutError(f"no worker was busy for {_VICTIM_SECONDS:g} s")

    def _kill_whole(self, kind: Kill, *workers: Worker) -> None:
        since = time.monotonic()
        self._fleet.kill(*workers)
        # Dead workers cannot change what they held: only the recovery can.
        self._watch.begin(kind, since, self._watch.held(*(worker.name for worker in workers)))

    def _signal_main(self, kind: Kill) -> None:
        worker = self._victim()
        held, since = self._watch.held(worker.name), time.monotonic()
        self._fleet.dismiss(worker, signal.Signals[f"SIG{kind.name.partition('_')[2]}"])
        self._watch.begin(kind, since, held)

    def _kill_child(self) -> None:
        worker = self._victim(of_whole_fleet=True)
        since = time.monotonic()
        worker.signal_child(signal.SIGKILL)
        recovery = self._watch.begin(Kill.CHILD_KILL, since, self._watch.held(worker.name))
        while not recovery.settled and time.monotonic() < since + _CHILD_SECONDS:
            self.rest(_POLL_SECONDS)

    def _kill_main(self) -> None:
        if self.kills[Kill.MAIN_KILL] % 2:
            worker = self._victim()
            self._kill_only_main(worker)
            self._fleet.replace(worker)
            return
        held: dict[str, bytes] = {}
        while not held:
            worker, since = self._victim(), time.monotonic()
            worker.signal_all(signal.SIGSTOP)
            held = self._watch.held(worker.name)
            if not held:
                # It was between two chunks, and would have no late result.
                worker.signal_all(signal.SIGCONT)
        recovery = self._watch.begin(Kill.MAIN_KILL, since, held)
        say(f"  worker {worker.pid} is paused")
        self._fleet.pause(worker, may_go_on=lambda: recovery.settled, end=self._kill_only_main)

    def _kill_only_main(self, worker: Worker) -> None:
        since = time.monotonic()
        self._fleet.kill_main(worker)
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
        """Kill a ``copydesk submit`` between two windows or in one, then add the rest."""
        while True:
            self._clients += 1
            articles = [
                make_article(f"c{self._clients}-{number}", self._random, fails=number == 0)
                for number in range(_CLIENT_ARTICLES)
            ]
            lines = (
                json.dumps({"id": article.id, "text": article.text}) + "\n" for article in articles
            )
            file = self._place.home / f"client-{self._clients}.jsonl"
            file.write_text("".join(lines), encoding="utf-8")
            priority = self._random.choice(tuple(Priority)).value
            submit = ["submit", file.name, "--priority", priority]
            was_killed = self._kill_submit(submit, file.name)
            job = self._finish_submit(submit, file.name)
            self._register.note(job, {article.id for article in articles})
            if was_killed:
                return

    def _kill_submit(self, submit: list[str], name: str) -> bool:
        """Return whether the submit was killed before its end."""
        threshold = self._random.randrange(_CLIENT_ARTICLES)
        with self._client(submit) as client:
            end = time.monotonic() + _CLIENT_SECONDS
            while time.monotonic() < end and client.poll() is None:
                job = find_job(self._store, name)
                if job and self._store.progress(job).total >= threshold:
                    time.sleep(self._random.uniform(0, _WINDOW_SECONDS))
                    break
                self.rest(_POLL_SECONDS / 5)
            client.kill()
        job = find_job(self._store, name)
        ids = self._store._redis.hkeys(Key.ids(job)) if job else []
        say(f"  submit has ended with {len(ids)} of {_CLIENT_ARTICLES} articles accepted")
        if job:
            self._register.note(job, {id_.decode() for id_ in ids})
        return client.returncode == -signal.SIGKILL

    def _finish_submit(self, submit: list[str], name: str) -> JobId:
        """Run ``copydesk resume``, or ``submit`` again if there is no job yet."""
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
        """Run ``copydesk`` with these words; kill it at the end if it still runs."""
        client = self._place.start(["tests.chaos.client", *words], self._client_log)
        try:
            yield client
        finally:
            client.kill()
            client.wait(_CLIENT_SECONDS)

    @property
    def _client_log(self) -> Path:
        return self._place.notes / f"client-{self._clients}.log"
