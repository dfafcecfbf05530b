"""Every command explains itself, and can speak to scripts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from cli.main import app

#: Commands and options that scripts rely on: they may grow, but none may go.
KNOWN = {
    "run": {"--out", "--profile", "--timeout", "--json"},
    "submit": {"--profile", "--priority", "--deadline", "--json"},
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
    "evaluate": {"--limit", "--profile", "--json"},
    "learn repair": {"--pairs", "--out", "--profile", "--json"},
    "learn summary": {"--pairs", "--out", "--profile", "--json"},
    "model pull": {"--json"},
    "model path": {"--json"},
}


def leaves(group: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{path}{name} ")
        else:
            yield path + name, command


COMMANDS = dict(leaves(typer.main.get_command(app)))


def options(command: Any) -> dict[str, str | None]:
    """Long names of a command's options and arguments, with their help."""
    return {parameter.opts[0]: parameter.help for parameter in command.params}


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_json(name: str) -> None:
    assert options(COMMANDS[name])["--json"] == "Print one JSON object on stdout."


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_says_what_it_does(name: str) -> None:
    said = COMMANDS[name].help.partition("\n\n")[0]

    assert said[0].isupper()
    assert said.rstrip().endswith((".", "?"))
    # More is cut off in the list of commands, and left to the second paragraph.
    assert len(" ".join(said.split())) <= 100


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_says_what_it_does(name: str) -> None:
    assert [option for option, said in options(COMMANDS[name]).items() if not said] == []


@pytest.mark.parametrize("name", KNOWN)
def test_known_commands_and_options_stay(name: str) -> None:
    found = {spelling for parameter in COMMANDS[name].params for spelling in parameter.opts}

    assert found >= KNOWN[name]


def test_every_command_is_known() -> None:
    assert set(COMMANDS) == set(KNOWN)
