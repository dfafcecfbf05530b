"""An OpenAI-compatible server by rule, on a port of this machine: real HTTP, and no model."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from worker.config.profile import ModelSettings
from worker.config.settings import Settings
from worker.engine.server import ServerEngine

__all__ = [
    "NAME",
    "SOON",
    "Asked",
    "Reply",
    "RuledServer",
    "completion",
    "echo",
    "engine_at",
    "model_at",
    "ruled_server",
    "text_of",
]

#: The model that it serves.
NAME = "someone/something"

#: Long against what a test waits for, and short enough to be seen as a failure.
SOON = 10.0


@dataclass
class Reply:
    """What the server by rule answers."""

    said: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Asked:
    """A request as it came."""

    path: str
    key: str | None
    body: Any


def completion(text: str | None, reason: str = "stop", **usage: int) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    said = {"object": "chat.completion", "choices": [{**choice, "finish_reason": reason}]}
    return Reply({**said, "usage": usage} if usage else said)


def echo(body: Any) -> Reply:
    return completion(text_of(body).upper())


def text_of(body: Any) -> str:
    return str(body["messages"][-1]["content"])


class RuledServer(ThreadingHTTPServer):
    """Answers by ``rule``, at first with the text in capitals; ``None`` drops the connection."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rule: Callable[[Any], Reply | None] = echo
        self.asked: list[Asked] = []
        self.over = threading.Event()
        """Set at the test's end: nobody waits longer."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        """A client that has gone is what some tests are about."""


class _Handler(BaseHTTPRequestHandler):
    server: RuledServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, body: Any) -> None:
        self.server.asked.append(Asked(self.path, self.headers["Authorization"], body))
        reply = self.server.rule(body)
        if reply is None:
            self.close_connection = True
            return
        said = reply.said if isinstance(reply.said, bytes) else json.dumps(reply.said).encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(said))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def ruled_server() -> Iterator[RuledServer]:
    """A server that runs while in the context."""
    with RuledServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running
        finally:
            running.over.set()
            running.shutdown()
            thread.join()


def model_at(url: str, **said: Any) -> ModelSettings:
    return ModelSettings(kind="server", name=NAME, revision="abc", url=url, **said)


def engine_at(url: str, *, key: str = "", patience: float = SOON, **said: Any) -> ServerEngine:
    return ServerEngine(model_at(url, **said), Settings(api_key=key), patience_seconds=patience)
