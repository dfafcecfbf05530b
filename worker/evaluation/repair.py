"""Measures how much closer repair brings sentences to human versions, and which facts it loses."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from pydantic import BaseModel, ConfigDict

from worker.evaluation.metric import (
    Distances,
    GleuScorer,
    area_under_curve,
    find_facts,
    lower_case_words,
    measure_distances,
    normalised_words,
)
from worker.evaluation.rows import RepairRow
from worker.evaluation.slicing import call_in_slices

__all__ = ["RepairReport", "evaluate_repair"]

#: Sentences per call: enough for an engine to sort by length and fill its batches, and few enough
#: to show progress.
SLICE_SENTENCES = 1024

#: Minimum edit rate of a sentence that counts as beyond repair without its source text.
BEYOND_REPAIR = 0.6


class RepairReport(BaseModel):
    """The figures of one run. The keys are stable; a figure that does not apply is ``None``."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Number of sentences."""
    changed_share: float
    """Share of sentences whose words, without typography, differ from the source's, 0-1."""
    closer: int
    """Changed sentences whose mean word edit distance to the five nearest versions fell."""
    farther: int
    """Changed sentences whose mean distance rose."""
    same: int
    """Changed sentences whose mean distance stayed the same."""
    net: float
    """Word edits saved (mean over the nearest versions), summed over the changed sentences."""
    chrf_before: float
    """Corpus chrF (sacrebleu's defaults, 0-100) of the raw sources against one version each:
    ``target``, or else the first of ``targets``."""
    chrf_after: float
    """Corpus chrF of the outputs against the same versions."""
    ter_before: float
    """Corpus TER (sacrebleu's defaults, 0 is best) of the sources against the same versions."""
    ter_after: float
    """Corpus TER of the outputs against the same versions."""
    gleu_before: float | None
    """GLEU (0-100) of the sources, over sentences with several versions; ``None`` if none has."""
    gleu_after: float | None
    """GLEU of the outputs, over the same sentences."""
    reference_n: int
    """Number of sentences with an independent reference: ``RepairRow.reference``."""
    reference_changed_share: float | None
    """Share of them whose words differ from the source's; ``None`` if there are none."""
    reference_closer: int
    """Changed sentences whose word edit distance to the reference fell."""
    reference_farther: int
    """Changed sentences whose distance to the reference rose."""
    invented: int
    """Outputs with a number or a capitalised name that the source lacks."""
    lost: int
    """Outputs that lack a number or a capitalised name of the source."""
    needs_source_auc: float | None
    """AUC of the estimate in finding the sentences whose edit rate, by people who had the source
    text, is ``BEYOND_REPAIR`` or more; ``None`` if all rows are on one side of that rate, or there
    is no estimate."""
    sentences_per_s: float
    """Speed of ``repair`` alone."""


