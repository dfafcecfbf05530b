"""Real brokers for each test, empty at its start and without a leaked key at its end.

A test that asks for ``broker``, ``client``, ``store`` or ``settings`` runs once against each kind
of broker: the embedded Valkey, Debian's Redis with a login, the same over TLS.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.broker import BROKER_KINDS, RunningBroker, embedded_broker, redis_server
from tests.support.key_leak import leaked_keys
from worker.config.settings import Settings, load_settings
from worker.queue.connection import connect
from worker.queue.store.jobs import JobStore

#: Longer than any test, and not a round number that a default could have.
TTL_SECONDS = 3_603


def pytest_addoption(parser: pytest.Parser) -> None:
    """``--brokers``, known where this folder or a file of it is named on the command line."""
    parser.addoption(
        "--brokers",
        metavar="KINDS",
        type=lambda said: said.split(","),
        default=list(BROKER_KINDS),
        help=f"run against these brokers only, of {','.join(BROKER_KINDS)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse a kind of broker that there is not."""
    unknown = set(_chosen(config)) - set(BROKER_KINDS)
    if unknown:
        raise pytest.UsageError(f"--brokers: {', '.join(sorted(unknown))} is none of them")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out the brokers that were not chosen; let daemons run on.

    A daemon is left running: that is its purpose, and no leak.
    """
    daemons = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
    others = [item for item in items if not _runs_on(item, _chosen(config))]
    if others:
        config.hook.pytest_deselected(items=others)
        items[:] = [item for item in items if item not in others]
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(daemons)


def _chosen(config: pytest.Config) -> list[str]:
    chosen: list[str] = config.getoption("brokers", list(BROKER_KINDS))
    return chosen


def _runs_on(item: pytest.Item, chosen: list[str]) -> bool:
    kind = item.callspec.params.get("broker") if hasattr(item, "callspec") else None
    return kind is None or kind in chosen


@pytest.fixture(scope="session")
def broker_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the session's settings, and of its embedded broker."""
    return tmp_path_factory.mktemp("broker")


@pytest.fixture(scope="session", params=BROKER_KINDS)
def broker(
    request: pytest.FixtureRequest, broker_home: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningBroker]:
    """One broker of each kind for all tests."""
    if request.param == "embedded":
        with embedded_broker(broker_home) as running:
            yield running
    else:
        folder = tmp_path_factory.mktemp(request.param)
        with redis_server(folder, tls=request.param == "rediss") as running:
            yield running


@pytest.fixture
def client(broker: RunningBroker) -> Iterator[redis.Redis]:
    """A client that may do everything, on an empty database; at the end no key may have leaked."""
    with connect(broker.admin_url) as connected:
        connected.flushall()
        yield connected
        leaked = leaked_keys(connected)
        # Nothing stays for a worker that a module starts before its first test.
        connected.flushall()
        assert leaked == []


@pytest.fixture
def store(broker: RunningBroker, client: redis.Redis) -> Iterator[JobStore]:
    """The job store on the empty database, with the program's own login."""
    del client
    with connect(broker.url) as connected:
        yield JobStore(connected, ttl_seconds=TTL_SECONDS)


@pytest.fixture
def settings(broker_home: Path, broker: RunningBroker, client: redis.Redis) -> Settings:
    """Settings that lead to the session's broker."""
    del client
    return load_settings(home=broker_home, broker_url=broker.url, chunk_articles=16)
