"""How well the article is told from the page around it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from statistics import fmean

from pydantic import BaseModel, ConfigDict

from worker.evaluation.metric import count_covered, line_words, shingle_overlap
from worker.evaluation.rows import PageRow
from worker.records.article import Article

__all__ = ["FurnitureReport", "evaluate_furniture"]


class FurnitureReport(BaseModel):
    """Figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Pages."""
    line_precision: float
    """Produced lines that are in the gold text, of all produced on all pages, 0-1.

    Lines are compared as words without case and punctuation. A line is found if it equals one of
    the other side's; or has four words or more and stands inside one of them; or if the other
    side's lines of four words or more that stand inside it make up 80 % of its words.
    """
    line_recall: float
    """Gold lines that are in what was produced, by the same rule, 0-1."""
    token_f1: float
    """F1 over shingles of four words as the article-extraction benchmark counts it: the harmonic
    mean of precision and recall, each the mean over pages, 0-1."""


def evaluate_furniture(
    rows: Sequence[PageRow],
    strip: Callable[[Article], Sequence[str]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> FurnitureReport:
    """Figures of ``strip`` on ``rows``.

    ``strip`` gives the lines of one page that are the article, headline first; what it raises
    goes through. ``on_progress`` gets the pages done and their total. Where the gold text has no
    headline (the benchmark's has not), each page's counts as a wrong line.

    Raises:
        ValueError: no rows.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    produced_lines = right_lines = gold_lines = found_lines = 0
    precisions: list[float] = []
    recalls: list[float] = []
    for done, row in enumerate(rows, start=1):
        lines = strip(Article(id=row.id, text=row.text, format=row.format, source=row.url))
        produced, gold = line_words(lines), line_words(row.article.splitlines())
        produced_lines += len(produced)
        right_lines += count_covered(produced, gold)
        gold_lines += len(gold)
        found_lines += count_covered(gold, produced)
        overlap = shingle_overlap("\n".join(lines), row.article)
        # As in the benchmark: nothing produced has no precision, and costs its recall.
        if overlap.produced:
            precisions.append(overlap.shared / overlap.produced)
        if overlap.gold:
            recalls.append(overlap.shared / overlap.gold)
        if on_progress is not None:
            on_progress(done, len(rows))
    return FurnitureReport(
        n=len(rows),
        line_precision=_share(right_lines, produced_lines),
        line_recall=_share(found_lines, gold_lines),
        token_f1=_f1(_mean(precisions), _mean(recalls)),
    )


def _share(part: int, whole: int) -> float:
    return part / whole if whole else 0.0


def _mean(values: Sequence[float]) -> float:
    return fmean(values) if values else 0.0


def _f1(precision: float, recall: float) -> float:
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0
