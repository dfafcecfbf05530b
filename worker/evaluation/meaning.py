"""Measures how well the checks tell rewrites that say the same from those that do not."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict

from worker.errors import UsageError
from worker.evaluation.metric import area_under_curve
from worker.evaluation.rows import MeaningRow
from worker.evaluation.slicing import call_in_slices

__all__ = ["JudgedRewrite", "MeaningReport", "evaluate_meaning"]

#: Rewrites per call.
SLICE_REWRITES = 256


class JudgedRewrite(NamedTuple):
    """What the checks say of a rewrite."""

    score: float
    """The higher, the surer that it says the same; only the order counts."""
    accepted: bool
    """Whether it may be used."""


class MeaningReport(BaseModel):
    """The figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of rewrites."""
    same: int
    """Number of them that say the same as their source."""
    auc: float
    """Probability that a rewrite that says the same scores higher than one that differs (0-1)."""
    differs_passed: float
    """Share of the rewrites that differ, but are accepted, 0-1."""
    same_refused: float
    """Share of the rewrites that say the same, but are refused, 0-1."""
    rewrites_per_s: float


def evaluate_meaning(
    rows: Sequence[MeaningRow],
    judge: Callable[[Sequence[MeaningRow]], Sequence[JudgedRewrite]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> MeaningReport:
    """Measure ``judge`` on ``rows``.

    Raises:
        UsageError: ``rows_one_sided``: all rewrites say the same, or none does.
        ValueError: ``judge`` did not judge every rewrite.
    """
    if len({row.same for row in rows}) != 2:  # noqa: PLR2004 - both sides
        raise UsageError(
            "all rewrites say the same, or none does: there is nothing to tell apart",
            code="rows_one_sided",
            hint='put rows with "same" and with "differs" into one file',
        )
    judged, seconds = call_in_slices(
        rows, judge, size=SLICE_REWRITES, noun="rewrites", on_progress=on_progress
    )
    same = [each for each, row in zip(judged, rows, strict=True) if row.same]
    differs = [each for each, row in zip(judged, rows, strict=True) if not row.same]
    return MeaningReport(
        n=len(rows),
        same=len(same),
        auc=area_under_curve([each.score for each in same], [each.score for each in differs]),
        differs_passed=sum(each.accepted for each in differs) / len(differs),
        same_refused=sum(not each.accepted for each in same) / len(same),
        rewrites_per_s=len(rows) / seconds,
    )
