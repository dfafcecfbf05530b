"""A real ``transformers serve`` in a process of its own, to be killed and restarted.

It is pinned to one model, so that it loads the model before it answers, as vLLM does. Otherwise it
would load on the first request and unload after some idle minutes.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx2

from tests.support.waiting import wait_until

__all__ = ["ModelServer", "running_model_server"]

#: Importing torch and loading the model takes 5 s, and longer on a busy machine.
_START_SECONDS = 90.0

_STOP_SECONDS = 10.0

#: Threads wait for each other in every layer: on two busy cores, an answer of 14 tokens took 17.5 s
#: with two threads and 1.3 s with one (measured).
_THREADS = "1"

#: What uvicorn logs for each answered chat.
_ANSWERED = '"POST /v1/chat/completions HTTP/1.1" 200 OK'


class ModelServer:
    """A server that keeps its port over restarts.

    Args:
        model: the model's folder, which is also its name for clients.
        folder: for the log and an empty hub cache.
        dtype: of the weights; by default as stored.
    """

    def __init__(self, model: str, folder: Path, *, dtype: str = "auto") -> None:
        self.model, self._dtype, self._port = model, dtype, _free_port()
        self._log, self._hub = folder / "serve.log", folder / "hub"
        # Without a cache folder, listing models is an internal error.
        self._hub.mkdir()
        self._process: subprocess.Popen[bytes] | None = None
        self.starts = 0

    @property
    def url(self) -> str:
        """The URL of the API."""
        return f"http://127.0.0.1:{self._port}/v1"

    @property
    def log(self) -> str:
        """The log of all starts so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    @property
    def answered(self) -> int:
        """The number of chats answered so far."""
        return self.log.count(_ANSWERED)

    def start(self) -> None:
        """Start the process; ``wait`` returns once it answers."""
        command = [
            *(str(Path(sys.executable).with_name("transformers")), "serve", self.model),
            *("--host", "127.0.0.1", "--port", str(self._port)),
            *("--device", "cpu", "--dtype", self._dtype),
        ]
        environment = {
            **os.environ,
            "HF_HUB_OFFLINE": "1",
            "HF_HUB_CACHE": str(self._hub),
            "OMP_NUM_THREADS": _THREADS,
        }
        with self._log.open("ab") as stream:
            self._process = subprocess.Popen(
                command,
                env=environment,
                stdout=stream,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        self.starts += 1

    def wait(self) -> None:
        """Wait until the server answers."""
        process = self._process
        assert process is not None
        wait_until(
            lambda: process.poll() is not None or self._is_up(),
            timeout=_START_SECONDS,
            description="a model server that answers",
        )
        assert process.poll() is None, self.log

    def kill(self) -> None:
        """Kill the process group at once, as a crash does."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(_STOP_SECONDS)
            self._process = None

    def _is_up(self) -> bool:
        try:
            return httpx2.get(f"{self.url[:-3]}/health", timeout=1.0).is_success
        except httpx2.TransportError:
            return False


@contextmanager
def running_model_server(model: str, folder: Path, *, dtype: str = "auto") -> Iterator[ModelServer]:
    """Run a server that answers; kill it at the end."""
    server = ModelServer(model, folder, dtype=dtype)
    try:
        server.start()
        server.wait()
        yield server
    finally:
        server.kill()


def _free_port() -> int:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        port: int = bound.getsockname()[1]
        return port
