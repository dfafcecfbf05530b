"""The engine behind an OpenAI-compatible server: vLLM, transformers serve, llama.cpp.

The server batches the requests in flight, and may restart while they run. Where it can read drafts
(``worker.engine.server_draft``), a draft that the model would write itself is its answer, at the
price of reading it; else answers are plain greedy ones, without likelihoods. The keep-bias decides
whether a draft stands as a whole; an answer that departs from its draft is written without it.
Hidden states are not to be had from a server.
"""

from __future__ import annotations

import asyncio
import math
import re
from concurrent.futures import wait
from dataclasses import replace
from typing import TYPE_CHECKING

from anyio.from_thread import start_blocking_portal

from worker.engine.chat_mark import without_chat_marks
from worker.engine.openai_api import (
    Completion,
    ModelList,
    check_adapters,
    served_models,
    served_name,
)
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.engine.server_client import open_server
from worker.engine.server_draft import find_draft_support, read_draft
from worker.errors import EngineError
from worker.runtime.log import get_logger

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from worker.config.profile import ModelSettings, PromptTemplate
    from worker.config.settings import Settings
    from worker.engine.server_client import ServerClient
    from worker.engine.server_draft import DraftReading, DraftSupport

__all__ = ["ServerEngine"]

#: How long the server may stay silent, for instance while it restarts. Loading the 135 M model
#: with transformers serve took 5 s (measured); vLLM takes 14 to 59 s for 3B to 8B models (vLLM pull
#: 11005, issue 20264). A chunk times out after 840 s.
_PATIENCE_SECONDS = 180.0

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
        # Both are found out by the first prompts that need them, and kept.
        self._served: frozenset[str] = frozenset()
        self._draft_support: DraftSupport | None = None

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
                ``engine_error``), or lacks a prompt's adapter (``adapter_not_served``).
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
        """Check that the server has the adapters of ``templates``, if it is up already.

        Raises:
            EngineError: ``adapter_not_served``; or the server refused the request.
        """
        adapters = {template.adapter for template in templates} - {""}
        if not adapters:
            return
        try:
            names = served_models(self._model, self._settings)
        except EngineError as error:
            if error.code in ("server_unreachable", "server_timed_out"):
                return  # the first prompts wait for it
            raise
        check_adapters(self._model, adapters, names)

    def draft_support(self) -> DraftSupport:
        """Return whether the server can read drafts, which is found out once.

        Raises:
            EngineError: the server does not answer.
        """
        with start_blocking_portal(name="server-engine") as portal:
            return portal.call(self._ask_for_draft_support)

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Estimate how many tokens the template adds around a text, erring on the high side."""
        turns = template.messages("")
        return sum(_estimate(turn["content"]) + _TOKENS_PER_TURN for turn in turns)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Estimate each text's tokens on the high side; only the server has the tokenizer."""
        return [_estimate(text) for text in texts]

    async def _ask_for_draft_support(self) -> DraftSupport:
        async with open_server(self._model, self._settings, self._patience_seconds) as client:
            return await self._find_draft_support(client)

    async def _find_draft_support(self, client: ServerClient) -> DraftSupport:
        if self._draft_support is None:
            self._draft_support = await find_draft_support(client, self._model.name)
            if self._draft_support.end_token is None:
                why = self._draft_support.why_not
                _log.warning("server_without_likelihoods", url=self._model.url, why=why)
        return self._draft_support

    async def _check_adapters(self, client: ServerClient, prompts: Sequence[Prompt]) -> None:
        adapters = {prompt.template.adapter for prompt in prompts} - {""}
        if not adapters <= self._served:
            listed = await client.get("/models", ModelList)
            check_adapters(self._model, adapters, listed.names)
            self._served |= adapters

    async def _answers(self, prompts: Sequence[Prompt]) -> list[Generation]:
        slots = asyncio.Semaphore(self._model.in_flight)
        async with open_server(self._model, self._settings, self._patience_seconds) as client:
            await self._check_adapters(client, prompts)
            end_token = None
            if any(prompt.draft for prompt in prompts):
                end_token = (await self._find_draft_support(client)).end_token
            try:
                async with asyncio.TaskGroup() as group:
                    tasks = [
                        group.create_task(self._answer(client, slots, prompt, end_token))
                        for prompt in prompts
                    ]
            except ExceptionGroup as group_error:
                # The first failure cancelled all other requests.
                raise group_error.exceptions[0] from None
        return [task.result() for task in tasks]

    async def _answer(
        self, client: ServerClient, slots: asyncio.Semaphore, prompt: Prompt, end_token: int | None
    ) -> Generation:
        """Return the answer; read its draft first if the server can, as ``end_token`` says."""
        model = served_name(self._model, prompt.template.adapter)
        messages = prompt.template.messages(without_chat_marks(prompt.text))
        draft = without_chat_marks(prompt.draft).strip()
        # A prompt keeps its slot between attempts, so retries add no load to a failing server.
        async with slots:
            if end_token is None or not draft:
                return await self._write(client, model, messages, prompt)
            reading = await read_draft(client, model, messages, draft, end_token)
            answer = _known_answer(prompt, draft, reading)
            if answer is None:
                written = await self._write(client, model, messages, prompt, logprobs=True)
                read = written.tokens_read + reading.tokens_read
                answer = replace(written, tokens_read=read, draft_nats=reading.nats)
            return answer

    async def _write(
        self,
        client: ServerClient,
        model: str,
        messages: Sequence[dict[str, str]],
        prompt: Prompt,
        *,
        logprobs: bool = False,
    ) -> Generation:
        """Have the server write an answer; ask for ``logprobs`` only a server that has them."""
        body = {
            "model": model,
            "messages": messages,
            "max_tokens": prompt.max_tokens,
            "temperature": 0,
            "stream": False,
        }
        if logprobs:
            body["logprobs"] = True
        return _generation(await client.post("/chat/completions", Completion, body))


def _known_answer(prompt: Prompt, draft: str, reading: DraftReading) -> Generation | None:
    """Return the answer if reading the draft has told it, else None."""
    if len(reading.nats) <= prompt.max_tokens and reading.stands(prompt.keep_bias_nats):
        text, finished, nats = draft, True, reading.nats
    elif prompt.max_tokens == 1:
        text, finished = reading.first_choice or "", reading.first_choice is None
        nats = reading.top_nats[:1]
    else:
        return None
    return Generation(
        text.strip(),
        finished,
        tokens=len(nats),
        tokens_read=reading.tokens_read,
        nats=nats,
        draft_nats=reading.nats,
    )


def _generation(completion: Completion) -> Generation:
    choice, usage = completion.choices[0], completion.usage
    tokens = choice.logprobs.content if choice.logprobs else None
    return Generation(
        (choice.message.content or "").strip(),
        choice.finish_reason == "stop",
        tokens=usage.completion_tokens if usage else 0,
        tokens_read=usage.prompt_tokens if usage else 0,
        nats=tuple(-token.logprob for token in tokens or ()),
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
