"""The side of CTranslate2 in int8, converted from the same weights."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import ctranslate2

from tests.bench.generate import load_transformers
from tests.bench.work import Answer, Chat, Request, Work, threads
from worker.config.settings import Settings

__all__ = ["open_ctranslate2"]


def open_ctranslate2(work: Work, settings: Settings) -> Any:
    """Convert and load the model for the batches that ``work`` names."""
    return CTranslate2(work, settings, batch=int(work.side.rpartition("_")[2]))


class CTranslate2:
    """Static batches of requests, in their order; the prefix is read once."""

    def __init__(self, work: Work, settings: Settings, *, batch: int) -> None:
        self._chat, self._batch, self._prefix = Chat(work.model, settings), batch, work.prefix
        with TemporaryDirectory() as scratch:
            merged, converted = Path(scratch) / "merged", Path(scratch) / "converted"
            load_transformers(work, settings).float().save_pretrained(merged)
            self._chat.save(merged)
            converter = ctranslate2.converters.TransformersConverter(str(merged))
            converter.convert(str(converted), quantization="int8")
            self._generator: Any = ctranslate2.Generator(
                str(converted), intra_threads=threads(settings)
            )

    def answer(self, requests: Sequence[Request]) -> list[Answer]:
        answers = []
        for first in range(0, len(requests), self._batch):
            answers += self._generate(requests[first : first + self._batch])
        return answers

    def _generate(self, requests: Sequence[Request]) -> list[Answer]:
        start = len(self._prefix)
        results = self._generator.generate_batch(
            [self._chat.strings(request.prompt[start:]) for request in requests],
            static_prompt=self._chat.strings(self._prefix),
            max_length=max(request.max_tokens for request in requests),
            sampling_topk=1,
            end_token=self._chat.end_tokens,
            include_prompt_in_result=False,
            return_end_token=True,
        )
        return [
            self._chat.answer(list(result.sequences_ids[0])[: request.max_tokens])
            for request, result in zip(requests, results, strict=True)
        ]
