"""Measures how well the spotter tells sentences that read badly from those that read well."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from worker.errors import UsageError
from worker.evaluation.metric import area_under_curve
from worker.evaluation.rows import SpottingRow
from worker.evaluation.slicing import call_in_slices
from worker.stages.repair.spotting import Spotted

__all__ = ["SpottingReport", "evaluate_spotting"]

#: Sentences per call.
SLICE_SENTENCES = 256

#: Minimum fluency votes of a sentence that reads badly. One rater of three alone is often a matter
#: of taste: such sentences are on neither side.
BAD_VOTES = 2


class SpottingReport(BaseModel):
    """The figures of one run. The keys are stable; a figure that does not apply is ``None``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of sentences with no fluency vote, or with ``BAD_VOTES`` or more."""
    bad: int
    """Number of them that read badly."""
    auc: float | None
    """Probability that the model is more surprised by a bad sentence than by a good one (0-1);
    ``None`` if the engine gives no likelihoods."""
    bad_spotted: float
    """Share of the bad sentences that are spotted as awkward, 0-1."""
    good_spotted: float
    """Share of the good sentences that are spotted as awkward, 0-1."""
    sentences_per_s: float


def evaluate_spotting(
    rows: Sequence[SpottingRow],
    spot: Callable[[Sequence[str]], Sequence[Spotted]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> SpottingReport:
    """Measure ``spot`` on ``rows``.

    Raises:
        UsageError: ``rows_one_sided``: no row reads badly, or none reads well.
        ValueError: ``spot`` did not return one verdict per sentence.
    """
    rows = [row for row in rows if row.fluency_votes == 0 or row.fluency_votes >= BAD_VOTES]
    if len({row.fluency_votes > 0 for row in rows}) != 2:  # noqa: PLR2004 - both sides
        raise UsageError(
            "all sentences read badly, or none does: there is nothing to tell apart",
            code="rows_one_sided",
            hint="put sentences without a vote and with two or more into one file",
        )
    spotted, seconds = call_in_slices(
        [row.source for row in rows],
        spot,
        size=SLICE_SENTENCES,
        noun="sentences",
        on_progress=on_progress,
    )
    bad = [each for each, row in zip(spotted, rows, strict=True) if row.fluency_votes]
    good = [each for each, row in zip(spotted, rows, strict=True) if not row.fluency_votes]
    bad_nats, good_nats = _surprisals(bad), _surprisals(good)
    return SpottingReport(
        n=len(rows),
        bad=len(bad),
        auc=area_under_curve(bad_nats, good_nats) if bad_nats and good_nats else None,
        bad_spotted=sum(each.awkward for each in bad) / len(bad),
        good_spotted=sum(each.awkward for each in good) / len(good),
        sentences_per_s=len(rows) / seconds,
    )


def _surprisals(spotted: Sequence[Spotted]) -> list[float]:
    return [each.surprisal for each in spotted if each.surprisal is not None]
