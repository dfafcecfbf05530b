"""``copydesk retry`` queues failed articles again and rereads refused inputs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from cli.output.report import JsonFlag, Report, talk
from cli.resume import restore_inputs
from cli.submit import open_intake, refusal_problems
from cli.watch import JobArgument
from worker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.config.settings import Settings
    from worker.queue.intake import Submission
    from worker.queue.store.jobs import JobStore
    from worker.records.article import Article, InputRefusal
    from worker.records.job import JobId

__all__ = ["command"]

#: Maximum number of articles that one call to the store requeues.
_BATCH_ARTICLES = 1_000


def command(
    job: JobArgument,
    articles: Annotated[
        list[str] | None,
        typer.Argument(help="Ids of articles; all that failed if omitted.", show_default=False),
    ] = None,
    failed: Annotated[bool, typer.Option("--failed", help="All articles that failed.")] = False,
    refused: Annotated[bool, typer.Option("--refused", help="Read refused inputs again.")] = False,
    as_json: JsonFlag = False,
) -> Report:
    """Put failed articles back into the queue, or read refused inputs again.

    Finished articles are not processed again: the same input under the same profile gives the same
    output. Exit code 1 if an input is refused again.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store
    from worker.records.job import JobId

    if articles and failed:
        raise UsageError("--failed and ids of articles exclude each other")
    settings = load_settings()
    submission: Submission | None = None
    with open_store(settings) as store:
        if articles:
            for article in articles:
                store.collection.article(JobId(job), article)  # an unknown id is an error
        retried = 0
        if articles or failed or not refused:
            retried = _retry_failed(store, JobId(job), articles, settings)
        if refused:
            submission = _retry_refused(store, JobId(job), settings)
    accepted = submission.accepted if submission else 0
    talk(f"{retried} articles put back, {accepted} inputs accepted that had been refused")
    return Report(
        command="retry",
        data={
            "job": job,
            "retried": retried,
            "accepted": accepted,
            "refused": submission.refused if submission else 0,
        },
        text=job,
        exit_code=ExitCode.SOME_FAILED if submission and submission.refused else ExitCode.OK,
        problems=refusal_problems(submission.refusals if submission else ()),
        as_json=as_json,
    )


def _retry_failed(
    store: JobStore, job: JobId, articles: Sequence[str] | None, settings: Settings
) -> int:
    from worker.queue.celery_app import create_app
    from worker.queue.intake import send

    store.progress(job)  # an unknown job is an error, even if nothing failed
    ids = list(articles or (letter.article for letter in store.collection.dead_letters(job)))
    app, count = create_app(settings), 0
    for start in range(0, len(ids), _BATCH_ARTICLES):
        count += store.retry(job, ids[start : start + _BATCH_ARTICLES])
        send(app, store.ledger.notify_next(job))
    return count


def _retry_refused(store: JobStore, job: JobId, settings: Settings) -> Submission:
    """Read the refused inputs again, and accept only the documents that were refused before."""
    from cli.documents.reader import read_documents

    sources = {refusal.source for refusal in store.collection.refusals(job)}
    # A file whose lines were refused may be missing now, and is then refused as a whole.
    files = {source.rpartition(":")[0] for source in sources}

    def read_refused(inputs: Sequence[str]) -> Iterator[Article | InputRefusal]:
        for document in read_documents(inputs, max_chars=settings.max_article_chars):
            source = document.source
            # A file that was missing may hold several articles now, one per line.
            if source in sources or source in files or source.rpartition(":")[0] in sources:
                yield document

    # Open the intake first: paths in the settings are relative to the current folder, and
    # restore_inputs changes to the folder where submit was called.
    with open_intake(store, settings) as intake:
        return intake.read_again(job, read_refused(restore_inputs(store, job) if sources else []))
