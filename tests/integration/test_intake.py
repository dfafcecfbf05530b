"""How documents get into the store: in windows, in order, and resumed after an interruption."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

import pytest
import redis

from tests.integration.job_step import (
    claim_chunk,
    contents,
    make_job,
    messages,
    record,
    states,
    submit_all,
)
from tests.integration.sample import PROFILE, done, make_article, make_articles
from worker.config.settings import Settings
from worker.errors import ExitCode, JobNotFoundError, JobStateError
from worker.queue import intake as intake_module
from worker.queue.celery_app import create_app
from worker.queue.intake import Intake, JobOptions, NothingAcceptedError, Submission
from worker.queue.store.jobs import JobStore
from worker.queue.store.keys import Key
from worker.records.article import Article, InputRefusal
from worker.records.job import JobId
from worker.records.priority import Priority
from worker.records.reason import Reason


class _CutOffError(Exception):
    """Stands for the client's death."""


def _refusal(source: str) -> InputRefusal:
    return InputRefusal(reason=Reason.BAD_JSON, source=source, message="no JSON")


def _cut_off(documents: Iterable[Article | InputRefusal]) -> Iterator[Article | InputRefusal]:
    yield from documents
    raise _CutOffError


@pytest.fixture(autouse=True)
def small_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """Accept four articles or three refusals at a time, and wait for milliseconds only."""
    monkeypatch.setattr(intake_module, "_WINDOW_ARTICLES", 4)
    monkeypatch.setattr(intake_module, "_WINDOW_REFUSALS", 3)
    monkeypatch.setattr(intake_module, "_WAIT_SECONDS", 0.001)


@pytest.fixture
def one_each(settings: Settings) -> Settings:
    """Settings with chunks of one article."""
    return settings.model_copy(update={"chunk_articles": 1})


def _intake(store: JobStore, settings: Settings, **callbacks: Callable[..., None]) -> Intake:
    return Intake(store, create_app(settings), settings, **callbacks)


def _ids(store: JobStore, job: JobId) -> list[str]:
    """Return the ids of the job's articles, sorted, with duplicates."""
    return sorted(collected.article.id for collected in store.collection.articles(job))


def _cut_off_job(store: JobStore, settings: Settings) -> JobId:
    """Make an open job with b0 to b3 and a refusal; b4, b5 and another refusal are missing."""
    documents: list[Article | InputRefusal]
    documents = [*make_articles(3), _refusal("a:1"), make_article("b3"), make_article("b4")]
    with pytest.raises(_CutOffError):
        _intake(store, settings).submit(_cut_off(documents), JobOptions(PROFILE))
    (progress,) = store.jobs()
    assert (progress.closed, progress.finished, progress.total) == (False, False, 4)
    assert progress.refused == 1
    return progress.id


def _all_documents() -> list[Article | InputRefusal]:
    return [*make_articles(6), _refusal("a:1"), _refusal("a:2")]


# Submit ---------------------------------------------------------------------------------------


def test_documents_are_accepted_window_by_window(
    store: JobStore, one_each: Settings, client: redis.Redis
) -> None:
    counts: list[int] = []
    totals: list[int] = []

    def documents() -> Iterator[Article | InputRefusal]:
        for number, article in enumerate(make_articles(10)):
            if number in {4, 8}:  # the window before is in, and notified
                totals.extend(progress.total for progress in store.jobs())
                assert messages(client) == number
            yield article

    intake = _intake(store, one_each, on_progress=counts.append)
    submission = intake.submit(documents(), JobOptions(PROFILE))

    assert submission == Submission(submission.job, 10, 0, 0, ())
    assert (counts, totals) == ([4, 8, 10], [4, 8])
    assert states(store, submission.job) == {"queued": 10}
    assert store.progress(submission.job).closed
    assert _ids(store, submission.job) == sorted(article.id for article in make_articles(10))
    assert messages(client) == 10


