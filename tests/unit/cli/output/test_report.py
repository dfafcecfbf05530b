"""Data goes to stdout, messages to stderr, and no article controls a terminal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from cli.output.report import Problem, Report, render, safe_tty, talk
from worker.errors import EngineError, ExitCode

PROBLEM = Problem("no_story", "nothing but furniture", "look at it", source="a.txt:3")


def test_text_goes_to_stdout_and_problems_to_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    render(Report("collect", {"out": "here"}, "here", ExitCode.SOME_FAILED, [PROBLEM]))

    captured = capsys.readouterr()
    assert captured.out == "here\n"
    assert captured.err == "error: a.txt:3: nothing but furniture [no_story]\nhint: look at it\n"


def test_a_problem_without_source_and_hint_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    render(Report("collect", problems=[Problem("usage", "no such option")]))

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: no such option [usage]\n"


def test_json_is_one_object_on_stdout(capsys: pytest.CaptureFixture[str]) -> None:
    report = Report(
        command="collect",
        data={"out": Path("here"), "total": 2, "title": "Fähre"},
        text="not shown",
        exit_code=ExitCode.SOME_FAILED,
        problems=[PROBLEM],
        as_json=True,
    )
    render(report)

    captured = capsys.readouterr()
    assert captured.err == ""
    assert "Fähre" in captured.out
    assert captured.out.count("\n") == 1
    assert json.loads(captured.out) == {
        "envelope": 1,
        "command": "collect",
        "status": "partial",
        "exit_code": 1,
        "errors": [
            {
                "code": "no_story",
                "message": "nothing but furniture",
                "hint": "look at it",
                "source": "a.txt:3",
            }
        ],
        "out": "here",
        "total": 2,
        "title": "Fähre",
    }


@pytest.mark.parametrize("code", ExitCode)
def test_status_goes_with_the_exit_code(code: ExitCode, capsys: pytest.CaptureFixture[str]) -> None:
    render(Report("watch", exit_code=code, as_json=True))

    envelope = json.loads(capsys.readouterr().out)
    status = {ExitCode.OK: "success", ExitCode.SOME_FAILED: "partial"}.get(code, "error")
    assert (envelope["status"], envelope["exit_code"]) == (status, int(code))


def test_a_problem_has_code_message_and_hint_of_its_error() -> None:
    error = EngineError("it broke", code="model_load_failed", hint="ask the doctor")

    assert Problem.from_error(error) == Problem("model_load_failed", "it broke", "ask the doctor")
    assert Problem.from_error(EngineError("it broke")) == Problem("engine_error", "it broke", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain, Fähre \u2013 50 €\n\tyes", "plain, Fähre \u2013 50 €\n\tyes"),
        ("\x1b[2J\x1b]0;owned\x07", "�[2J�]0;owned�"),
        ("\u202egnp.exe", "�gnp.exe"),
        ("\x9b31m \x00 \r", "�31m � �"),
        ("\ud800", "�"),
        ("👩\u200d🚒", "👩\u200d🚒"),
    ],
    ids=ascii,
)
def test_control_characters_are_replaced(text: str, shown: str) -> None:
    assert safe_tty(text) == shown


def test_talk_is_safe_and_on_stderr(capsys: pytest.CaptureFixture[str]) -> None:
    talk("article \x1b[31mred")

    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "article �[31mred\n"


@pytest.mark.parametrize(("terminal", "shown"), [(True, "�[31mred\n"), (False, "\x1b[31mred\n")])
def test_data_is_made_safe_for_a_terminal_only(
    terminal: bool,
    shown: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    render(Report("show", text="\x1b[31mred"))

    assert capsys.readouterr().out == shown
