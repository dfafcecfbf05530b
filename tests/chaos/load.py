"""The articles of a run, and the thread that submits them."""

from __future__ import annotations

import random
import threading
import time
from itertools import count

import redis

from tests.chaos.place import Place, say
from tests.support.fake_engine import FAILS
from worker.config.profile import Profile
from worker.config.settings import load_profile
from worker.config.weights import with_digest
from worker.errors import BrokerUnavailableError, JobNotFoundError, JobStateError
from worker.queue.celery_app import QUEUE, create_app
from worker.queue.intake import Intake, JobOptions
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.records.article import Article
from worker.records.job import JobId
from worker.records.priority import Priority

__all__ = ["Load", "Register", "find_job", "make_article"]

#: One article in 40 makes the engine fail.
_FAILING = 40

#: One job in nine, from the second on, is cancelled while it runs.
_CANCELLED = 9

#: Articles in a job: from one chunk to more than the window of 16 chunks.
_SIZES = (3, 8, 16, 24, 40, 80)

_POLL_SECONDS = 0.05

#: Number of newest jobs to search: only two clients submit at a time.
_NEWEST = 20

#: Longest wait for the broker, which is restarted within seconds of a kill.
_BROKER_SECONDS = 60.0

_AWAY = (redis.RedisError, BrokerUnavailableError)

_TOWNS = ("Harrow Vale", "Port Ellery", "Milltown", "Ashby Cross", "Lower Denham", "Kestrel Bay")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_PLACES = ("station", "harbour", "market", "hospital", "school", "old quay")


def make_article(name: str, rng: random.Random, *, fails: bool = False) -> Article:
    """Return a short, unique, sound article; with ``fails`` the engine fails on it."""
    text = (
        f"The council of {rng.choice(_TOWNS)} voted on {rng.choice(_DAYS)} to repair bridge {name} "
        f"before winter. Engineers said {FAILS if fails else 'that'} the work would take "
        f"{rng.randrange(3, 60)} weeks and cost {rng.randrange(2, 90)} million pounds. Residents "
        f"asked for a bus to the {rng.choice(_PLACES)} in the meantime."
    )
    return Article(id=name, text=text, source=f"{name}.txt")


class Register:
    """The ids of accepted articles by job; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted: dict[JobId, set[str]] = {}

    def note(self, job: JobId, ids: set[str]) -> None:
        """Record that the job has accepted these articles."""
        with self._lock:
            self._accepted.setdefault(job, set()).update(ids)

    @property
    def accepted(self) -> dict[JobId, set[str]]:
        """A copy of all accepted ids by job."""
        with self._lock:
            return {job: set(ids) for job, ids in self._accepted.items()}


def find_job(store: JobStore, name: str) -> JobId | None:
    """Return the job of the input ``name``, or None; searches the newest jobs."""
    for member in store._redis.zrevrange(Key.JOBS, 0, _NEWEST - 1):
        job = JobId(member.decode())
        try:
            inputs, _ = store.inputs(job)
        except JobNotFoundError:
            continue
        if inputs == [name]:
            return job
    return None


class Load(threading.Thread):
    """Submits a job whenever no message waits, so that there is always a little work.

    A long queue would be measured as a part of every recovery.
    """

    def __init__(self, place: Place, register: Register, seed: int) -> None:
        super().__init__(name="load", daemon=True)
        self._random = random.Random(f"load {seed}")  # noqa: S311
        self._store = place.open_store()
        self._intake_of = (create_app(place.settings), place.settings)
        self._profile: Profile = with_digest(load_profile(place.settings), place.settings)
        self._register = register
        self._stopped = threading.Event()
        self._articles, self._jobs = count(), count()
        self._cancel_at: dict[JobId, float] = {}
        self.cancelled = 0
        """Jobs that were cancelled before all their articles were done."""
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Stop the thread after its current submit."""
        self._stopped.set()
        self.join(2 * _BROKER_SECONDS)
        if self.is_alive():
            raise TimeoutError("the thread that submits does not end")

    def check(self) -> None:
        """Raise the error that has ended the thread, if any."""
        if self.error is not None:
            raise RuntimeError("the thread that submits has ended") from self.error

    def run(self) -> None:
        """Submit until ``stop``."""
        try:
            while not self._stopped.wait(_POLL_SECONDS):
                try:
                    self._cancel_due()
                    if sum(self._store.roster.queue_lengths(QUEUE)) == 0:
                        self._submit()
                except _AWAY:
                    # The broker was killed, and may be back next time.
                    continue
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.error = error

    def _submit(self) -> None:
        number = next(self._jobs)
        is_cancelled = number % _CANCELLED == 1
        size = max(_SIZES) if is_cancelled else self._random.choice(_SIZES)
        articles = [self._article() for _ in range(size)]
        name = f"chaos job {number}"
        options = JobOptions(self._profile, self._random.choice(tuple(Priority)), inputs=(name,))
        job = self._submit_patiently(articles, options)
        self._register.note(job, {article.id for article in articles})
        if is_cancelled:
            self._cancel_at[job] = time.monotonic() + self._random.uniform(0.1, 1.0)

    def _article(self) -> Article:
        number = next(self._articles)
        return make_article(f"a{number}", self._random, fails=number % _FAILING == 1)

    def _submit_patiently(self, articles: list[Article], options: JobOptions) -> JobId:
        """Submit, and resume if the broker is killed meanwhile."""
        end = time.monotonic() + _BROKER_SECONDS
        app, settings = self._intake_of
        cut_off = False
        while True:
            intake = Intake(self._store, app, settings)
            try:
                job = find_job(self._store, options.inputs[0]) if cut_off else None
                if job is None:
                    return intake.submit(articles, options).job
                if not self._store.progress(job).closed:
                    intake.resume(job, articles)
            except _AWAY as error:
                if time.monotonic() > end:
                    raise
                say(f"  submit cut off: {type(error).__name__}")
                cut_off = True
                time.sleep(_POLL_SECONDS)
            else:
                return job

    def _cancel_due(self) -> None:
        for job, due in list(self._cancel_at.items()):
            if time.monotonic() < due:
                continue
            try:
                articles = self._store.cancel(job)
            except JobStateError:
                say(f"  job {job} had ended before it was cancelled")
            except JobNotFoundError:
                say(f"  job {job} is gone")
            else:
                say(f"  job {job} cancelled, {articles} articles at once")
                self.cancelled += 1
            del self._cancel_at[job]
