"""The sides of transformers: ``generate``, and the forward pass that bounds it.

plain           one ``generate`` a sentence
prompt_lookup   the same with ``prompt_lookup_num_tokens``
static_N        one ``generate`` for N sentences, which are sorted by length
limit           one forward pass over each prompt with its answer
limit_cached    one over what comes after the shared prefix
"""

from __future__ import annotations

import copy
import functools
from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, DynamicCache, GenerationConfig

from tests.bench.work import Answer, Chat, Request, Work, source_options
from worker.config.settings import Settings
from worker.config.weights import adapter_folder, locate

__all__ = ["load_transformers", "open_transformers"]

#: As in the documentation of transformers.
_LOOKUP_TOKENS = 8

#: Tokens of one pass of the limit, with padding: what is fastest for our own first pass.
_LIMIT_TOKENS = 2048

_Item = TypeVar("_Item")


def open_transformers(work: Work, settings: Settings) -> Any:
    """Load the side that ``work`` names."""
    if work.side in {"limit", "limit_cached"}:
        return Limit(work, settings, cached=work.side == "limit_cached")
    if work.side == "prompt_lookup":
        return Generate(work, settings, batch=1, prompt_lookup_num_tokens=_LOOKUP_TOKENS)
    batch = 1 if work.side == "plain" else int(work.side.removeprefix("static_"))
    return Generate(work, settings, batch=batch)


class Generate:
    """``generate`` of transformers over batches of requests, in their order.

    The prefix's keys and values are computed once and copied into each batch. Prompts are padded
    between the prefix and what follows it.

    Args:
        work: names model, prefix and template.
        settings: the home of the weights.
        batch: number of requests of one ``generate``.
        **options: passed to each ``generate``.
    """

    def __init__(self, work: Work, settings: Settings, *, batch: int, **options: Any) -> None:
        self._chat, self._batch, self._options = Chat(work.model, settings), batch, options
        self._model, self._prefix = load_transformers(work, settings), work.prefix
        self._cache = _prefix_cache(self._model, work.prefix)
        if "prompt_lookup_num_tokens" in options:
            _skip_cached_tokens(self._model)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        with torch.inference_mode():
            return [
                answer for part in _parts(requests, self._batch) for answer in self._generate(part)
            ]

    def _generate(self, requests: Sequence[Request]) -> list[Answer]:
        width, start = max(len(request.prompt) for request in requests), len(self._prefix)
        ids, mask = [], []
        for request in requests:
            padding, rest = width - len(request.prompt), request.prompt[start:]
            ids.append([*self._prefix, *[self._chat.end_tokens[0]] * padding, *rest])
            mask.append([*[1] * start, *[0] * padding, *[1] * len(rest)])
        output = self._model.generate(
            input_ids=torch.tensor(ids),
            attention_mask=torch.tensor(mask),
            past_key_values=_repeated(self._cache, len(requests)),
            generation_config=GenerationConfig(
                do_sample=False,
                eos_token_id=self._chat.end_tokens,
                pad_token_id=self._chat.end_tokens[0],
                max_new_tokens=max(request.max_tokens for request in requests),
                **self._options,
            ),
        )
        return [
            self._chat.answer(row[width:].tolist()[: request.max_tokens])
            for request, row in zip(requests, output, strict=True)
        ]


class Limit:
    """One forward pass of transformers over each prompt with its answer, which is given.

    It bounds any decoding that reads whole prompts. With ``cached`` the prefix is not read again.
    """

    def __init__(self, work: Work, settings: Settings, *, cached: bool) -> None:
        self._chat, self._model = Chat(work.model, settings), load_transformers(work, settings)
        self._start = len(work.prefix) if cached else 0
        self._cache = _prefix_cache(self._model, work.prefix) if cached else None
        self._written = {
            request.index: tokens
            for request, tokens in zip(work.requests, work.answers, strict=True)
        }

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        rows = [
            [*request.prompt[self._start :], *self._written[request.index]] for request in requests
        ]
        longest = max(map(len, rows))
        with torch.inference_mode():
            for part in _parts(rows, max(1, _LIMIT_TOKENS // longest)):
                self._pass(part)
        return [self._chat.answer(self._written[request.index]) for request in requests]

    def _pass(self, rows: Sequence[list[int]]) -> None:
        width = max(map(len, rows))
        lengths = torch.tensor([[len(row)] for row in rows])
        self._model(
            input_ids=torch.tensor([row + [0] * (width - len(row)) for row in rows]),
            attention_mask=torch.cat(
                [torch.ones(len(rows), self._start), torch.arange(width) < lengths], dim=1
            ).long(),
            past_key_values=_repeated(self._cache, len(rows)) if self._cache else None,
            use_cache=self._cache is not None,
        )


def load_transformers(work: Work, settings: Settings) -> Any:
    """Load the model as transformers does, with the adapter merged."""
    model: Any = AutoModelForCausalLM.from_pretrained(
        locate(work.model, settings.home),
        dtype=getattr(torch, work.model.dtype),
        use_safetensors=True,
        **source_options(work.model),
    )
    if work.template.adapter:
        folder = adapter_folder(work.template.adapter)
        adapted: Any = PeftModel.from_pretrained(model, str(folder))
        model = adapted.merge_and_unload()
    return model.eval()


def _prefix_cache(model: Any, prefix: Sequence[int]) -> DynamicCache:
    """Compute the keys and values of the prefix."""
    cache = DynamicCache(config=model.config)
    if prefix:
        with torch.inference_mode():
            model(input_ids=torch.tensor([list(prefix)]), past_key_values=cache, use_cache=True)
    return cache


def _skip_cached_tokens(model: Any) -> None:
    """Let the first pass of an assisted ``generate`` read only what the cache does not hold.

    transformers 5.23 feeds it the whole prompt, on top of a prefix that is in the cache already.
    """
    prepare = model.prepare_inputs_for_generation

    @functools.wraps(prepare)  # ``generate`` reads the parameters' names
    def prepare_rest(input_ids: Any, *, past_key_values: Any, **inputs: Any) -> Any:
        inputs["next_sequence_length"] = input_ids.shape[1] - past_key_values.get_seq_length()
        return prepare(input_ids, past_key_values=past_key_values, **inputs)

    model.prepare_inputs_for_generation = prepare_rest


def _repeated(cache: DynamicCache, rows: int) -> DynamicCache:
    """Copy the prefix's cache for a batch of ``rows`` rows."""
    copied = copy.deepcopy(cache)
    if rows > 1:
        copied.batch_repeat_interleave(rows)
    return copied


def _parts(items: Sequence[_Item], size: int) -> Iterator[Sequence[_Item]]:
    for first in range(0, len(items), size):
        yield items[first : first + size]
