"""Trains one adapter on the pairs of several prompts, and reports the run.

The modules for the shipped adapters (``repair``, ``summary``) and for a newsroom's own
(``learn_repair``, ``learn_summary``) share this code; each of them chooses its own pairs.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, NamedTuple, TypeVar

from pydantic import BaseModel

from worker.config.numerics import concrete_numerics
from worker.config.weights import locate
from worker.errors import UsageError
from worker.training.card import CardText, write_card
from worker.training.lora import Recipe, Report, encode, end_token, load_base, train
from worker.training.pair import Pair, count_kinds

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.config.settings import Settings

__all__ = [
    "MIN_PAIRS",
    "Learned",
    "Lesson",
    "Task",
    "describe_adapter",
    "draw_once",
    "read_instruction",
    "require_pairs",
    "train_lessons",
    "train_own_adapter",
    "write_report",
]

#: Minimum number of pairs. With fewer, an adapter memorises their words instead of learning what to
#: edit or leave out.
MIN_PAIRS = 200

#: Share of a newsroom's lessons that is held out to measure the loss, and its maximum number.
_HELD_OUT_SHARE, _MAX_HELD_OUT = 0.05, 120

_Measured = TypeVar("_Measured", bound=BaseModel)


class Task(NamedTuple):
    """A prompt to learn, and the weight of its answers in the loss."""

    instruction: str
    edit_weight: float = 1.0
    """Weight of an answer's edited tokens, relative to its other tokens."""
    weight: float = 1.0
    """Weight of all tokens in an answer."""


class Lesson(NamedTuple):
    """A pair and the name of the task that it teaches."""

    task: str
    pair: Pair


@dataclass(frozen=True, slots=True)
class Learned(Generic[_Measured]):
    """A newsroom's adapter, and its results on rows that it was not trained on."""

    folder: Path
    pairs: dict[str, int]
    """Number of pairs by kind."""
    report: Report
    measured: _Measured
    acceptor: str | None = None
    """``fitted``, ``shipped`` if there were too few changes to fit one, or ``none`` if the profile
    does without; None for summaries."""


def train_lessons(
    base: tuple[Any, Any],
    lessons: Sequence[Lesson],
    tasks: Mapping[str, Task],
    recipe: Recipe,
    *,
    held_out: int,
    out: Path,
    work: Path,
    base_name: str,
    start: Path | None = None,
) -> Report:
    """Train an adapter for ``base`` (model and tokenizer) on the lessons, in order.

    The first ``held_out`` lessons only measure the loss. For the other arguments, see ``train``.
    """
    model, tokenizer = base
    end = end_token(model)
    examples = []
    for name, pair in lessons:
        instruction, edit_weight, weight = tasks[name]
        examples += encode(
            tokenizer, end, instruction, [pair], edit_weight=edit_weight, weight=weight
        )
    return train(
        model,
        examples[held_out:],
        examples[:held_out],
        recipe,
        out=out,
        work=work,
        base_name=base_name,
        start=start,
    )


def train_own_adapter(
    lessons: Sequence[Lesson],
    tasks: Mapping[str, Task],
    recipe: Recipe,
    *,
    out: Path,
    profile: Profile,
    settings: Settings,
) -> Report:
    """Train an adapter for the profile's model, with checkpoints in ``out/work``.

    Raises:
        ModelMissingError: the model cannot be found.
    """
    return train_lessons(
        load_base(
            Path(locate(profile.model, settings.home)),
            concrete_numerics(profile.model.dtype, int8=profile.model.int8),
        ),
        lessons,
        tasks,
        recipe,
        held_out=min(_MAX_HELD_OUT, round(_HELD_OUT_SHARE * len(lessons))),
        out=out,
        work=out / "work",
        base_name=profile.model.name,
    )


def require_pairs(learnable: str, count: int, aside: Sequence[Any], *, hint: str) -> None:
    """Raise an error if there are too few pairs to learn from, or no rows set aside.

    Args:
        learnable: the pairs and rows in words, for the message.
        count: the number of pairs.
        aside: the rows to measure on.
        hint: explains what makes a pair.

    Raises:
        UsageError: there are too few pairs, or no rows set aside.
    """
    if count < MIN_PAIRS or not aside:
        raise UsageError(
            f"{learnable} can be learned from; {MIN_PAIRS} are needed",
            code="too_few_pairs",
            hint=hint,
        )


def describe_adapter(
    files: Sequence[Path],
    lessons: Iterable[Lesson],
    recipe: Recipe,
    report: Report,
    measured: _Measured,
    *,
    out: Path,
    card: CardText,
    acceptor: str | None = None,
) -> Learned[_Measured]:
    """Write the model card of a newsroom's adapter and return what was learned."""
    counts = count_kinds(lesson.pair for lesson in lessons)
    record: dict[str, Any] = {"pairs": counts, "recipe": asdict(recipe), "run": asdict(report)}
    if acceptor is not None:
        record["acceptor"] = acceptor
    record["measured"] = measured.model_dump()
    write_card(out, files, record, card)
    return Learned(out, counts, report, measured, acceptor)


def draw_once(path: Path, draw: Callable[[], Iterable[Lesson]]) -> list[Lesson]:
    """Return the lessons stored in ``path``, drawing and storing them first if it is missing."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        lines = [json.dumps([task, *pair]) + "\n" for task, pair in draw()]
        unfinished = path.with_suffix(".new")
        unfinished.write_text("".join(lines), encoding="utf-8")
        unfinished.replace(path)
    stored = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return [Lesson(task, Pair(*pair)) for task, *pair in stored]


def read_instruction(prompt: Path) -> str:
    """Return the instruction in a prompt file."""
    return str(tomllib.loads(prompt.read_text(encoding="utf-8"))["instruction"])


def write_report(work: Path, pairs: Mapping[str, Any], recipe: Recipe, report: Report) -> None:
    """Write ``report.json``, the report on a shipped adapter's training, to ``work``."""
    record = {"pairs": pairs, "recipe": asdict(recipe), **asdict(report)}
    (work / "report.json").write_text(json.dumps(record, indent=2), encoding="utf-8")
