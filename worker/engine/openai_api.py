"""An OpenAI-compatible server: how it is called, and what its refusals mean to a person.

Knows no prompt and no engine, and imports nothing heavy: the doctor calls it, too.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Annotated, Any

import httpx2
from pydantic import BaseModel, Field, ValidationError

from worker.errors import EngineError

if TYPE_CHECKING:
    from worker.config.profile import ModelSettings
    from worker.config.settings import Settings

__all__ = [
    "PASSING",
    "UNANSWERED",
    "BusyError",
    "Completion",
    "open_client",
    "read_completion",
    "refusal",
    "served_models",
    "unreachable",
]

#: An address that nobody answers at all; a server that is up takes a connection within a second.
_CONNECT_SECONDS = 10.0

#: The list of models is in the server's hands already.
_LIST_SECONDS = 5.0

#: Enough for a sentence of the server's own; a page of HTML of a proxy is cut off.
_MOST_SAID = 300

#: Statuses of a server that is up and cannot answer now: too many requests, or behind a proxy,
#: and while it still loads.
_BUSY = frozenset({429, 502, 503, 504})


class BusyError(Exception):
    """The server says that it cannot answer now."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"it says {_status(response)}")
        self.wait_seconds = _wait_seconds(response.headers.get("Retry-After", ""))
        """How long it asks to be left alone; 0 where it does not say."""


#: What may be over by the next try: no connection, a lost one, no answer in time, a busy server.
PASSING = (httpx2.TimeoutException, httpx2.NetworkError, httpx2.RemoteProtocolError, BusyError)

#: All that a call may end in without an answer, a proxy's trouble and a bad address among them.
UNANSWERED = (httpx2.RequestError, httpx2.InvalidURL, BusyError)


class _Message(BaseModel):
    content: str | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Completion(BaseModel):
    """What a server answers to ``chat/completions``, as far as it is used."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


class _Model(BaseModel):
    id: str


class _Models(BaseModel):
    data: list[_Model]


def open_client(model: ModelSettings, settings: Settings) -> httpx2.AsyncClient:
    """A client with the key and the time limits that ``model`` is called with.

    How many requests are in flight is for the caller to bound.
    """
    return httpx2.AsyncClient(
        headers=_headers(settings),
        timeout=httpx2.Timeout(model.timeout_seconds, connect=_CONNECT_SECONDS, pool=None),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
    )


def served_models(model: ModelSettings, settings: Settings) -> list[str]:
    """The names that the server of ``model`` lists, from one call without patience.

    Raises:
        EngineError: see ``unreachable`` and ``refusal``.
    """
    try:
        response = httpx2.get(
            f"{model.url}/models", headers=_headers(settings), timeout=_LIST_SECONDS
        )
        if response.status_code in _BUSY:
            raise BusyError(response)
    except UNANSWERED as error:
        raise unreachable(model, error) from error
    if not response.is_success:
        raise refusal(model, settings, response)
    try:
        return [one.id for one in _Models.model_validate_json(response.content).data]
    except ValidationError as error:
        raise _not_understood(model) from error


def read_completion(
    model: ModelSettings, settings: Settings, response: httpx2.Response
) -> Completion:
    """The answer in ``response``.

    Raises:
        BusyError: the server cannot answer now.
        EngineError: see ``refusal``; or it is no answer of such a server.
    """
    if response.status_code in _BUSY:
        raise BusyError(response)
    if not response.is_success:
        raise refusal(model, settings, response)
    try:
        return Completion.model_validate_json(response.content)
    except ValidationError as error:
        raise _not_understood(model) from error


def unreachable(model: ModelSettings, error: Exception, seconds: float = 0.0) -> EngineError:
    """What ended a request, after so many seconds without any answer.

    ``server_unreachable``; or ``server_timed_out``, which may be the request's own fault.
    """
    why, code = str(error) or type(error).__name__, "server_unreachable"
    hint = "start it, or set url under [model] to where it is; copydesk doctor asks it"
    if isinstance(error, httpx2.ConnectTimeout):
        why = "nothing takes the connection"
    elif isinstance(error, httpx2.TimeoutException):
        why, code = "it was asked, and took too long", "server_timed_out"
        hint = "its log says what it is at; lower in_flight or raise timeout_seconds under [model]"
    for_long = f" for {seconds:.0f} s" if seconds >= 1 else ""
    return EngineError(
        f"the server {model.url} does not answer{for_long}: {why}", code=code, hint=hint
    )


def refusal(model: ModelSettings, settings: Settings, response: httpx2.Response) -> EngineError:
    """``server_refused``, or ``engine_error`` where the server failed; in its own words."""
    said = f"{_status(response)}: {_own_words(response)}".removesuffix(": ")
    if response.is_server_error:
        return EngineError(
            f"the server {model.url} failed on a request: {said}", hint="its log says why"
        )
    hint = "if the text is too long for it, lower window under [model]"
    if response.status_code in (401, 403):
        sent = settings.api_key.get_secret_value()
        hint = f"is the key in COPYDESK_API_KEY {'right' if sent else 'set'}?"
    elif response.status_code not in (400, 413, 422):
        hint = (
            f"does url lead to its /v1, and does it serve {model.name}?"
            " copydesk doctor says what it serves"
        )
    return EngineError(
        f"the server {model.url} refused a request: {said}", code="server_refused", hint=hint
    )


def _not_understood(model: ModelSettings) -> EngineError:
    return EngineError(
        f"the server {model.url} answers, and not as an OpenAI-compatible server does",
        code="server_refused",
        hint="set url under [model] to the address of its API, such as http://127.0.0.1:8000/v1",
    )


def _headers(settings: Settings) -> dict[str, str]:
    key = settings.api_key.get_secret_value()
    return {"Authorization": f"Bearer {key}"} if key else {}


def _status(response: httpx2.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()


def _own_words(response: httpx2.Response) -> str:
    """The message in an error's body: each server has a place of its own for it."""
    try:
        said: Any = response.json()
    except ValueError:
        said = response.text
    for key in ("error", "detail", "message", "msg"):
        if isinstance(said, list) and said:
            # FastAPI's complaints; the first says enough, and without quoting what was sent.
            said = said[0]
        if isinstance(said, dict):
            said = said.get(key, said)
    return " ".join(str(said).split())[:_MOST_SAID]


def _wait_seconds(retry_after: str) -> float:
    """Seconds of a ``Retry-After`` header, which holds a number or a date."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0
