"""The application, its global options, and the only place that turns errors into messages."""

from __future__ import annotations

import os
import sys
import traceback
from typing import Annotated

import typer
from typer.exceptions import TyperException

from cli import (
    cancel,
    collect,
    dlq,
    doctor,
    down,
    evaluate,
    exporter,
    jobs,
    learn,
    model,
    resume,
    retry,
    rm,
    run,
    show,
    status,
    submit,
    up,
    watch,
    worker,
)
from cli.output.report import Problem, Report, render, talk
from worker import __version__
from worker.errors import CopydeskError, ExitCode

__all__ = ["app", "main"]

app = typer.Typer(
    name="copydesk",
    help="A newspaper's copy desk for machine-translated news, in batches.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

_JOB_COMMANDS = (
    *(run, submit, resume, watch, status, jobs, collect, show),
    *(cancel, retry, dlq, rm),
)
_SERVICE_COMMANDS = (up, down, worker, exporter, doctor, evaluate)
for _module in (*_JOB_COMMANDS, *_SERVICE_COMMANDS):
    app.command(name=_module.__name__.removeprefix("cli."))(_module.command)
app.add_typer(model.app, name="model")
app.add_typer(learn.app, name="learn")


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"copydesk {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    *,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Show a traceback when something fails.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    # ``_print_traceback`` reads --verbose itself, because it must work even if parsing fails.
    del verbose, version


def main() -> None:
    """Run one command and exit with its code."""
    try:
        code = _run(sys.argv[1:])
        sys.stdout.flush()
    except BrokenPipeError:
        # stdout's reader has closed the pipe, e.g. `copydesk jobs | head`.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = ExitCode.OK
    sys.exit(int(code))


def _run(arguments: list[str]) -> int:
    try:
        return _finish(app(args=arguments, standalone_mode=False))
    except TyperException as error:
        return _fail(Problem("usage", error.format_message()), ExitCode.USAGE, arguments)
    except CopydeskError as error:
        _print_traceback(arguments)
        return _fail(Problem.from_error(error), error.exit_code, arguments)
    except BrokenPipeError:
        raise
    except Exception as error:  # noqa: BLE001 - the last resort; -v shows the traceback
        _print_traceback(arguments)
        problem = Problem(
            "internal_error",
            f"{type(error).__name__}: {error}",
            hint="this is a fault in copydesk; please report it with the output of -v",
        )
        return _fail(problem, ExitCode.SOME_FAILED, arguments)


def _finish(outcome: object) -> int:
    if isinstance(outcome, Report):
        render(outcome)
        return int(outcome.exit_code)
    if outcome == ExitCode.INTERRUPTED:
        talk("interrupted")
    return outcome if isinstance(outcome, int) else 0


def _fail(problem: Problem, code: ExitCode, arguments: list[str]) -> ExitCode:
    words = [word for word in arguments if not word.startswith("-")]
    render(
        Report(
            command=" ".join(words[: 2 if words[:1] in (["model"], ["learn"]) else 1]),
            exit_code=code,
            problems=[problem],
            as_json="--json" in arguments,
        )
    )
    return code


def _print_traceback(arguments: list[str]) -> None:
    if "-v" in arguments or "--verbose" in arguments:
        traceback.print_exc()
