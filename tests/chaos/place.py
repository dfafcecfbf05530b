"""Where a run happens: its folders, its settings, and the processes' environment."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.worker import FOLDER
from worker.config.settings import Settings, load_settings
from worker.config.weights import embedded_folder
from worker.queue.connection import broker_url, connect
from worker.queue.store.jobs import JobStore

__all__ = ["Place", "say"]

_ROOT = Path(__file__).parents[2]

#: What a process needs to run at all.
_PASSED_ON = ("PATH", "HOME", "TMPDIR")

#: Articles of a chunk: few, so that there are many chunks, and a kill meets one soon.
_CHUNK_ARTICLES = 4

_started = time.monotonic()


def say(what: str) -> None:
    """One line to stderr, with the seconds since the start."""
    sys.stderr.write(f"{time.monotonic() - _started:7.1f}  {what}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Place:
    """A home folder, a folder for logs and the witness, and the store."""

    home: Path
    notes: Path

    @classmethod
    def make(cls, root: Path) -> Place:
        """A new one in the folder ``root``."""
        place = cls(root / "home", root / "notes")
        for folder in (place.home, place.notes):
            folder.mkdir(parents=True)
        # It is looked for, and not loaded: the engine is by rule.
        embedded_folder(place.home).mkdir(parents=True)
        return place

    @property
    def settings(self) -> Settings:
        """With small chunks, on the embedded broker of the home folder."""
        return load_settings(home=self.home, chunk_articles=_CHUNK_ARTICLES)

    def open_store(self) -> JobStore:
        """The job store over a connection of its own."""
        settings = self.settings
        ttl_seconds = int(settings.job_ttl.total_seconds())
        return JobStore(connect(broker_url(settings)), ttl_seconds=ttl_seconds)

    def start(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """``python -m`` with these words, in a session of its own; it talks into ``log``."""
        passed = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
        environment = {
            **passed,
            "LANG": "C.UTF-8",
            "PYTHONPATH": str(_ROOT),
            "COPYDESK_HOME": str(self.home),
            "COPYDESK_CHUNK_ARTICLES": str(_CHUNK_ARTICLES),
            FOLDER: str(self.notes),
        }
        with log.open("ab") as stream:
            return subprocess.Popen(
                [sys.executable, "-P", "-m", *command],
                cwd=self.home,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
