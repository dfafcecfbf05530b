"""The connection to the broker: its URL, its client, and one clear error if it is unavailable."""

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
from worker.queue.store.jobs import JobStore
from worker.runtime.embedded_valkey import EmbeddedBroker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from worker.config.settings import Settings

__all__ = ["broker_url", "connect", "open_store"]

#: Maximum wait for a reply. The slowest reply, for a chunk's results, takes milliseconds.
_SOCKET_SECONDS = 30

#: Maximum wait for a connection.
_CONNECT_SECONDS = 5

#: How long a worker's child process retries, to keep its loaded model and results while the
#: broker restarts, reloads a large file or moves. After that, a person has to act.
_RETRY_SECONDS = 600

#: Pauses between retries, in seconds. Short at first, since a restart takes a fraction of a second;
#: later, one retry every two seconds is a negligible load.
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2

_SCHEMES = ("redis://", "rediss://", "redis+socket://")

#: Options allowed in the query of a rediss URL, with their values; an empty tuple stands for a file
#: path. kombu raises a TypeError or KeyError for any other option, and redis-py reads some of them
#: differently.
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
    """Return the URL of the configured or, by default, the embedded broker in kombu's format.

    A ``rediss`` URL always contains ``ssl_cert_reqs``, by default ``required``: without this
    option, redis-py checks the certificate but kombu does not.

    Raises:
        ConfigError: the scheme is not redis, rediss or redis+socket, or an option or its value is
            not among those that kombu and redis-py read the same way.
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
    return _validate_options(settings.broker_url)


def _validate_options(url: str) -> str:
    # An unquoted ? in a password turns the rest of the URL into options, so no error quotes an
    # unknown option.
    address, _, query = url.partition("?")
    given_options = dict(parse_qsl(query))
    if not url.startswith("rediss://"):
        if given_options:
            raise ConfigError("options of broker_url need the scheme rediss://", hint=_TLS_HINT)
        return url
    if not given_options.keys() <= _TLS_OPTIONS.keys():
        raise ConfigError(
            f"an option of broker_url is none of {', '.join(_TLS_OPTIONS)}", hint=_TLS_HINT
        )
    # Celery documents CERT_REQUIRED and redis-py required; kombu accepts both.
    required = given_options.get("ssl_cert_reqs", "required")
    options = {**given_options, "ssl_cert_reqs": required.removeprefix("CERT_").lower()}
    for option, value in options.items():
        values = _TLS_OPTIONS[option]
        if values and value not in values:
            raise ConfigError(f"{option} of broker_url must be one of {', '.join(values)}")
        if not values and not Path(value).is_file():
            raise ConfigError(f"{option} of broker_url names no file: {value}", hint=_TLS_HINT)
    return f"{address}?{urlencode(options, safe='/')}"


class _RetryUntilDeadline(Retry):
    """Retries until the broker is back or the time is up.

    redis-py nests the retries of a command, its health check and its connection. Separate retry
    counts would multiply to days, so all three share one deadline.
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
        self._deadline: float | None = None

    def call_with_retry(
        self,
        do: Callable[[], _T],
        fail: Callable[..., object],
        is_retryable: Callable[[Exception], bool] | None = None,
        with_failure_count: bool = False,
    ) -> _T:
        del is_retryable  # redis-py passes none for a single server
        outermost = self._deadline is None
        if outermost:
            self._deadline = time.monotonic() + _RETRY_SECONDS
        failures = 0
        try:
            while True:
                try:
                    return do()
                except self._supported_errors as error:
                    if isinstance(error, redis.ResponseError) and not _is_disk_full(error):
                        raise  # the broker has replied: a retry would get the same reply
                    failures += 1
                    fail(error, failures) if with_failure_count else fail(error)
                    if not self._should_retry(error):
                        raise
                    time.sleep(self._backoff.compute(failures))
        finally:
            if outermost:
                self._deadline = None

    def _should_retry(self, error: Exception) -> bool:
        # A refused login is a ConnectionError too, but waiting does not help.
        refused = isinstance(error, redis.AuthenticationError | redis.exceptions.AuthorizationError)
        return not refused and self._deadline is not None and time.monotonic() < self._deadline


def connect(url: str, *, patient: bool = False) -> redis.Redis:
    """Return a client for a ``redis``, ``rediss`` or ``redis+socket`` URL; connects at first use.

    Args:
        url: a URL in the form that ``broker_url`` returns.
        patient: wait up to ten minutes if the broker is unreachable or its disk is full. A command
            whose reply was lost is sent again, so every write must be safe to repeat.

    Raises:
        ConfigError: the URL cannot be parsed.
    """
    if url.startswith("redis+socket://"):
        # kombu and redis-py write a socket and its database differently.
        url = "unix://" + url.removeprefix("redis+socket://").replace("virtual_host=", "db=")
    try:
        return redis.Redis.from_url(
            url,
            socket_timeout=_SOCKET_SECONDS,
            socket_connect_timeout=_CONNECT_SECONDS,
            health_check_interval=10,
            # The default retries would hide a wrong password or a missing socket for seconds.
            retry=_RetryUntilDeadline() if patient else Retry(NoBackoff(), 0),
        )
    except ValueError as error:
        raise ConfigError(
            f"broker_url cannot be read: {error}",
            hint="for example redis://user:password@host:6379/0; quote what is special in it",
        ) from error


@contextmanager
def open_store(settings: Settings) -> Iterator[JobStore]:
    """Yield the job store; turn a lost connection into one clear error.

    Raises:
        BrokerUnavailableError: nothing answers, the connection broke, the login is wrong
            (``broker_refused``), or the broker's memory (``broker_full``) or disk
            (``broker_disk_full``) is full.
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
    # redis-py has no class for this error, and a pipeline puts the command before the error code.
    return "MISCONF " in str(error)


def _hint(settings: Settings, error: Exception) -> str:
    if not settings.broker_url:
        return "start the embedded one: copydesk up"
    if isinstance(error.__context__, ssl.SSLError):
        return "check ssl_ca_certs, ssl_certfile and the host name in COPYDESK_BROKER_URL"
    return "set COPYDESK_BROKER_URL to one that runs"
