"""``python -m tests.support.fake_worker``: the real worker process with a rule-based engine.

Everything but the model is real: Celery, the prefork child, the pipeline, the store. A text can
make the engine wait at a gate, a folder that ``FAKE_ENGINE_GATE`` names, or end its process.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tests.support.fake_engine import FakeEngine
from worker.engine.protocol import Engine, Generation, Prompt, no_checkpoint
from worker.errors import EngineError

__all__ = [
    "CLOCK",
    "DEAF",
    "DIES",
    "GATE",
    "HARD_LIMIT",
    "LEASE",
    "PATIENCE",
    "TIME_LIMIT",
    "WAITS",
    "Gate",
    "main",
]

#: A text with this word makes the engine wait until the gate is open.
WAITS = "ENGINEWAITS"

#: A text with this word kills the engine's process, as the kernel does when memory is out.
DIES = "ENGINEDIES"

#: A text with this word makes the engine wait like ``WAITS``, but deaf to its soft time limit, like
#: a library call that does not return to Python.
DEAF = "ENGINEDEAF"

#: Environment variable with the gate's folder.
GATE = "FAKE_ENGINE_GATE"

#: Environment variable with the seconds that a chunk gets after SIGQUIT, instead of the real ones.
PATIENCE = "FAKE_WORKER_PATIENCE"

#: Environment variable with the soft time limit of a task in seconds, instead of the real one.
TIME_LIMIT = "FAKE_WORKER_TIME_LIMIT"

#: Environment variable with the seconds after which a task's process is killed, instead of the
#: real ones.
HARD_LIMIT = "FAKE_WORKER_HARD_LIMIT"

#: Environment variable with the seconds of a lease, instead of the real ones.
LEASE = "FAKE_WORKER_LEASE"

#: Environment variable with the seconds by which the worker's clock is ahead.
CLOCK = "FAKE_WORKER_CLOCK"

#: A test that forgets to open the gate fails instead of hanging.
_PATIENCE_SECONDS = 60.0

#: The engine's context in tokens, small enough for a test to exceed it with one long sentence.
_WINDOW = 512


class Gate:
    """A place where the engine waits for the test, which can see that it waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def open(self) -> None:
        """Let every engine pass."""
        (self._folder / "open").touch()

    def close(self) -> None:
        """Forget who waited, and hold every engine that comes."""
        for path in self._folder.iterdir():
            path.unlink()

    @property
    def waiting(self) -> list[int]:
        """The ids of the processes at the gate."""
        return sorted(int(path.name) for path in self._folder.iterdir() if path.name.isdigit())

    def wait(self) -> None:
        """Wait at the gate until it is open."""
        end = time.monotonic() + _PATIENCE_SECONDS
        (self._folder / str(os.getpid())).touch()
        while not (self._folder / "open").exists():
            if time.monotonic() > end:
                raise EngineError(f"the gate {self._folder} was not opened")
            time.sleep(0.02)


class _GatedEngine(FakeEngine):
    """A ``FakeEngine`` that obeys the words in its texts."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        _obey(prompt.text for prompt in prompts)
        return super().generate(prompts, checkpoint)


def _obey(texts: Iterable[str]) -> None:
    for text in texts:
        if DIES in text:
            os.kill(os.getpid(), signal.SIGKILL)
        if DEAF in text:
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        if WAITS in text or DEAF in text:
            Gate(Path(os.environ[GATE])).wait()


def _open_engine(*_: object) -> Engine:
    return _GatedEngine(window=_WINDOW)


def _put_clock_forward(seconds: float) -> None:
    real_time = time.time
    vars(time)["time"] = lambda: real_time() + seconds


def main() -> None:
    """Run until a signal says stop."""
    if CLOCK in os.environ:
        _put_clock_forward(float(os.environ[CLOCK]))
    # Imported here: kombu copies the clock when it is imported.
    from worker.__main__ import run  # noqa: PLC0415
    from worker.config.settings import load_settings  # noqa: PLC0415
    from worker.queue import lease, tasks  # noqa: PLC0415
    from worker.queue.store import ledger  # noqa: PLC0415

    vars(tasks)["open_engine"] = _open_engine
    worker = tasks.build_worker(load_settings())
    if PATIENCE in os.environ:
        worker.app.conf.worker_soft_shutdown_timeout = float(os.environ[PATIENCE])
    if TIME_LIMIT in os.environ:
        worker.app.conf.task_soft_time_limit = float(os.environ[TIME_LIMIT])
    if HARD_LIMIT in os.environ:
        worker.app.conf.task_time_limit = float(os.environ[HARD_LIMIT])
    if LEASE in os.environ:
        seconds = float(os.environ[LEASE])
        vars(ledger)["LEASE_MILLISECONDS"] = int(seconds * 1000)
        vars(lease)["_RENEWAL_SECONDS"] = seconds / 6
    run(worker)


if __name__ == "__main__":
    main()
