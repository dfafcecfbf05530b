"""The articles of a run, and the thread that submits them all along."""

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

#: One article in so many makes the engine fail.
_FAILING = 40

#: One job in so many is cancelled in the middle, from the second on.
_CANCELLED = 9

#: Articles of a job: from one chunk to more than a job's window of 16 chunks.
_SIZES = (3, 8, 16, 24, 40, 80)

_POLL_SECONDS = 0.05

#: Two submit at a time; a job that is looked for is among these.
_NEWEST = 20

#: The broker is killed, and started again within seconds.
_BROKER_SECONDS = 60.0

_AWAY = (redis.RedisError, BrokerUnavailableError)

_TOWNS = ("Harrow Vale", "Port Ellery", "Milltown", "Ashby Cross", "Lower Denham", "Kestrel Bay")
_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_PLACES = ("station", "harbour", "market", "hospital", "school", "old quay")


def make_article(name: str, rng: random.Random, *, fails: bool = False) -> Article:
    """A short sound article like no other; one that ``fails`` makes the engine fail."""
    text = (
        f"The council of {rng.choice(_TOWNS)} voted on {rng.choice(_DAYS)} to repair bridge {name} "
        f"before winter. Engineers said {FAILS if fails else 'that'} the work would take "
        f"{rng.randrange(3, 60)} weeks and cost {rng.randrange(2, 90)} million pounds. Residents "
        f"asked for a bus to the {rng.choice(_PLACES)} in the meantime."
    )
    return Article(id=name, text=text, source=f"{name}.txt")


class Register:
    """What is known to be accepted: ids by job. Used by several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._accepted: dict[JobId, set[str]] = {}

    def note(self, job: JobId, ids: set[str]) -> None:
        """These were accepted into the job."""
        with self._lock:
            self._accepted.setdefault(job, set()).update(ids)

    @property
    def accepted(self) -> dict[JobId, set[str]]:
        """All of it."""
        with self._lock:
            return {job: set(ids) for job, ids in self._accepted.items()}


def find_job(store: JobStore, name: str) -> JobId | None:
    """The job that was made of the input ``name``, among the newest of the store."""
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
    """Submits jobs whenever no message waits, so that there is always work, and never for long.

    A queue that grew would be measured as a part of every recovery.
    """

    def __init__(self, place: Place, register: Register, seed: int) -> None:
        super().__init__(name="load", daemon=True)
        self._random = random.Random(f"load {seed}")  # noqa: S311
        self._store = place.open_store()
        self._intake_of = (create_app(place.settings), place.settings)
        self._profile: Profile = with_digest(load_profile(place.settings), place.settings)
        self._register = register
        self._over = threading.Event()
        self._articles, self._jobs = count(), count()
        self._cancel_at: dict[JobId, float] = {}
        self.cancelled = 0
        """Jobs that were cancelled with articles in them that were not done."""
        self.error: BaseException | None = None

    def stop(self) -> None:
        """Let it finish what it does, and end it."""
        self._over.set()
        self.join(2 * _BROKER_SECONDS)
        if self.is_alive():
            raise TimeoutError("the thread that submits does not end")

    def check(self) -> None:
        """Raise what has ended the thread, if anything has."""
        if self.error is not None:
            raise RuntimeError("the thread that submits has ended") from self.error

    def run(self) -> None:
        """Submit until ``stop``."""
        try:
            while not self._over.wait(_POLL_SECONDS):
                try:
                    self._cancel_due()
                    if sum(self._store.roster.queue_lengths(QUEUE)) == 0:
                        self._submit()
                except _AWAY:
                    # It has been killed; the next look may find it back.
                    continue
        except BaseException as error:  # noqa: BLE001 - the main thread raises it
            self.error = error

    def _submit(self) -> None:
        number = next(self._jobs)
        is_cancelled = number % _CANCELLED == 1
        size = max(_SIZES) if is_cancelled else self._random.choice(_SIZES)
        articles = [self._article() for _ in range(size)]
        name = f"chaos job {number}"
        order = JobOptions(self._profile, self._random.choice(tuple(Priority)), inputs=(name,))
        job = self._submit_patiently(articles, order)
        self._register.note(job, {article.id for article in articles})
        if is_cancelled:
            self._cancel_at[job] = time.monotonic() + self._random.uniform(0.1, 1.0)

    def _article(self) -> Article:
        number = next(self._articles)
        return make_article(f"a{number}", self._random, fails=number % _FAILING == 1)

    def _submit_patiently(self, articles: list[Article], order: JobOptions) -> JobId:
        """Submit, and where the broker is killed on the way, resume."""
        end = time.monotonic() + _BROKER_SECONDS
        app, settings = self._intake_of
        cut_off = False
        while True:
            intake = Intake(self._store, app, settings)
            try:
                job = find_job(self._store, order.inputs[0]) if cut_off else None
                if job is None:
                    return intake.submit(articles, order).job
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
                taken = self._store.cancel(job)
            except JobStateError:
                say(f"  job {job} had ended before it was cancelled")
            except JobNotFoundError:
                say(f"  job {job} is not there any more")
            else:
                say(f"  job {job} cancelled, {taken} articles at once")
                self.cancelled += 1
            del self._cancel_at[job]
