"""A web server of files in memory: stands in for a mirror, the hub and the package index."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

__all__ = ["FileServer", "file_server"]

_RANGE = re.compile(r"bytes=(\d+)-")


@dataclass
class FileServer:
    """What the server serves, how it fails, and what it was asked for."""

    url: str
    files: dict[str, bytes] = field(default_factory=dict)
    """Content by path, such as ``/tiny.gguf``."""
    ranges: bool = True
    """Whether it honours ``Range``, as Python's own ``http.server`` does not."""
    breaks_after: list[int] = field(default_factory=list)
    """For the next answers: the bytes after which the connection is cut."""
    held: dict[str, threading.Event] = field(default_factory=dict)
    """Paths whose answers wait for an event."""
    requests: list[tuple[str, int]] = field(default_factory=list)
    """Path and first byte of each request, in order."""

    @property
    def paths(self) -> list[str]:
        """The paths that were asked for, in order."""
        return [path for path, _ in self.requests]


@contextmanager
def file_server() -> Iterator[FileServer]:
    """Serve files on a port of this machine."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            match = _RANGE.match(self.headers.get("Range", ""))
            start = int(match[1]) if match and served.ranges else 0
            served.requests.append((self.path, int(match[1]) if match else 0))
            if event := served.held.get(self.path):
                event.wait(60)
            content = served.files.get(self.path)
            if content is None:
                self.send_error(404)
                return
            self.send_response(206 if match and served.ranges else 200)
            self.send_header("Content-Type", "text/html" if self.path.endswith("/") else "x/y")
            if match and served.ranges:
                self.send_header(
                    "Content-Range", f"bytes {start}-{len(content) - 1}/{len(content)}"
                )
            self.send_header("Content-Length", str(len(content) - start))
            self.end_headers()
            whole = served.breaks_after.pop(0) if served.breaks_after else len(content)
            self.wfile.write(content[start : start + whole])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        served = FileServer(f"http://127.0.0.1:{server.server_port}")
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield served
        finally:
            for event in served.held.values():
                event.set()
            server.shutdown()
            thread.join()
