"""Trains a newsroom's own repair adapter on its post-edits (``copydesk learn repair``).

The pairs are of the shipped adapter's kinds: repairs that pass the checks, the consensus of a
sentence's versions if it has several, unchanged sentences, and damaged sentences. One row in three
is set aside for the acceptor and for measuring.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from worker.config.weights import acceptor_file
from worker.damage.sentence import damage_sentence
from worker.engine.opening import open_engine
from worker.errors import UsageError
from worker.evaluation.repair import RepairReport, evaluate_repair
from worker.evaluation.rows import RepairRow, read_repair_rows
from worker.pipeline import repair_texts
from worker.stages.repair.acceptor import load_acceptor
from worker.stages.repair.changes import edit_rate
from worker.training.acceptor import fit_acceptor, label_changes
from worker.training.card import REPAIR_CARD
from worker.training.lora import Recipe
from worker.training.pair import (
    MIN_VERSIONS,
    Pair,
    Row,
    consensus_pairs,
    is_set_aside,
    keep_repairable_damage,
    post_edited_pairs,
)
from worker.training.run import (
    MIN_PAIRS,
    Learned,
    Lesson,
    Task,
    describe_adapter,
    require_pairs,
    train_own_adapter,
)
from worker.training.writer import WRITER_RECIPE

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.config.settings import Settings

__all__ = ["learn_repair"]

#: Share of unchanged sentences that are damaged, and number of unchanged sentences per edited
#: sentence, as in the shipped mixture.
_DAMAGED_SHARE, _UNCHANGED_PER_EDITED = 0.25, 0.9

#: Minimum number of changes to fit an acceptor on, half of them closer and half farther; with
#: fewer, the shipped acceptor is copied.
_MIN_CHANGES = 120

#: Maximum number of set-aside rows that the result is measured on.
_MEASURED_ROWS = 1000


def learn_repair(
    files: Sequence[Path], *, out: Path, profile: Profile, settings: Settings
) -> Learned[RepairReport]:
    """Train an adapter and its acceptor on ``files``, and write both with a model card to ``out``.

    An adapter that stands in for one without an acceptor gets none either: the profile's judge of
    meaning decides.

    Checkpoints are kept in ``out/work``; a stopped run resumes from there.

    Raises:
        UsageError: a file cannot be read, there are too few pairs to learn from, or the profile's
            repair prompt has no adapter.
        ModelMissingError, EngineError: the profile's model cannot be loaded.
    """
    name = profile.repair.prompt
    template = profile.prompts[name]
    if not template.adapter:
        raise UsageError(
            f"the profile's repair prompt {name} has no adapter: its examples teach the model",
            code="nothing_to_learn",
            hint="name a profile whose prompt has one, such as small",
        )
    has_acceptor = load_acceptor(template.adapter) is not None
    recipe = Recipe() if has_acceptor else WRITER_RECIPE
    rows = [_training_row(row) for file in files for row in read_repair_rows(file)]
    training_rows = [row for row in rows if not is_set_aside(row)]
    aside = [row for row in rows if is_set_aside(row)]
    pairs = _mix(list(_draw_pairs(training_rows)), Random(recipe.seed))  # noqa: S311 - not a secret
    require_pairs(
        f"{len(pairs)} of {len(rows)} rows",
        len(pairs),
        aside,
        hint="a pair is a sentence and its repair, with the same names, numbers and content",
    )
    lessons = [Lesson(name, pair) for pair in pairs]
    report = train_own_adapter(
        lessons,
        {name: Task(template.instruction, edit_weight=recipe.edit_weight)},
        recipe,
        out=out,
        profile=profile,
        settings=settings,
    )
    adapted = profile.with_adapter(out, [name])
    # The shipped acceptor stands in if the set-aside rows are too few to fit one.
    acceptor = (
        _make_acceptor(aside, adapted, settings, shipped=template.adapter)
        if has_acceptor
        else "none"
    )
    measured = _measure(aside[:_MEASURED_ROWS], adapted, settings)
    return describe_adapter(
        files, lessons, recipe, report, measured, out=out, card=REPAIR_CARD, acceptor=acceptor
    )


def _training_row(row: RepairRow) -> dict[str, Any]:
    """Return the row with the keys of the training sets."""
    return {
        "source": row.source,
        "target": row.target,
        "reference": row.target,
        "targets": list(row.versions),
        "hter": edit_rate(row.source, row.target),
    }


def _draw_pairs(rows: Sequence[Row]) -> Iterator[Pair]:
    yield from consensus_pairs([row for row in rows if len(row["targets"]) >= MIN_VERSIONS])
    yield from post_edited_pairs(row for row in rows if len(row["targets"]) < MIN_VERSIONS)


def _mix(pairs: Sequence[Pair], rng: Random) -> list[Pair]:
    """Mix edited and unchanged sentences as in the shipped mixture; damage some unchanged ones."""
    edited = [pair for pair in pairs if not pair.is_unchanged]
    unchanged = [pair for pair in pairs if pair.is_unchanged]
    rng.shuffle(unchanged)
    mixed = [*edited]
    for pair in unchanged[: max(MIN_PAIRS, round(_UNCHANGED_PER_EDITED * len(edited)))]:
        damaged = damage_sentence(pair.target, rng) if rng.random() < _DAMAGED_SHARE else None
        source = keep_repairable_damage(damaged[0], pair.target) if damaged else pair.source
        mixed.append(pair if source == pair.target else Pair(source, pair.target, "damage"))
    rng.shuffle(mixed)
    return mixed


def _make_acceptor(
    rows: Sequence[Row], profile: Profile, settings: Settings, *, shipped: str
) -> str:
    """Write the adapter's acceptor, and return its origin: ``fitted`` or ``shipped``."""
    changes = list(label_changes(rows, profile, settings))
    path = acceptor_file(profile.prompts[profile.repair.prompt].adapter)
    closer = sum(change.closer for change in changes)
    if min(closer, len(changes) - closer) * 2 < _MIN_CHANGES:
        path.write_bytes(acceptor_file(shipped).read_bytes())
        return "shipped"
    acceptor, _ = fit_acceptor(changes)
    path.write_text(acceptor.model_dump_json(indent=2) + "\n", encoding="utf-8")
    return "fitted"


def _measure(rows: Sequence[Row], profile: Profile, settings: Settings) -> RepairReport:
    engine = open_engine(profile.model, settings)
    repair_rows = [
        RepairRow(source=row["source"], target=row["target"], versions=tuple(row["targets"]))
        for row in rows
    ]
    sys.stderr.write(f"measuring on {len(repair_rows)} rows set aside\n")
    return evaluate_repair(repair_rows, lambda texts: repair_texts(texts, engine, profile))
