"""Articles and results for tests of the store and the worker."""

from __future__ import annotations

from collections.abc import Sequence

from worker.config.profile import Profile
from worker.queue.store.codec import cancelled_outcome
from worker.records.article import Article, ArticleState, Outcome, ProcessedArticle
from worker.records.chunk import ChunkCost
from worker.records.job import JobProgress
from worker.records.reason import Reason
from worker.records.result import (
    EvidenceSentence,
    Method,
    Result,
    SummarySentence,
)

__all__ = [
    "PROFILE",
    "TALLY",
    "WORKER",
    "cancelled",
    "counts_sum",
    "done",
    "failed",
    "make_article",
    "make_articles",
]

PROFILE = Profile(name="test")

#: The worker that claims chunks, and the cost of its work.
WORKER = "worker-1"
TALLY = ChunkCost(worker=WORKER, seconds=0.25, tokens_read=40, tokens_written=20)


def make_article(name: str, *, word: str = "") -> Article:
    """Return a short sound article; the fake engine obeys ``word``."""
    text = (
        f"The council of Harrow Vale voted on Tuesday to repair bridge {name} before winter. "
        f"Engineers said {word or 'that'} the work would take nine weeks and cost two million "
        "pounds. Residents asked for a bus to the station in the meantime."
    )
    return Article(id=name, text=text, source=f"{name}.txt")


def make_articles(count: int) -> list[Article]:
    """Return ``count`` different articles."""
    return [make_article(f"b{number}") for number in range(count)]


def done(articles: Sequence[Article]) -> list[ProcessedArticle]:
    """Return each article as done, with a result of its own."""
    return [
        ProcessedArticle(outcome=Outcome(state=ArticleState.DONE), result=_result(article))
        for article in articles
    ]


def failed(reason: Reason, *, attempts: int = 0, stage: str = "") -> ProcessedArticle:
    """Return a failed article; failures in the queue have attempts and a stage."""
    outcome = Outcome(
        state=ArticleState.FAILED,
        reason=reason,
        message="the reason",
        attempts=attempts,
        stage=stage,
    )
    return ProcessedArticle(outcome=outcome)


def cancelled(why: Reason) -> ProcessedArticle:
    """Return an article whose job was cancelled."""
    return ProcessedArticle(outcome=cancelled_outcome(why))


def counts_sum(progress: JobProgress) -> bool:
    """Return whether each article is counted in exactly one state."""
    counted = sum(getattr(progress, state.value) for state in ArticleState)
    return counted == progress.total and progress.cached <= progress.done


def _result(article: Article) -> Result:
    evidence = EvidenceSentence(index=0, text=article.text)
    return Result(
        title=f"About {article.id}",
        repaired=article.text,
        summary=article.text,
        method=Method.EXTRACTIVE,
        evidence=(SummarySentence(sentence=article.text, sentences=(evidence,)),),
    )
