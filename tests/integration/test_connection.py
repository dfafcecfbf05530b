from __future__ import annotations

from pathlib import Path

import pytest

from tests.integration.sample import PROFILE, make_articles
from tests.support.broker import valkey_server
from worker.connection import broker_url, connect, open_store
from worker.dispatch import submit
from worker.errors import BrokerUnavailableError, ConfigError, ExitCode
from worker.jobs import JobStore
from worker.settings import Settings, load_settings

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


def test_the_memory_fills_up_while_a_job_is_submitted(tmp_path: Path) -> None:
    with valkey_server(tmp_path, {"maxmemory-policy": "noeviction"}) as socket:
        settings = load_settings(broker_url=_url(socket), chunk_articles=1)
        with connect(broker_url(settings)) as client:
            used = client.info("memory")["used_memory"]
            client.config_set("maxmemory", used + 600_000)
        with pytest.raises(BrokerUnavailableError) as caught, open_store(settings) as store:
            submit(make_articles(4_000), store, PROFILE, settings)

    assert caught.value.code == "broker_full"


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
