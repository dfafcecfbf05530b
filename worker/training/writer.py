"""Trains the default profile's repair adapter on the material of ``worker.training.material``."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from worker.training.lora import Recipe, load_base
from worker.training.pair import Pair, count_kinds
from worker.training.run import Lesson, Task, read_instruction, train_lessons, write_report

__all__ = ["WRITER_RECIPE", "make_writer"]

#: Number of held-out pairs that the loss is measured on: two minutes on two cores without bfloat16.
_HELD_OUT = 40

#: Batches of 1,024 tokens keep the gradients of 1.5 billion parameters within 12 GB. A step takes
#: 40 seconds on two cores without bfloat16, so four steps between checkpoints are under 3 minutes.
WRITER_RECIPE = Recipe(
    rank=8,
    alpha=16,
    learning_rate=4e-4,
    batch_tokens=1024,
    edit_weight=2.5,
    checkpoint_steps=4,
)

#: The base model that the adapter names in its configuration.
_BASE_NAME = "Qwen/Qwen2.5-Coder-1.5B-Instruct"


def make_writer(
    *, material: Path, model: Path, prompt: Path, out: Path, work: Path, pairs: int
) -> None:
    """Train on the first ``pairs`` pairs of ``material``, and write the adapter to ``out``.

    The base is frozen in int8, the numerics in which most machines answer.
    ``work`` receives the checkpoint and ``report.json``; a stopped run resumes there.
    """
    held = _read_pairs(material / "held.jsonl")[:_HELD_OUT]
    trained = _read_pairs(material / "pairs.jsonl")[:pairs]
    counts = count_kinds(trained)
    sys.stderr.write(f"pairs: {counts}\n")
    report = train_lessons(
        load_base(model, "int8"),
        [Lesson(prompt.name, pair) for pair in (*held, *trained)],
        {prompt.name: Task(read_instruction(prompt), edit_weight=WRITER_RECIPE.edit_weight)},
        WRITER_RECIPE,
        held_out=len(held),
        out=out,
        work=work,
        base_name=_BASE_NAME,
    )
    write_report(work, counts, WRITER_RECIPE, report)


def _read_pairs(path: Path) -> list[Pair]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Pair(**json.loads(line)) for line in lines]
