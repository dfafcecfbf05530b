"""A file on a web server, read from any position and resumed when the connection breaks."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, BinaryIO

import httpx2

from worker.engine.supply.source import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from worker.config.catalogue import Piece

__all__ = ["WebFile"]

#: Time to connect. A server that takes longer is down or blocked, and the next source may not be.
_CONNECT_SECONDS = 5.0

#: Longest wait for the next bytes; a stalled connection is opened anew.
_READ_SECONDS = 30.0

#: Broken connections in a row, with no byte between them, after which the server is given up.
_MAX_BREAKS = 3

_PARTIAL, _WHOLE = 206, 200

_RANGE = re.compile(r"bytes (\d+)-\d+/(\d+)")


class WebFile:
    """A source that is one file on a web server."""

    whole_pieces = False

    def __init__(
        self, label: str, url: str, size: int, *, headers: Mapping[str, str] | None = None
    ) -> None:
        self.label, self._url, self._size = label, url, size
        # Compressed bytes would have other positions.
        self._headers = {**(headers or {}), "Accept-Encoding": "identity"}
        self._client = httpx2.Client(
            timeout=httpx2.Timeout(_READ_SECONDS, connect=_CONNECT_SECONDS), follow_redirects=True
        )
        self._body: _Body | None = None

    def deliver(
        self, piece: Piece, start: int, sink: BinaryIO, arrived: Callable[[int], None]
    ) -> None:
        """Stream the bytes, with one connection for as many pieces as possible."""
        breaks = 0
        while start < piece.end:
            try:
                block = self._body_at(start).read(piece.end - start)
            except httpx2.RequestError as error:
                self._drop()
                breaks += 1
                if breaks == _MAX_BREAKS or isinstance(error, _HOPELESS):
                    raise SourceError(_plain(error)) from error
                time.sleep(breaks)
                continue
            sink.write(block)
            start += len(block)
            breaks = 0
            arrived(start)

    def close(self) -> None:
        """Close the connection."""
        self._drop()
        self._client.close()

    def _body_at(self, position: int) -> _Body:
        if self._body is None or self._body.position != position:
            self._drop()
            headers = {**self._headers, "Range": f"bytes={position}-"}
            request = self._client.build_request("GET", self._url, headers=headers)
            response = self._client.send(request, stream=True)
            try:
                skipped = _check(response, position, self._size)
            except SourceError:
                response.close()
                raise
            self._body = _Body(response, position, skipped)
        return self._body

    def _drop(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None


#: Errors that another try does not mend.
_HOPELESS = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
    httpx2.TooManyRedirects,
)


class _Body:
    """The rest of a file, as it streams in."""

    def __init__(self, response: httpx2.Response, position: int, skipped: int) -> None:
        self.position = position
        self._response, self._blocks = response, response.iter_raw()
        self._rest, self._skipped = b"", skipped

    def read(self, most: int) -> bytes:
        """Return at least one byte and at most ``most``."""
        while not self._rest:
            block = next(self._blocks, None)
            if block is None:
                raise httpx2.ReadError("the server closed the connection early")
            dropped = min(self._skipped, len(block))
            self._skipped -= dropped
            self._rest = block[dropped:]
        block, self._rest = self._rest[:most], self._rest[most:]
        self.position += len(block)
        return block

    def close(self) -> None:
        self._response.close()


def _check(response: httpx2.Response, position: int, size: int) -> int:
    """Return how many bytes to skip: all before ``position``, if the server ignores ranges.

    Raises:
        SourceError: an error status, or a file of another size.
    """
    if response.status_code == _PARTIAL:
        match = _RANGE.fullmatch(response.headers.get("Content-Range", ""))
        begins, total, skipped = (int(match[1]), match[2], 0) if match else (None, "", 0)
        if begins != position:
            raise SourceError("the server sent another range than the one asked for")
    elif response.status_code == _WHOLE:
        total, skipped = response.headers.get("Content-Length", ""), position
    else:
        raise SourceError(f"the server answers {response.status_code} {response.reason_phrase}")
    if total.isdigit() and int(total) != size:
        raise SourceError(f"its file has {int(total):,} bytes, not {size:,}")
    return skipped


def _plain(error: httpx2.RequestError) -> str:
    why = str(error) or "no answer in time"
    return f"no connection ({type(error).__name__}: {why})"
