"""Examples for docs/quality.md, drawn by lot and not by hand.

    python -m tests.quality.examples out/results.jsonl [--count 30] [--seed 1]

Of all changes that were made and all that were refused in the result file of a job, prints some as
a Markdown table. Only of texts that may be shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from random import Random
from typing import Any

from worker.stages.repair.changes import find_changes

__all__: list[str] = []

_AROUND_CHARS = 40


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.quality.examples", allow_abbrev=False)
    parser.add_argument("results", type=Path)
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    said = parser.parse_args()
    lines = said.results.read_text(encoding="utf-8").splitlines()
    rows = [example for line in lines for example in _examples(json.loads(line))]
    Random(said.seed).shuffle(rows)  # noqa: S311 - an order, no secret
    sys.stdout.write("| What | Before | After |\n|---|---|---|\n")
    sys.stdout.writelines(f"| {' | '.join(row)} |\n" for row in rows[: said.count])


def _examples(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for edit in row["edits"]:
        if edit["changes"]:
            yield from _places("made", edit["before"], edit["after"])
    for refusal in row["refused"]:
        if refusal["kind"]:
            yield from _places(f"`{refusal['reason']}`", refusal["before"], refusal["proposal"])


def _places(what: str, before: str, after: str) -> Iterator[tuple[str, str, str]]:
    """The words around each change."""
    for change in find_changes(before, after):
        start = min(edit.start for edit in change.edits)
        end = max(edit.end for edit in change.edits)
        grown = sum(len(edit.text) - (edit.end - edit.start) for edit in change.edits)
        first, last = max(0, start - _AROUND_CHARS), end + _AROUND_CHARS
        yield what, _cell(before[first:last]), _cell(after[first : last + grown])


def _cell(text: str) -> str:
    return f"… {' '.join(text.split())} …".replace("|", "/")


if __name__ == "__main__":
    main()
