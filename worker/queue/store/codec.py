"""Encodes records as the bytes that the store keeps, and decodes them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from typing import cast

from pydantic import TypeAdapter
from pydantic_core import to_json

from worker.config.restraint import Restraint
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
    """Encode the articles of a chunk as a blob."""
    return pack(to_json(articles))


def read_articles(blob: bytes) -> tuple[Article, ...]:
    """Decode the articles of a chunk.

    Raises:
        ValueError: the blob is damaged.
    """
    return _ARTICLES.validate_json(unpack(blob))


def pack_result(result: Result) -> bytes:
    """Encode a result as a blob."""
    # A score may be infinite, which standard JSON cannot express.
    return pack(to_json(result, inf_nan_mode="constants"))


def dump_outcomes(outcomes: Iterable[Outcome | None]) -> str:
    """Encode a chunk's outcomes as JSON; ``None`` stands for an article moved to another chunk."""
    return json.dumps(
        [outcome and outcome.model_dump(mode="json", exclude_defaults=True) for outcome in outcomes]
    )


def read_outcomes(encoded: bytes) -> list[Outcome | None]:
    """Decode a chunk's outcomes from the JSON of ``dump_outcomes``."""
    return [fields and Outcome.model_validate(fields) for fields in json.loads(encoded)]


def read_collected(article: Article, outcome: Outcome, blob: bytes | None) -> CollectedArticle:
    """Combine an article with its outcome and, if it has one, its result."""
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


#: Fields of a job's hash that make up its progress.
PROGRESS_FIELDS = (
    *("profile_name", "restraint", "priority", "created", "deadline", "closed", "cancel"),
    *("total", "cached", "refused", *(state.value for state in ArticleState)),
)


def read_progress(job: JobId, values: Sequence[bytes | None]) -> JobProgress | None:
    """Decode a job's progress from its ``PROGRESS_FIELDS``, or return None if the job is gone."""
    if None in values:
        return None
    texts = (value.decode() for value in values if value is not None)
    fields: dict[str, str] = dict(zip(PROGRESS_FIELDS, texts, strict=True))
    return JobProgress(
        id=job,
        profile=fields.pop("profile_name"),
        restraint=cast(Restraint, fields.pop("restraint")),
        priority=Priority(fields.pop("priority")),
        created=float(fields.pop("created")),
        deadline=float(fields.pop("deadline") or 0) or None,
        closed=fields.pop("closed") == "1",
        cancel=_reason(fields.pop("cancel")),
        **{counter: int(value) for counter, value in fields.items()},
    )


def _reason(code: str) -> Reason | None:
    return Reason(code) if code else None


def read_unfinished(state: bytes, cancel: bytes | None) -> Outcome:
    """Return the outcome that all articles of an unfinished chunk have."""
    if state == b"queued" and cancel:
        return cancelled_outcome(Reason(cancel.decode()))
    return Outcome(state=ArticleState(state.decode()))


def cancelled_outcome(why: Reason) -> Outcome:
    """Return the outcome of an article whose job was cancelled before work on it began."""
    message = {
        Reason.CANCELLED: "the job was cancelled before it was worked on",
        Reason.DEADLINE: "the job's deadline passed before it was worked on",
    }[why]
    return Outcome(
        state=ArticleState.CANCELLED,
        reason=why,
        message=message,
        hint="submit it again: finished results are reused",
    )
