"""How likely a model on a server finds a draft, where the server says so, as vLLM does.

The draft is read as part of a prompt, in tokens: prompt, draft and end token go to ``completions``
with ``prompt_logprobs``. The tokens come from ``tokenize``, so a worker needs no tokenizer. Both
are vLLM's additions to OpenAI's API.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, Field

from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.engine.server_client import ServerClient

__all__ = ["DraftReading", "DraftSupport", "find_draft_support", "read_draft"]

#: Codes of a server that did not answer, which says nothing about what it can do.
_NO_ANSWER_CODES = frozenset({"server_unreachable", "server_timed_out"})

#: A chat that any model's template takes; what it says does not matter.
_TRIAL = [{"role": "user", "content": "Is it so?"}]
_TRIAL_ANSWER = "yes"


@dataclass(frozen=True, slots=True)
class DraftSupport:
    """Whether a server can read drafts."""

    end_token: int | None
    """The token that ends an answer, or None if the server cannot read drafts."""
    why_not: str = ""


@dataclass(frozen=True, slots=True)
class DraftReading:
    """A draft as the model sees it: nats for each of its tokens, the end token included."""

    nats: tuple[float, ...]
    """Negative log-likelihood of each token."""
    top_nats: tuple[float, ...]
    """The same for the token that the model would have chosen there."""
    first_choice: str | None
    """The token that the model would have chosen first, as text; None if that ends the answer."""
    tokens_read: int
    """Number of tokens in the prompt and the draft."""

    def stands(self, keep_bias_nats: float) -> bool:
        """Return whether no other token is more than ``keep_bias_nats`` likelier than the draft's.

        If so, the draft is what the model would answer.
        """
        pairs = zip(self.nats, self.top_nats, strict=True)
        return all(nats - top <= keep_bias_nats for nats, top in pairs)


class _Tokens(BaseModel):
    tokens: list[int]


class _RatedToken(BaseModel):
    logprob: float
    decoded_token: str | None = None


class _Choice(BaseModel):
    prompt_logprobs: list[dict[int, _RatedToken] | None]


class _ReadPrompt(BaseModel):
    choices: Annotated[list[_Choice], Field(min_length=1)]


async def find_draft_support(client: ServerClient, model: str) -> DraftSupport:
    """Find out by a trial whether the server reads drafts for ``model``.

    Raises:
        EngineError: the server did not answer.
    """
    step = "its tokenize endpoint"
    try:
        asked = await _chat_tokens(client, model, _TRIAL)
        answer = await _text_tokens(client, model, _TRIAL_ANSWER)
        turn = {"role": "assistant", "content": _TRIAL_ANSWER}
        chat = await _chat_tokens(client, model, [*_TRIAL, turn], complete=True)
        known = [*asked, *answer]
        if not answer or chat[: len(known)] != known or len(chat) == len(known):
            # As with templates that put thoughts before an answer.
            return DraftSupport(None, "its chat template does not put an answer after its prompt")
        step = "its prompt_logprobs"
        end_token = chat[len(known)]
        await _read(client, model, asked, [*answer, end_token])
    except EngineError as error:
        if error.code in _NO_ANSWER_CODES:
            raise
        return DraftSupport(None, f"{step}: {error.message}")
    return DraftSupport(end_token)


async def read_draft(
    client: ServerClient,
    model: str,
    messages: Sequence[dict[str, str]],
    draft: str,
    end_token: int,
) -> DraftReading:
    """Return how likely ``draft`` is as the whole answer to the chat.

    Raises:
        EngineError: the server did not answer, refused or failed.
    """
    prompt = await _chat_tokens(client, model, messages)
    answer = await _text_tokens(client, model, draft)
    return await _read(client, model, prompt, [*answer, end_token])


async def _read(
    client: ServerClient, model: str, prompt: Sequence[int], answer: Sequence[int]
) -> DraftReading:
    """Return how likely ``answer``, whose last token ends it, is after ``prompt``."""
    read = await client.post(
        "/completions",
        _ReadPrompt,
        {
            "model": model,
            "prompt": [*prompt, *answer],
            # vLLM writes at least one token; what it says is not used.
            "max_tokens": 1,
            "temperature": 0,
            "prompt_logprobs": 1,
            "stream": False,
        },
    )
    rated = read.choices[0].prompt_logprobs[len(prompt) :]
    try:
        options = [dict(option or {}) for option in rated]
        own = [option[token] for option, token in zip(options, answer, strict=True)]
    except (KeyError, ValueError) as error:
        raise EngineError("the server rated other tokens than the prompt's") from error
    # The likeliest token stands beside the prompt's own, if it is another.
    top = [max(option, key=lambda token: option[token].logprob) for option in options]
    first = options[0][top[0]]
    return DraftReading(
        tuple(-token.logprob for token in own),
        tuple(-option[token].logprob for option, token in zip(options, top, strict=True)),
        None if top[0] == answer[-1] else first.decoded_token or "",
        len(prompt) + len(answer),
    )


async def _chat_tokens(
    client: ServerClient,
    model: str,
    messages: Sequence[dict[str, str]],
    *,
    complete: bool = False,
) -> list[int]:
    """Return the tokens of a chat, up to the begin of an answer or ``complete``."""
    body = {"model": model, "messages": messages, "add_generation_prompt": not complete}
    return (await client.post_to_root("/tokenize", _Tokens, body)).tokens


async def _text_tokens(client: ServerClient, model: str, text: str) -> list[int]:
    body = {"model": model, "prompt": text, "add_special_tokens": False}
    return (await client.post_to_root("/tokenize", _Tokens, body)).tokens
