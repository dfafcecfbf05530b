"""Real brokers for each test: empty at its start, and checked for leaked keys at its end.

A test that uses ``broker``, ``client``, ``store`` or ``settings`` runs once against each kind of
broker: the embedded Valkey, Debian's Redis with a login, and the same over TLS.
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

#: Longer than any test, and not a round number that might be a default.
TTL_SECONDS = 3_603


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--brokers``; it works when the command line names this folder or a file in it."""
    parser.addoption(
        "--brokers",
        metavar="KINDS",
        type=lambda kinds: kinds.split(","),
        default=list(BROKER_KINDS),
        help=f"run against these brokers only, of {','.join(BROKER_KINDS)}",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse an unknown kind of broker."""
    unknown = set(_chosen(config)) - set(BROKER_KINDS)
    if unknown:
        raise pytest.UsageError(f"--brokers: {', '.join(sorted(unknown))} is unknown")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Deselect the brokers that were not chosen, and ignore warnings about running daemons.

    A daemon outlives its test on purpose.
    """
    daemons = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
    deselected = [item for item in items if not _runs_on(item, _chosen(config))]
    if deselected:
        config.hook.pytest_deselected(items=deselected)
        items[:] = [item for item in items if item not in deselected]
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
    """A running broker of each kind, shared by all tests."""
    if request.param == "embedded":
        with embedded_broker(broker_home) as running:
            yield running
    else:
        folder = tmp_path_factory.mktemp(request.param)
        with redis_server(folder, tls=request.param == "rediss") as running:
            yield running


@pytest.fixture
def client(broker: RunningBroker) -> Iterator[redis.Redis]:
    """An admin client on an empty database; fails the test if a key has leaked."""
    with connect(broker.admin_url) as connected:
        connected.flushall()
        yield connected
        leaked = leaked_keys(connected)
        # Leaves nothing for a worker that a module starts before its first test.
        connected.flushall()
        assert leaked == []


@pytest.fixture
def store(broker: RunningBroker, client: redis.Redis) -> Iterator[JobStore]:
    """The job store on the empty database, with the program's login."""
    del client
    with connect(broker.url) as connected:
        yield JobStore(connected, ttl_seconds=TTL_SECONDS)


@pytest.fixture
def settings(broker_home: Path, broker: RunningBroker, client: redis.Redis) -> Settings:
    """Settings for the session's broker."""
    del client
    return load_settings(home=broker_home, broker_url=broker.url, chunk_articles=16)
