"""The quality gate: what the stages have to reach on pinned rows of the development sets.

    python -m tests.quality.gate DATA [--update [--allow-regression]]

``floors.json`` names for each measure the file, its SHA-256, how many rows, and per figure the
least or the most that is let pass. ``--update`` measures anew and writes what was reached, less the
noise of a near-tie; it refuses to lower a bar unless it is told to, and then the commit says why.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from worker.config.settings import load_profile, load_settings
from worker.evaluation.measure import Task, measure

__all__ = ["FLOORS", "Bar", "Gate", "Measure", "failures", "raised", "read_gate", "take"]

FLOORS = Path(__file__).with_name("floors.json")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Bar(_Part):
    """What a figure has to reach."""

    kind: Literal["least", "most"]
    value: float
    noise: float = 0.0
    """What a tie between two tokens can change from machine to machine."""

    def holds(self, figure: float) -> bool:
        """Whether ``figure`` reaches the bar."""
        return figure >= self.value if self.kind == "least" else figure <= self.value

    def at(self, figure: float) -> Bar:
        """The bar that ``figure`` just reaches, noise aside."""
        slack = -self.noise if self.kind == "least" else self.noise
        return self.model_copy(update={"value": round(figure + slack, 4)})

    def is_lower_than(self, other: Bar) -> bool:
        """Whether it lets more pass."""
        return self.value < other.value if self.kind == "least" else self.value > other.value


class Measure(_Part):
    """One run of ``copydesk evaluate``."""

    task: Task
    file: str
    sha256: str
    rows: int
    bars: dict[str, Bar]


Gate = dict[str, Measure]


def read_gate(path: Path = FLOORS) -> Gate:
    """The measures by name."""
    said = json.loads(path.read_text(encoding="utf-8"))
    return {name: Measure(**fields) for name, fields in said.items()}


def take(one: Measure, data: Path) -> dict[str, float]:
    """The figures of ``one`` under the default profile.

    Raises:
        ValueError: the file is not the pinned one.
    """
    path = data / one.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != one.sha256:
        raise ValueError(f"{path} is not the file that the bars were set on: {digest}")
    settings = load_settings()
    report = measure(one.task, path, load_profile(settings), settings, limit=one.rows)
    figures = report.model_dump()
    return {name: float(figures[name]) for name in one.bars}


def failures(one: Measure, figures: dict[str, float]) -> list[str]:
    """What does not reach its bar, in words."""
    return [
        f"{name} is {figures[name]:.4f}, and {bar.kind} is {bar.value}"
        for name, bar in one.bars.items()
        if not bar.holds(figures[name])
    ]


def raised(one: Measure, figures: dict[str, float], *, allow_regression: bool) -> Measure:
    """The measure with its bars at ``figures``.

    Raises:
        ValueError: a bar would be lowered, which was not allowed.
    """
    bars = {name: bar.at(figures[name]) for name, bar in one.bars.items()}
    lower = [name for name, bar in bars.items() if bar.is_lower_than(one.bars[name])]
    if lower and not allow_regression:
        raise ValueError(f"would lower {', '.join(lower)}")
    return one.model_copy(update={"bars": bars})


def main() -> None:
    """Measure, print the figures, and say what fails."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.gate", allow_abbrev=False)
    parser.add_argument("data", type=Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--allow-regression", action="store_true")
    said = parser.parse_args()
    gate = read_gate()
    failed: list[str] = []
    for name, one in gate.items():
        figures = take(one, said.data)
        sys.stdout.write(json.dumps({"measure": name, **figures}) + "\n")
        if said.update:
            gate[name] = raised(one, figures, allow_regression=said.allow_regression)
        else:
            failed += [f"{name}: {failure}" for failure in failures(one, figures)]
    if said.update:
        written = {name: one.model_dump(mode="json") for name, one in gate.items()}
        FLOORS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
