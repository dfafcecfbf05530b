"""``copydesk submit``: articles into the queue."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import JsonFlag, Problem, Report, talk
from cli.progress import counter
from worker.errors import CopydeskError, ExitCode

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.dispatch import Submission
    from worker.jobs import JobStore
    from worker.records import InputRefusal
    from worker.settings import Settings

__all__ = ["Inputs", "ProfileOption", "command", "refusal_problems", "send"]

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


def command(inputs: Inputs, profile: ProfileOption = None, as_json: JsonFlag = False) -> Report:
    """Put articles into the queue and print the job's id.

    Exit code 1 when some inputs were refused, 6 when all were.
    """
    from worker.connection import open_store
    from worker.settings import load_settings

    settings = load_settings(profile=profile)
    try:
        with open_store(settings) as store:
            submission = send(inputs, store, settings)
    except CopydeskError as error:
        refused = getattr(error, "refused", ())
        problems = [*refusal_problems(refused), Problem.from_error(error)]
        return Report("submit", {}, "", error.exit_code, problems, as_json)
    talk(
        f"{submission.accepted} articles accepted, {submission.cached} of them done before; "
        f"copydesk watch {submission.job} shows how they go"
    )
    return Report(
        command="submit",
        data={
            "job": submission.job,
            "accepted": submission.accepted,
            "cached": submission.cached,
            "refused": len(submission.refused),
        },
        text=submission.job,
        exit_code=ExitCode.SOME_FAILED if submission.refused else ExitCode.OK,
        problems=refusal_problems(submission.refused),
        as_json=as_json,
    )


def send(inputs: Sequence[str], store: JobStore, settings: Settings) -> Submission:
    """Read ``inputs`` and make a job of them under the settings' profile.

    Raises:
        NothingAcceptedError: none of them is an article.
        ConfigError, BrokerUnavailableError: see ``worker.dispatch.submit``.
    """
    from cli.documents import read_documents
    from worker.dispatch import submit
    from worker.model import with_digest
    from worker.settings import load_profile

    profile = with_digest(load_profile(settings), settings)
    documents = read_documents(inputs, max_chars=settings.max_article_chars, stdin=sys.stdin.buffer)
    with counter("articles") as count:
        return submit(documents, store, profile, settings, on_progress=count)


def refusal_problems(refused: Sequence[InputRefusal]) -> list[Problem]:
    """Refused inputs as problems to print."""
    return [Problem(one.reason.value, one.message, one.hint, one.source) for one in refused]
