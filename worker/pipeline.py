"""Runs a chunk's articles through the stages, in order. Does not depend on Celery or Redis.

    1 clean      stages.clean       remove page furniture               always
    2 split      stages.split       find sentences, remove strays       always
                                    join false breaks                   if a full stop is suspect
                                    remove doubled words                if a word is repeated
                                    split run-ons                       if a capital is suspect
    3 spot       stages.repair      find what reads badly               always
    4 rewrite    stages.repair      have the engine propose changes     if something was spotted
    5 check      stages.repair      accept, or refuse with a reason     if a change was proposed
    6 choose     stages.summarise   rank the sentences                  always
    7 write      stages.summarise   have the engine write               always
    8 check      stages.summarise   replace unsupported sentences       always
      flag       stages.flag        tell an editor where to look        always
    9 record     the caller         store the results (worker.queue)

A result depends only on the article and the profile, with two exceptions: timings, and near-ties
in bfloat16, where a sentence's neighbours in the batch can tip the choice between two tokens.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING

from worker.errors import CopydeskError, EngineError
from worker.records.article import Article, ArticleState, Outcome, ProcessedArticle
from worker.records.reason import Reason
from worker.records.result import Result
from worker.stages.clean.furniture import remove_furniture
from worker.stages.clean.language import is_english
from worker.stages.flag.flags import flag_article
from worker.stages.repair.repair import repair_articles
from worker.stages.split.boundaries import settle_boundaries
from worker.stages.split.run_ons import find_link_texts
from worker.stages.split.sentences import split_paragraphs
from worker.stages.summarise.assembly import Summary, SummaryInput, summarise
from worker.stages.working_article import WorkingArticle

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["clean_texts", "process", "repair_texts"]

#: Errors that a bug in a stage can raise. ``Exception`` is not among them, so that time limits and
#: signals propagate.
_FAULTS = (
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)


def process(
    articles: Sequence[Article],
    engine: Callable[[], Engine],
    profile: Profile,
    on_stage: Callable[[str], None] = lambda _stage: None,
) -> list[ProcessedArticle]:
    """Return the outcome of each article, in order.

    All articles go through the engine together. If that fails, each article is tried alone, so that
    one bad article never affects another; an article that fails alone is marked failed, with a
    reason.

    Args:
        articles: the articles of a chunk.
        engine: opens the engine; called only if an article needs it.
        profile: models, prompts and limits.
        on_stage: called with each stage's name as the stage begins. An exception that it raises
            ends the work, unless a stage could have raised it too.
    """
    if not articles:
        return []
    try:
        return _process_together(articles, engine, profile, on_stage)
    except (CopydeskError, *_FAULTS) as error:
        if len(articles) == 1 or _is_server_fault(error):
            return [ProcessedArticle(outcome=_failure(error)) for _ in articles]
    return [
        processed
        for article in articles
        for processed in process([article], engine, profile, on_stage)
    ]


def repair_texts(texts: Sequence[str], engine: Engine, profile: Profile) -> list[str]:
    """Return each text, treated as one paragraph, after stages 2 to 5.

    Raises:
        EngineError: the engine failed.
    """
    paragraphs = [
        [sentence for paragraph in split_paragraphs([text]).paragraphs for sentence in paragraph]
        for text in texts
    ]
    no_links = [frozenset[str]()] * len(paragraphs)
    settled = settle_boundaries(paragraphs, no_links, engine, profile)
    rows = [[sentence for part in text.paragraphs for sentence in part] for text in settled]
    repaired = repair_articles(rows, engine, profile)
    return [" ".join(sentence.text for sentence in row) for row in repaired]


def clean_texts(articles: Sequence[Article], engine: Engine, profile: Profile) -> list[str]:
    """Return each article's text after stages 1 and 2, or "" if it is not English news.

    Raises:
        EngineError: the engine failed.
    """
    opened = [_open(article) for article in articles]
    _settle([article for article in opened if isinstance(article, WorkingArticle)], engine, profile)
    return [article.text if isinstance(article, WorkingArticle) else "" for article in opened]


def _process_together(
    articles: Sequence[Article],
    engine: Callable[[], Engine],
    profile: Profile,
    on_stage: Callable[[str], None],
) -> list[ProcessedArticle]:
    clock = _Clock()
    on_stage("strip")
    opened = [_open(article) for article in articles]
    working = [article for article in opened if isinstance(article, WorkingArticle)]
    clock.lap("strip_and_split")
    results: Iterator[Result] = iter(())
    if working:
        on_stage("repair")
        _repair(working, engine(), profile)
        clock.lap("repair")
        on_stage("summarise")
        summaries = summarise([_summary_input(article) for article in working], engine(), profile)
        clock.lap("summary")
        results = _results(working, summaries, clock, profile)
    return [
        ProcessedArticle(outcome=Outcome(state=ArticleState.DONE), result=next(results))
        if isinstance(article, WorkingArticle)
        else ProcessedArticle(outcome=article)
        for article in opened
    ]


def _open(article: Article) -> WorkingArticle | Outcome:
    """Clean and split the article; return its outcome instead if it is not English news."""
    cleaned = remove_furniture(article)
    parts = split_paragraphs(cleaned.paragraphs)
    paragraphs = [list(paragraph) for paragraph in parts.paragraphs if paragraph]
    if not paragraphs:
        return Outcome(
            state=ArticleState.FAILED,
            reason=Reason.NO_STORY,
            message="there is no text beside headline and page furniture",
            hint="copydesk show prints what was removed; is the file a menu or an index page?",
        )
    if not is_english(" ".join(sentence for paragraph in paragraphs for sentence in paragraph)):
        return Outcome(
            state=ArticleState.FAILED,
            reason=Reason.NOT_ENGLISH,
            message="the text is in another language",
            hint="Copydesk reads English only; translate it first",
        )
    return WorkingArticle(cleaned.title, paragraphs, list(parts.edits), cleaned.removals)


def _repair(articles: Sequence[WorkingArticle], engine: Engine, profile: Profile) -> None:
    """Run all articles through stages 2 to 5, in place."""
    _settle(articles, engine, profile)
    rows = repair_articles([article.sentences for article in articles], engine, profile)
    for article, repaired in zip(articles, rows, strict=True):
        article.apply_repairs(repaired)


def _settle(articles: Sequence[WorkingArticle], engine: Engine, profile: Profile) -> None:
    """Settle the sentence boundaries of all articles, in place."""
    paragraphs = [paragraph for article in articles for paragraph in article.paragraphs]
    links = []
    for article in articles:
        known = find_link_texts(removal.text for removal in article.removed)
        links += [known] * len(article.paragraphs)
    settled = iter(settle_boundaries(paragraphs, links, engine, profile))
    for article in articles:
        article.apply_boundaries(list(islice(settled, len(article.paragraphs))))


def _summary_input(article: WorkingArticle) -> SummaryInput:
    return SummaryInput(
        tuple(article.sentences),
        awkward=frozenset(article.awkward),
        needs_source=frozenset(article.needs_source),
        headline=article.title,
    )


def _results(
    articles: Sequence[WorkingArticle],
    summaries: Sequence[Summary],
    clock: _Clock,
    profile: Profile,
) -> Iterator[Result]:
    total = sum(len(article.sentences) for article in articles)
    for article, summary in zip(articles, summaries, strict=True):
        flags = flag_article(
            article.sentences,
            awkward=article.awkward,
            needs_source=article.needs_source,
            min_words=profile.summary.min_words,
        )
        yield Result(
            title=article.title,
            repaired=article.text,
            summary_title=summary.title.text,
            summary=summary.text,
            method=summary.method,
            evidence=summary.evidence,
            edits=tuple(article.edits),
            refused=(*article.refused, *summary.refused),
            removed=article.removed,
            flags=tuple(flags),
            timings=clock.shares(len(article.sentences) / total),
        )


def _is_server_fault(error: Exception) -> bool:
    """Return whether the server could not be reached, so that no article is to blame.

    Trying each article alone would wait for the server once per article and exceed the chunk's
    time limit.
    """
    return isinstance(error, EngineError) and error.code == "server_unreachable"


def _failure(error: Exception) -> Outcome:
    if isinstance(error, CopydeskError):
        return Outcome(
            state=ArticleState.FAILED,
            reason=Reason.ENGINE_ERROR,
            message=error.message,
            hint=error.hint or "",
        )
    return Outcome(
        state=ArticleState.FAILED,
        reason=Reason.INTERNAL_ERROR,
        message=f"{type(error).__name__}: {error}",
        hint="this is a fault in Copydesk; please report it with the article",
    )


class _Clock:
    """Measures the seconds that each stage of a batch takes."""

    def __init__(self) -> None:
        self._last = time.perf_counter()
        self._seconds: dict[str, float] = {}

    def lap(self, stage: str) -> None:
        now = time.perf_counter()
        self._seconds[stage] = now - self._last
        self._last = now

    def shares(self, share: float) -> dict[str, float]:
        """Return an article's part of each stage's seconds, by its share of the sentences (0-1)."""
        return {stage: round(seconds * share, 4) for stage, seconds in self._seconds.items()}
