from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import redis
import trustme

from tests.integration.sample import PROFILE
from tests.support.broker import RunningBroker, redis_server, valkey_server
from tests.support.proxy import Proxy, proxy_to
from tests.support.waiting import wait_until
from worker.config.settings import Settings, load_settings
from worker.errors import BrokerUnavailableError, ConfigError, ExitCode
from worker.queue import connection
from worker.queue.celery_app import create_app
from worker.queue.connection import broker_url, connect, open_store
from worker.queue.store.jobs import JobStore

#: A reserved port on which nothing listens (tcpmux, long out of use).
_UNUSED_PORT = 1


def _url(socket: str, login: str = "") -> str:
    return f"redis+socket://{login}{socket}?virtual_host=0"


def _refusal(settings: Settings) -> BrokerUnavailableError:
    """Return the error of opening the store and creating a job."""
    with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
        store.create(PROFILE)
    assert caught.value.exit_code is ExitCode.NO_BROKER
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "copydesk up"),
        (f"redis://127.0.0.1:{_UNUSED_PORT}/0", "COPYDESK_BROKER_URL"),
        ("redis+socket:///nowhere/valkey.sock?virtual_host=0", "COPYDESK_BROKER_URL"),
    ],
)
def test_nothing_answers(url: str, hint: str) -> None:
    refused = _refusal(load_settings(broker_url=url))

    assert refused.code == "broker_unavailable"
    assert hint in (refused.hint or "")


@pytest.mark.parametrize("login", ["", ":wrong@", "nobody:secret@"])
def test_the_login_is_wrong(tmp_path: Path, login: str) -> None:
    with valkey_server(tmp_path, {"requirepass": "secret"}) as socket:
        refused = _refusal(load_settings(broker_url=_url(socket, login)))

    assert refused.code == "broker_refused"
    assert "secret" not in refused.message


def test_the_right_password_is_let_in(tmp_path: Path) -> None:
    with (
        valkey_server(tmp_path, {"requirepass": "secret"}) as socket,
        open_store(load_settings(broker_url=_url(socket, ":secret@"))) as store,
    ):
        assert store.jobs() == []


def test_the_login_may_not_write(tmp_path: Path) -> None:
    reader = {"user": "reader on >pass ~* +@all -@write"}
    with valkey_server(tmp_path, reader) as socket:
        refused = _refusal(load_settings(broker_url=_url(socket, "reader:pass@")))

    assert refused.code == "broker_refused"


def test_the_memory_is_full(tmp_path: Path) -> None:
    full = {"maxmemory": "1", "maxmemory-policy": "noeviction"}
    with valkey_server(tmp_path, full) as socket:
        refused = _refusal(load_settings(broker_url=_url(socket)))

    assert refused.code == "broker_full"


def _fill_memory_and_ask(settings: Settings, store: JobStore) -> None:
    with connect(broker_url(settings)) as client:
        client.config_set("maxmemory", 1)
    store.create(PROFILE)


def test_the_memory_fills_up_while_in_use(tmp_path: Path) -> None:
    with valkey_server(tmp_path, {"maxmemory-policy": "noeviction"}) as socket:
        settings = load_settings(broker_url=_url(socket))
        with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
            _fill_memory_and_ask(settings, store)

    assert caught.value.code == "broker_full"


#: Blocks for ``ulimit -f``: enough to start, less than a megabyte.
_DISK_BLOCKS = 512

_STEPS: dict[str, Callable[[JobStore, Settings], object]] = {
    # Each step reports a full disk in a different way.
    "open": lambda _, settings: open_store(settings).__enter__(),
    "transaction": lambda store, _: store.create(PROFILE),
    "script": lambda store, _: store._redis.eval("redis.call('SET', KEYS[1], 1)", 1, "cd:key"),
}


def _fill_disk_and(step: str, store: JobStore, settings: Settings) -> None:
    with connect(broker_url(settings)) as client:
        # The file is written after the reply, so the next command finds the disk full.
        client.set("cd:large", "x" * 1_000_000, ex=600)
        wait_until(
            lambda: client.info("persistence")["aof_last_write_status"] != "ok",
            timeout=10,
            description="a full disk",
        )
    _STEPS[step](store, settings)


@pytest.mark.parametrize("step", _STEPS)
def test_the_disk_is_full(tmp_path: Path, step: str) -> None:
    with valkey_server(tmp_path, {"appendonly": "yes"}, max_file_blocks=_DISK_BLOCKS) as socket:
        settings = load_settings(broker_url=_url(socket))
        with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
            _fill_disk_and(step, store, settings)

    assert (caught.value.code, caught.value.exit_code) == ("broker_disk_full", ExitCode.NO_BROKER)
    assert "MISCONF" in caught.value.message


