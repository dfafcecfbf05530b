"""``copydesk run`` submits, processes and collects articles in one command."""

from __future__ import annotations

import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cli.collect import OutOption, write_results
from cli.output.job_summary import exit_code_of, job_data, job_line
from cli.output.progress import follow
from cli.output.report import JsonFlag, Report, talk
from cli.service import Service
from cli.submit import (
    Inputs,
    ProfileOption,
    RestraintOption,
    error_problems,
    refusal_problems,
    submit_inputs,
)
from cli.watch import TimeoutOption, timeout_from_seconds
from worker.errors import CopydeskError

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["command"]


def command(
    inputs: Inputs,
    *,
    out: OutOption = Path("out"),
    profile: ProfileOption = None,
    restraint: RestraintOption = None,
    timeout: TimeoutOption = None,
    as_json: JsonFlag = False,
) -> Report:
    """Submit articles, process them and write the results; start and stop broker and worker.

    A broker or worker that is already running is used and left running. Exit codes as for watch.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store

    # Handle SIGTERM like Ctrl-C, so that a service manager leaves no broker or worker behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    settings = load_settings(profile=profile, restraint=restraint)
    service = Service(settings)
    try:
        service.check_model()
        with _running_broker(service), open_store(settings) as store:
            submission = submit_inputs(inputs, store, settings)
            talk(f"job {submission.job}: {submission.accepted} articles")
            if submission.cached < submission.accepted:
                with _running_worker(service):
                    follow(
                        store,
                        submission.job,
                        settings,
                        timeout=timeout_from_seconds(timeout),
                        on_poll=service.check_worker,
                    )
            progress = write_results(store, submission.job, out)
    except CopydeskError as error:
        return Report("run", {}, "", error.exit_code, error_problems(error), as_json)
    talk(f"job {submission.job}: {job_line(progress)}")
    return Report(
        command="run",
        data={**job_data(progress), "out": str(out)},
        text=str(out),
        exit_code=exit_code_of(progress),
        problems=refusal_problems(submission.refusals),
        as_json=as_json,
    )


@contextmanager
def _running_broker(service: Service) -> Iterator[None]:
    """Run the broker; stop it at the end if this command started it."""
    started = service.start_broker()
    try:
        yield
    finally:
        if started:
            service.stop_broker()


@contextmanager
def _running_worker(service: Service) -> Iterator[None]:
    """Run a worker; stop it at the end if this command started it."""
    started = service.start_worker()
    try:
        if started:
            talk("starting the worker; it loads the model")
            service.wait_for_worker()
        yield
    finally:
        if started:
            service.stop_worker()
