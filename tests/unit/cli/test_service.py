"""What is said before a worker is started that this machine has too little memory for."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from cli import doctor
from cli.service import Service
from worker.config import memory
from worker.config.memory import Memory, needed_bytes
from worker.config.settings import load_profile, load_settings
from worker.errors import CopydeskError, ExitCode

#: Less than the default profile needs, and more than the small one.
LITTLE = 3 * 10**9


@pytest.fixture
def has(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, int], None]:
    """Give this machine so much memory in all, and so much free."""

    def give(total: int, free: int) -> None:
        monkeypatch.setattr(memory, "machine_memory", lambda: Memory(total, free))

    return give


def service(profile: str) -> Service:
    return Service(load_settings(profile=profile))


def test_enough_memory_is_found(has: Callable[[int, int], None]) -> None:
    has(64 * 10**9, 32 * 10**9)
    needed = needed_bytes(load_profile(load_settings(), "standard").model) or 0

    finding = service("standard").check_memory()

    assert finding.startswith("32.0 GB free; qwen2.5-coder-1.5b in ")
    assert finding.endswith(f"needs {needed / 1e9:.1f} GB")


def test_too_little_memory_for_the_default_names_small(has: Callable[[int, int], None]) -> None:
    has(LITTLE, LITTLE)

    with pytest.raises(CopydeskError, match=r"3\.0 GB free; qwen2\.5-coder-1\.5b") as raised:
        service("standard").check_memory()

    assert (raised.value.code, raised.value.exit_code) == ("memory_low", ExitCode.SOME_FAILED)
    assert str(raised.value.hint).endswith(", or set COPYDESK_PROFILE=small")
    service("small").check_memory()


def test_too_little_memory_for_small_names_no_other_profile(
    has: Callable[[int, int], None],
) -> None:
    has(LITTLE, LITTLE // 6)

    with pytest.raises(CopydeskError, match="0\\.5 GB free") as raised:
        service("small").check_memory()

    assert "COPYDESK_PROFILE" not in str(raised.value.hint)


def test_a_worker_that_runs_has_its_memory_already(
    has: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    has(LITTLE, LITTLE // 6)
    desk = service("small")
    monkeypatch.setattr(type(desk._worker), "running", True)

    assert desk.check_memory().startswith("3.0 GB in all; smollm2-135m")


def test_the_memory_of_a_model_of_unknown_size_is_not_judged(
    has: Callable[[int, int], None],
) -> None:
    has(LITTLE, LITTLE // 6)

    assert service("hub").check_memory() == service("vllm").check_memory() == "0.5 GB free"


def test_the_doctor_reports_too_little_memory(
    has: Callable[[int, int], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPYDESK_PROFILE", "standard")
    has(LITTLE, LITTLE)

    report = doctor.command()

    assert report.data["checks"]["memory"]["ok"] is False
    assert "memory_low" in [problem.code for problem in report.problems]


def test_a_start_warns_on_stderr_and_goes_on(
    has: Callable[[int, int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    has(LITTLE, LITTLE)
    desk = service("standard")
    monkeypatch.setattr(desk._worker, "start", lambda *_: True)

    assert desk.start_worker()

    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("warning: 3.0 GB free; qwen2.5-coder-1.5b in ")
    assert "[memory_low]\nhint: close other programs" in printed.err


def test_a_start_with_enough_memory_says_nothing(
    has: Callable[[int, int], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    has(LITTLE, LITTLE)
    desk = service("small")
    monkeypatch.setattr(desk._worker, "start", lambda *_: True)

    assert desk.start_worker()

    assert capsys.readouterr().err == ""
