"""The place of a run: its folders, its settings, and the environment of its processes."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.worker import FOLDER
from worker.config.profile import DEFAULT_MODEL
from worker.config.settings import Settings, load_settings
from worker.config.weights import model_folder
from worker.queue.connection import broker_url, connect
from worker.queue.store.jobs import JobStore

__all__ = ["Place", "say"]

_ROOT = Path(__file__).parents[2]

#: Environment variables that every process needs.
_INHERITED = ("PATH", "HOME", "TMPDIR")

#: Articles in a chunk: few, so that there are many chunks for a kill to hit.
_CHUNK_ARTICLES = 4

_started = time.monotonic()


def say(text: str) -> None:
    """Write a line to stderr, with the seconds since the start."""
    sys.stderr.write(f"{time.monotonic() - _started:7.1f}  {text}\n")
    sys.stderr.flush()


@dataclass(frozen=True, slots=True)
class Place:
    """A home folder, a folder for logs and the witness, and the store."""

    home: Path
    notes: Path

    @classmethod
    def make(cls, root: Path) -> Place:
        """Create a place in the folder ``root``."""
        place = cls(root / "home", root / "notes")
        for folder in (place.home, place.notes):
            folder.mkdir(parents=True)
        # The folder must exist, but no model is loaded.
        model_folder(DEFAULT_MODEL, place.home).mkdir(parents=True)
        return place

    @property
    def settings(self) -> Settings:
        """Settings with small chunks, on the embedded broker of the home folder."""
        return load_settings(home=self.home, chunk_articles=_CHUNK_ARTICLES)

    def open_store(self) -> JobStore:
        """Open the job store with a connection of its own."""
        settings = self.settings
        ttl_seconds = int(settings.job_ttl.total_seconds())
        return JobStore(connect(broker_url(settings)), ttl_seconds=ttl_seconds)

    def start(self, command: Sequence[str], log: Path) -> subprocess.Popen[bytes]:
        """Start ``python -m`` with ``command`` in its own session; its output goes to ``log``."""
        inherited = {name: os.environ[name] for name in _INHERITED if name in os.environ}
        environment = {
            **inherited,
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
