"""Calls an OpenAI-compatible server and turns its failures into readable errors.

Independent of prompts and engines. Imports nothing heavy, because ``copydesk doctor`` uses it too.
"""

from __future__ import annotations

import time
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import httpx2
from pydantic import BaseModel, Field, ValidationError

from worker.config.weights import adapter_folder
from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from worker.config.profile import ModelSettings
    from worker.config.settings import Settings

__all__ = [
    "TRANSIENT_ERRORS",
    "UNANSWERED_ERRORS",
    "BusyError",
    "Completion",
    "ModelList",
    "check_adapters",
    "open_client",
    "read_answer",
    "refusal_error",
    "served_models",
    "served_name",
    "unreachable_error",
]

#: Connection timeout; a running server accepts within a second.
_CONNECT_SECONDS = 10.0

#: Timeout for the list of models, which a server returns at once.
_LIST_SECONDS = 5.0

#: Maximum length of a server's error message: a sentence fits, a proxy's HTML page is truncated.
_MAX_MESSAGE_CHARS = 300

#: Statuses that ask for a later attempt: the server is overloaded, loading, or down behind a proxy.
_BUSY_STATUSES = frozenset({429, 502, 503, 504})


class BusyError(Exception):
    """The server reports that it cannot answer now."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"it says {_status(response)}")
        self.wait_seconds = _wait_seconds(response.headers.get("Retry-After", ""))
        """The server's ``Retry-After`` in seconds, or 0 if it sent none."""


#: Transient failures worth retrying: no connection, dropped connection, timeout, busy server.
TRANSIENT_ERRORS = (
    httpx2.TimeoutException,
    httpx2.NetworkError,
    httpx2.RemoteProtocolError,
    BusyError,
)

#: All failures to get an answer, including proxy errors and invalid addresses.
UNANSWERED_ERRORS = (httpx2.RequestError, httpx2.InvalidURL, BusyError)


#: A schema that an answer is parsed by.
AnswerT = TypeVar("AnswerT", bound=BaseModel)


class _Message(BaseModel):
    content: str | None = None


class _Token(BaseModel):
    logprob: float


class _Logprobs(BaseModel):
    content: list[_Token] | None = None


class _Choice(BaseModel):
    message: _Message
    finish_reason: str | None = None
    logprobs: _Logprobs | None = None


class _Usage(BaseModel):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Completion(BaseModel):
    """A response to ``chat/completions``, reduced to the fields that the engine uses."""

    choices: Annotated[list[_Choice], Field(min_length=1)]
    usage: _Usage | None = None


class _Model(BaseModel):
    id: str


class ModelList(BaseModel):
    """A response to ``models``; vLLM lists adapters beside the model."""

    data: list[_Model]

    @property
    def names(self) -> list[str]:
        """The names that a request may give as its model."""
        return [model.id for model in self.data]


def open_client(model: ModelSettings, settings: Settings) -> httpx2.AsyncClient:
    """Open a client with the API key and the timeouts for ``model``.

    The client does not limit the requests in flight; the caller must.
    """
    return httpx2.AsyncClient(
        headers=_headers(settings),
        timeout=httpx2.Timeout(model.timeout_seconds, connect=_CONNECT_SECONDS, pool=None),
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=None),
    )


def served_models(model: ModelSettings, settings: Settings) -> list[str]:
    """Return the names of the models that the server of ``model`` offers, without retries.

    Raises:
        EngineError: see ``unreachable_error`` and ``refusal_error``.
    """
    try:
        response = httpx2.get(
            f"{model.url}/models", headers=_headers(settings), timeout=_LIST_SECONDS
        )
        if response.status_code in _BUSY_STATUSES:
            raise BusyError(response)
    except UNANSWERED_ERRORS as error:
        raise unreachable_error(model, error) from error
    return read_answer(ModelList, model, settings, response).names


def served_name(model: ModelSettings, adapter: str) -> str:
    """Return the name to request: that of the adapter, or the model's if there is none."""
    return Path(adapter).name if adapter else model.name


