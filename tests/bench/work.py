"""What a side of the engine benchmark gets to do: the same prompts, as tokens, for every side.

The parent writes a ``Work`` to the side's stdin, and reads an ``Outcome`` from its stdout.
"""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any, TypeVar

import transformers
from pydantic import BaseModel
from transformers import AutoTokenizer, GenerationConfig

from worker.config.profile import ModelSettings, Profile, PromptTemplate
from worker.config.settings import Settings
from worker.config.weights import is_local, locate
from worker.engine.protocol import Prompt
from worker.evaluation.rows import read_repair_rows

__all__ = [
    "BLOCK",
    "Answer",
    "Chat",
    "Outcome",
    "Request",
    "Work",
    "repair_prompts",
    "repair_requests",
    "sample_blocks",
    "sample_sentences",
    "shared_prefix",
    "source_options",
    "spread",
    "threads",
]

#: Sentences of a block: the largest static batch. Smaller batches divide it.
BLOCK = 32

#: Tokens added to an answer's budget, as in worker/stages/repair/repair.py.
_SPARE_TOKENS = 8

_Item = TypeVar("_Item")


class Request(BaseModel):
    """One sentence to repair."""

    index: int
    text: str
    prompt: list[int]
    """The whole prompt as tokens, with the chat's turns."""
    max_tokens: int


class Answer(BaseModel):
    """What a side wrote for one request."""

    text: str
    tokens: int
    """Number of tokens, with the end token."""


class Work(BaseModel):
    """The requests of one side, and the model that has to answer them."""

    side: str
    model: ModelSettings
    """With the numbers that the side computes in."""
    template: PromptTemplate
    gguf: Path | None
    requests: list[Request]
    prefix: list[int]
    """The tokens that all prompts begin with."""
    answers: list[list[int]] = []
    """An answer per request as tokens, for the sides that only read."""


class Outcome(BaseModel):
    """What a side measured."""

    answers: list[Answer]
    seconds: float
    peak_rss_mb: float
    tokens_evaluated: int | None = None
    """Tokens that llama.cpp ran through the model, to see that it has read the prefix once."""


class Chat:
    """The model's tokenizer, without its weights: texts to prompts, and tokens to answers."""

    def __init__(self, model: ModelSettings, settings: Settings) -> None:
        transformers.logging.set_verbosity_error()
        source, options = locate(model, settings.home), source_options(model)
        self._tokenizer: Any = AutoTokenizer.from_pretrained(source, **options)
        ends = GenerationConfig.from_pretrained(source, **options).eos_token_id
        self.end_tokens: list[int] = [ends] if isinstance(ends, int) else list(ends or [])

    def encode(self, texts: Sequence[str]) -> list[list[int]]:
        """Encode each text, without a prompt around it."""
        encoded = self._tokenizer(list(texts), add_special_tokens=False)["input_ids"]
        return [list(tokens) for tokens in encoded]

    def prompt(self, template: PromptTemplate, text: str) -> list[int]:
        """Encode the chat that asks for an answer to ``text``."""
        chat = self._tokenizer.apply_chat_template(
            template.messages(text), tokenize=False, add_generation_prompt=True
        )
        return self.encode([chat])[0]

    def answer(self, tokens: Sequence[int]) -> Answer:
        """Decode ``tokens`` up to the first end token."""
        written = list(takewhile(lambda token: token not in self.end_tokens, tokens))
        text = self._tokenizer.decode(written, skip_special_tokens=True).strip()
        return Answer(text=text, tokens=min(len(written) + 1, len(tokens)))

    def strings(self, tokens: Sequence[int]) -> list[str]:
        """Return each token as the string that the vocabulary has for it."""
        return list(self._tokenizer.convert_ids_to_tokens(list(tokens)))

    def save(self, folder: Path) -> None:
        """Write the tokenizer's files into ``folder``."""
        self._tokenizer.save_pretrained(folder)


def source_options(model: ModelSettings) -> dict[str, Any]:
    """Return what ``from_pretrained`` needs beside the place of the model."""
    return {"local_files_only": True} if is_local(model) else {"revision": model.revision}


def threads(settings: Settings) -> int:
    """Return the number of threads that every side computes with."""
    return settings.threads or os.cpu_count() or 1


def sample_sentences(file: Path, count: int) -> list[str]:
    """Sample sources of ``file``, the same on each call."""
    sources = [row.source for row in read_repair_rows(file, None)]
    return random.Random(1).sample(sources, min(count, len(sources)))  # noqa: S311


def repair_prompts(texts: Sequence[str], sizes: Sequence[int], profile: Profile) -> list[Prompt]:
    """Build the pipeline's repair prompt for each text of ``sizes`` tokens, without a keep-bias."""
    template, growth = profile.prompts[profile.repair.prompt], profile.repair.max_growth
    return [
        Prompt(template, text, int(size * growth) + _SPARE_TOKENS, draft=text)
        for text, size in zip(texts, sizes, strict=True)
    ]


def repair_requests(texts: Sequence[str], chat: Chat, profile: Profile) -> list[Request]:
    """Build a request for each text, the longest prompt first."""
    prompts = repair_prompts(texts, [len(tokens) for tokens in chat.encode(texts)], profile)
    requests = [
        Request(
            index=index,
            text=prompt.text,
            prompt=chat.prompt(prompt.template, prompt.text),
            max_tokens=prompt.max_tokens,
        )
        for index, prompt in enumerate(prompts)
    ]
    return sorted(requests, key=lambda request: -len(request.prompt))


def shared_prefix(prompts: Sequence[Sequence[int]]) -> list[int]:
    """Return the tokens that all prompts begin with, without the last token of any."""
    columns = zip(*(prompt[:-1] for prompt in prompts), strict=False)
    return [column[0] for column in takewhile(lambda tokens: len(set(tokens)) == 1, columns)]


def spread(items: Sequence[_Item], count: int) -> list[_Item]:
    """Return ``count`` of the items, each from the middle of an equal part of them."""
    count = min(count, len(items))
    return [items[(2 * part + 1) * len(items) // (2 * count)] for part in range(count)]


def sample_blocks(requests: Sequence[Request], count: int) -> list[Request]:
    """Return about ``count`` of the requests, which are sorted, in whole blocks.

    The sentences of a block are as alike in length as in the batches of all requests, which a
    sample of single sentences would lose.
    """
    blocks = [requests[first : first + BLOCK] for first in range(0, len(requests), BLOCK)]
    return [request for block in spread(blocks, max(1, count // BLOCK)) for request in block]
