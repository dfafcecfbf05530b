"""The engine behind an OpenAI-compatible server: vLLM, transformers serve, llama.cpp.

The server batches the requests in flight, and may restart while they run. It supports neither
drafts nor the keep-bias: answers are plain greedy ones, without likelihoods.
"""

from __future__ import annotations

import asyncio
import math
import re
import time
from concurrent.futures import wait
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal
from tenacity import AsyncRetrying, retry_if_exception_type, wait_random_exponential

from worker.engine.openai_api import (
    TRANSIENT_ERRORS,
    UNANSWERED_ERRORS,
    BusyError,
    open_client,
    read_completion,
    unreachable_error,
)
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import httpx2
    from tenacity import RetryCallState

    from worker.config.profile import ModelSettings, PromptTemplate
    from worker.config.settings import Settings
    from worker.engine.openai_api import Completion

__all__ = ["ServerEngine"]

#: How long the server may stay silent, for instance while it restarts. Loading the default model
#: with transformers serve took 5 s (measured); vLLM takes 14 to 59 s for 3B to 8B models (vLLM pull
#: 11005, issue 20264). A chunk times out after 840 s.
_PATIENCE_SECONDS = 180.0

#: Upper bound of the random wait before the first retry, and its maximum; the bound doubles from
#: one retry to the next. A recovered server is noticed within 5 s, and not by all requests at once.
_FIRST_WAIT_SECONDS = 0.25
_MAX_WAIT_SECONDS = 5.0

#: Interval between checkpoint calls. A lease is renewed only every few seconds anyway.
_CHECKPOINT_SECONDS = 1.0

#: Letters per token, chosen low so that token counts are overestimated; names split into more
#: tokens. Over 55,464 sentences of WMT news the median estimate is 1.3 times SmolLM2's count. 1.2 %
#: of the sentences are underestimated, 999 of 1,000 by at most 15 %; none of the 4,065 articles is.
#: A single figure for all words, or a count of characters, underestimates twice as many at the same
#: median.
_LETTERS_PER_TOKEN = 5.0
_LETTERS_PER_TOKEN_OF_NAME = 2.5

#: Tokens that a chat format adds per turn; ChatML (SmolLM2, Qwen) and Llama 3 both add 5.
_TOKENS_PER_TURN = 8

#: Matches words, and every other character singly, because tokenizers split digits and marks.
_PIECE = re.compile(r"[^\W\d_]+|\S")

_log = get_logger(__name__)


class ServerEngine:
    """A model that runs on a server; nothing is sent before ``generate``.

    Args:
        model: the server's URL, its model and the request limits.
        settings: the API key, if the server needs one.
        patience_seconds: how long the server may stay silent before ``generate`` fails.
    """

    def __init__(
        self,
        model: ModelSettings,
        settings: Settings,
        *,
        patience_seconds: float = _PATIENCE_SECONDS,
    ) -> None:
        self._model, self._settings = model, settings
        self._patience_seconds = patience_seconds

    @property
    def window(self) -> int:
        """Maximum number of tokens in a prompt and its answer together, set by the profile."""
        return self._model.window

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """Return one greedy answer per prompt, in the order of the prompts.

        ``checkpoint`` is called in the caller's thread, before the first request and then every
        second. If it raises, all requests in flight are dropped.

        Raises:
            EngineError: the server was silent for ``patience_seconds`` (``server_unreachable`` or
                ``server_timed_out``), or refused or failed on any prompt (``server_refused`` or
                ``engine_error``).
        """
        if not prompts:
            return []
        checkpoint()
        with start_blocking_portal(name="server-engine") as portal:
            work = portal.start_task_soon(self._answers, prompts)
            while not wait([work], timeout=_CHECKPOINT_SECONDS).done:
                checkpoint()
            return work.result()

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Do nothing: the server loads its model itself."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Estimate how many tokens the template adds around a text, erring on the high side."""
        turns = template.messages("")
        return sum(_estimate(turn["content"]) + _TOKENS_PER_TURN for turn in turns)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Estimate each text's tokens on the high side; only the server has the tokenizer."""
        return [_estimate(text) for text in texts]

    async def _answers(self, prompts: Sequence[Prompt]) -> list[Generation]:
        slots = asyncio.Semaphore(self._model.in_flight)
        patience = _Patience(self._model, self._patience_seconds)
        async with open_client(self._model, self._settings) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._answer(client, slots, patience, prompt))
                        for prompt in prompts
                    ]
            except ExceptionGroup as group_error:
                # The first failure cancelled all other requests.
                raise group_error.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _answer(
        self,
        client: httpx2.AsyncClient,
        slots: asyncio.Semaphore,
        patience: _Patience,
        prompt: Prompt,
    ) -> Generation:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(TRANSIENT_ERRORS), wait=_wait, stop=patience, reraise=True
        )
        # A request keeps its slot between attempts, so retries add no load to a failing server.
        async with slots:
            try:
                completion: Completion = await retrying(self._request, client, prompt)
            except UNANSWERED_ERRORS as error:
                raise unreachable_error(self._model, error, patience.silent_seconds) from error
        patience.reset()
        return _generation(completion)

    async def _request(self, client: httpx2.AsyncClient, prompt: Prompt) -> Completion:
        response = await client.post(
            f"{self._model.url}/chat/completions",
            json={
                "model": self._model.name,
                "messages": prompt.template.messages(prompt.text),
                "max_tokens": prompt.max_tokens,
                "temperature": 0,
                "stream": False,
            },
        )
        return read_completion(self._model, self._settings, response)


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


def _generation(completion: Completion) -> Generation:
    choice, usage = completion.choices[0], completion.usage
    return Generation(
        (choice.message.content or "").strip(),
        choice.finish_reason == "stop",
        tokens=usage.completion_tokens if usage else 0,
        tokens_read=usage.prompt_tokens if usage else 0,
    )


def _estimate(text: str) -> int:
    return sum(_tokens_of_piece(piece) for piece in _PIECE.findall(text))


def _tokens_of_piece(piece: str) -> int:
    if not piece.isascii():
        # A non-ASCII word takes a token per two bytes, any other mark one fewer than its bytes.
        size = len(piece.encode())
        return size // 2 + 1 if piece.isalpha() else size - 1
    if not piece.isalpha():
        return 1
    return math.ceil(
        len(piece) / (_LETTERS_PER_TOKEN_OF_NAME if piece[0].isupper() else _LETTERS_PER_TOKEN)
    )
