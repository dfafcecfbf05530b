"""Measures how well page furniture is separated from the article."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from worker.evaluation.metric import count_covered, line_words, shingle_overlap
from worker.evaluation.rows import PageRow
from worker.records.article import Article

__all__ = ["FurnitureReport", "evaluate_furniture"]


class FurnitureReport(BaseModel):
    """The figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of pages."""
    line_precision: float
    """Share of the produced lines of all pages that are in the gold text, 0-1.

    Lines are compared as words, without case and punctuation. A line counts as found if it equals a
    line on the other side, if it has at least four words and is part of a line there, or if lines
    of at least four words on the other side make up 80 % of its words.
    """
    line_recall: float
    """Share of the gold lines that were produced, 0-1, by the same rule."""
    token_f1: float
    """F1 over four-word shingles, as in the article-extraction benchmark: the harmonic mean of
    precision and recall, each averaged over pages, 0-1."""


def evaluate_furniture(
    rows: Sequence[PageRow],
    strip: Callable[[Article], Sequence[str]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> FurnitureReport:
    """Measure ``strip``, which returns the lines of a page's article, headline first.

    ``on_progress`` receives the number of pages done and the total. If the gold text has no
    headlines, as in the benchmark, each page's headline counts as a wrong line.

    Raises:
        ValueError: there are no rows.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    produced_lines = correct_lines = gold_lines = covered_lines = 0
    precisions: list[float] = []
    recalls: list[float] = []
    for done, row in enumerate(rows, start=1):
        lines = strip(Article(id=row.id, text=row.text, format=row.format, source=row.url))
        produced, gold = line_words(lines), line_words(row.article.splitlines())
        produced_lines += len(produced)
        correct_lines += count_covered(produced, gold)
        gold_lines += len(gold)
        covered_lines += count_covered(gold, produced)
        overlap = shingle_overlap("\n".join(lines), row.article)
        # As in the benchmark, an empty output has a recall of 0 and no precision.
        if overlap.produced:
            precisions.append(overlap.shared / overlap.produced)
        if overlap.gold:
            recalls.append(overlap.shared / overlap.gold)
        if on_progress is not None:
            on_progress(done, len(rows))
    return FurnitureReport(
        n=len(rows),
        line_precision=_share(correct_lines, produced_lines),
        line_recall=_share(covered_lines, gold_lines),
        token_f1=_f1(_mean(precisions), _mean(recalls)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
