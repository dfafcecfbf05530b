"""What has become of everything, against the store and the witness."""

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

#: Of each kind of trouble so many are named in the log.
_NAMED = 10


@dataclass(slots=True)
class Account:
    """Articles and chunks of a whole run."""

    accepted: int = 0
    """Articles that the store has, or that it was known to have accepted."""
    states: Counter[ArticleState] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    """Why those are not done that are not."""
    lost: int = 0
    """Accepted articles that have not ended, that are done without a result, or not there."""
    recorded_twice: int = 0
    """Chunks whose outcome was recorded again, articles that are there more than once, and
    articles by which a job's counters are wrong."""
    run_twice: int = 0
    """Attempts beyond the first, of all chunks."""


def is_over(store: JobStore) -> bool:
    """Whether every job is finished."""
    return all(progress.finished for progress in store.jobs())


def audit(place: Place, accepted: dict[JobId, set[str]]) -> Account:
    """The account of all jobs of the store, and of those that it should have."""
    store = place.open_store()
    account = Account()
    jobs = {progress.id for progress in store.jobs()}
    for job in jobs | accepted.keys():
        _audit_job(store, job, accepted.get(job, set()), account, is_there=job in jobs)
    say(f"not done, and why: {dict(account.reasons)}")
    _audit_witness(place, account)
    for key in (Key.LEASES, Key.ACTIVE, *(Key.notified(lane) for lane in range(6))):
        left = store._redis.zrange(key, 0, -1)
        if left:
            say(f"left behind in {key}: {left[:_NAMED]}")
    return account


def _audit_job(
    store: JobStore, job: JobId, known: set[str], account: Account, *, is_there: bool
) -> None:
    found = list(store.collection.articles(job)) if is_there else []
    rows = Counter(one.article.id for one in found)
    missing = known - rows.keys()
    _name(f"job {job}: accepted, and not in the store", missing)
    account.accepted += len(rows.keys() | known)

    states = Counter(one.outcome.state for one in found)
    unfinished = [one.article.id for one in found if one.outcome.state in ACTIVE_STATES]
    _name(f"job {job}: not ended", unfinished)
    # ``collect`` says of these that they have failed: the store has lost their result.
    without = [one.article.id for one in found if one.result_is_lost]
    _name(f"job {job}: done without a result", without)
    account.states += states
    account.reasons += Counter(one.outcome.reason.value for one in found if one.outcome.reason)
    account.lost += len(missing) + len(unfinished) + len(without)

    repeated = [one for one, times in rows.items() if times > 1]
    _name(f"job {job}: more than once", repeated)
    account.recorded_twice += sum(rows[one] - 1 for one in repeated)
    if is_there:
        account.recorded_twice += _miscounted(store, job, states, len(without))
        chunks = int(store._redis.hget(Key.job(job), "chunks"))
        for number in range(chunks):
            attempts = int(store._redis.hget(Key.chunk(job, number), "attempts") or 0)
            account.run_twice += max(attempts - 1, 0)


def _miscounted(
    store: JobStore, job: JobId, states: Counter[ArticleState], without_result: int
) -> int:
    """By how many articles the job's counters differ from its articles."""
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
    """Count every answer of ``Ledger.complete``, whatever the ledger itself has come to."""
    answers: dict[str, Counter[str]] = {RECORDED: Counter(), LATE: Counter()}
    file = place.notes / WITNESS
    for line in file.read_text(encoding="ascii").splitlines() if file.exists() else ():
        chunk, answer, _ = line.split()
        answers[answer][chunk] += 1
    twice = {chunk: times for chunk, times in answers[RECORDED].items() if times > 1}
    _name("recorded more than once", twice)
    account.recorded_twice += sum(times - 1 for times in twice.values())
    say(
        f"{answers[RECORDED].total()} recordings were witnessed, "
        f"{answers[LATE].total()} late ones were refused"
    )


def _name(trouble: str, what: Iterable[str]) -> None:
    found = sorted(what)
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        say(f"{trouble}: {', '.join(found[:_NAMED])}{more}")
