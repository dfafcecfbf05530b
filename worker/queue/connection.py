"""The way to the broker: which one, its client, and one clear error when it is gone."""

from __future__ import annotations

import ssl
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlencode

import redis
from redis.backoff import ExponentialBackoff, NoBackoff
from redis.retry import Retry

from worker.errors import BrokerUnavailableError, ConfigError
from worker.process.embedded_valkey import EmbeddedBroker
from worker.queue.store.jobs import JobStore

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.config.settings import Settings

__all__ = ["broker_url", "connect", "open_store"]

#: Longest wait for an answer of the broker; its slowest one, a chunk's results, takes milliseconds.
_SOCKET_SECONDS = 30

#: Longest wait for a connection.
_CONNECT_SECONDS = 5

#: How long a worker's child tries again. A broker that restarts, reads back a large file or is
#: moved is there again by then; in the meantime the child has its model loaded and its results in
#: hand, and both would be lost with it. Past that somebody has to look.
_PATIENCE_SECONDS = 600

#: Pauses between these tries, in seconds: a restart is over in a fraction of a second and should
#: cost no more; once it takes long, one try every two seconds is no load.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2

_SCHEMES = ("redis://", "rediss://", "redis+socket://")

#: What the query of a rediss URL may say, with its values; none: the path of a file. kombu stops
#: with a TypeError or KeyError at anything else, and redis-py reads some of it otherwise.
_TLS_OPTIONS = {
    "ssl_cert_reqs": ("required", "optional", "none"),
    "ssl_check_hostname": ("true", "false"),
    "ssl_ca_certs": (),
    "ssl_certfile": (),
    "ssl_keyfile": (),
}

_TLS_HINT = "for example rediss://user:password@host:6379/0?ssl_ca_certs=/etc/ssl/broker-ca.pem"

_T = TypeVar("_T")


def broker_url(settings: Settings) -> str:
    """The broker in force, as kombu spells it: the one that is set, else the embedded one.

    A ``rediss`` URL always says ``ssl_cert_reqs``, by default ``required``: without it kombu
    would check no certificate, redis-py would.

    Raises:
        ConfigError: a scheme that is none of redis, rediss and redis+socket; an option that
            kombu and redis-py would not both understand, and alike.
    """
    if not settings.broker_url:
        return EmbeddedBroker(settings.home).url
    if not settings.broker_url.startswith(_SCHEMES):
        raise ConfigError(
            f"broker_url must start with one of {', '.join(_SCHEMES)}",
            hint="for example redis://user:password@host:6379/0",
        )
    if settings.broker_url.startswith("redis+socket://"):
        return settings.broker_url
    return _with_known_options(settings.broker_url)


def _with_known_options(url: str) -> str:
    # A password with a bare ? in it ends up among the options, so the errors show no option.
    address, _, query = url.partition("?")
    said = dict(parse_qsl(query))
    if not url.startswith("rediss://"):
        if said:
            raise ConfigError("options of broker_url need the scheme rediss://", hint=_TLS_HINT)
        return url
    if not said.keys() <= _TLS_OPTIONS.keys():
        raise ConfigError(
            f"an option of broker_url is none of {', '.join(_TLS_OPTIONS)}", hint=_TLS_HINT
        )
    # Celery's documentation spells it CERT_REQUIRED, redis-py required; kombu knows both.
    required = said.get("ssl_cert_reqs", "required")
    options = {**said, "ssl_cert_reqs": required.removeprefix("CERT_").lower()}
    for option, value in options.items():
        values = _TLS_OPTIONS[option]
        if values and value not in values:
            raise ConfigError(f"{option} of broker_url must be one of {', '.join(values)}")
        if not values and not Path(value).is_file():
            raise ConfigError(f"{option} of broker_url names no file: {value}", hint=_TLS_HINT)
    return f"{address}?{urlencode(options, safe='/')}"


class _Patience(Retry):
    """Tries again until the broker is back or the time is over.

    redis-py nests its tries: a command's, its health check's, its connection's. With a number of
    tries each they would multiply, to days; so one deadline holds for all.
    """

    def __init__(self) -> None:
        super().__init__(
            ExponentialBackoff(cap=_LONGEST_PAUSE, base=_FIRST_PAUSE),
            retries=-1,
            supported_errors=(
                *(redis.ConnectionError, redis.TimeoutError, TimeoutError),
                redis.ResponseError,
            ),
        )
        self._end: float | None = None

    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., object],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> _T:
        del is_retryable  # nothing in redis-py's client for a single server names one
        outermost = self._end is None
        if outermost:
            self._end = time.monotonic() + _PATIENCE_SECONDS
        failures = 0
        try:
            while True:
                try:
                    return do()
                except self._supported_errors as error:
                    if isinstance(error, redis.ResponseError) and not _is_disk_full(error):
                        raise  # it is an answer, and stays the same
                    failures += 1
                    fail(error, failures) if with_failure_count else fail(error)
                    if not self._may_pass(error):
                        raise
                    time.sleep(self._backoff.compute(failures))
        finally:
            if outermost:
                self._end = None

    def _may_pass(self, error: Exception) -> bool:
        # A refused login is a ConnectionError too, and no wait makes it right.
        refused = isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError)
        return not refused and self._end is not None and time.monotonic() < self._end


def connect(url: str, *, patient: bool = False) -> redis.Redis:
    """A client for a ``redis``, ``rediss`` or ``redis+socket`` URL; connects at first use.

    Args:
        url: as ``broker_url`` gives it.
        patient: ride out a broker that is away, or whose disk is full, for ten minutes. A command
            whose answer was lost is then sent again: what is written must bear being written twice.

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
            retry=_Patience() if patient else Retry(NoBackoff(), 0),
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
            (``broker_refused``), the broker's memory is full (``broker_full``) or its disk is
            (``broker_disk_full``).
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
    except redis.ResponseError as error:
        if not _is_disk_full(error):
            raise
        raise BrokerUnavailableError(
            f"the broker cannot write to its disk: {error}",
            code="broker_disk_full",
            hint="make room where its data lies; it takes writes again within a second",
        ) from error
    except (redis.ConnectionError, redis.TimeoutError) as error:
        raise BrokerUnavailableError(
            f"no Redis or Valkey answers: {error}", hint=_hint(settings, error)
        ) from error
    finally:
        client.close()


def _is_disk_full(error: redis.ResponseError) -> bool:
    # redis-py has no class for it, and in a pipeline puts the command before the code.
    return "MISCONF " in str(error)


def _hint(settings: Settings, error: Exception) -> str:
    if not settings.broker_url:
        return "start the embedded one: copydesk up"
    if isinstance(error.__context__, ssl.SSLError):
        return "check ssl_ca_certs, ssl_certfile and the host name in COPYDESK_BROKER_URL"
    return "set COPYDESK_BROKER_URL to one that runs"
