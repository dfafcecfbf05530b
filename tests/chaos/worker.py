"""``python -m tests.chaos.worker``: the real worker process with an engine of a few milliseconds.

All is real but the model. Two things are added, both outside of the ledger: the child writes down
who it is, and every recording is witnessed in a file of which a kill can lose a line, and never
make one.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from tests.support.fake_engine import FakeEngine
from worker.engine.protocol import Engine, Generation, Prompt, no_checkpoint
from worker.queue.store.ledger import Ledger
from worker.records.article import Processed
from worker.records.chunk import Claim, Tally

__all__ = ["FOLDER", "LATE", "RECORDED", "WITNESS", "child_file", "main"]

#: Environment variable with the folder for what is written down.
FOLDER = "CHAOS_FOLDER"

#: File with a line for each answer of ``Ledger.complete``: chunk, answer, attempt.
WITNESS = "witness.txt"

RECORDED, LATE = "recorded", "late"

#: Of each text that the engine gets. A chunk of four articles has some twenty: a quarter of a
#: second, in which a kill can meet it at any point.
_TEXT_SECONDS = 0.012


def child_file(folder: Path, main_process: int) -> Path:
    """Where the child of this main process writes its id, once its engine is loaded."""
    return folder / f"child-{main_process}"


class _SlowEngine(FakeEngine):
    """A ``FakeEngine`` that takes its time, and can be stopped between two texts."""

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
        ledger: Ledger, claim: Claim, processed: Sequence[Processed], tally: Tally
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
    # Imported here: the module reads its settings and opens its connection at import.
    from worker import __main__  # noqa: PLC0415
    from worker.queue import tasks  # noqa: PLC0415

    vars(tasks)["open_engine"] = _open_engine
    Ledger.complete = _witness(Ledger.complete)  # type: ignore[method-assign]
    __main__.main()


if __name__ == "__main__":
    main()
