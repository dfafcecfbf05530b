"""The sides of the engine benchmark: ways to run the same weights.

Each side answers the same prompts. The caller times the answers, without loading.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch

from tests.support.plain_engine import PlainEngine
from worker.config.profile import ModelSettings
from worker.config.settings import Settings
from worker.engine.local import LocalEngine
from worker.engine.protocol import Engine, Generation, Prompt, no_checkpoint

__all__ = ["SIDES", "forward_only", "open_side"]

#: As in the documentation of transformers.
LOOKUP_TOKENS = 8

#: Names of the sides, as the benchmark prints them.
SIDES = (
    "ours",
    "ours_careful",
    "plain",
    "prompt_lookup",
    "static_16",
    "static_32",
    "static_64",
    "continuous",
    "ctranslate2_16",
    "ctranslate2_64",
)


class Static(PlainEngine):
    """Static batches: sorted by length, of a fixed number of prompts, padded on the left."""

    def __init__(self, model: ModelSettings, settings: Settings, *, batch: int) -> None:
        super().__init__(model, settings)
        self._batch = batch

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        answers: dict[int, Generation] = {}
        for adapter, indexes in _by_adapter(prompts).items():
            encoded = {index: self.encode(prompts[index])[0] for index in indexes}
            order = sorted(indexes, key=lambda index: -len(encoded[index]))
            for first in range(0, len(order), self._batch):
                checkpoint()
                batch = order[first : first + self._batch]
                rows = [encoded[index] for index in batch]
                budgets = [prompts[index].max_tokens for index in batch]
                generations = self._generate_batch(adapter, rows, budgets)
                answers.update(zip(batch, generations, strict=True))
        return [answers[index] for index in range(len(prompts))]

    def _generate_batch(
        self, adapter: str, rows: list[list[int]], budgets: list[int]
    ) -> list[Generation]:
        width = max(map(len, rows))
        pad = self.local._end_token
        with torch.inference_mode():
            outputs = self.model(adapter).generate(
                input_ids=torch.tensor([[pad] * (width - len(row)) + row for row in rows]),
                attention_mask=torch.tensor(
                    [[0] * (width - len(row)) + [1] * len(row) for row in rows]
                ),
                max_new_tokens=max(budgets),
                do_sample=False,
                pad_token_id=pad,
            )
        return [
            self.answer(row[width:].tolist()[:budget])
            for row, budget in zip(outputs, budgets, strict=True)
        ]

    def answer(self, tokens: list[int]) -> Generation:
        """Decode ``tokens`` up to the first end token."""
        ends = self.local._end_tokens
        end = next((index for index, token in enumerate(tokens) if token in ends), None)
        text = self.local._tokenizer.decode(tokens[:end], skip_special_tokens=True)
        return Generation(text.strip(), end is not None, len(tokens) if end is None else end + 1)


class Continuous(Static):
    """Continuous batching by transformers: ``generate_batch``."""

    def __init__(self, model: ModelSettings, settings: Settings) -> None:
        super().__init__(model, settings, batch=0)

    def _generate_batch(
        self, adapter: str, rows: list[list[int]], budgets: list[int]
    ) -> list[Generation]:
        raise NotImplementedError

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        from transformers import GenerationConfig  # noqa: PLC0415 - slow, and only for this side

        checkpoint()
        (adapter,) = {prompt.template.adapter for prompt in prompts}
        model = self.model(adapter)
        config = GenerationConfig(
            do_sample=False,
            eos_token_id=sorted(self.local._end_tokens),
            pad_token_id=self.local._end_token,
            max_new_tokens=max(prompt.max_tokens for prompt in prompts),
        )
        encoded = [self.encode(prompt)[0] for prompt in prompts]
        outputs = model.generate_batch(encoded, generation_config=config)
        # The keys number the requests: "req_0", "req_1", …
        numbered = sorted(outputs.items(), key=lambda pair: int(pair[0].rsplit("_", 1)[1]))
        return [
            self.answer(list(output.generated_tokens)[: prompt.max_tokens])
            for prompt, (_, output) in zip(prompts, numbered, strict=True)
        ]


class CTranslate2(Static):
    """CTranslate2 with int8 weights, converted from the same model."""

    def __init__(
        self, model: ModelSettings, settings: Settings, *, batch: int, adapter: str
    ) -> None:
        super().__init__(model, settings, batch=batch)
        import ctranslate2  # noqa: PLC0415 - not a dependency of the project

        with TemporaryDirectory() as scratch:
            merged = Path(scratch) / "merged"
            self.model(adapter).float().save_pretrained(merged)
            self.local._tokenizer.save_pretrained(merged)
            self._models.clear()
            converted = Path(scratch) / "converted"
            ctranslate2.converters.TransformersConverter(str(merged)).convert(
                str(converted), quantization="int8"
            )
            threads = settings.threads or torch.get_num_threads()
            self._generator: Any = ctranslate2.Generator(str(converted), intra_threads=threads)

    def _generate_batch(
        self, adapter: str, rows: list[list[int]], budgets: list[int]
    ) -> list[Generation]:
        del adapter
        to_strings = self.local._tokenizer.convert_ids_to_tokens
        results = self._generator.generate_batch(
            [to_strings(row) for row in rows],
            max_length=max(budgets),
            sampling_topk=1,
            end_token=sorted(self.local._end_tokens),
            include_prompt_in_result=False,
            return_end_token=True,
        )
        return [
            self.answer(list(result.sequences_ids[0])[:budget])
            for result, budget in zip(results, budgets, strict=True)
        ]


def open_side(name: str, model: ModelSettings, settings: Settings, adapter: str) -> Engine:
    """Load the side ``name`` for prompts with ``adapter``."""
    kind, _, batch = name.partition("_")
    if kind == "ours":
        return LocalEngine(model, settings)
    if name == "prompt_lookup":
        return PlainEngine(model, settings, prompt_lookup_num_tokens=LOOKUP_TOKENS)
    if kind == "static":
        return Static(model, settings, batch=int(batch))
    if kind == "ctranslate2":
        return CTranslate2(model, settings, batch=int(batch), adapter=adapter)
    return Continuous(model, settings) if kind == "continuous" else PlainEngine(model, settings)


def forward_only(
    plain: PlainEngine, prompts: Sequence[Prompt], answers: Sequence[Generation], batch: int
) -> None:
    """Run one forward pass of transformers over each prompt with its answer: the limit."""
    encode = plain.local._encode
    rows = [
        [*plain.encode(prompt)[0], *written]
        for prompt, written in zip(
            prompts, encode([answer.text for answer in answers]), strict=True
        )
    ]
    (adapter,) = {prompt.template.adapter for prompt in prompts}
    rows.sort(key=len, reverse=True)
    for first in range(0, len(rows), batch):
        part = rows[first : first + batch]
        width = max(map(len, part))
        pad = plain.local._end_token
        with torch.inference_mode():
            plain.model(adapter)(
                input_ids=torch.tensor([row + [pad] * (width - len(row)) for row in part]),
                attention_mask=torch.tensor(
                    [[1] * len(row) + [0] * (width - len(row)) for row in part]
                ),
                use_cache=False,
            )


def _by_adapter(prompts: Sequence[Prompt]) -> dict[str, list[int]]:
    """Return the indexes of the prompts by adapter."""
    indexes: dict[str, list[int]] = {}
    for index, prompt in enumerate(prompts):
        indexes.setdefault(prompt.template.adapter, []).append(index)
    return indexes
