"""Does the check of summary sentences tell what an article says from what it does not?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from worker.evaluation.metric import area_under_curve
from worker.evaluation.rows import SupportRow
from worker.evaluation.slicing import call_in_slices

__all__ = ["JudgedChange", "SupportReport", "evaluate_support"]

#: Rows handed over at a time.
SLICE_ROWS = 64


class JudgedChange(NamedTuple):
    """What the check says of a row's claim."""

    score: float
    """How well the article carries it, higher is better."""
    accepted: bool
    """Whether a summary could have it at the shipped thresholds."""


class SupportReport(BaseModel):
    """Figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Rows."""
    supported: int
    """Rows whose claim is, by people's judgement, what the article says."""
    auc: float
    """Probability that a supported claim has a higher score than an unsupported one (0-1)."""
    balanced_accuracy: float
    """Mean of the shares of supported claims that pass and of unsupported ones that do not."""
    unsupported_passed: float
    """Share of the unsupported claims that pass, 0-1."""
    supported_refused: float
    """Share of the supported claims that are refused, 0-1."""
    rows_per_s: float


def evaluate_support(
    rows: Sequence[SupportRow],
    judge: Callable[[Sequence[SupportRow]], Sequence[JudgedChange]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SupportReport:
    """Figures of ``judge`` on ``rows``.

    Raises:
        ValueError: no rows; rows of one kind only, which no check can tell apart; or ``judge`` gave
            another number of answers than it got rows.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    truth = [row.supported for row in rows]
    if len(set(truth)) == 1:
        raise ValueError("all rows are supported, or none is: there is nothing to tell apart")
    judged, seconds = call_in_slices(
        rows, judge, size=SLICE_ROWS, noun="rows", on_progress=on_progress
    )
    good = [one.accepted for one, supported in zip(judged, truth, strict=True) if supported]
    bad = [one.accepted for one, supported in zip(judged, truth, strict=True) if not supported]
    refused, passed = 1 - sum(good) / len(good), sum(bad) / len(bad)
    return SupportReport(
        n=len(rows),
        supported=len(good),
        auc=area_under_curve(
            [one.score for one, supported in zip(judged, truth, strict=True) if supported],
            [one.score for one, supported in zip(judged, truth, strict=True) if not supported],
        ),
        balanced_accuracy=1 - (refused + passed) / 2,
        unsupported_passed=passed,
        supported_refused=refused,
        rows_per_s=len(rows) / seconds,
    )
