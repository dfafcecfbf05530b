"""How records lie in the store: to and from the bytes that ``jobs`` keeps."""

from __future__ import annotations

import json
from collections.abc import Iterable

from worker.blob import unpack
from worker.reason import Reason
from worker.records import (
    Article,
    ArticleState,
    CollectedArticle,
    JobId,
    JobProgress,
    Outcome,
    Result,
)

__all__ = ["dump_outcomes", "read_articles", "read_collected", "read_progress"]


def read_articles(blob: bytes) -> tuple[Article, ...]:
    """The articles of a chunk."""
    return tuple(Article.model_validate(fields) for fields in unpack(blob))


def dump_outcomes(outcomes: Iterable[Outcome]) -> str:
    """A chunk's outcomes as JSON."""
    return json.dumps([outcome.model_dump(mode="json") for outcome in outcomes])


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
        return CollectedArticle(article=article, outcome=missing)
    result = Result.model_validate(unpack(blob))
    return CollectedArticle(article=article, outcome=outcome, result=result)


def read_progress(job: JobId, fields: dict[bytes, bytes]) -> JobProgress:
    """A job's counters from its hash."""
    said = {key.decode(): value for key, value in fields.items()}
    counters = ("total", "cached", "refused", *ArticleState)
    return JobProgress(
        id=job,
        profile=json.loads(said["profile"])["name"],
        created=float(said["created"]),
        closed=said["closed"] == b"1",
        **{counter: int(said[counter]) for counter in counters},
    )