def check_adapters(model: ModelSettings, adapters: Iterable[str], names: Collection[str]) -> None:
    """Check that a server which lists ``names`` serves all ``adapters``.

    Raises:
        EngineError: ``adapter_not_served``.
    """
    folders = {served_name(model, adapter): adapter_folder(adapter) for adapter in sorted(adapters)}
    missing = [name for name in folders if name not in names]
    if missing:
        modules = " ".join(f"{name}={folders[name]}" for name in missing)
        raise EngineError(
            f"the server {model.url} does not serve the adapter {', '.join(missing)}",
            code="adapter_not_served",
            hint=f"start vLLM with --enable-lora --lora-modules {modules}; see docs/sizing.md",
        )


def read_answer(
    schema: type[AnswerT], model: ModelSettings, settings: Settings, response: httpx2.Response
) -> AnswerT:
    """Parse ``response`` by ``schema``.

    Raises:
        BusyError: the server cannot answer now.
        EngineError: the server refused the request or failed on it (see ``refusal_error``), or it
            is not OpenAI-compatible.
    """
    if response.status_code in _BUSY_STATUSES:
        raise BusyError(response)
    if not response.is_success:
        raise refusal_error(model, settings, response)
    try:
        return schema.model_validate_json(response.content)
    except ValidationError as error:
        raise _not_compatible_error(model) from error


def unreachable_error(model: ModelSettings, error: Exception, seconds: float = 0.0) -> EngineError:
    """Return the error for a request that got no answer in ``seconds`` of retries.

    Its code is ``server_unreachable``, or ``server_timed_out`` if the server accepted the
    connection; a timeout can be the fault of the request.
    """
    why, code = str(error) or type(error).__name__, "server_unreachable"
    hint = "start it, or set url under [model] to its address; copydesk doctor checks it"
    if isinstance(error, httpx2.ConnectTimeout):
        why = "nothing accepts the connection"
    elif isinstance(error, httpx2.TimeoutException):
        why, code = "it took too long to answer", "server_timed_out"
        hint = "its log says why; lower in_flight or raise timeout_seconds under [model]"
    duration = f" for {seconds:.0f} s" if seconds >= 1 else ""
    return EngineError(
        f"the server {model.url} does not answer{duration}: {why}", code=code, hint=hint
    )


def refusal_error(
    model: ModelSettings, settings: Settings, response: httpx2.Response
) -> EngineError:
    """Return the error for a failed response: ``engine_error`` if 5xx, else ``server_refused``."""
    answer = f"{_status(response)}: {_error_message(response)}".removesuffix(": ")
    if response.is_server_error:
        return EngineError(
            f"the server {model.url} failed on a request: {answer}", hint="its log says why"
        )
    hint = "if the text is too long for it, lower window under [model]"
    if response.status_code in (401, 403):
        key = settings.api_key.get_secret_value()
        hint = f"is the key in COPYDESK_API_KEY {'right' if key else 'set'}?"
    elif response.status_code not in (400, 413, 422):
        hint = (
            f"does url end in /v1, and does the server have {model.name}?"
            " copydesk doctor lists what it serves"
        )
    return EngineError(
        f"the server {model.url} refused a request: {answer}", code="server_refused", hint=hint
    )


def _not_compatible_error(model: ModelSettings) -> EngineError:
    return EngineError(
        f"the server {model.url} does not answer like an OpenAI-compatible server",
        code="server_refused",
        hint="set url under [model] to the address of its API, such as http://127.0.0.1:8000/v1",
    )


def _headers(settings: Settings) -> dict[str, str]:
    key = settings.api_key.get_secret_value()
    return {"Authorization": f"Bearer {key}"} if key else {}


def _status(response: httpx2.Response) -> str:
    return f"{response.status_code} {response.reason_phrase}".strip()


def _error_message(response: httpx2.Response) -> str:
    """Return the message in an error body; servers put it under different keys."""
    try:
        content: Any = response.json()
    except ValueError:
        content = response.text
    for key in ("error", "detail", "message", "msg"):
        if isinstance(content, list) and content:
            # FastAPI returns a list of errors. The first is enough; its "msg" does not quote the
            # input.
            content = content[0]
        if isinstance(content, dict):
            content = content.get(key, content)
    return " ".join(str(content).split())[:_MAX_MESSAGE_CHARS]


def _wait_seconds(retry_after: str) -> float:
    """Convert a ``Retry-After`` header, which is a number or a date, to seconds."""
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(retry_after).timestamp() - time.time())
    except ValueError:
        return 0.0
