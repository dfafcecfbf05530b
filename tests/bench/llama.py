"""The sides of llama.cpp, through llama-cpp-python, on the GGUF file that our weights come from.

    llama            one by one; ``generate`` keeps the keys and values of a prefix that it has read
    llama_lookup_N   the same, with the package's prompt lookup, which drafts N tokens a step
    llama_batch_N    continuous batches of N rows, as llama.cpp's own server makes them; the package
                     has them only as functions of the C library, so the loop is this module's

They get the very tokens that the other sides get.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import llama_cpp
import numpy as np
from llama_cpp import Llama
from llama_cpp._internals import LlamaBatch, LlamaContext, LlamaModel
from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

from tests.bench.work import Answer, Chat, Request, Work, threads
from worker.config.settings import Settings

__all__ = ["open_llama"]

#: Tokens of one call of the library, its own default. It computes in parts of 512.
_BATCH_TOKENS = 2048

#: The sequence that holds the prefix; the rows of a batch are the following ones.
_PREFIX = 0


def open_llama(work: Work, settings: Settings) -> Any:
    """Load the side that ``work`` names."""
    kind, _, number = work.side.rpartition("_")
    if kind == "llama_batch":
        return Batches(work, settings, rows=int(number))
    return OneByOne(work, settings, lookup=int(number) if kind == "llama_lookup" else 0)


class OneByOne:
    """``Llama.generate`` for one request after the other."""

    def __init__(self, work: Work, settings: Settings, *, lookup: int) -> None:
        self._chat = Chat(work.model, settings)
        self._llama: Any = Llama(
            str(work.gguf),
            n_ctx=_longest(work.requests) + lookup,
            n_threads=threads(settings),
            n_threads_batch=threads(settings),
            draft_model=LlamaPromptLookupDecoding(num_pred_tokens=lookup) if lookup else None,
            logits_all=bool(lookup),
            verbose=False,
        )
        self.tokens_evaluated = 0
        self._count_tokens(self._llama)

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        return [self._answer(request) for request in requests]

    def _count_tokens(self, llama: Any) -> None:
        evaluate = llama.eval

        def count_and_evaluate(tokens: Sequence[int]) -> None:
            self.tokens_evaluated += len(tokens)
            evaluate(tokens)

        llama.eval = count_and_evaluate

    def _answer(self, request: Request) -> Answer:
        written: list[int] = []
        for token in self._llama.generate(request.prompt, temp=0.0):
            written.append(token)
            if token in self._chat.end_tokens or len(written) == request.max_tokens:
                break
        return self._chat.answer(written)


@dataclass
class _Row:
    request: Request
    sequence: int
    pending: list[int]
    """Tokens that the model has not read yet."""
    position: int
    """Where the first of them stands."""
    written: list[int] = field(default_factory=list)


class Batches:
    """Continuous batches: a request takes the place of one that is done."""

    def __init__(self, work: Work, settings: Settings, *, rows: int) -> None:
        self._chat, self._prefix = Chat(work.model, settings), work.prefix
        self._sequences = range(_PREFIX + 1, _PREFIX + 1 + rows)
        self._model = LlamaModel(
            path_model=str(work.gguf),
            params=llama_cpp.llama_model_default_params(),
            verbose=False,
        )
        params = llama_cpp.llama_context_default_params()
        params.n_ctx = len(work.prefix) + rows * (_longest(work.requests) - len(work.prefix))
        params.n_batch = _BATCH_TOKENS
        params.n_seq_max = rows + 1
        # The rows share the prefix's keys and values, as cells of one cache.
        params.kv_unified = True
        params.n_threads = params.n_threads_batch = threads(settings)
        self._context = LlamaContext(model=self._model, params=params, verbose=False)
        self._batch = LlamaBatch(n_tokens=_BATCH_TOKENS, embd=0, n_seq_max=1, verbose=False)
        self._words = self._model.n_vocab()
        self.tokens_evaluated = 0
        for first in range(0, len(work.prefix), _BATCH_TOKENS):
            self._decode([(work.prefix[first : first + _BATCH_TOKENS], first, _PREFIX)])

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        waiting, free = list(reversed(requests)), list(self._sequences)
        active: list[_Row] = []
        answers: dict[int, Answer] = {}
        while waiting or active:
            while waiting and free and self._fits(waiting[-1], active):
                active.append(self._admit(waiting.pop(), free.pop()))
            for row, token in zip(active, self._step(active), strict=True):
                row.position += len(row.pending)
                row.pending = [token]
                row.written.append(token)
                if token in self._chat.end_tokens or len(row.written) == row.request.max_tokens:
                    answers[row.request.index] = self._chat.answer(row.written)
                    self._context.kv_cache_seq_rm(row.sequence, -1, -1)
                    free.append(row.sequence)
            active = [row for row in active if row.request.index not in answers]
        return [answers[request.index] for request in requests]

    def _fits(self, request: Request, active: Sequence[_Row]) -> bool:
        """Return whether one call has room for the request beside the active rows."""
        tokens = sum(len(row.pending) for row in active) + len(request.prompt) - len(self._prefix)
        return tokens <= _BATCH_TOKENS or not active

    def _admit(self, request: Request, sequence: int) -> _Row:
        start = len(self._prefix)
        self._context.kv_cache_seq_cp(_PREFIX, sequence, 0, start)
        return _Row(request, sequence, request.prompt[start:], start)

    def _step(self, rows: Sequence[_Row]) -> list[int]:
        """Return the most likely token after the pending ones of each row."""
        return self._decode([(row.pending, row.position, row.sequence) for row in rows])

    def _decode(self, parts: Sequence[tuple[Sequence[int], int, int]]) -> list[int]:
        """Run tokens at positions of sequences through the model."""
        batch, ends = self._batch.batch, []
        batch.n_tokens = 0
        for tokens, position, sequence in parts:
            for offset, token in enumerate(tokens):
                index = batch.n_tokens
                batch.token[index], batch.pos[index] = token, position + offset
                batch.n_seq_id[index], batch.seq_id[index][0] = 1, sequence
                batch.logits[index] = offset == len(tokens) - 1
                batch.n_tokens += 1
            ends.append(batch.n_tokens - 1)
        self._context.decode(self._batch)
        self.tokens_evaluated += batch.n_tokens
        logits = [self._context.get_logits_ith(index) for index in ends]
        return [int(np.ctypeslib.as_array(row, (self._words,)).argmax()) for row in logits]


def _longest(requests: Sequence[Request]) -> int:
    """Return the most tokens of a prompt with its answer."""
    return max(len(request.prompt) + request.max_tokens for request in requests)
