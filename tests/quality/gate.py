"""The quality gate: the bars that the stages have to reach on pinned rows of development sets.

    python -m tests.quality.gate DATA [--update [--allow-regression]]

``floors.json`` names for each measure the file, its SHA-256, the number of rows, and the least or
most that each figure may be. ``--update`` measures again and pins the figures, less the noise of
near-ties. It lowers a bar only with ``--allow-regression``; the commit then says why.
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

__all__ = [
    "FLOORS",
    "Bar",
    "Gate",
    "Measure",
    "list_failures",
    "raise_bars",
    "read_gate",
    "take_figures",
]

FLOORS = Path(__file__).with_name("floors.json")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Bar(_Part):
    """The value that a figure has to reach."""

    kind: Literal["least", "most"]
    value: float
    noise: float = 0.0
    """How much ties between two tokens can change the figure from machine to machine."""

    def holds(self, figure: float) -> bool:
        """Return whether ``figure`` reaches the bar."""
        return figure >= self.value if self.kind == "least" else figure <= self.value

    def moved_to(self, figure: float) -> Bar:
        """Return the bar that ``figure`` just reaches, allowing for noise."""
        slack = -self.noise if self.kind == "least" else self.noise
        return self.model_copy(update={"value": round(figure + slack, 4)})

    def is_lower_than(self, other: Bar) -> bool:
        """Return whether the bar lets more pass than ``other``."""
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
    """Read the measures by name."""
    measures = json.loads(path.read_text(encoding="utf-8"))
    return {name: Measure(**fields) for name, fields in measures.items()}


def take_figures(pinned: Measure, data: Path) -> dict[str, float]:
    """Measure under the small profile and return the figures that have a bar.

    Raises:
        ValueError: the file is not the pinned pinned.
    """
    path = data / pinned.file
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    if digest != pinned.sha256:
        raise ValueError(f"{path} is not the file that the bars were set on: {digest}")
    settings = load_settings(profile="small")
    report = measure(pinned.task, path, load_profile(settings), settings, limit=pinned.rows)
    figures = report.model_dump()
    return {name: float(figures[name]) for name in pinned.bars}


def list_failures(pinned: Measure, figures: dict[str, float]) -> list[str]:
    """Name each figure that does not reach its bar."""
    return [
        f"{name} is {figures[name]:.4f}, and {bar.kind} is {bar.value}"
        for name, bar in pinned.bars.items()
        if not bar.holds(figures[name])
    ]


def raise_bars(pinned: Measure, figures: dict[str, float], *, allow_regression: bool) -> Measure:
    """Return the measure with its bars moved to ``figures``.

    Raises:
        ValueError: a bar would be lowered without permission.
    """
    bars = {name: bar.moved_to(figures[name]) for name, bar in pinned.bars.items()}
    lower = [name for name, bar in bars.items() if bar.is_lower_than(pinned.bars[name])]
    if lower and not allow_regression:
        raise ValueError(f"would lower {', '.join(lower)}")
    return pinned.model_copy(update={"bars": bars})


def main() -> None:
    """Measure, print the figures, and fail if a bar is missed."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.gate", allow_abbrev=False)
    parser.add_argument("data", type=Path)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--allow-regression", action="store_true")
    arguments = parser.parse_args()
    gate = read_gate()
    failed: list[str] = []
    for name, pinned in gate.items():
        figures = take_figures(pinned, arguments.data)
        sys.stdout.write(json.dumps({"measure": name, **figures}) + "\n")
        if arguments.update:
            gate[name] = raise_bars(pinned, figures, allow_regression=arguments.allow_regression)
        else:
            failed += [f"{name}: {failure}" for failure in list_failures(pinned, figures)]
    if arguments.update:
        written = {name: pinned.model_dump(mode="json") for name, pinned in gate.items()}
        FLOORS.write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
    if failed:
        sys.exit("\n".join(failed))


if __name__ == "__main__":
    main()
