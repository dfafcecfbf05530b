"""Patient requests to a model server: repeated while it is silent, until patience ends."""

from __future__ import annotations

import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from worker.engine.openai_api import (
    TRANSIENT_ERRORS,
    UNANSWERED_ERRORS,
    AnswerT,
    BusyError,
    open_client,
    read_answer,
    unreachable_error,
)
from worker.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx2
    from tenacity import RetryCallState

    from worker.config.profile import ModelSettings
    from worker.config.settings import Settings

__all__ = ["ServerClient", "open_server"]

#: Upper bound of the random wait before the first retry, and its maximum; the bound doubles from
#: one retry to the next. A recovered server is noticed within 5 s, and not by all requests at once.
_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 5.0

_log = get_logger(__name__)


class ServerClient:
    """Sends requests to one server; all that are in flight share one patience.

    Args:
        http: the connections, with the API key.
        model: the server's URL.
        settings: says in a refusal's hint whether there is a key.
        patience_seconds: how long the server may stay silent before a request fails.
    """

    def __init__(
        self,
        http: httpx2.AsyncClient,
        model: ModelSettings,
        settings: Settings,
        patience_seconds: float,
    ) -> None:
        self._http, self._model, self._settings = http, model, settings
        self._patience = _Patience(model, patience_seconds)

    async def get(self, path: str, schema: type[AnswerT]) -> AnswerT:
        """Return the answer to a GET of ``path`` under the server's ``/v1``; raises as ``post``."""
        return await self._send("GET", f"{self._model.url}{path}", schema)

    async def post(self, path: str, schema: type[AnswerT], body: Any) -> AnswerT:
        """Return the answer to a POST of ``path`` under the server's ``/v1``.

        Raises:
            EngineError: the server was silent for too long (``server_unreachable`` or
                ``server_timed_out``), refused (``server_refused``) or failed (``engine_error``).
        """
        return await self._send("POST", f"{self._model.url}{path}", schema, body)

    async def post_to_root(self, path: str, schema: type[AnswerT], body: Any) -> AnswerT:
        """Return the answer to a POST of ``path`` beside the server's ``/v1``; raises as ``post``.

        vLLM has what OpenAI's API does not have there.
        """
        root = self._model.url.removesuffix("/v1")
        return await self._send("POST", f"{root}{path}", schema, body)

    async def _send(
        self, method: str, url: str, schema: type[AnswerT], body: Any = None
    ) -> AnswerT:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TRANSIENT_ERRORS),
            wait=_wait,
            stop=self._patience,
            reraise=True,
        )

        async def attempt() -> AnswerT:
            response = await self._http.request(method, url, json=body)
            return read_answer(schema, self._model, self._settings, response)

        try:
            answer: AnswerT = await retrying(attempt)
        except UNANSWERED_ERRORS as error:
            silent = self._patience.silent_seconds
            raise unreachable_error(self._model, error, silent) from error
        self._patience.reset()
        return answer


@asynccontextmanager
async def open_server(
    model: ModelSettings, settings: Settings, patience_seconds: float
) -> AsyncIterator[ServerClient]:
    """Open a client of the server of ``model``."""
    async with open_client(model, settings) as http:
        yield ServerClient(http, model, settings, patience_seconds)


class _Patience:
    """Stops retrying once the server has been silent for too long; shared by a call's requests.

    The silence starts at the first failure, not at the request: a lost answer may have taken
    minutes.
    """

    def __init__(self, model: ModelSettings, seconds: float) -> None:
        self._url, self._seconds = model.url, seconds
        self._silent_since: float | None = None

    def __call__(self, state: RetryCallState) -> bool:
        """Return whether the next attempt would come too late."""
        if self._silent_since is None:
            self._silent_since = time.monotonic()
            error = state.outcome and state.outcome.exception()
            _log.warning("server_silent", url=self._url, why=type(error).__name__)
        return self.silent_seconds + state.upcoming_sleep > self._seconds

    @property
    def silent_seconds(self) -> float:
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    def reset(self) -> None:
        """End the silence: a request was answered."""
        if self._silent_since is not None:
            _log.info("server_answers_again", url=self._url, seconds=round(self.silent_seconds, 1))
            self._silent_since = None


_backoff = wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_MAX_WAIT_SECONDS)


def _wait(state: RetryCallState) -> float:
    """Return the seconds until the next attempt, at least as many as the server asks for."""
    error = state.outcome and state.outcome.exception()
    requested = error.wait_seconds if isinstance(error, BusyError) else 0.0
    return requested + _backoff(state)