def _shut_down_and_ask(settings: Settings, store: JobStore) -> None:
    job = store.create(PROFILE)
    with connect(broker_url(settings)) as client:
        client.shutdown(nosave=True)
    store.progress(job)


def test_the_broker_goes_away_while_in_use(tmp_path: Path) -> None:
    with valkey_server(tmp_path, {}) as socket:
        settings = load_settings(broker_url=_url(socket))
        with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
            _shut_down_and_ask(settings, store)

    assert caught.value.code == "broker_unavailable"


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "127.0.0.1:6379", "unix:///a.sock"])
def test_an_unknown_scheme(url: str) -> None:
    with pytest.raises(ConfigError) as caught, open_store(load_settings(broker_url=url)):
        pass

    assert (caught.value.code, caught.value.exit_code) == ("config_invalid", ExitCode.USAGE)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:notaport/0", "redis://[::1/0"])
def test_an_invalid_address(url: str) -> None:
    with pytest.raises(ConfigError), open_store(load_settings(broker_url=url)):
        pass


# TLS ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def tls_broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningBroker]:
    """A Redis that speaks TLS only, with a certificate for 127.0.0.1."""
    with redis_server(tmp_path_factory.mktemp("tls"), tls=True) as broker:
        yield broker


@pytest.fixture
def authority(tls_broker: RunningBroker, tmp_path: Path) -> Path:
    """The CA file of the broker's certificate, in a folder with special characters."""
    assert tls_broker.ca
    folder = tmp_path / "of & for+us"
    folder.mkdir()
    tls_broker.ca.cert_pem.write_to_path(str(folder / "ca.pem"))
    return folder / "ca.pem"


def _tls_url(broker: RunningBroker, *, host: str = "127.0.0.1", **options: str | Path) -> str:
    address = broker.url.partition("?")[0].replace("127.0.0.1", host)
    return f"{address}?{urlencode(options)}" if options else address


def _celery_answers(settings: Settings) -> bool:
    with create_app(settings).connection_for_write() as broker:
        # The transport does not retry, unlike the connection.
        return bool(broker.transport.create_channel(broker.transport).client.ping())


@pytest.mark.parametrize(
    "options",
    [{}, {"ssl_cert_reqs": "required"}, {"ssl_cert_reqs": "CERT_REQUIRED"}, {"ssl_cert_reqs": ""}],
)
def test_the_store_and_celery_read_tls_options_alike(
    tls_broker: RunningBroker,
    authority: Path,
    options: dict[str, str],
    caplog: pytest.LogCaptureFixture,
) -> None:
    url = _tls_url(tls_broker, ssl_ca_certs=authority, **options)
    settings = load_settings(broker_url=url)

    with caplog.at_level(logging.WARNING), open_store(settings) as store:
        assert store.jobs() == []
        assert _celery_answers(settings)

    assert caplog.records == []


@pytest.mark.parametrize("options", [{}, {"ssl_cert_reqs": "optional"}])
def test_a_certificate_of_an_unknown_authority_is_refused(
    tls_broker: RunningBroker, tmp_path: Path, options: dict[str, str]
) -> None:
    foreign = tmp_path / "foreign.pem"
    trustme.CA().cert_pem.write_to_path(str(foreign))
    for tls_options in (options, {**options, "ssl_ca_certs": foreign}):
        settings = load_settings(broker_url=_tls_url(tls_broker, **tls_options))

        refused = _refusal(settings)

        assert (refused.code, "ssl_ca_certs" in (refused.hint or "")) == (
            "broker_unavailable",
            True,
        )
        assert "certificate" in refused.message
        with pytest.raises(redis.ConnectionError, match="certificate"):
            _celery_answers(settings)


def test_certificate_checks_can_be_turned_off(tls_broker: RunningBroker) -> None:
    settings = load_settings(broker_url=_tls_url(tls_broker, ssl_cert_reqs="none"))

    with open_store(settings) as store:
        assert store.jobs() == []
    assert _celery_answers(settings)


def test_a_certificate_of_another_host_is_refused(
    tls_broker: RunningBroker, authority: Path
) -> None:
    options: dict[str, Any] = {"host": "localhost", "ssl_ca_certs": authority}
    wrong_host = load_settings(broker_url=_tls_url(tls_broker, **options))
    unchecked = load_settings(
        broker_url=_tls_url(tls_broker, **options, ssl_check_hostname="false")
    )

    assert "host name" in (_refusal(wrong_host).hint or "")
    with pytest.raises(redis.ConnectionError, match="certificate"):
        _celery_answers(wrong_host)
    with open_store(unchecked) as store:
        assert store.jobs() == []
    assert _celery_answers(unchecked)


