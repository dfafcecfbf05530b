"""A proxy to a broker that a test can cut and mend, like a network between two machines."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, TypeVar
from urllib.parse import unquote, urlsplit

__all__ = ["Proxy", "proxy_to"]

_T = TypeVar("_T")

#: Limit for a proxy that hangs; every command takes milliseconds.
_COMMAND_SECONDS = 10.0

#: Bytes to read at a time; any size would do.
_BLOCK_BYTES = 65_536


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """Run a proxy to the broker at ``url`` (``redis``, ``rediss`` or ``redis+socket``).

    Its own ``url`` has the login and the options of ``url``. The proxy does not terminate TLS, so
    the certificate must be for 127.0.0.1.
    """
    proxy = Proxy(url)
    try:
        proxy.mend()
        yield proxy
    finally:
        proxy.close()


class Proxy:
    """A port of 127.0.0.1 that forwards to a broker on this machine."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        login, separator, _ = parts.netloc.rpartition("@")
        self._target: str | int = (
            unquote(parts.path) if parts.scheme == "redis+socket" else parts.port or 0
        )
        # Bound without listening, so that nobody else gets the port while the proxy is cut.
        self._held = _bound_socket(0)
        self.port: int = self._held.getsockname()[1]
        here = f"127.0.0.1:{self.port}"
        self.url = (
            f"redis://{login}{separator}{here}/0"
            if parts.scheme == "redis+socket"
            else parts._replace(netloc=f"{login}{separator}{here}").geturl()
        )
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._execute(self._cut())

    def stall(self) -> None:
        """Let no byte pass in either direction; accept connections and keep them open."""
        self._execute(self._stall())

    def mend(self) -> None:
        """Let everything pass again."""
        self._execute(self._mend())

    def close(self) -> None:
        """Cut all connections, and release all resources."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_COMMAND_SECONDS)
        self._loop.close()
        self._held.close()

    @property
    def connections(self) -> int:
        """The number of open connections."""
        return len(self._ends) // 2

    def _execute(self, command: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(command, self._loop).result(_COMMAND_SECONDS)

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _stall(self) -> None:
        self._flows.clear()

    async def _mend(self) -> None:
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._forward, sock=_bound_socket(self.port))

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a connection until both ends are closed."""
        ends = {writer}
        try:
            self._ends |= ends
            # If the broker is away, the connection is closed.
            with suppress(OSError):
                back, onward = await self._open()
                ends.add(onward)
                self._ends |= ends
                await asyncio.gather(self._pump(reader, onward), self._pump(back, writer))
        finally:
            self._ends -= ends
            for end in ends:
                end.close()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self._target, str):
            return await asyncio.open_unix_connection(self._target)
        return await asyncio.open_connection("127.0.0.1", self._target)

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while block := await reader.read(_BLOCK_BYTES):
                await self._flows.wait()
                writer.write(block)
                await writer.drain()
        writer.close()


def _bound_socket(port: int) -> socket.socket:
    bound = socket.socket()
    # The proxy binds two sockets to the port: one holds it, one listens.
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind(("127.0.0.1", port))
    return bound
