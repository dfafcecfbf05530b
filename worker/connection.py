"""The way to the broker: which one, its client, and one clear error when it is gone."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from worker.broker import EmbeddedBroker
from worker.errors import BrokerUnavailableError, ConfigError
from worker.jobs import JobStore

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.settings import Settings

__all__ = ["broker_url", "connect", "open_store"]

#: Longest wait for an answer of the broker; its slowest one, a chunk's results, takes milliseconds.
_SOCKET_SECONDS = 30

#: Longest wait for a connection.
_CONNECT_SECONDS = 5

_SCHEMES = ("redis://", "rediss://", "redis+socket://")


def broker_url(settings: Settings) -> str:
    """The broker in force, as kombu spells it: the one that is set, else the embedded one.

    Raises:
        ConfigError: a scheme that is none of redis, rediss and redis+socket.
    """
    if not settings.broker_url:
        return EmbeddedBroker(settings.home).url
    if not settings.broker_url.startswith(_SCHEMES):
        raise ConfigError(
            f"broker_url must start with one of {', '.join(_SCHEMES)}",
            hint="for example redis://user:password@host:6379/0",
        )
    return settings.broker_url


def connect(url: str) -> redis.Redis:
    """A client for a ``redis``, ``rediss`` or ``redis+socket`` URL; connects at first use.

    Raises:
        ConfigError: the URL cannot be read.
    """
    if url.startswith("redis+socket://"):
        # kombu's spelling of a socket and its database; redis-py has another.
        url = "unix://" + url.removeprefix("redis+socket://").replace("virtual_host=", "db=")
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=_SOCKET_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            health_check_interval=10,
            # Its default retries hide a wrong password or a missing socket for seconds.
            retry=Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise ConfigError(
            f"broker_url cannot be read: {error}",
            hint="for example redis://user:password@host:6379/0; quote what is special in it",
        ) from error


@contextmanager
def open_store(settings: Settings) -> Iterator[JobStore]:
    """The job store; a connection that is lost inside becomes one clear error.

    Raises:
        BrokerUnavailableError: nothing answers, the connection broke, the login is wrong
            (``broker_refused``) or the broker's memory is full (``broker_full``).
    """
    client = connect(broker_url(settings))
    try:
        client.ping()
        yield JobStore(client, ttl_seconds=int(settings.job_ttl.total_seconds()))
    except (redis.AuthenticationError, redis.exceptions.NoPermissionError) as error:
        raise BrokerUnavailableError(
            f"the broker refused the login: {error}",
            code="broker_refused",
            hint="check user, password and ACL of COPYDESK_BROKER_URL",
        ) from error
    except redis.OutOfMemoryError as error:
        raise BrokerUnavailableError(
            f"the broker's memory is full: {error}",
            code="broker_full",
            hint="raise its maxmemory, or wait for jobs to finish and expire",
        ) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BrokerUnavailableError(
            f"no Redis or Valkey answers: {error}",
            hint="set COPYDESK_BROKER_URL to one that runs"
            if settings.broker_url
            else "start the embedded one: copydesk up",
        ) from error
    finally:
        client.close()
