from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.support.proxy import Proxy, proxy_to
from tests.support.waiting import wait_until

_SECONDS = 10


@pytest.fixture
def broker() -> Iterator[socket.socket]:
    """The end of a broker that listens; the test plays its part."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(_SECONDS)
        yield listening


@pytest.fixture
def proxy(broker: socket.socket) -> Iterator[Proxy]:
    """A proxy before the broker."""
    with proxy_to(f"redis://user:word@127.0.0.1:{broker.getsockname()[1]}/0?a=b") as one:
        yield one


def _connect(proxy: Proxy, broker: socket.socket) -> tuple[socket.socket, socket.socket]:
    """The two ends of a connection through the proxy."""
    near = socket.create_connection(("127.0.0.1", proxy.port), timeout=_SECONDS)
    far, _ = broker.accept()
    far.settimeout(_SECONDS)
    return near, far


def test_its_url_differs_in_the_port_only(proxy: Proxy) -> None:
    assert proxy.url == f"redis://user:word@127.0.0.1:{proxy.port}/0?a=b"


def test_bytes_pass_in_both_directions(proxy: Proxy, broker: socket.socket) -> None:
    near, far = _connect(proxy, broker)
    with near, far:
        near.sendall(b"ping")
        assert far.recv(16) == b"ping"
        far.sendall(b"pong")
        assert near.recv(16) == b"pong"


def test_an_end_that_closes_closes_the_other(proxy: Proxy, broker: socket.socket) -> None:
    near, far = _connect(proxy, broker)
    with near, far:
        near.sendall(b"bye")
        near.close()
        assert far.recv(16) == b"bye"
        assert far.recv(16) == b""
    wait_until(lambda: proxy.connections == 0, timeout=_SECONDS, description="no connection left")


def test_a_cut_breaks_what_is_open_and_refuses_what_is_new(
    proxy: Proxy, broker: socket.socket
) -> None:
    near, far = _connect(proxy, broker)
    with near, far:
        proxy.cut()

        assert proxy.connections == 0
        for end in (near, far):
            assert _is_broken(end)
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", proxy.port), timeout=_SECONDS)


def test_mended_it_leads_on_from_the_same_port(proxy: Proxy, broker: socket.socket) -> None:
    port = proxy.port
    proxy.cut()
    proxy.cut()

    proxy.mend()
    proxy.mend()

    assert proxy.port == port
    near, far = _connect(proxy, broker)
    with near, far:
        near.sendall(b"again")
        assert far.recv(16) == b"again"


def test_stalled_it_holds_bytes_back_until_it_is_mended(
    proxy: Proxy, broker: socket.socket
) -> None:
    near, far = _connect(proxy, broker)
    with near, far:
        proxy.stall()
        near.sendall(b"late")
        far.settimeout(0.2)
        with pytest.raises(TimeoutError):
            far.recv(16)

        far.settimeout(_SECONDS)
        proxy.mend()
        assert far.recv(16) == b"late"


def test_a_stalled_one_can_be_cut(proxy: Proxy, broker: socket.socket) -> None:
    near, far = _connect(proxy, broker)
    with near, far:
        proxy.stall()
        near.sendall(b"never")

        proxy.cut()

        assert _is_broken(far)


def test_a_broker_that_is_away_is_a_broken_connection(proxy: Proxy, broker: socket.socket) -> None:
    broker.close()

    with closing(socket.create_connection(("127.0.0.1", proxy.port), timeout=_SECONDS)) as near:
        assert _is_broken(near)


def _is_broken(end: socket.socket) -> bool:
    try:
        return end.recv(16) == b""
    except ConnectionResetError:
        return True
