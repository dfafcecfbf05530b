"""``copydesk submit`` puts articles into the queue."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.progress import progress_counter
from cli.output.report import JsonFlag, Problem, Report, talk
from worker.config.restraint import Restraint
from worker.errors import CopydeskError, ExitCode, UsageError
from worker.records.priority import Priority

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from datetime import timedelta

    from worker.config.profile import Profile
    from worker.config.settings import Settings
    from worker.queue.intake import Intake, Submission
    from worker.queue.store.jobs import JobStore
    from worker.records.article import InputRefusal

__all__ = [
    "DeadlineOption",
    "Inputs",
    "PriorityOption",
    "ProfileOption",
    "RestraintOption",
    "command",
    "error_problems",
    "open_intake",
    "refusal_problems",
    "report_submission",
    "submit_inputs",
    "warn_of_unused_restraint",
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
    typer.Option(
        "--profile", "-p", help="Name of a profile in configs/profiles.", show_default=False
    ),
]
RestraintOption = Annotated[
    Restraint | None,
    typer.Option(
        "--restraint",
        help="How sure a repair has to be; by default what the profile says.",
        show_default=False,
    ),
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
    *,
    profile: ProfileOption = None,
    restraint: RestraintOption = None,
    priority: PriorityOption = Priority.NORMAL,
    deadline: DeadlineOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Put articles into the queue and print the job's id.

    Exit code 1 if some inputs were refused, 6 if all were. An interrupted submit leaves the job
    open: the articles already queued are processed, and copydesk resume adds the rest.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store

    settings = load_settings(profile=profile, restraint=restraint)
    try:
        due = parse_deadline(deadline)
        with open_store(settings) as store:
            submission = submit_inputs(inputs, store, settings, priority=priority, deadline=due)
    except CopydeskError as error:
        return Report("submit", {}, "", error.exit_code, error_problems(error), as_json)
    return report_submission("submit", submission, as_json=as_json)


def report_submission(command: str, submission: Submission, *, as_json: bool) -> Report:
    """Report how many inputs a submit accepted, found in the cache and refused."""
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
    """Submit ``inputs`` as a job with the profile of ``settings``.

    Raises:
        NothingAcceptedError: no input is an article.
        ConfigError, BrokerUnavailableError: see ``worker.queue.intake.Intake.submit``.
    """
    from cli.documents.reader import read_documents
    from worker.config.settings import load_profile
    from worker.config.weights import with_digest
    from worker.queue.intake import JobOptions

    profile = load_profile(settings)
    warn_of_unused_restraint(profile, settings)
    options = JobOptions(
        profile=with_digest(profile, settings),
        priority=priority,
        deadline=deadline,
        inputs=tuple(inputs),
        folder=str(Path.cwd()),
    )
    documents = read_documents(inputs, max_chars=settings.max_article_chars, stdin=sys.stdin.buffer)
    with open_intake(store, settings) as intake:
        return intake.submit(documents, options)


def warn_of_unused_restraint(profile: Profile, settings: Settings) -> None:
    """Say on stderr if a restraint is asked for that ``profile`` cannot follow."""
    has_acceptor = bool(profile.prompts[profile.repair.prompt].adapter)
    if settings.restraint and not (has_acceptor or profile.checks.meaning_judge):
        talk(
            f"warning: restraint changes nothing in the profile {profile.name}, which has no"
            " acceptor and no judge of meaning [restraint_unused]"
        )
        talk('hint: set meaning_judge = "meaning.v1" under [checks]')


@contextmanager
def open_intake(store: JobStore, settings: Settings) -> Iterator[Intake]:
    """Yield an intake that shows its progress and its reasons for waiting."""
    from worker.queue.celery_app import create_app
    from worker.queue.intake import Intake

    with progress_counter("articles") as count:
        yield Intake(
            store,
            create_app(settings),
            settings,
            on_progress=count,
            on_wait=lambda why: talk(f"waiting: {why}" if why else "going on"),
        )


def refusal_problems(refusals: Sequence[InputRefusal]) -> list[Problem]:
    """Return refused inputs as problems to print."""
    return [
        Problem(refusal.reason.value, refusal.message, refusal.hint, refusal.source)
        for refusal in refusals
    ]


def error_problems(error: CopydeskError) -> list[Problem]:
    """Return why a submit failed: the refused inputs, then the error itself."""
    return [*refusal_problems(getattr(error, "refusals", ())), Problem.from_error(error)]


def parse_deadline(text: str | None) -> timedelta | None:
    """Parse a time span such as ``2h30m``.

    Raises:
        UsageError: ``text`` is not a time span, or the span is not positive.
    """
    from datetime import timedelta

    from pytimeparse.timeparse import timeparse

    if text is None:
        return None
    try:
        span = timedelta(seconds=timeparse(text) or 0)
    except OverflowError:  # longer than a timedelta can be
        span = timedelta()
    if span <= timedelta():
        raise UsageError(f"--deadline {text!r} is no time span", hint="for example 90s, 45m, 2h30m")
    return span
