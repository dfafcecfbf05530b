"""``copydesk worker`` runs a worker in the foreground, for containers and service managers."""

from __future__ import annotations

import os
import sys

from cli.output.report import JsonFlag, Report, render
from cli.service import WORKER_COMMAND, Service, worker_environment
from cli.submit import ProfileOption

__all__ = ["command"]


def command(profile: ProfileOption = None, as_json: JsonFlag = False) -> Report:
    """Run a worker in the foreground until stopped; it logs to stderr.

    SIGTERM lets it finish its chunk; SIGQUIT gives it 30 seconds before the chunk is requeued.
    """
    from worker.config.settings import load_settings
    from worker.queue.connection import open_store

    settings = load_settings(profile=profile)
    service = Service(settings)
    service.check_model()
    service.warn_of_low_memory()
    with open_store(settings) as store:
        others = store.roster.count_live_workers()
    if as_json:
        # This process becomes the worker below, so the envelope is printed now.
        render(Report("worker", {"workers_before": others}, as_json=True))
        sys.stdout.flush()
    os.execve(  # noqa: S606 - no shell is wanted
        WORKER_COMMAND[0], list(WORKER_COMMAND), worker_environment(settings)
    )
