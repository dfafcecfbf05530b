from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.waiting import wait_until
from worker.process.daemon import Daemon

_WAITS = (sys.executable, "-c", "import signal; print('ready', flush=True); signal.pause()")

#: Heeds no polite signal, and has a child that holds the inherited lock as well.
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
    """A daemon that is not started; gone at the end."""
    one = Daemon(tmp_path / "daemon", "sleeper")
    yield one
    one.stop(signal.SIGKILL, patience_seconds=5)


def _start(daemon: Daemon, command: tuple[str, ...] = _WAITS) -> int:
    assert daemon.start(command)
    wait_until(lambda: "ready" in daemon.tail(), timeout=10, description="a daemon that is ready")
    pid = daemon.pid
    assert pid is not None
    return pid


def test_before_its_start_it_does_not_run(daemon: Daemon) -> None:
    assert (daemon.running, daemon.pid, daemon.tail()) == (False, None, "")
    assert not daemon.stop(signal.SIGTERM, patience_seconds=1)


def test_it_runs_detached_until_it_is_stopped(daemon: Daemon) -> None:
    pid = _start(daemon)

    assert daemon.running
    assert os.getsid(pid) == pid
    assert daemon.stop(signal.SIGTERM, patience_seconds=10)
    assert (daemon.running, daemon.pid) == (False, None)


def test_there_are_never_two(daemon: Daemon, tmp_path: Path) -> None:
    pid = _start(daemon)

    assert not daemon.start(_WAITS)
    assert not Daemon(tmp_path / "daemon", "sleeper").start(_WAITS)
    assert daemon.pid == pid


def test_another_name_is_another_daemon(daemon: Daemon, tmp_path: Path) -> None:
    _start(daemon)
    other = Daemon(tmp_path / "daemon", "other")
    try:
        _start(other)
        assert other.pid != daemon.pid
    finally:
        other.stop(signal.SIGKILL, patience_seconds=5)


def test_it_outlives_the_process_that_started_it(daemon: Daemon, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from worker.daemon import Daemon; "
        f"Daemon(Path({str(tmp_path / 'daemon')!r}), 'sleeper').start({_WAITS!r})"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=30)

    assert daemon.running
    assert daemon.stop(signal.SIGTERM, patience_seconds=10)


def test_the_pid_in_a_stale_lock_file_fools_nobody(daemon: Daemon, tmp_path: Path) -> None:
    # The number may long be another process's: here it is this very test's.
    (tmp_path / "daemon").mkdir()
    (tmp_path / "daemon" / "sleeper.lock").write_text(str(os.getpid()))

    assert (daemon.running, daemon.pid) == (False, None)
    assert not daemon.stop(signal.SIGKILL, patience_seconds=1)
    assert _start(daemon) != os.getpid()


def test_one_that_was_killed_can_be_started_again(daemon: Daemon) -> None:
    killed = _start(daemon)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not daemon.running, timeout=10, description="the daemon to be gone")

    assert daemon.start(_WAITS)
    assert daemon.pid != killed


def test_one_that_does_not_go_is_killed_with_its_children(daemon: Daemon) -> None:
    _start(daemon, _STUBBORN)

    assert daemon.stop(signal.SIGTERM, patience_seconds=0.2)

    assert not daemon.running


def test_its_environment_and_its_log(daemon: Daemon) -> None:
    command = (sys.executable, "-c", "import os; print('said', os.environ['WORD'])")
    daemon.start(command, {"WORD": "boo"})
    wait_until(lambda: not daemon.running, timeout=10, description="the end of the daemon")

    assert daemon.tail() == "said boo"
    assert daemon.log.read_text() == "said boo\n"


def test_of_a_long_log_the_end_is_shown(daemon: Daemon) -> None:
    daemon.start((sys.executable, "-c", "print(*range(20), sep='\\n')"))
    wait_until(lambda: not daemon.running, timeout=10, description="the end of the daemon")

    assert daemon.tail(3).split() == ["17", "18", "19"]
