"""Measures how well the support check separates supported claims from unsupported ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from worker.errors import UsageError
from worker.evaluation.metric import area_under_curve
from worker.evaluation.rows import SupportRow
from worker.evaluation.slicing import call_in_slices

__all__ = ["JudgedClaim", "SupportReport", "evaluate_support"]

#: Rows per call.
SLICE_ROWS = 64


class JudgedClaim(NamedTuple):
    """The verdict on a row's claim."""

    score: float
    """How well the article supports the claim; higher is better."""
    accepted: bool
    """Whether a summary may make the claim, at the profile's thresholds."""


class SupportReport(BaseModel):
    """The figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of rows."""
    supported: int
    """Number of rows whose claim people judged to be supported by the article."""
    auc: float
    """Probability that a supported claim has a higher score than an unsupported one (0-1)."""
    balanced_accuracy: float
    """Mean of the share of supported claims that pass and the share of unsupported claims that are
    refused, 0-1."""
    unsupported_passed: float
    """Share of unsupported claims that pass, 0-1."""
    supported_refused: float
    """Share of supported claims that are refused, 0-1."""
    rows_per_s: float


def evaluate_support(
    rows: Sequence[SupportRow],
    judge: Callable[[Sequence[SupportRow]], Sequence[JudgedClaim]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SupportReport:
    """Measure ``judge`` on ``rows``.

    Raises:
        UsageError: ``rows_one_sided``: all rows are supported, or none is.
        ValueError: there are no rows, or ``judge`` did not return one verdict per row.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    truth = [row.supported for row in rows]
    if len(set(truth)) == 1:
        raise UsageError(
            "all rows are supported, or none is: there is nothing to tell apart",
            code="rows_one_sided",
            hint="put supported and unsupported claims into one file",
        )
    judged, seconds = call_in_slices(
        rows, judge, size=SLICE_ROWS, noun="rows", on_progress=on_progress
    )
    supported = [claim for claim, is_supported in zip(judged, truth, strict=True) if is_supported]
    unsupported = [
        claim for claim, is_supported in zip(judged, truth, strict=True) if not is_supported
    ]
    refused = 1 - sum(claim.accepted for claim in supported) / len(supported)
    passed = sum(claim.accepted for claim in unsupported) / len(unsupported)
    return SupportReport(
        n=len(rows),
        supported=len(supported),
        auc=area_under_curve(
            [claim.score for claim in supported], [claim.score for claim in unsupported]
        ),
        balanced_accuracy=1 - (refused + passed) / 2,
        unsupported_passed=passed,
        supported_refused=refused,
        rows_per_s=len(rows) / seconds,
    )