def test_a_job_has_the_options_of_its_submit(store: JobStore, settings: Settings) -> None:
    options = JobOptions(PROFILE, priority=Priority.LOW, inputs=("a.txt",), folder="/here")

    job = _intake(store, settings).submit(make_articles(1), options).job

    assert store.progress(job).priority is Priority.LOW
    assert store.inputs(job) == (["a.txt"], "/here")


def test_chunks_are_cut_by_length_and_by_number(store: JobStore, settings: Settings) -> None:
    sizes = settings.model_copy(update={"chunk_articles": 2, "chunk_chars": 1_000})
    lengths = {"a": 900, "b": 5_000, "c": 100, "d": 101, "e": 102}
    articles = [Article(id=name, text="x" * size) for name, size in lengths.items()]
    # A window has four of them, so the fifth is cut alone.
    job = _intake(store, sizes).submit(articles, JobOptions(PROFILE)).job

    chunks = [[article.id for article in claim_chunk(store, job, n).articles] for n in range(4)]
    assert chunks == [["c", "d"], ["a"], ["b"], ["e"]]


def test_known_articles_are_done_at_once_and_leave_the_express_lane_to_others(
    store: JobStore, one_each: Settings
) -> None:
    claim = claim_chunk(store, make_job(store, 3))
    record(store, claim, done(claim.articles))

    submission = _intake(store, one_each).submit(make_articles(4), JobOptions(PROFILE))

    assert (submission.accepted, submission.cached) == (4, 3)
    job = submission.job
    assert states(store, job) == {"queued": 1, "done": 3}
    assert store.progress(job).cached == 3
    place = store._redis.hget(Key.ids(job), "b3")
    assert place == b"0:0"


def test_refusals_are_recorded_in_windows_of_their_own(store: JobStore, settings: Settings) -> None:
    refusals = [_refusal(f"a:{line}") for line in range(8)]

    def documents() -> Iterator[Article | InputRefusal]:
        yield from refusals
        (progress,) = store.jobs()
        assert progress.refused == 6
        yield make_article("b0")

    submission = _intake(store, settings).submit(documents(), JobOptions(PROFILE))

    assert (submission.accepted, submission.refused) == (1, 8)
    assert list(submission.refusals) == list(store.collection.refusals(submission.job)) == refusals


@pytest.mark.parametrize(
    ("count", "code"), [(0, "no_input"), (2, "all_refused"), (7, "all_refused")]
)
def test_a_submit_without_articles_makes_no_job(
    store: JobStore, settings: Settings, client: redis.Redis, count: int, code: str
) -> None:
    refusals = [_refusal(f"a:{line}") for line in range(count)]

    with pytest.raises(NothingAcceptedError) as caught:
        _intake(store, settings).submit(refusals, JobOptions(PROFILE))

    assert (caught.value.code, list(caught.value.refusals)) == (code, refusals)
    expected = ExitCode.ALL_FAILED if count else ExitCode.USAGE
    assert caught.value.exit_code is expected
    assert contents(client) == {}


# Resume ---------------------------------------------------------------------------------------


def test_a_submit_that_was_cut_off_is_completed_with_every_id_once(
    store: JobStore, settings: Settings
) -> None:
    job = _cut_off_job(store, settings)
    claim = claim_chunk(store, job)  # a worker processes it meanwhile
    record(store, claim, done(claim.articles))

    submission = _intake(store, settings).resume(job, _all_documents())

    assert (submission.job, submission.accepted, submission.refused) == (job, 2, 2)
    assert _ids(store, job) == [f"b{number}" for number in range(6)]
    progress = store.progress(job)
    assert (progress.closed, progress.total, progress.refused) == (True, 6, 2)
    assert [refusal.source for refusal in store.collection.refusals(job)] == ["a:1", "a:2"]
    assert states(store, job) == {"done": 4, "queued": 2}


def test_a_resume_that_is_cut_off_can_be_resumed(store: JobStore, settings: Settings) -> None:
    job = _cut_off_job(store, settings)
    for _ in range(2):
        with pytest.raises(_CutOffError):
            _intake(store, settings).resume(job, _cut_off(_all_documents()))

    _intake(store, settings).resume(job, _all_documents())

    assert _ids(store, job) == [f"b{number}" for number in range(6)]
    assert store.progress(job).refused == 2


