"""``python -m tests.support.fake_worker``: the real worker process with an engine by rule.

All is real but the model: Celery, the prefork child, the pipeline, the store. A text can make
the engine wait at a gate, a folder that ``FAKE_ENGINE_GATE`` names, or end its process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.support.fake_engine import FakeEngine
from worker.engine import Engine, Generation, Prompt, Surprisal, go_on
from worker.errors import EngineError

__all__ = ["DIES", "GATE", "PATIENCE", "TIME_LIMIT", "WAITS", "Gate", "main"]

#: A text with this word makes the engine wait until the gate is open.
WAITS = "ENGINEWAITS"

#: A text with this word kills the engine's process, as the kernel does when memory is out.
DIES = "ENGINEDIES"

#: Environment variable with the gate's folder.
GATE = "FAKE_ENGINE_GATE"

#: Environment variable with the seconds that a chunk gets at SIGQUIT, in place of the real ones.
PATIENCE = "FAKE_WORKER_PATIENCE"

#: Environment variable with the seconds that a task may take, in place of the real ones.
TIME_LIMIT = "FAKE_WORKER_TIME_LIMIT"

#: A test that forgot to open the gate shall fail, not hang.
_PATIENCE_SECONDS = 60.0

#: Tokens that fit, so that a test can go over it with a sentence of some pages.
_WINDOW = 512


class Gate:
    """A place where the engine waits for the test, and tells it that it does."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Let every engine pass from now on."""
        (self._folder / "open").touch()

    def close(self) -> None:
        """Forget who waited, and hold whoever comes."""
        for path in self._folder.iterdir():
            path.unlink()

    @property
    def waiting(self) -> list[int]:
        """Ids of the processes that have come to the gate."""
        return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit())

    def wait(self) -> None:
        """Come to the gate, and stay until it is open."""
        end = time.monotonic() + _PATIENCE_SECONDS
        (self._folder / str(os.getpid())).touch()
        while not (self._folder / "open").exists():
            if time.monotonic() > end:
                raise EngineError(f"the gate {self._folder} was not opened")
            time.sleep(0.02)


class _GatedEngine(FakeEngine):
    """A ``FakeEngine`` that does what the texts say."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = go_on
    ) -> list[Generation]:
        _obey(prompt.text for prompt in prompts)
        return super().generate(prompts, checkpoint)

    def surprisal(
        self, texts: Sequence[str], checkpoint: Callable[[], None] = go_on
    ) -> list[Surprisal]:
        _obey(texts)
        return super().surprisal(texts, checkpoint)


def _obey(texts: Iterable[str]) -> None:
    for text in texts:
        if DIES in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if WAITS in text:
            Gate(Path(os.environ[GATE])).wait()


def _open_engine(*_: object) -> Engine:
    return _GatedEngine(window=_WINDOW)


def main() -> None:
    """Run until a signal says stop."""
    # Imported here: the module reads its settings and opens its connection at import.
    from worker import __main__, tasks  # noqa: PLC0415

    vars(tasks)["open_engine"] = _open_engine
    if PATIENCE in os.environ:
        tasks.app.conf.worker_soft_shutdown_timeout = float(os.environ[PATIENCE])
    if TIME_LIMIT in os.environ:
        tasks.app.conf.task_soft_time_limit = float(os.environ[TIME_LIMIT])
    __main__.main()


if __name__ == "__main__":
    main()
