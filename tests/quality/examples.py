"""Draw examples for docs/quality.md at random.

    python -m tests.quality.examples out/results.jsonl [--count 30] [--seed 1]

Prints some of the changes that were made or refused in a job's result file as a Markdown table. Use
it only on texts that may be published.
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
    arguments = parser.parse_args()
    lines = arguments.results.read_text(encoding="utf-8").splitlines()
    examples = [example for line in lines for example in _examples(json.loads(line))]
    Random(arguments.seed).shuffle(examples)  # noqa: S311 - an order, no secret
    sys.stdout.write("| What | Before | After |\n|---|---|---|\n")
    sys.stdout.writelines(f"| {' | '.join(example)} |\n" for example in examples[: arguments.count])


def _examples(row: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    for edit in row["edits"]:
        if edit["changes"]:
            yield from _excerpts("made", edit["before"], edit["after"])
    for refusal in row["refused"]:
        if refusal["kind"]:
            yield from _excerpts(f"`{refusal['reason']}`", refusal["before"], refusal["proposal"])


def _excerpts(what: str, before: str, after: str) -> Iterator[tuple[str, str, str]]:
    """Yield the words around each change, before and after."""
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
