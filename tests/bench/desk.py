"""A running desk for benchmarks: the embedded broker, one worker and the real CLI."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from worker.config.settings import Settings, load_settings
from worker.queue.connection import open_store
from worker.queue.store.jobs import JobStore
from worker.records.article import Article

__all__ = ["Desk", "running_desk", "write_dump"]


class Desk:
    """A separate home folder with a running broker and worker."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = load_settings(home=home)

    def copydesk(self, *arguments: str | Path) -> str:
        """Run ``copydesk`` and return its stdout."""
        completed = subprocess.run(
            [sys.executable, "-m", "cli", *map(str, arguments)],
            env={**os.environ, "COPYDESK_HOME": str(self.home)},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return completed.stdout

    def memory_mb(self, field: str) -> float:
        """Return the memory of the worker's child: ``VmRSS`` is current, ``VmHWM`` its peak."""
        with open_store(self.settings) as store:
            (pid,) = [worker.pid for worker in store.roster.workers()]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        statuses = [Path(f"/proc/{child}/status").read_text(encoding="utf-8") for child in children]
        matches = [re.search(rf"{field}:\s+(\d+) kB", status) for status in statuses]
        return max(int(match[1]) / 1024 for match in matches if match)

    @contextmanager
    def store(self) -> Iterator[JobStore]:
        """Open the job store."""
        with open_store(self.settings) as store:
            yield store


@contextmanager
def running_desk(settings: Settings) -> Iterator[Desk]:
    """Run a desk with the models of ``settings`` in the context."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch) / "home"
        home.mkdir()
        (home / "models").symlink_to((settings.home / "models").resolve())
        desk = Desk(home)
        desk.copydesk("up")
        try:
            yield desk
        finally:
            desk.copydesk("down")


def write_dump(articles: Sequence[Article], file: Path) -> None:
    """Write the articles as JSON Lines."""
    with file.open("w", encoding="utf-8") as stream:
        for article in articles:
            fields = {"id": article.id, "title": article.title, "text": article.text}
            stream.write(json.dumps(fields) + "\n")
