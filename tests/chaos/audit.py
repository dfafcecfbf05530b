"""Audit the end of a run, against the store and the witness file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from tests.chaos.place import Place, say
from tests.chaos.worker import LATE, RECORDED, WITNESS
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.records.article import ACTIVE_STATES, ArticleState
from worker.records.job import JobId

__all__ = ["Account", "audit", "is_over"]

#: Number of articles or chunks that the log names for each problem.
_NAMED = 10


@dataclass(slots=True)
class Account:
    """The figures of a whole run."""

    accepted: int = 0
    """Articles in the store, or registered as accepted."""
    states: Counter[ArticleState] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Reasons of the articles that are not done."""
    lost: int = 0
    """Accepted articles that have not ended, are done without a result, or are missing."""
    recorded_twice: int = 0
    """Chunks that were recorded again, articles that a job has more than once, and articles by
    which its counters are wrong."""
    run_twice: int = 0
    """Attempts beyond the first, of all chunks."""


def is_over(store: JobStore) -> bool:
    """Return whether every job is finished."""
    return all(progress.finished for progress in store.jobs())


def audit(place: Place, accepted: dict[JobId, set[str]]) -> Account:
    """Return the account of all jobs in the store, and of those that should be there."""
    store = place.open_store()
    account = Account()
    jobs = {progress.id for progress in store.jobs()}
    for job in jobs | accepted.keys():
        _audit_job(store, job, accepted.get(job, set()), account, in_store=job in jobs)
    say(f"not done, and why: {dict(account.reasons)}")
    _audit_witness(place, account)
    for key in (Key.LEASES, Key.ACTIVE, *(Key.notified(lane) for lane in range(6))):
        left = store._redis.zrange(key, 0, -1)
        if left:
            say(f"left behind in {key}: {left[:_NAMED]}")
    return account


def _audit_job(
    store: JobStore, job: JobId, accepted: set[str], account: Account, *, in_store: bool
) -> None:
    articles = list(store.collection.articles(job)) if in_store else []
    copies = Counter(article.article.id for article in articles)
    missing = accepted - copies.keys()
    _name(f"job {job}: accepted, and not in the store", missing)
    account.accepted += len(copies.keys() | accepted)

    states = Counter(article.outcome.state for article in articles)
    unfinished = [
        article.article.id for article in articles if article.outcome.state in ACTIVE_STATES
    ]
    _name(f"job {job}: not ended", unfinished)
    # ``collect`` reports these as failed: the store has lost their result.
    without_result = [article.article.id for article in articles if article.result_is_lost]
    _name(f"job {job}: done without a result", without_result)
    account.states += states
    account.reasons += Counter(
        article.outcome.reason.value for article in articles if article.outcome.reason
    )
    account.lost += len(missing) + len(unfinished) + len(without_result)

    repeated = [id_ for id_, times in copies.items() if times > 1]
    _name(f"job {job}: more than once", repeated)
    account.recorded_twice += sum(copies[id_] - 1 for id_ in repeated)
    if in_store:
        account.recorded_twice += _miscounted(store, job, states, len(without_result))
        chunks = int(store._redis.hget(Key.job(job), "chunks"))
        for number in range(chunks):
            attempts = int(store._redis.hget(Key.chunk(job, number), "attempts") or 0)
            account.run_twice += max(attempts - 1, 0)


def _miscounted(
    store: JobStore, job: JobId, states: Counter[ArticleState], without_result: int
) -> int:
    """Return by how many articles the job's counters are wrong."""
    progress = store.progress(job)
    counted: dict[ArticleState, int] = {
        state: getattr(progress, state.value) for state in ArticleState
    }
    expected = states + Counter({ArticleState.DONE: without_result})
    expected[ArticleState.FAILED] -= without_result
    off: int = sum(abs(counted[state] - expected[state]) for state in ArticleState)
    off += abs(sum(counted.values()) - progress.total)
    if off:
        say(f"job {job}: counted {counted} of {progress.total}, there are {dict(expected)}")
    opened = int(store._redis.hget(Key.job(job), "open"))
    if opened and progress.cancel is None:
        say(f"job {job}: {opened} notifications are open for ever")
    return off


def _audit_witness(place: Place, account: Account) -> None:
    """Count every answer of ``Ledger.complete``, independently of the ledger."""
    answers: dict[str, Counter[str]] = {RECORDED: Counter(), LATE: Counter()}
    file = place.notes / WITNESS
    for line in file.read_text(encoding="ascii").splitlines() if file.exists() else ():
        chunk, answer, _ = line.split()
        answers[answer][chunk] += 1
    repeated = {chunk: times for chunk, times in answers[RECORDED].items() if times > 1}
    _name("recorded more than once", repeated)
    account.recorded_twice += sum(times - 1 for times in repeated.values())
    say(
        f"{answers[RECORDED].total()} recordings were witnessed, "
        f"{answers[LATE].total()} late ones were refused"
    )


def _name(problem: str, names: Iterable[str]) -> None:
    ordered = sorted(names)
    if ordered:
        more = f" and {len(ordered) - _NAMED} more" if len(ordered) > _NAMED else ""
        say(f"{problem}: {', '.join(ordered[:_NAMED])}{more}")
