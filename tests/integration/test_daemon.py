from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from worker.runtime.daemon import Daemon

_WAITS = (sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()")

#: Ignores SIGTERM, and has a child that also holds the inherited lock.
_STUBBORN = (
    sys.executable,
    "-c",
    """
import os, signal
signal.signal(signal.SIGTERM, signal.SIG_IGN)
os.fork() and print('ready', flush=True)
while True: signal.pause()
""",
)


@pytest.fixture
def daemon(tmp_path: Path) -> Iterator[Daemon]:
    """A daemon that is not started; killed at the end."""
    sleeper = Daemon(tmp_path / "daemon", "sleeper")
    yield sleeper
    sleeper.stop(signal.SIGKILL, patience_seconds=5)


def _start(daemon: Daemon, command: tuple[str, ...] = _WAITS) -> int:
    assert daemon.start(command)
    wait_until(lambda: "ready" in daemon.tail(), timeout=10, description="a daemon that is ready")
    pid = daemon.pid
    assert pid is not None
    return pid


def test_it_does_not_run_before_its_start(daemon: Daemon) -> None:
    assert (daemon.running, daemon.pid, daemon.tail()) == (False, None, "")
    assert not daemon.stop(signal.SIGTERM, patience_seconds=1)


def test_it_runs_detached_until_it_is_stopped(daemon: Daemon) -> None:
    pid = _start(daemon)

    assert daemon.running
    assert os.getsid(pid) == pid
    assert daemon.stop(signal.SIGTERM, patience_seconds=10)
    assert (daemon.running, daemon.pid) == (False, None)


def test_it_never_runs_twice(daemon: Daemon, tmp_path: Path) -> None:
    pid = _start(daemon)

    assert not daemon.start(_WAITS)
    assert not Daemon(tmp_path / "daemon", "sleeper").start(_WAITS)
    assert daemon.pid == pid


def test_another_name_is_another_daemon(daemon: Daemon, tmp_path: Path) -> None:
    _start(daemon)
    second = Daemon(tmp_path / "daemon", "other")
    try:
        _start(second)
        assert second.pid != daemon.pid
    finally:
        second.stop(signal.SIGKILL, patience_seconds=5)


def test_it_outlives_the_process_that_started_it(daemon: Daemon, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from worker.runtime.daemon import Daemon; "
        f"Daemon(Path({str(tmp_path / 'daemon')!r}), 'sleeper').start({_WAITS!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

    assert daemon.running
    assert daemon.stop(signal.SIGTERM, patience_seconds=10)


def test_a_stale_lock_file_is_ignored(daemon: Daemon, tmp_path: Path) -> None:
    # Another process may have the pid by now; here the test itself has it.
    (tmp_path / "daemon").mkdir()
    (tmp_path / "daemon" / "sleeper.lock").write_text(str(os.getpid()))

    assert (daemon.running, daemon.pid) == (False, None)
    assert not daemon.stop(signal.SIGKILL, patience_seconds=1)
    assert _start(daemon) != os.getpid()


def test_a_killed_daemon_can_be_started_again(daemon: Daemon) -> None:
    killed = _start(daemon)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not daemon.running, timeout=10, description="the daemon to be gone")

    assert daemon.start(_WAITS)
    assert daemon.pid != killed


def test_a_daemon_that_ignores_sigterm_is_killed_with_its_children(daemon: Daemon) -> None:
    _start(daemon, _STUBBORN)

    assert daemon.stop(signal.SIGTERM, patience_seconds=0.2)

    assert not daemon.running


def test_its_environment_and_its_log(daemon: Daemon) -> None:
    command = (sys.executable, "-c", "import os; print('said', os.environ['WORD'])")
    daemon.start(command, {"WORD": "boo"})
    wait_until(lambda: not daemon.running, timeout=10, description="the end of the daemon")

    assert daemon.tail() == "said boo"
    assert daemon.log.read_text() == "said boo\n"


def test_the_tail_shows_the_end_of_a_long_log(daemon: Daemon) -> None:
    daemon.start((sys.executable, "-c", "print(*range(20), sep='\\n')"))
    wait_until(lambda: not daemon.running, timeout=10, description="the end of the daemon")

    assert daemon.tail(3).split() == ["17", "18", "19"]
