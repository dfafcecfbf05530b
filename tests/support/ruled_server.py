"""An OpenAI-compatible server that answers by a rule: real HTTP on a local port, no model."""

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
    "TIMEOUT_SECONDS",
    "ReceivedRequest",
    "Reply",
    "Rule",
    "RuledServer",
    "completion",
    "echo",
    "engine_at",
    "model_at",
    "ruled_server",
    "text_of",
]

#: Name of the served model.
NAME = "someone/something"

#: Far longer than anything a test waits for, so that reaching it is a failure.
TIMEOUT_SECONDS = 10.0


@dataclass
class Reply:
    """A response of the server."""

    content: Any
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ReceivedRequest:
    """A request as the server received it."""

    path: str
    key: str | None
    body: Any


#: Returns the reply to a request's body.
Rule = Callable[[Any], Reply | None]


def completion(text: str | None, reason: str = "stop", **usage: int) -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}}
    content = {"object": "chat.completion", "choices": [{**choice, "finish_reason": reason}]}
    return Reply({**content, "usage": usage} if usage else content)


def echo(body: Any) -> Reply:
    return completion(text_of(body).upper())


def text_of(body: Any) -> str:
    return str(body["messages"][-1]["content"])


class RuledServer(ThreadingHTTPServer):
    """Answers each request by ``rule``: by default in capitals; None drops the connection.

    ``routes`` has rules for single paths. Like most servers, this one has no ``/tokenize``.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.rule: Rule = echo
        self.routes: dict[str, Rule] = {"/tokenize": lambda _: Reply({"detail": "Not Found"}, 404)}
        self.requests: list[ReceivedRequest] = []
        self.stopping = threading.Event()
        """Set at the end of the test, to release rules that wait."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1"

    def handle_error(self, *_: object) -> None:
        """Ignore disconnected clients, which some tests provoke."""


class _Handler(BaseHTTPRequestHandler):
    server: RuledServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def do_GET(self) -> None:
        self._answer(None)

    def _answer(self, body: Any) -> None:
        self.server.requests.append(ReceivedRequest(self.path, self.headers["Authorization"], body))
        reply = self.server.routes.get(self.path, self.server.rule)(body)
        if reply is None:
            self.close_connection = True
            return
        content = reply.content
        payload = content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_response(reply.status)
        for name, value in {**reply.headers, "Content-Length": str(len(payload))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(payload)

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def ruled_server() -> Iterator[RuledServer]:
    """Run a server in the context."""
    with RuledServer() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield running
        finally:
            running.stopping.set()
            running.shutdown()
            thread.join()


def model_at(url: str, **fields: Any) -> ModelSettings:
    return ModelSettings(kind="server", name=NAME, revision="abc", url=url, **fields)


def engine_at(
    url: str, *, key: str = "", patience: float = TIMEOUT_SECONDS, **fields: Any
) -> ServerEngine:
    return ServerEngine(model_at(url, **fields), Settings(api_key=key), patience_seconds=patience)