@pytest.mark.parametrize(
    "url",
    [
        "rediss://h/0?ssl_cert_reqs=maybe",
        "rediss://h/0?ssl_check_hostname=no",
        "rediss://h/0?ssl_ca_certs=/nowhere/ca.pem",
        "rediss://h/0?ssl_ca_cert=/etc/hosts",
        "rediss://h/0?socket_timeout=3",
        "redis://h/0?ssl_cert_reqs=required",
        "redis://h/0?socket_timeout=3",
    ],
)
def test_an_option_that_kombu_or_redis_py_would_not_understand(url: str) -> None:
    with pytest.raises(ConfigError) as caught, open_store(load_settings(broker_url=url)):
        pass

    assert caught.value.code == "config_invalid"


def test_an_unquoted_password_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        broker_url(load_settings(broker_url="rediss://user:hid?den=key@host/0"))

    assert not any(word in str(caught.value) for word in ("hid", "den", "key@"))


# A login with few rights ------------------------------------------------------------------


def _exercise(client: Any) -> None:
    """Send one command of each kind that the program uses."""
    digest = client.script_load("return redis.call('TIME')[1]")
    assert client.script_exists(digest) == [True]
    assert int(client.evalsha(digest, 0)) > 0
    for flags in ("", "#!lua flags=allow-oom\n"):
        client.eval(f"{flags}redis.call('XADD', KEYS[1], '*', 'a', 1)", 1, "cd:events")
    client.xadd("cd:events", {"a": 2}, maxlen=256)
    assert client.xread({"cd:events": "0"}, block=1)
    assert client.xrange("cd:events")[-1] == client.xrevrange("cd:events", count=1)[0]
    client.rpush("cd:list", "a", "b")
    assert client.lpos("cd:list", "b") == 1
    assert client.blpop(["cd:list"], timeout=1)
    assert client.lpop("cd:list") == b"b"
    client.zadd("cd:set", {"a": 1})
    assert client.zcount("cd:set", "-inf", "+inf") == client.zcard("cd:set") == 1
    assert sorted(client.scan_iter(match="cd:*", _type="zset")) == [b"cd:set"]
    client.set("cd:lock", 1, px=60_000, nx=True)
    assert client.type("cd:lock") == b"string"
    assert client.memory_usage("cd:lock") > 0
    for section in ("server", "memory", "persistence", "clients", "replication"):
        assert client.info(section)
    assert client.info()["redis_version"]
    with client.pipeline() as pipe:
        pipe.watch("cd:set")
        pipe.multi()
        pipe.hincrby("cd:hash", "n", 1)
        pipe.expire("cd:hash", 60)
        assert pipe.execute() == [1, True]
    assert client.publish("cd:mq:/0.celery.pidbox", "x") == 0
    assert client.unlink("cd:set", "cd:hash", "cd:lock", "cd:events") == 4


def test_the_acl_allows_what_the_program_needs_and_no_more(tmp_path: Path) -> None:
    with redis_server(tmp_path, tls=False) as broker, connect(broker.url) as client:
        _exercise(client)

        for command in ("FLUSHALL", "CONFIG GET *", "SHUTDOWN", "KEYS *", "SET theirs 1"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())


# A broker that is away for a while ---------------------------------------------------------


@pytest.fixture
def proxy(tmp_path: Path) -> Iterator[Proxy]:
    """A proxy to a broker of the test's own."""
    with valkey_server(tmp_path, {}) as socket, proxy_to(_url(socket)) as opened:
        yield opened


def test_a_patient_client_waits_for_a_broker_that_is_away(proxy: Proxy) -> None:
    with connect(proxy.url, patient=True) as patient, connect(proxy.url) as impatient:
        assert patient.incr("cd:count") == 1
        proxy.cut()
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(patient.incr, "cd:count")
            with pytest.raises(redis.ConnectionError):
                impatient.ping()
            assert not waiting.done()

            proxy.mend()

            assert waiting.result(timeout=10) == 2


def test_a_patient_client_waits_at_its_first_connection(proxy: Proxy) -> None:
    proxy.cut()
    with connect(proxy.url, patient=True) as patient, ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(patient.ping)
        assert not waiting.done()

        proxy.mend()

        assert waiting.result(timeout=10)


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_nested_retries_share_one_deadline(
    proxy: Proxy, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(connection, "_RETRY_SECONDS", 1)
    # Each reply is waited for, and a health check comes before each command.
    monkeypatch.setattr(connection, "_SOCKET_SECONDS", 0.2)
    with connect(proxy.url, patient=True) as patient:
        patient.ping()
        getattr(proxy, trouble)()
        start = time.monotonic()

        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            patient.ping()

    assert 1 <= time.monotonic() - start < 10


def test_a_wrong_password_is_not_retried(tmp_path: Path) -> None:
    start = time.monotonic()
    with (
        valkey_server(tmp_path, {"requirepass": "secret"}) as socket,
        connect(_url(socket, ":wrong@"), patient=True) as patient,
        pytest.raises(redis.AuthenticationError),
    ):
        patient.ping()

    assert time.monotonic() - start < 10
