"""``copydesk submit``: articles into the queue."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.progress import counter
from cli.output.report import JsonFlag, Problem, Report, talk
from worker.errors import CopydeskError, ExitCode, UsageError
from worker.records.priority import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from worker.config.settings import Settings
    from worker.queue.intake import Intake, Submission
    from worker.queue.store.jobs import JobStore
    from worker.records.article import InputRefusal

__all__ = [
    "DeadlineOption",
    "Inputs",
    "PriorityOption",
    "ProfileOption",
    "command",
    "error_problems",
    "open_intake",
    "refusal_problems",
    "report_submission",
    "submit_inputs",
]

Inputs = Annotated[
    list[str],
    typer.Argument(
        help="Files (.txt .md .html .jsonl .csv, also .gz), folders, or - for stdin.",
        show_default=False,
    ),
]
ProfileOption = Annotated[
    str | None,
    typer.Option("--profile", "-p", help="A profile of configs/profiles.", show_default=False),
]
PriorityOption = Annotated[
    Priority, typer.Option("--priority", help="Whose chunks workers take first.")
]
DeadlineOption = Annotated[
    str | None,
    typer.Option(
        "--deadline",
        help="Cancel what is not done after this time: 90s, 45m, 2h30m, 1d.",
        show_default=False,
    ),
]


def command(
    inputs: Inputs,
    profile: ProfileOption = None,
    priority: PriorityOption = Priority.NORMAL,
    deadline: DeadlineOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Put articles into the queue and print the job's id.

    Exit code 1 when some inputs were refused, 6 when all were. A submit that is cut off leaves
    an open job: what is in it is worked on, and copydesk resume adds the rest.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store

    settings = load_settings(profile=profile)
    try:
        due = deadline_of(deadline)
        with open_store(settings) as store:
            submission = submit_inputs(inputs, store, settings, priority=priority, deadline=due)
    except CopydeskError as error:
        return Report("submit", {}, "", error.exit_code, error_problems(error), as_json)
    return report_submission("submit", submission, as_json=as_json)


def report_submission(command: str, submission: Submission, *, as_json: bool) -> Report:
    """What a submit came to, for people and for scripts."""
    talk(
        f"{submission.accepted} articles accepted, {submission.cached} of them done before; "
        f"copydesk watch {submission.job} shows how they go"
    )
    return Report(
        command=command,
        data={
            "job": submission.job,
            "accepted": submission.accepted,
            "cached": submission.cached,
            "refused": submission.refused,
        },
        text=submission.job,
        exit_code=ExitCode.SOME_FAILED if submission.refused else ExitCode.OK,
        problems=refusal_problems(submission.refusals),
        as_json=as_json,
    )


def submit_inputs(
    inputs: Sequence[str],
    store: JobStore,
    settings: Settings,
    *,
    priority: Priority = Priority.NORMAL,
    deadline: timedelta | None = None,
) -> Submission:
    """Read ``inputs`` and make a job of them under the settings' profile.

    Raises:
        NothingAcceptedError: none of them is an article.
        ConfigError, BrokerUnavailableError: see ``worker.queue.intake.Intake.submit``.
    """
    from cli.documents.reader import read_documents
    from worker.config.settings import load_profile
    from worker.config.weights import with_digest
    from worker.queue.intake import JobOptions

    order = JobOptions(
        profile=with_digest(load_profile(settings), settings),
        priority=priority,
        deadline=deadline,
        inputs=tuple(inputs),
        folder=str(Path.cwd()),
    )
    documents = read_documents(inputs, max_chars=settings.max_article_chars, stdin=sys.stdin.buffer)
    with open_intake(store, settings) as intake:
        return intake.submit(documents, order)


@contextmanager
def open_intake(store: JobStore, settings: Settings) -> Iterator[Intake]:
    """An intake that tells the person how far it is, and why it waits."""
    from worker.queue.celery_app import create_app
    from worker.queue.intake import Intake

    with counter("articles") as count:
        yield Intake(
            store,
            create_app(settings),
            settings,
            on_progress=count,
            on_wait=lambda why: talk(f"waiting: {why}" if why else "going on"),
        )


def refusal_problems(refused: Sequence[InputRefusal]) -> list[Problem]:
    """Refused inputs as problems to print."""
    return [Problem(one.reason.value, one.message, one.hint, one.source) for one in refused]


def error_problems(error: CopydeskError) -> list[Problem]:
    """Why a submit failed: the inputs that it refused, then the error itself."""
    return [*refusal_problems(getattr(error, "refusals", ())), Problem.from_error(error)]


def deadline_of(said: str | None) -> timedelta | None:
    """A time span such as ``2h30m``.

    Raises:
        UsageError: it is none, or not longer than nothing.
    """
    from datetime import timedelta

    from pytimeparse.timeparse import timeparse

    if said is None:
        return None
    try:
        span = timedelta(seconds=timeparse(said) or 0)
    except OverflowError:  # longer than a timedelta can be
        span = timedelta()
    if span <= timedelta():
        raise UsageError(f"--deadline {said!r} is no time span", hint="for example 90s, 45m, 2h30m")
    return span
