"""A real Valkey for each test, empty at its start and without a leaked key at its end."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from tests.support.broker import embedded_broker
from tests.support.key_leak import leaked_keys
from worker.broker import EmbeddedBroker
from worker.connection import connect
from worker.jobs import JobStore
from worker.settings import Settings, load_settings

#: Longer than any test, and not a round number that a default could have.
TTL_SECONDS = 3_603


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """A daemon is left running: that is its purpose, and no leak."""
    daemons = pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning")
    for item in items:
        if item.path.is_relative_to(Path(__file__).parent):
            item.add_marker(daemons)


@pytest.fixture(scope="session")
def broker_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The home folder of the session's broker."""
    return tmp_path_factory.mktemp("broker")


@pytest.fixture(scope="session")
def broker(broker_home: Path) -> Iterator[EmbeddedBroker]:
    """One embedded Valkey for all tests."""
    with embedded_broker(broker_home) as running:
        yield running


@pytest.fixture
def client(broker: EmbeddedBroker) -> Iterator[redis.Redis]:
    """A client on an empty database; afterwards no key may have leaked."""
    with connect(broker.url) as connected:
        connected.flushall()
        yield connected
        assert leaked_keys(connected) == []


@pytest.fixture
def store(client: redis.Redis) -> JobStore:
    """The job store on the empty database."""
    return JobStore(client, ttl_seconds=TTL_SECONDS)


@pytest.fixture
def settings(broker_home: Path, client: redis.Redis) -> Settings:
    """Settings that lead to the session's broker."""
    del client
    return load_settings(home=broker_home, chunk_articles=16)
