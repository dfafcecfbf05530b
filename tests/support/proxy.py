"""A way to a broker that a test can cut and mend: the network between two machines."""

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

#: Only a proxy that hangs needs it: what it is told to do is done in milliseconds.
_ORDER_SECONDS = 10.0

#: Read at a time; any size would do.
_BLOCK_BYTES = 65_536


@contextmanager
def proxy_to(url: str) -> Iterator[Proxy]:
    """A proxy before the broker at ``url`` (``redis``, ``rediss`` or ``redis+socket``).

    Its ``url`` leads through it, with the login and the options of ``url``. TLS is not ended
    here: the certificate must be one for 127.0.0.1.
    """
    proxy = Proxy(url)
    try:
        proxy.mend()
        yield proxy
    finally:
        proxy.close()


class Proxy:
    """A port of 127.0.0.1 whose connections lead to a broker of this machine."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        login, at, _ = parts.netloc.rpartition("@")
        self._target: str | int = (
            unquote(parts.path) if parts.scheme == "redis+socket" else parts.port or 0
        )
        # It is held, and not listened on: while the way is cut nobody else gets the port.
        self._held = _bound_socket(0)
        self.port: int = self._held.getsockname()[1]
        here = f"127.0.0.1:{self.port}"
        self.url = (
            f"redis://{login}{at}{here}/0"
            if parts.scheme == "redis+socket"
            else parts._replace(netloc=f"{login}{at}{here}").geturl()
        )
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._flows = asyncio.Event()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy", daemon=True)
        self._thread.start()

    def cut(self) -> None:
        """Break every connection, and refuse new ones."""
        self._order(self._cut())

    def stall(self) -> None:
        """Let no byte pass, in either direction; connections stay open, new ones too."""
        self._order(self._stall())

    def mend(self) -> None:
        """Let everything pass, as at the start."""
        self._order(self._mend())

    def close(self) -> None:
        """Cut, and give everything back."""
        self.cut()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(_ORDER_SECONDS)
        self._loop.close()
        self._held.close()

    @property
    def connections(self) -> int:
        """How many connections lead through it now."""
        return len(self._ends) // 2

    def _order(self, what: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(what, self._loop).result(_ORDER_SECONDS)

    async def _cut(self) -> None:
        if self._server:
            self._server.close()
            self._server = None
        for end in self._ends:
            end.transport.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _stall(self) -> None:
        self._flows.clear()

    async def _mend(self) -> None:
        self._flows.set()
        if self._server is None:
            self._server = await asyncio.start_server(self._lead, sock=_bound_socket(self.port))

    async def _lead(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until one of its ends closes it and the other has heard."""
        ends = {writer}
        try:
            self._ends |= ends
            # The broker may be away: who comes is then sent off.
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
    made = socket.socket()
    # Two of the proxy's own are bound to it: one holds the port, one listens.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    made.bind(("127.0.0.1", port))
    return made
