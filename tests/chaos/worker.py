"""``python -m tests.chaos.worker``: the real worker process with an engine of a few milliseconds.

Everything but the model is real. Two things are added, both outside the ledger: the child writes
its process id to a file, and every recording appends a line to a witness file. A kill can lose such
a line, but never add one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.fake_engine import FakeEngine
from worker.__main__ import main as worker_main
from worker.engine.protocol import Engine, Generation, Prompt, no_checkpoint
from worker.queue import tasks
from worker.queue.store.ledger import Ledger
from worker.records.article import ProcessedArticle
from worker.records.chunk import ChunkCost, Claim

__all__ = ["FOLDER", "LATE", "RECORDED", "WITNESS", "child_file", "main"]

#: Environment variable with the folder of these files.
FOLDER = "CHAOS_FOLDER"

#: File with a line for each result of ``Ledger.complete``: chunk, answer, attempt.
WITNESS = "witness.txt"

RECORDED, LATE = "recorded", "late"

#: Time for each text. A chunk of four articles has about twenty, so it takes a quarter of a second,
#: in which a kill can hit it at any point.
_TEXT_SECONDS = 0.012


def child_file(folder: Path, main_process: int) -> Path:
    """Return the file in which the child of ``main_process`` writes its id once it is ready."""
    return folder / f"child-{main_process}"


class _SlowEngine(FakeEngine):
    """A ``FakeEngine`` that takes some milliseconds for each text."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        time.sleep(_TEXT_SECONDS * len(prompts))
        return super().generate(prompts, checkpoint)


def _open_engine(*_: object) -> Engine:
    file = child_file(Path(os.environ[FOLDER]), os.getppid())
    unfinished = file.with_suffix(".new")
    unfinished.write_text(str(os.getpid()), encoding="ascii")
    unfinished.replace(file)
    return _SlowEngine()


def _witness(complete: Callable[..., bool]) -> Callable[..., bool]:
    def witnessed(
        ledger: Ledger, claim: Claim, processed: Sequence[ProcessedArticle], tally: ChunkCost
    ) -> Any:
        recorded = complete(ledger, claim, processed, tally)
        answer = RECORDED if recorded else LATE
        line = f"{claim.job}:{claim.chunk} {answer} {claim.attempts}\n"
        file = Path(os.environ[FOLDER]) / WITNESS
        descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(descriptor, line.encode())
        os.close(descriptor)
        return recorded

    return witnessed


def main() -> None:
    """Run until a signal says stop."""
    vars(tasks)["open_engine"] = _open_engine
    Ledger.complete = _witness(Ledger.complete)  # type: ignore[method-assign]
    worker_main()


if __name__ == "__main__":
    main()
