"""A running desk for benchmarks: embedded broker, one worker, the real command line."""

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
    """A home of its own, whose broker and worker run."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.settings = load_settings(home=home)

    def copydesk(self, *arguments: str | Path) -> str:
        """What ``copydesk`` with these arguments says on stdout."""
        ran = subprocess.run(
            [sys.executable, "-m", "cli", *map(str, arguments)],
            env={**os.environ, "COPYDESK_HOME": str(self.home)},
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        return ran.stdout

    def memory_mb(self, field: str) -> float:
        """Of the worker's child, which holds the model: ``VmRSS`` now, ``VmHWM`` at its peak."""
        with open_store(self.settings) as store:
            (pid,) = [worker.pid for worker in store.roster.workers()]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
        said = [Path(f"/proc/{child}/status").read_text(encoding="utf-8") for child in children]
        found = [re.search(rf"{field}:\s+(\d+) kB", one) for one in said]
        return max(int(one[1]) / 1024 for one in found if one)

    @contextmanager
    def store(self) -> Iterator[JobStore]:
        """Its job store."""
        with open_store(self.settings) as store:
            yield store


@contextmanager
def running_desk(settings: Settings) -> Iterator[Desk]:
    """A desk with the models of ``settings``, up while in the context."""
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
    """The articles as JSON Lines to submit."""
    with file.open("w", encoding="utf-8") as stream:
        for article in articles:
            said = {"id": article.id, "title": article.title, "text": article.text}
            stream.write(json.dumps(said) + "\n")
