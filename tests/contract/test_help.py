"""Every command has help and prints JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from cli.main import app

#: Commands and options that scripts rely on: new ones may come, none may go.
KNOWN = {
    "run": {"--out", "--profile", "--restraint", "--timeout", "--json"},
    "submit": {"--profile", "--restraint", "--priority", "--deadline", "--json"},
    "resume": {"--json"},
    "watch": {"--timeout", "--json"},
    "status": {"--json"},
    "jobs": {"--json"},
    "collect": {"--out", "--json"},
    "show": {"--json"},
    "cancel": {"--json"},
    "retry": {"--failed", "--refused", "--json"},
    "dlq": {"--json"},
    "rm": {"--json"},
    "up": {"--json"},
    "down": {"--json"},
    "worker": {"--json"},
    "exporter": {"--host", "--port", "--json"},
    "doctor": {"--json"},
    "evaluate": {"--limit", "--profile", "--restraint", "--json"},
    "learn repair": {"--pairs", "--out", "--profile", "--json"},
    "learn summary": {"--pairs", "--out", "--profile", "--json"},
    "model list": {"--json"},
    "model pull": {"--from", "--json"},
    "model path": {"--json"},
    "model verify": {"--json"},
    "model rm": {"--yes", "--json"},
}


def leaves(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield path + name, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def options(command: Any) -> dict[str, str | None]:
    """Return a command's options and arguments with their help."""
    return {parameter.opts[0]: parameter.help for parameter in command.params}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json(name: str) -> None:
    assert options(COMMANDS[name])["--json"] == "Print one JSON object on stdout."


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    summary = COMMANDS[name].help.partition("\n\n")[0]

    assert summary[0].isupper()
    assert summary.rstrip().endswith((".", "?"))
    # The list of commands cuts off longer summaries.
    assert len(" ".join(summary.split())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    assert [option for option, text in options(COMMANDS[name]).items() if not text] == []


@pytest.mark.parametrize("name", KNOWN)
def test_known_commands_and_options_stay(name: str) -> None:
    spellings = {spelling for parameter in COMMANDS[name].params for spelling in parameter.opts}

    assert spellings >= KNOWN[name]


def test_every_command_is_known() -> None:
    assert set(COMMANDS) == set(KNOWN)
