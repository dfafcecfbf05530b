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

#: A port that is reserved, and that nothing listens on (RFC 6335: tcpmux, long out of use).
_NOBODYS_PORT = 1


def _url(socket: str, login: str = "") -> str:
    return f"redis+socket://{login}{socket}?virtual_host=0"


def _refusal(settings: Settings) -> BrokerUnavailableError:
    """What opening the store and making a job comes to."""
    with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
        store.create(PROFILE)
    assert caught.value.exit_code is ExitCode.NO_BROKER
    assert caught.value.hint
    return caught.value


@pytest.mark.parametrize(
    ("url", "hint"),
    [
        ("", "copydesk up"),
        (f"redis://127.0.0.1:{_NOBODYS_PORT}/0", "COPYDESK_BROKER_URL"),
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


def test_the_memory_fills_up_in_the_middle(tmp_path: Path) -> None:
    with valkey_server(tmp_path, {"maxmemory-policy": "noeviction"}) as socket:
        settings = load_settings(broker_url=_url(socket))
        with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
            _fill_memory_and_ask(settings, store)

    assert caught.value.code == "broker_full"


#: Of ``ulimit -f``: enough for its start, and less than a megabyte.
_DISK_BLOCKS = 512

_STEPS: dict[str, Callable[[JobStore, Settings], object]] = {
    # At the start, in a transaction, by a script: each says it in its own way.
    "open": lambda _, settings: open_store(settings).__enter__(),
    "transaction": lambda store, _: store.create(PROFILE),
    "script": lambda store, _: store._redis.eval("redis.call('SET', KEYS[1], 1)", 1, "cd:key"),
}


def _fill_disk_and(step: str, store: JobStore, settings: Settings) -> None:
    with connect(broker_url(settings)) as client:
        # The file is written after the answer: it is the next command that finds it full.
        client.set("cd:large", "x" * 1_000_000, ex=600)
        wait_until(
            lambda: client.info("persistence")["aof_last_write_status"] != "ok",
            timeout=10,
            description="a full disk",
        )
    _STEPS[step](store, settings)


@pytest.mark.parametrize("step", _STEPS)
def test_the_disk_is_full(tmp_path: Path, step: str) -> None:
    with valkey_server(tmp_path, {"appendonly": "yes"}, most_file_blocks=_DISK_BLOCKS) as socket:
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


def test_the_broker_goes_away_in_the_middle(tmp_path: Path) -> None:
    with valkey_server(tmp_path, {}) as socket:
        settings = load_settings(broker_url=_url(socket))
        with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
            _shut_down_and_ask(settings, store)

    assert caught.value.code == "broker_unavailable"


@pytest.mark.parametrize("url", ["http://127.0.0.1:6379", "127.0.0.1:6379", "unix:///a.sock"])
def test_a_scheme_that_no_broker_has(url: str) -> None:
    with pytest.raises(ConfigError) as caught, open_store(load_settings(broker_url=url)):
        pass

    assert (caught.value.code, caught.value.exit_code) == ("config_invalid", ExitCode.USAGE)


@pytest.mark.parametrize("url", ["redis://127.0.0.1:notaport/0", "redis://[::1/0"])
def test_an_address_that_cannot_be_read(url: str) -> None:
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
    """A file with the CA that the broker's certificate is of, in a folder with special letters."""
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
        # Without the retries that a Connection adds.
        return bool(broker.transport.create_channel(broker.transport).client.ping())


@pytest.mark.parametrize(
    "options",
    [{}, {"ssl_cert_reqs": "required"}, {"ssl_cert_reqs": "CERT_REQUIRED"}, {"ssl_cert_reqs": ""}],
)
def test_one_spelling_of_tls_is_for_the_store_and_for_celery(
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
    for said in (options, {**options, "ssl_ca_certs": foreign}):
        settings = load_settings(broker_url=_tls_url(tls_broker, **said))

        refused = _refusal(settings)

        assert (refused.code, "ssl_ca_certs" in (refused.hint or "")) == (
            "broker_unavailable",
            True,
        )
        assert "certificate" in refused.message
        with pytest.raises(redis.ConnectionError, match="certificate"):
            _celery_answers(settings)


def test_only_who_says_so_looks_at_no_certificate(tls_broker: RunningBroker) -> None:
    settings = load_settings(broker_url=_tls_url(tls_broker, ssl_cert_reqs="none"))

    with open_store(settings) as store:
        assert store.jobs() == []
    assert _celery_answers(settings)


def test_a_certificate_of_another_host_is_refused(
    tls_broker: RunningBroker, authority: Path
) -> None:
    said: dict[str, Any] = {"host": "localhost", "ssl_ca_certs": authority}
    other = load_settings(broker_url=_tls_url(tls_broker, **said))
    unlooked = load_settings(broker_url=_tls_url(tls_broker, **said, ssl_check_hostname="false"))

    assert "host name" in (_refusal(other).hint or "")
    with pytest.raises(redis.ConnectionError, match="certificate"):
        _celery_answers(other)
    with open_store(unlooked) as store:
        assert store.jobs() == []
    assert _celery_answers(unlooked)


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
def test_an_option_that_one_of_both_would_not_understand(url: str) -> None:
    with pytest.raises(ConfigError) as caught, open_store(load_settings(broker_url=url)):
        pass

    assert caught.value.code == "config_invalid"


def test_a_password_that_is_not_quoted_is_not_shown() -> None:
    with pytest.raises(ConfigError) as caught:
        broker_url(load_settings(broker_url="rediss://user:hid?den=key@host/0"))

    assert not any(word in str(caught.value) for word in ("hid", "den", "key@"))


# A login that may do little ----------------------------------------------------------------


def _exercise(client: Any) -> None:
    """What the program asks of its broker, one command of each kind."""
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


def test_the_acl_lets_the_program_through_and_keeps_it_in(tmp_path: Path) -> None:
    with redis_server(tmp_path, tls=False) as broker, connect(broker.url) as client:
        _exercise(client)

        for command in ("FLUSHALL", "CONFIG GET *", "SHUTDOWN", "KEYS *", "SET theirs 1"):
            with pytest.raises(redis.exceptions.NoPermissionError):
                client.execute_command(*command.split())


# A broker that is away for a while ---------------------------------------------------------


@pytest.fixture
def way(tmp_path: Path) -> Iterator[Proxy]:
    """A way to a broker of the test's own."""
    with valkey_server(tmp_path, {}) as socket, proxy_to(_url(socket)) as proxy:
        yield proxy


def test_a_patient_client_waits_for_a_broker_that_is_away(way: Proxy) -> None:
    with connect(way.url, patient=True) as patient, connect(way.url) as impatient:
        assert patient.incr("cd:count") == 1
        way.cut()
        with ThreadPoolExecutor(max_workers=1) as pool:
            waiting = pool.submit(patient.incr, "cd:count")
            with pytest.raises(redis.ConnectionError):
                impatient.ping()
            assert not waiting.done()

            way.mend()

            assert waiting.result(timeout=10) == 2


def test_a_patient_client_waits_at_its_first_connection(way: Proxy) -> None:
    way.cut()
    with connect(way.url, patient=True) as patient, ThreadPoolExecutor(max_workers=1) as pool:
        waiting = pool.submit(patient.ping)
        assert not waiting.done()

        way.mend()

        assert waiting.result(timeout=10)


@pytest.mark.parametrize("trouble", ["cut", "stall"])
def test_patience_has_one_end_however_the_tries_are_nested(
    way: Proxy, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    monkeypatch.setattr(connection, "_RETRY_SECONDS", 1)
    # Each answer is waited for, and the health check asks before each command.
    monkeypatch.setattr(connection, "_SOCKET_SECONDS", 0.2)
    with connect(way.url, patient=True) as patient:
        patient.ping()
        getattr(way, trouble)()
        start = time.monotonic()

        with pytest.raises((redis.ConnectionError, redis.TimeoutError)):
            patient.ping()

    assert 1 <= time.monotonic() - start < 10


def test_no_patience_makes_a_wrong_password_right(tmp_path: Path) -> None:
    start = time.monotonic()
    with (
        valkey_server(tmp_path, {"requirepass": "secret"}) as socket,
        connect(_url(socket, ":wrong@"), patient=True) as patient,
        pytest.raises(redis.AuthenticationError),
    ):
        patient.ping()

    assert time.monotonic() - start < 10
