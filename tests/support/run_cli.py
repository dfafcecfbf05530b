"""Runs the real ``copydesk`` as a subprocess without the caller's environment."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.support.fake_worker import GATE
from tests.support.small import SMALL_PROFILE

__all__ = ["Ran", "run_cli", "start_cli"]

_ROOT = Path(__file__).parents[2]

#: The real program.
_REAL = ("-m", "cli")

#: The same program, whose workers have the fake engine.
_FAKE = (
    "-c",
    """
import signal, sys
# A shell that runs the tests in the background makes its children ignore SIGINT.
signal.signal(signal.SIGINT, signal.default_int_handler)
from cli import service
service.WORKER_COMMAND = (sys.executable, "-P", "-m", "tests.support.fake_worker")
from cli.main import main
main()
""",
)

#: Variables that any process needs.
_PASSED_ON = ("PATH", "HOME", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Ran:
    """Exit code and output of a command."""

    code: int
    out: str
    err: str

    @property
    def data(self) -> dict[str, Any]:
        """The JSON object of ``--json``."""
        envelope = json.loads(self.out)
        assert isinstance(envelope, dict)
        return envelope

    @property
    def codes(self) -> list[str]:
        """Codes of the problems in ``--json``, in order."""
        return [problem["code"] for problem in self.data["errors"]]


def run_cli(
    *arguments: str | Path,
    home: Path,
    model: bool = False,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
    wrapper: Sequence[str] = (),
    timeout: float = 60.0,
) -> Ran:
    """Run ``copydesk`` with ``arguments`` to its end.

    Args:
        arguments: command-line arguments.
        home: ``COPYDESK_HOME`` and working folder.
        model: whether workers have the real model instead of the fake engine.
        environment: variables in addition to ``COPYDESK_HOME`` and ``COPYDESK_PROFILE``.
        stdin: input of the command.
        wrapper: a command that runs the command, such as one that sets limits.
        timeout: most seconds to wait.
    """
    done = subprocess.run(
        _command(arguments, model=model, wrapper=wrapper),
        cwd=home,
        env=_environment(home, environment),
        input=stdin,
        capture_output=True,
        timeout=timeout,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(), done.stderr.decode())


def start_cli(
    *arguments: str | Path, home: Path, environment: Mapping[str, str] | None = None
) -> subprocess.Popen[str]:
    """Start ``copydesk``, whose workers have the fake engine, and return its process."""
    return subprocess.Popen(
        _command(arguments, model=False, wrapper=()),
        cwd=home,
        env=_environment(home, environment),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _command(arguments: Sequence[str | Path], *, model: bool, wrapper: Sequence[str]) -> list[str]:
    program = _REAL if model else _FAKE
    return [*wrapper, sys.executable, "-P", *program, *map(str, arguments)]


def _environment(home: Path, extra: Mapping[str, str] | None) -> dict[str, str]:
    passed_on = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    gate = home / "gate"
    gate.mkdir(exist_ok=True)
    return {
        **passed_on,
        "LANG": "C.UTF-8",
        "PYTHONPATH": str(_ROOT),
        "COPYDESK_HOME": str(home),
        "COPYDESK_PROFILE": SMALL_PROFILE,
        GATE: str(gate),
        **(extra or {}),
    }