def test_two_concurrent_resumes_add_no_article_twice(
    store: JobStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = _cut_off_job(store, settings)
    has_articles, rivals = store.has_articles, iter([_intake(store, settings)])

    def has_articles_slowly(asked: JobId, articles: Sequence[Article]) -> list[bool]:
        present = has_articles(asked, articles)
        rival = None if all(present) else next(rivals, None)
        if rival:
            rival.resume(asked, _all_documents())
        return present

    monkeypatch.setattr(store, "has_articles", has_articles_slowly)

    with pytest.raises(JobStateError) as caught:
        _intake(store, settings).resume(job, _all_documents())

    assert caught.value.code == "job_busy"
    assert _ids(store, job) == [f"b{number}" for number in range(6)]
    assert store.progress(job).total == 6


def _complete(store: JobStore, settings: Settings) -> tuple[JobId, str]:
    return submit_all(make_articles(2), store, settings).job, "job_complete"


def _cancelled(store: JobStore, settings: Settings) -> tuple[JobId, str]:
    job = _cut_off_job(store, settings)
    store.cancel(job)
    return job, "job_cancelled"


@pytest.mark.parametrize("make", [_complete, _cancelled])
@pytest.mark.parametrize("documents", [[], [*make_articles(6), _refusal("z")]], ids=["few", "all"])
def test_a_complete_or_cancelled_job_is_not_resumed_and_stays_unchanged(
    store: JobStore,
    settings: Settings,
    client: redis.Redis,
    make: Callable[[JobStore, Settings], tuple[JobId, str]],
    documents: list[Article | InputRefusal],
) -> None:
    job, code = make(store, settings)
    before = contents(client)

    with pytest.raises(JobStateError) as caught:
        _intake(store, settings).resume(job, documents)

    assert (caught.value.code, caught.value.exit_code) == (code, ExitCode.USAGE)
    assert contents(client) == before


def test_a_missing_job_is_not_resumed(store: JobStore, settings: Settings) -> None:
    with pytest.raises(JobNotFoundError):
        _intake(store, settings).resume(JobId("260101-0000-abcdef"), _all_documents())


def test_refused_documents_are_read_again(store: JobStore, settings: Settings) -> None:
    job = _intake(store, settings).submit(_all_documents(), JobOptions(PROFILE)).job

    repaired: list[Article | InputRefusal]
    repaired = [make_article("b5"), make_article("mended"), _refusal("a:2")]
    submission = _intake(store, settings).read_again(job, repaired)

    assert (submission.accepted, submission.refused) == (1, 1)
    assert _ids(store, job) == [*(f"b{number}" for number in range(6)), "mended"]
    assert [refusal.source for refusal in store.collection.refusals(job)] == ["a:2"]
    assert store.progress(job).refused == 1


# Lines that articles share -------------------------------------------------------------------


def test_lines_shared_in_a_window_are_stored_with_each_article(
    store: JobStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake_module, "_WINDOW_ARTICLES", 5)
    footer = "Follow the Norvale Paper everywhere"
    stories = ("Herring were plentiful.", "Budget talks failed.", "Valves cracked again.")
    more = ("Orchestras rehearse symphonies.", "Drivers blocked trams.", "Snow came late.")
    articles = [
        Article(id=str(number), text=f"{' '.join([story] * 4)}\n\n{footer}")
        for number, story in enumerate((*stories, *more))
    ]

    submission = _intake(store, settings).submit(articles, JobOptions(PROFILE))

    stored = {
        collected.article.id: collected.article
        for collected in store.collection.articles(submission.job)
    }
    # The sixth article is alone in its window.
    assert {id_: article.shared_lines for id_, article in stored.items()} == {
        **{str(number): (footer,) for number in range(5)},
        "5": (),
    }
    assert stored["0"].content_digest != articles[0].content_digest
