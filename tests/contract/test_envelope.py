"""The contract with scripts: the JSON object of every command, error codes, exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from cli import main as main_module
from cli.output.report import ENVELOPE_VERSION
from tests.support.small import SMALL_MODEL
from worker import errors
from worker.config.weights import model_folder
from worker.errors import CopydeskError, ExitCode

KEYS = {"envelope", "command", "status", "exit_code", "errors"}
ERROR_KEYS = {"code", "message", "hint", "source"}

EXIT_CODES = {
    "OK": 0,
    "SOME_FAILED": 1,
    "USAGE": 2,
    "NO_BROKER": 3,
    "NOT_FOUND": 4,
    "TIMED_OUT": 5,
    "ALL_FAILED": 6,
    "INTERRUPTED": 130,
}

ERRORS = {
    "UsageError": ("usage", 2),
    "ConfigError": ("config_invalid", 2),
    "NoInputError": ("no_input", 2),
    "ModelMissingError": ("model_missing", 2),
    "BrokerUnavailableError": ("broker_unavailable", 3),
    "JobNotFoundError": ("job_not_found", 4),
    "ArticleNotFoundError": ("article_not_found", 4),
    "JobStateError": ("job_state", 2),
    "WaitTimeoutError": ("wait_timed_out", 5),
    "OutputError": ("output_failed", 1),
    "EngineError": ("engine_error", 1),
}

Captured = pytest.CaptureFixture[str]


def run(*arguments: str) -> int:
    """Run ``copydesk`` in this process and return its exit code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["copydesk", *arguments])
        with pytest.raises(SystemExit) as ended:
            main_module.main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def envelope(capsys: Captured, *arguments: str) -> dict[str, Any]:
    """Run a command that prints nothing else and return its JSON object."""
    code = run(*arguments)
    captured = capsys.readouterr()
    printed = json.loads(captured.out)
    assert isinstance(printed, dict)
    assert printed["exit_code"] == code
    assert captured.err == ""
    return printed


def test_exit_codes_are_pinned() -> None:
    assert {code.name: code.value for code in ExitCode} == EXIT_CODES


@pytest.mark.parametrize("name", ERRORS)
def test_errors_keep_their_codes(name: str) -> None:
    kind = getattr(errors, name)

    assert (kind.code, int(kind.exit_code)) == ERRORS[name]


def test_every_error_is_pinned() -> None:
    kinds = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]

    assert {kind.__name__ for kind in kinds if kind is not CopydeskError} == set(ERRORS)
    assert all(issubclass(kind, CopydeskError) for kind in kinds)


def test_the_envelopes_version_is_pinned() -> None:
    assert ENVELOPE_VERSION == 1


def test_a_success_has_the_envelopes_keys_beside_its_own(
    hollow_home: Path, capsys: Captured
) -> None:
    printed = envelope(capsys, "model", "path", "--json")

    assert set(printed) == KEYS | {"place"}
    assert (printed["envelope"], printed["command"]) == (1, "model path")
    assert (printed["status"], printed["exit_code"], printed["errors"]) == ("success", 0, [])
    assert printed["place"].startswith(str(hollow_home))


@pytest.fixture
def hollow_home(home: Path) -> Path:
    """A home with an empty folder for the model."""
    model_folder(SMALL_MODEL, home).mkdir(parents=True)
    return home


@pytest.mark.parametrize(
    ("arguments", "command", "code", "error"),
    [
        (["status", "--nonsense", "--json"], "status", 2, "usage"),
        (["--json", "nonsense"], "nonsense", 2, "usage"),
        (["--json"], "", 2, "usage"),
        (["collect", "--json"], "collect", 2, "usage"),
        (["watch", "j", "--timeout", "soon", "--json"], "watch", 2, "usage"),
        (["exporter", "--port", "65536", "--json"], "exporter", 2, "usage"),
        (["submit", "--json", "--profile", "nowhere", "x.txt"], "submit", 3, "broker_unavailable"),
        (["model", "path", "--json"], "model path", 2, "model_missing"),
        (["jobs", "--json"], "jobs", 3, "broker_unavailable"),
        (["-v", "watch", "--json", "some-job"], "watch", 3, "broker_unavailable"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_early_failure_speaks_json(
    arguments: list[str], command: str, code: int, error: str, capsys: Captured
) -> None:
    if "-v" in arguments:
        assert run(*arguments) == code
        captured = capsys.readouterr()
        printed = json.loads(captured.out)
        assert "Traceback" in captured.err
    else:
        printed = envelope(capsys, *arguments)

    assert set(printed) == KEYS
    assert (printed["command"], printed["exit_code"], printed["status"]) == (command, code, "error")
    (problem,) = printed["errors"]
    assert set(problem) == ERROR_KEYS
    assert problem["code"] == error
    assert problem["message"]


def test_a_wrong_setting_speaks_json(capsys: Captured, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_THREDS", "2")
    (problem,) = envelope(capsys, "doctor", "--json")["errors"]

    assert problem["code"] == "config_unknown_key"
    assert problem["hint"] == "did you mean COPYDESK_THREADS?"


def test_without_json_the_same_failure_is_printed_on_stderr(capsys: Captured) -> None:
    assert run("jobs") == 3

    captured = capsys.readouterr()
    assert captured.out == ""
    first, hint = captured.err.splitlines()
    assert first.startswith("error: no Redis or Valkey answers")
    assert first.endswith("[broker_unavailable]")
    assert hint == "hint: start the embedded one: copydesk up"


def test_an_internal_error_speaks_json_too(
    capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(**_: Any) -> None:
        raise ZeroDivisionError("by nothing")

    monkeypatch.setattr(main_module, "app", faulty)
    printed = envelope(capsys, "jobs", "--json")

    assert (printed["exit_code"], printed["status"]) == (1, "partial")
    (problem,) = printed["errors"]
    assert (problem["code"], problem["message"]) == (
        "internal_error",
        "ZeroDivisionError: by nothing",
    )


@pytest.mark.parametrize("arguments", [["doctor", "--json"], ["jobs", "--json"]])
def test_a_reader_that_has_gone_gets_no_traceback(arguments: list[str]) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-c", "from cli.main import main; main()", *arguments],
            stdout=writer,
            stderr=subprocess.PIPE,
            timeout=60,
            check=False,
        )
    finally:
        os.close(writer)

    assert b"Traceback" not in done.stderr
    assert b"BrokenPipe" not in done.stderr
