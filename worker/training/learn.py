"""``copydesk learn repair``: an adapter of a newsroom's own, from its own post-edits.

The steps are those of the shipped adapter, on the files that are given: lawful edits only, most
versions' where there are several, sentences kept as they are, and made damage; one row in three is
kept for the acceptor and for measuring.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from worker.config.weights import acceptor_file, locate
from worker.damage.sentence import damage_sentence
from worker.errors import UsageError
from worker.evaluation.repair import RepairReport, evaluate_repair
from worker.evaluation.rows import RepairRow, read_repair_rows
from worker.stages.repair.changes import edit_rate
from worker.training.acceptor import fit, label
from worker.training.card import REPAIR_CARD, write_card
from worker.training.lora import Recipe, Report, encode, end_token, hold_out, load_base, train
from worker.training.pair import (
    LEAST_VERSIONS,
    Pair,
    Row,
    consensus_pairs,
    is_set_aside,
    lawfully_damaged,
    post_edited_pairs,
)

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.config.settings import Settings

__all__ = ["Learned", "learn_repair"]

#: With fewer pairs an adapter learns the words of its sentences and not what an edit is.
LEAST_PAIRS = 200

#: Share of the kept sentences that are damaged, for the language; and how many sentences are kept
#: for each that is edited: the shipped mixture.
_DAMAGED, _KEPT_FOR_EACH = 0.25, 0.9

#: Lawful changes that an acceptor can be fitted on; with fewer, the shipped one stands in.
_LEAST_CHANGES = 120

#: Rows of those set aside that the outcome is measured on.
_MEASURED = 1000


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it."""

    folder: Path
    pairs: dict[str, int]
    report: Report
    acceptor: str
    """``fitted``, or ``shipped`` where there were too few changes to fit one."""
    measured: RepairReport


def learn_repair(
    files: Sequence[Path], *, out: Path, profile: Profile, settings: Settings
) -> Learned:
    """Train an adapter and its acceptor on ``files``, and write both with a model card to ``out``.

    What is underway stands in ``out/work``; a run that was stopped goes on from there.

    Raises:
        UsageError: a file cannot be read, or they have too few pairs to learn from.
        ModelMissingError, EngineError: the profile's model cannot be had.
    """
    recipe = Recipe()
    rows = [_row(row) for file in files for row in read_repair_rows(file)]
    trained = [row for row in rows if not is_set_aside(row)]
    aside = [row for row in rows if is_set_aside(row)]
    pairs = _mixed(list(_pairs(trained)), Random(recipe.seed))  # noqa: S311 - no secret
    if len(pairs) < LEAST_PAIRS or not aside:
        raise UsageError(
            f"{len(pairs)} of {len(rows)} rows can be learned from; {LEAST_PAIRS} are needed",
            code="too_few_pairs",
            hint="a pair is one sentence and its mend, with the same names, numbers and content",
        )
    template = profile.prompts[profile.repair.prompt]
    base, tokenizer = load_base(Path(locate(profile.model, settings.home)))
    examples = encode(
        tokenizer,
        end_token(base),
        template.instruction,
        pairs,
        edit_weight=recipe.edit_weight,
    )
    taught, held_out = hold_out(examples)
    report = train(
        base,
        taught,
        held_out,
        recipe,
        out=out,
        work=out / "work",
        base_name=profile.model.name,
    )
    own = profile.with_adapter(out, [profile.repair.prompt])
    acceptor = _fit_acceptor(aside, own, settings, shipped=template.adapter)
    measured = _measure(aside[:_MEASURED], own, settings)
    counts = dict(Counter(pair.kind for pair in pairs))
    learned = Learned(out, counts, report, acceptor, measured)
    told: dict[str, Any] = {"pairs": counts, "recipe": asdict(recipe), "run": asdict(report)}
    told |= {"acceptor": acceptor, "measured": measured.model_dump()}
    write_card(out, files, told, REPAIR_CARD)
    return learned


def _row(row: RepairRow) -> dict[str, Any]:
    """The row as the makers of pairs read it."""
    return {
        "source": row.source,
        "target": row.target,
        "reference": row.target,
        "targets": list(row.versions),
        "hter": edit_rate(row.source, row.target),
    }


def _pairs(rows: Sequence[Row]) -> Iterator[Pair]:
    several = [row for row in rows if len(row["targets"]) >= LEAST_VERSIONS]
    yield from consensus_pairs(several)
    yield from post_edited_pairs(row for row in rows if len(row["targets"]) < LEAST_VERSIONS)


def _mixed(pairs: Sequence[Pair], rng: Random) -> list[Pair]:
    """Edited and kept sentences in the shipped proportion, some of the kept ones damaged."""
    edited = [pair for pair in pairs if not pair.kept]
    kept = [pair for pair in pairs if pair.kept]
    rng.shuffle(kept)
    chosen = [*edited]
    for pair in kept[: max(LEAST_PAIRS, round(_KEPT_FOR_EACH * len(edited)))]:
        damaged = damage_sentence(pair.target, rng) if rng.random() < _DAMAGED else None
        source = lawfully_damaged(damaged[0], pair.target) if damaged else pair.source
        chosen.append(pair if source == pair.target else Pair(source, pair.target, "damage"))
    rng.shuffle(chosen)
    return chosen


def _fit_acceptor(
    rows: Sequence[Row], profile: Profile, settings: Settings, *, shipped: str
) -> str:
    labelled = list(label(rows, profile, settings))
    path = acceptor_file(profile.prompts[profile.repair.prompt].adapter)
    closer = sum(one.closer for one in labelled)
    if min(closer, len(labelled) - closer) * 2 < _LEAST_CHANGES:
        path.write_bytes(acceptor_file(shipped).read_bytes())
        return "shipped"
    acceptor, _ = fit(labelled)
    path.write_text(acceptor.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return "fitted"


def _measure(rows: Sequence[Row], profile: Profile, settings: Settings) -> RepairReport:
    # Imported here: they would load torch for a command that only names them.
    from worker.engine.opening import open_engine  # noqa: PLC0415
    from worker.pipeline import repair_texts  # noqa: PLC0415

    engine = open_engine(profile.model, settings)
    measured = [
        RepairRow(source=row["source"], target=row["target"], versions=tuple(row["targets"]))
        for row in rows
    ]
    sys.stderr.write(f"measuring on {len(measured)} rows set aside\n")
    return evaluate_repair(measured, lambda texts: repair_texts(texts, engine, profile))
