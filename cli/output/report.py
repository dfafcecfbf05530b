"""Renders a command's report as text or JSON, and makes control characters harmless.

Data goes to stdout, messages to stderr.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any

import typer

from worker.errors import CopydeskError, ExitCode

__all__ = ["ENVELOPE_VERSION", "JsonFlag", "Problem", "Report", "render", "safe_tty", "talk"]

#: Version of the JSON envelope; incremented when a key changes its meaning or disappears.
ENVELOPE_VERSION = 1

#: The ``--json`` flag of every command.
JsonFlag = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]

_STATUS = {ExitCode.OK: "success", ExitCode.SOME_FAILED: "partial"}


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that went wrong, for people and scripts."""

    code: str
    message: str
    hint: str = ""
    source: str = ""

    @classmethod
    def from_error(cls, error: CopydeskError) -> Problem:
        """Return the problem that an exception describes."""
        return cls(error.code, error.message, error.hint or "")


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of a command; ``main`` renders it and exits with its code."""

    command: str
    data: Mapping[str, Any] = field(default_factory=dict)
    text: str = ""
    """Printed on stdout without ``--json``."""
    exit_code: ExitCode = ExitCode.OK
    problems: Sequence[Problem] = ()
    as_json: bool = False


def render(report: Report) -> None:
    """Print ``report``: data on stdout and problems on stderr, or all as one JSON object on stdout.

    The object has the envelope's keys and the command's own side by side, so ``jq .job`` works.
    """
    if report.as_json:
        envelope = {
            "envelope": ENVELOPE_VERSION,
            "command": report.command,
            "status": _STATUS.get(report.exit_code, "error"),
            "exit_code": int(report.exit_code),
            "errors": [
                {
                    "code": problem.code,
                    "message": problem.message,
                    "hint": problem.hint,
                    "source": problem.source,
                }
                for problem in report.problems
            ],
        }
        print(json.dumps({**envelope, **report.data}, ensure_ascii=False, default=str))
        return
    if report.text:
        print(report.text if not sys.stdout.isatty() else safe_tty(report.text))
    for problem in report.problems:
        where = f"{problem.source}: " if problem.source else ""
        talk(f"error: {where}{problem.message} [{problem.code}]")
        if problem.hint:
            talk(f"hint: {problem.hint}")


def talk(message: str) -> None:
    """Print a message for the user on stderr."""
    print(safe_tty(message), file=sys.stderr, flush=True)


def safe_tty(text: str) -> str:
    """Return ``text`` without control characters, so that an article cannot control a terminal.

    Line feeds, tabs and zero-width joiners stay; all other control and format characters and
    surrogates become ``�``.
    """
    return "".join(
        char
        if char in "\n\t" or unicodedata.category(char) not in {"Cc", "Cf", "Cs"}
        else ("\u200d" if char == "\u200d" else "�")
        for char in text
    )
