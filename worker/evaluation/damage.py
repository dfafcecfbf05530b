"""Measures how much damage is repaired: cut and merged sentences, strays and page furniture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random

from pydantic import BaseModel, ConfigDict

from worker.damage.document import DamagedArticle, FaultKind, damage_article
from worker.evaluation.rows import TextRow
from worker.evaluation.slicing import call_in_slices
from worker.records.article import Article
from worker.stages.split.sentences import split_sentences

__all__ = ["DamageReport", "evaluate_damage"]

_SEED = 20
_SLICE_ARTICLES = 64

#: Minimum number of sentences in an article; furniture lines would outnumber fewer.
_MIN_SENTENCES = 5


class DamageReport(BaseModel):
    """The figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of articles."""
    cut_sentences: int
    cut_sentences_mended: float
    """Share of cut sentences restored word for word (0-1)."""
    stray_pieces: int
    stray_pieces_mended: float
    """Share of stray pieces whose sentence is intact, with no stray piece after it (0-1)."""
    lost_stops: int
    lost_stops_mended: float
    """Share of lost stops whose two sentences are restored word for word (0-1)."""
    run_in_headings: int
    run_in_headings_parted: float
    """Share of headings whose sentence is intact, with no heading before it (0-1)."""
    glued_promos: int
    glued_promos_removed: float
    """Share of promos whose sentence is intact, with no trace of the promo (0-1)."""
    furniture_lines: int
    furniture_lines_removed: float
    sentences: int
    """Number of undamaged sentences."""
    sentences_lost: float
    """Share of undamaged sentences that are missing or changed (0-1)."""


def evaluate_damage(
    rows: Sequence[TextRow],
    repair: Callable[[Sequence[Article]], Sequence[str]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> DamageReport:
    """Measure ``repair``, which returns each article's text, on damaged articles from ``rows``.

    The first line of a row is its headline. The damage is drawn with a fixed seed, so the same rows
    always get the same damage.

    Raises:
        ValueError: no row is long enough.
    """
    damaged = _damage_articles(rows)
    if not damaged:
        raise ValueError(f"no article of the file has {_MIN_SENTENCES} sentences")
    articles = [
        Article(id=str(number), text=article.text) for number, article in enumerate(damaged)
    ]
    outputs, _ = call_in_slices(
        articles, repair, size=_SLICE_ARTICLES, noun="articles", on_progress=on_progress
    )
    made, repaired = Counter[FaultKind](), Counter[FaultKind]()
    sentences = lost = 0
    for article, output in zip(damaged, outputs, strict=True):
        text = "\n".join(" ".join(line.split()) for line in output.splitlines())
        for fault in article.faults:
            made[fault.kind] += 1
            repaired[fault.kind] += fault.answer in text and fault.damaged not in text
        sentences += len(article.kept)
        lost += sum(sentence not in text for sentence in article.kept)

    def share(kind: FaultKind) -> float:
        return round(repaired[kind] / made[kind], 4) if made[kind] else 0.0

    return DamageReport(
        n=len(damaged),
        cut_sentences=made[FaultKind.CUT_SENTENCE],
        cut_sentences_mended=share(FaultKind.CUT_SENTENCE),
        stray_pieces=made[FaultKind.STRAY_PIECE],
        stray_pieces_mended=share(FaultKind.STRAY_PIECE),
        lost_stops=made[FaultKind.LOST_STOP],
        lost_stops_mended=share(FaultKind.LOST_STOP),
        run_in_headings=made[FaultKind.RUN_IN_HEADING],
        run_in_headings_parted=share(FaultKind.RUN_IN_HEADING),
        glued_promos=made[FaultKind.GLUED_PROMO],
        glued_promos_removed=share(FaultKind.GLUED_PROMO),
        furniture_lines=made[FaultKind.FURNITURE_LINE],
        furniture_lines_removed=share(FaultKind.FURNITURE_LINE),
        sentences=sentences,
        sentences_lost=round(lost / sentences, 4) if sentences else 0.0,
    )


def _damage_articles(rows: Sequence[TextRow]) -> list[DamagedArticle]:
    rng = Random(_SEED)  # noqa: S311 - not a secret
    headlines = [row.lines[0] for row in rows]
    damaged = []
    for row in rows:
        title, *body = row.lines
        paragraphs = [
            [" ".join(sentence.split()) for sentence in split_sentences(line)] for line in body
        ]
        if sum(map(len, paragraphs)) >= _MIN_SENTENCES:
            article = damage_article(paragraphs, headlines, rng)
            damaged.append(article._replace(text=f"{title}\n{article.text}"))
    return damaged
