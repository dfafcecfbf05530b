"""How records lie in the store: to and from the bytes that ``jobs`` keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from pydantic import TypeAdapter
from pydantic_core import to_json

from worker.queue.store.compression import pack, unpack
from worker.records.article import Article, ArticleState, CollectedArticle, Outcome
from worker.records.job import JobId, JobProgress
from worker.records.priority import Priority
from worker.records.reason import Reason
from worker.records.result import Result

__all__ = [
    "PROGRESS_FIELDS",
    "cancelled_outcome",
    "dump_outcomes",
    "pack_articles",
    "pack_result",
    "read_articles",
    "read_collected",
    "read_outcomes",
    "read_progress",
    "read_unfinished",
]


_ARTICLES: TypeAdapter[tuple[Article, ...]] = TypeAdapter(tuple[Article, ...])


def pack_articles(articles: Sequence[Article]) -> bytes:
    """The articles of a chunk, as a blob."""
    return pack(to_json(articles))


def read_articles(blob: bytes) -> tuple[Article, ...]:
    """The articles of a chunk.

    Raises:
        ValueError: the blob is damaged.
    """
    return _ARTICLES.validate_json(unpack(blob))


def pack_result(result: Result) -> bytes:
    """A result, as a blob."""
    # A score may be infinite, which JSON proper has no word for.
    return pack(to_json(result, inf_nan_mode="constants"))


def dump_outcomes(outcomes: Iterable[Outcome | None]) -> str:
    """A chunk's outcomes as JSON; ``None`` for an article that was moved to another chunk."""
    said = [one and one.model_dump(mode="json", exclude_defaults=True) for one in outcomes]
    return json.dumps(said)


def read_outcomes(said: bytes) -> list[Outcome | None]:
    """A chunk's outcomes, as ``dump_outcomes`` wrote them."""
    return [fields and Outcome.model_validate(fields) for fields in json.loads(said)]


def read_collected(article: Article, outcome: Outcome, blob: bytes | None) -> CollectedArticle:
    """An article with its outcome, and with its result where that is there."""
    if outcome.state is not ArticleState.DONE:
        return CollectedArticle(article=article, outcome=outcome)
    if blob is None:
        missing = Outcome(
            state=ArticleState.FAILED,
            reason=Reason.INTERNAL_ERROR,
            message="the store has lost this result",
            hint="submit the article again",
        )
        return CollectedArticle(article=article, outcome=missing, result_is_lost=True)
    result = Result.model_validate_json(unpack(blob))
    return CollectedArticle(article=article, outcome=outcome, result=result)


#: Fields of a job's hash that its progress is read from.
PROGRESS_FIELDS = (
    *("profile_name", "priority", "created", "deadline", "closed", "cancel"),
    *("total", "cached", "refused", *(state.value for state in ArticleState)),
)


def read_progress(job: JobId, values: Sequence[bytes | None]) -> JobProgress | None:
    """A job's counters from its ``PROGRESS_FIELDS``; ``None`` where there is no such job."""
    if None in values:
        return None
    found = (value.decode() for value in values if value is not None)
    said: dict[str, str] = dict(zip(PROGRESS_FIELDS, found, strict=True))
    return JobProgress(
        id=job,
        profile=said.pop("profile_name"),
        priority=Priority(said.pop("priority")),
        created=float(said.pop("created")),
        deadline=float(said.pop("deadline") or 0) or None,
        closed=said.pop("closed") == "1",
        cancel=_reason(said.pop("cancel")),
        **{counter: int(value) for counter, value in said.items()},
    )


def _reason(said: str) -> Reason | None:
    return Reason(said) if said else None


def read_unfinished(state: bytes, cancel: bytes | None) -> Outcome:
    """The outcome of the articles of a chunk that has none yet."""
    if state == b"queued" and cancel:
        return cancelled_outcome(Reason(cancel.decode()))
    return Outcome(state=ArticleState(state.decode()))


def cancelled_outcome(why: Reason) -> Outcome:
    """How an article ends whose job was taken back before it was worked on."""
    message = {
        Reason.CANCELLED: "the job was cancelled before it was worked on",
        Reason.DEADLINE: "the job's deadline was over before it was worked on",
    }[why]
    return Outcome(
        state=ArticleState.CANCELLED,
        reason=why,
        message=message,
        hint="submit it again: what is done is found by its content",
    )
