"""Trains the shipped repair adapter on a folder of training sets."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from worker.config.numerics import concrete_numerics
from worker.stages.repair.changes import find_changes
from worker.training.lora import BASE_NAME, Recipe, load_base, surprisals
from worker.training.mixture import FIRST, SECOND, draw_candidates, mix
from worker.training.pair import Pair, count_kinds
from worker.training.run import (
    Lesson,
    Task,
    draw_once,
    read_instruction,
    train_lessons,
    write_report,
)

__all__ = ["make_repair_adapter"]

#: Number of pairs that are held out of training, to measure the loss before and after.
_HELD_OUT = 120

#: Minimum nats by which the base model must prefer a repair to its source. Consensus edits and
#: post-edits need only be as likely as the source; that rules out half a move, or another article
#: or tense. Damage must gain more for each change: dropping a needless article is not an error.
_MIN_GAIN = 0.0
_MIN_DAMAGE_GAIN = 2.0

#: The second training is gentler, because it teaches which edits are wanted, not the language.
_SECOND_RECIPE = Recipe(learning_rate=3e-4, edit_weight=2.0)


def make_repair_adapter(
    *, data: Path, model: Path, prompt: Path, out: Path, work: Path, pairs: int, start: Path | None
) -> None:
    """Draw about ``pairs`` pairs, train, and write the adapter to ``out``.

    Without ``start``, this is the first training. With the first training's adapter as ``start``,
    it is the second, on real edits only.

    ``work`` receives the pairs, the checkpoint and ``report.json``. It contains sentences from the
    data, so it does not belong in the repository.
    """
    recipe, shares = (_SECOND_RECIPE, SECOND) if start else (Recipe(), FIRST)
    base = load_base(model, concrete_numerics("auto", int8=False))

    def draw() -> list[Lesson]:
        candidates = draw_candidates(data, shares, pairs, recipe.seed)
        if not start:
            candidates = _drop_doubtful(*base, candidates)
        mixed = mix(candidates, shares, pairs, recipe.seed)
        return [Lesson(prompt.name, pair) for pair in mixed]

    lessons = draw_once(work / "pairs.jsonl", draw)
    counts = count_kinds(lesson.pair for lesson in lessons[_HELD_OUT:])
    sys.stderr.write(f"pairs: {counts}\n")
    report = train_lessons(
        base,
        lessons,
        {prompt.name: Task(read_instruction(prompt), edit_weight=recipe.edit_weight)},
        recipe,
        held_out=_HELD_OUT,
        out=out,
        work=work,
        base_name=BASE_NAME,
        start=start,
    )
    write_report(work, counts, recipe, report)


def _drop_doubtful(model: Any, tokenizer: Any, pairs: Sequence[Pair]) -> list[Pair]:
    """Drop edits that gain too little under the base model, because they are matters of taste."""
    edited = [pair for pair in pairs if not pair.is_unchanged]
    texts = [text for pair in edited for text in (pair.source, pair.target)]
    nats = surprisals(model, tokenizer, texts)
    gains = {
        pair: before - after
        for pair, before, after in zip(edited, nats[::2], nats[1::2], strict=True)
    }
    clear = {pair for pair in edited if gains[pair] >= _min_gain(pair)}
    sys.stderr.write(f"edited: {count_kinds(edited)}, clear: {count_kinds(clear)}\n")
    return [pair for pair in pairs if pair.is_unchanged or pair in clear]


def _min_gain(pair: Pair) -> float:
    if pair.kind != "damage":
        return _MIN_GAIN
    return _MIN_DAMAGE_GAIN * len(find_changes(pair.source, pair.target))