def evaluate_repair(
    rows: Sequence[RepairRow],
    repair: Callable[[Sequence[str]], Sequence[str]],
    *,
    estimate: Callable[[Sequence[str]], Sequence[float] | None] | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> RepairReport:
    """Measure ``repair`` on ``rows``.

    Args:
        rows: sentences with their versions; versions that are equal after normalisation count once.
        repair: returns an output for each source, in order; called with up to ``SLICE_SENTENCES``.
        estimate: returns estimated edit rates; called with the sources that have a human edit rate.
        on_progress: receives the number of sentences done and the total.

    Raises:
        ValueError: there are no rows, or ``repair`` did not return one sentence per source.
    """
    if not rows:
        raise ValueError("there is nothing to measure")
    sources = [row.source for row in rows]
    outputs, seconds = call_in_slices(
        sources, repair, size=SLICE_SENTENCES, noun="sentences", on_progress=on_progress
    )
    targets = [row.target for row in rows]
    distances = [
        measure_distances(row.source, output, row.versions)
        for row, output in zip(rows, outputs, strict=True)
        if _is_changed(row, output)
    ]
    chrf_before, chrf_after = _chrf(sources, targets), _chrf(outputs, targets)
    ter_before, ter_after = _ter(sources, outputs, targets)
    gleu_before, gleu_after = _gleu(rows, outputs)
    invented, lost = _count_fact_errors(rows, outputs)
    closer, farther, same = _count_directions(distances)
    references = _reference_distances(rows, outputs)
    away = [distance for distance in references if distance is not None]
    reference_closer, reference_farther, _ = _count_directions(away)
    return RepairReport(
        n=len(rows),
        changed_share=len(distances) / len(rows),
        closer=closer,
        farther=farther,
        same=same,
        net=sum(distance.saved for distance in distances),
        chrf_before=chrf_before,
        chrf_after=chrf_after,
        ter_before=ter_before,
        ter_after=ter_after,
        gleu_before=gleu_before,
        gleu_after=gleu_after,
        reference_n=len(references),
        reference_changed_share=len(away) / len(references) if references else None,
        reference_closer=reference_closer,
        reference_farther=reference_farther,
        invented=invented,
        lost=lost,
        needs_source_auc=_needs_source_auc(rows, estimate) if estimate else None,
        sentences_per_s=len(rows) / seconds,
    )


def _is_changed(row: RepairRow, output: str) -> bool:
    return normalised_words(row.source) != normalised_words(output)


def _reference_distances(
    rows: Sequence[RepairRow], outputs: Sequence[str]
) -> list[Distances | None]:
    """Return the distances to each row's reference; ``None`` for an unchanged sentence.

    Unlike the nearest version, a reference that nobody made from this sentence does not favour
    what leaves the sentence alone.
    """
    return [
        measure_distances(row.source, output, [row.reference]) if _is_changed(row, output) else None
        for row, output in zip(rows, outputs, strict=True)
        if row.reference is not None
    ]


def _count_directions(distances: Sequence[Distances]) -> tuple[int, int, int]:
    closer = sum(1 for distance in distances if distance.after < distance.before)
    farther = sum(1 for distance in distances if distance.after > distance.before)
    return closer, farther, len(distances) - closer - farther


def _chrf(outputs: Sequence[str], targets: Sequence[str]) -> float:
    from sacrebleu.metrics.chrf import CHRF  # noqa: PLC0415 - slow to load

    return float(CHRF().corpus_score(outputs, [targets]).score)


def _ter(
    sources: Sequence[str], outputs: Sequence[str], targets: Sequence[str]
) -> tuple[float, float]:
    """Return the corpus TER of the sources and of the outputs; unchanged pairs are scored once."""
    from sacrebleu.metrics.ter import TER  # noqa: PLC0415 - slow to load

    metric = TER()
    edits = {"before": 0.0, "after": 0.0}
    length = 0.0
    for source, output, target in zip(sources, outputs, targets, strict=True):
        before = metric.sentence_score(source, [target])
        after = before if output == source else metric.sentence_score(output, [target])
        edits["before"] += before.num_edits
        edits["after"] += after.num_edits
        length += before.ref_length
    return 100 * edits["before"] / length, 100 * edits["after"] / length


def _gleu(
    rows: Sequence[RepairRow], outputs: Sequence[str]
) -> tuple[float, float] | tuple[None, None]:
    scorer = GleuScorer(outputs=2)
    has_several = False
    for row, output in zip(rows, outputs, strict=True):
        if len(row.versions) > 1:
            has_several = True
            scorer.add(row.source, (row.source, output), row.versions)
    if not has_several:
        return None, None
    before, after = scorer.scores()
    return before, after


def _needs_source_auc(
    rows: Sequence[RepairRow], estimate: Callable[[Sequence[str]], Sequence[float] | None]
) -> float | None:
    rated = [(row.source, row.edit_rate) for row in rows if row.edit_rate is not None]
    if len({rate >= BEYOND_REPAIR for _, rate in rated}) < 2:  # noqa: PLR2004 - both sides
        return None
    estimates = estimate([source for source, _ in rated])
    if estimates is None:
        return None
    by_side: dict[bool, list[float]] = {True: [], False: []}
    for (_, rate), estimated in zip(rated, estimates, strict=True):
        by_side[rate >= BEYOND_REPAIR].append(estimated)
    return area_under_curve(by_side[True], by_side[False])


def _count_fact_errors(rows: Sequence[RepairRow], outputs: Sequence[str]) -> tuple[int, int]:
    """Return how many outputs invent a fact, and how many lose a fact."""
    # Outputs are left out: an invented name in lower case must not count as a common word.
    common = lower_case_words(text for row in rows for text in (row.source, *row.versions))
    invented = lost = 0
    for row, output in zip(rows, outputs, strict=True):
        if row.source == output:
            continue
        before, after = find_facts(row.source, common), find_facts(output, common)
        invented += bool(after.missing_in(before))
        lost += bool(before.missing_in(after))
    return invented, lost
