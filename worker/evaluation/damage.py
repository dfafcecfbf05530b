"""How much made damage is mended: sentences cut or run together, stray pieces, lines of pages."""

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

#: Articles of fewer sentences are left out: the lines of the page would outnumber them.
_LEAST_SENTENCES = 5


class DamageReport(BaseModel):
    """Figures of one run. The keys are stable."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    n: int
    """Articles."""
    cut_sentences: int
    cut_sentences_mended: float
    """Share that is word for word what it was (0-1)."""
    stray_pieces: int
    stray_pieces_mended: float
    """The same."""
    lost_stops: int
    lost_stops_mended: float
    """The same."""
    run_in_headings: int
    run_in_headings_parted: float
    """Share of which the sentence is what it was, and no heading in front of it."""
    glued_promos: int
    glued_promos_removed: float
    """Share of which the sentence is what it was, and nothing of the promo is left."""
    furniture_lines: int
    furniture_lines_removed: float
    sentences: int
    """That were not damaged."""
    sentences_lost: float
    """Share that is not there any more, word for word."""


def evaluate_damage(
    rows: Sequence[TextRow],
    mend: Callable[[Sequence[Article]], Sequence[str]],
    *,
    on_progress: Callable[[int, int], None] | None = None,
) -> DamageReport:
    """Figures of ``mend``, which gives each article's text, on the damaged texts of ``rows``.

    A row is a clean article, its first line the headline. What is damaged is drawn by a fixed
    seed, so the same rows give the same damage.

    Raises:
        ValueError: no row is long enough.
    """
    damaged = _damaged(rows)
    if not damaged:
        raise ValueError(f"no article of the file has {_LEAST_SENTENCES} sentences")
    articles = [Article(id=str(at), text=one.text) for at, one in enumerate(damaged)]
    outputs, _ = call_in_slices(
        articles, mend, size=_SLICE_ARTICLES, noun="articles", on_progress=on_progress
    )
    made, mended = Counter[FaultKind](), Counter[FaultKind]()
    sentences = lost = 0
    for one, output in zip(damaged, outputs, strict=True):
        text = "\n".join(" ".join(line.split()) for line in output.splitlines())
        for fault in one.faults:
            made[fault.kind] += 1
            # What was put in is nowhere any more, and what was there is there again.
            mended[fault.kind] += fault.answer in text and fault.damaged not in text
        sentences += len(one.kept)
        lost += sum(sentence not in text for sentence in one.kept)

    def share(kind: FaultKind) -> float:
        return round(mended[kind] / made[kind], 4) if made[kind] else 0.0

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


def _damaged(rows: Sequence[TextRow]) -> list[DamagedArticle]:
    rng = Random(_SEED)  # noqa: S311 - a draw, no secret
    headlines = [row.lines[0] for row in rows]
    found = []
    for row in rows:
        title, *body = row.lines
        paragraphs = [[" ".join(one.split()) for one in split_sentences(line)] for line in body]
        if sum(map(len, paragraphs)) >= _LEAST_SENTENCES:
            one = damage_article(paragraphs, headlines, rng)
            found.append(one._replace(text=f"{title}\n{one.text}"))
    return found
