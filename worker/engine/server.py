"""The engine behind an OpenAI-compatible server: vLLM, transformers serve, llama.cpp's.

The server batches what is in flight. It cannot verify a draft and gives no keep-bias: its answers
are plain greedy ones, of unknown probability. It may be restarted while it is asked.
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
    PASSING,
    UNANSWERED,
    BusyError,
    open_client,
    read_completion,
    unreachable,
)
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.process.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    import httpx2
    from tenacity import RetryCallState

    from worker.config.profile import ModelSettings, PromptTemplate
    from worker.config.settings import Settings
    from worker.engine.openai_api import Completion

__all__ = ["ServerEngine"]

#: How long the server may answer nobody: it may be restarted, and loads its model again. 5 s were
#: measured for transformers serve and the embedded model; vLLM's users report 14 to 59 s for
#: models of 3B to 8B (its pull 11005, issue 20264). A chunk ends after 840 s.
_PATIENCE_SECONDS = 180.0

#: Between two tries of a request: at random up to this, doubled each time, up to the most. A
#: server that is back is found after 5 s at the latest, and then not by all at once.
_FIRST_WAIT_SECONDS = 0.25
_MOST_WAIT_SECONDS = 5.0

#: How often the caller is asked whether to go on. A lease is renewed every few seconds anyway.
_CHECKPOINT_SECONDS = 1.0

#: Letters of a token at the least. With a shorter step for names, which fall into more pieces,
#: the estimate is below SmolLM2's own count for 1.2 % of 55,464 sentences of WMT news, by 15 %
#: at most in 999 of 1,000, and for none of the 4,065 articles; it is 1.3 times that count in the
#: median. One step for all words, or a length in characters, misses twice as many at that size.
_LETTERS = 5.0
_LETTERS_OF_NAME = 2.5

#: What a chat format puts around a turn: 5 tokens in ChatML (SmolLM2, Qwen), 5 in Llama 3.
_TOKENS_OF_TURN = 8

#: Words, and every other character by itself: tokenizers tell digits and marks apart.
_PIECE = re.compile(r"[^\W\d_]+|\S")

_log = get_logger(__name__)


class ServerEngine:
    """A model that a server runs; nothing is loaded, and nothing asked before ``generate``.

    Args:
        model: which server and model, and how it is asked.
        settings: the key, if the server wants one.
        patience_seconds: how long the server may answer nobody before the work fails.
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
        """Most tokens of prompt and answer together, as the profile says."""
        return self._model.window

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """One greedy answer per prompt, in the order of the prompts.

        ``checkpoint`` is called in the caller's thread before the first request and every second;
        what it raises drops all requests in flight.

        Raises:
            EngineError: ``server_unreachable`` or ``server_timed_out`` when nobody was answered
                for as long as there is patience; ``server_refused`` or ``engine_error`` for one
                prompt of them.
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
        """Nothing: the server has loaded what it needs."""

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Tokens that the template puts around a text, rather too many than too few."""
        turns = template.messages("")
        return sum(_estimate(turn["content"]) + _TOKENS_OF_TURN for turn in turns)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, rather too many than too few: the tokenizer is the server's."""
        return [_estimate(text) for text in texts]

    async def _answers(self, prompts: Sequence[Prompt]) -> list[Generation]:
        room = asyncio.Semaphore(self._model.in_flight)
        patience = _Patience(self._model, self._patience_seconds)
        async with open_client(self._model, self._settings) as client:
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._answer(client, room, patience, prompt))
                        for prompt in prompts
                    ]
            except ExceptionGroup as failed:
                # The first ended all others.
                raise failed.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _answer(
        self,
        client: httpx2.AsyncClient,
        room: asyncio.Semaphore,
        patience: _Patience,
        prompt: Prompt,
    ) -> Generation:
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(PASSING), wait=_wait, stop=patience, reraise=True
        )
        # One that waits for another try keeps its place: a server in trouble gets no more to do.
        async with room:
            try:
                completion: Completion = await retrying(self._ask, client, prompt)
            except UNANSWERED as error:
                raise unreachable(self._model, error, patience.spent_seconds) from error
        patience.renew()
        return _generation(completion)

    async def _ask(self, client: httpx2.AsyncClient, prompt: Prompt) -> Completion:
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
    """When to stop trying: nobody was answered for too long. One for all requests of a call.

    It counts from the first failure: an answer that is lost may itself have taken minutes.
    """

    def __init__(self, model: ModelSettings, seconds: float) -> None:
        self._url, self._seconds = model.url, seconds
        self._silent_since: float | None = None

    def __call__(self, state: RetryCallState) -> bool:
        """Whether the next try would come too late."""
        if self._silent_since is None:
            self._silent_since = time.monotonic()
            error = state.outcome and state.outcome.exception()
            _log.warning("server_silent", url=self._url, why=type(error).__name__)
        return self.spent_seconds + state.upcoming_sleep > self._seconds

    @property
    def spent_seconds(self) -> float:
        return 0.0 if self._silent_since is None else time.monotonic() - self._silent_since

    def renew(self) -> None:
        """Somebody was answered."""
        if self._silent_since is not None:
            _log.info("server_answers_again", url=self._url, seconds=round(self.spent_seconds, 1))
            self._silent_since = None


_backoff = wait_random_exponential(multiplier=_FIRST_WAIT_SECONDS, max=_MOST_WAIT_SECONDS)


def _wait(state: RetryCallState) -> float:
    """Seconds until the next try, and no less than the server asks for."""
    error = state.outcome and state.outcome.exception()
    asked = error.wait_seconds if isinstance(error, BusyError) else 0.0
    return asked + _backoff(state)


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
        # A token holds two bytes of a foreign word, and all but one of a mark such as a quote.
        size = len(piece.encode())
        return size // 2 + 1 if piece.isalpha() else size - 1
    if not piece.isalpha():
        return 1
    return math.ceil(len(piece) / (_LETTERS_OF_NAME if piece[0].isupper() else _LETTERS))
