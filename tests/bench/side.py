"""The ways to run the model that the engine is measured against, all with the same weights.

Each side answers the same prompts and is timed by the caller; loading is not.
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

#: What transformers' own documentation and the engine's first figures use.
LOOKUP_TOKENS = 8

#: The sides by the names that the benchmark prints.
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
    """Sorted by length, in batches of a fixed number of prompts, padded on the left."""

    def __init__(self, model: ModelSettings, settings: Settings, *, batch: int) -> None:
        super().__init__(model, settings)
        self._batch = batch

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        answers: dict[int, Generation] = {}
        for adapter, indexes in _by_adapter(prompts).items():
            asked = {at: self.encode(prompts[at])[0] for at in indexes}
            order = sorted(indexes, key=lambda at: -len(asked[at]))
            for first in range(0, len(order), self._batch):
                checkpoint()
                batch = order[first : first + self._batch]
                budgets = [prompts[at].max_tokens for at in batch]
                found = self._batched(adapter, [asked[at] for at in batch], budgets)
                answers.update(zip(batch, found, strict=True))
        return [answers[at] for at in range(len(prompts))]

    def _batched(self, adapter: str, rows: list[list[int]], budgets: list[int]) -> list[Generation]:
        width = max(map(len, rows))
        pad = self.local._end_token
        with torch.inference_mode():
            found = self.model(adapter).generate(
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
            for row, budget in zip(found, budgets, strict=True)
        ]

    def answer(self, tokens: list[int]) -> Generation:
        """What was written, up to the first token that ends it."""
        ends = self.local._end_tokens
        end = next((at for at, token in enumerate(tokens) if token in ends), None)
        text = self.local._tokenizer.decode(tokens[:end], skip_special_tokens=True)
        return Generation(text.strip(), end is not None, len(tokens) if end is None else end + 1)


class Continuous(Static):
    """transformers' continuous batching: ``generate_batch``."""

    def __init__(self, model: ModelSettings, settings: Settings) -> None:
        super().__init__(model, settings, batch=0)

    def _batched(self, adapter: str, rows: list[list[int]], budgets: list[int]) -> list[Generation]:
        raise NotImplementedError

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        from transformers import GenerationConfig  # noqa: PLC0415 - slow, and for this side alone

        checkpoint()
        (adapter,) = {prompt.template.adapter for prompt in prompts}
        model = self.model(adapter)
        config = GenerationConfig(
            do_sample=False,
            eos_token_id=sorted(self.local._end_tokens),
            pad_token_id=self.local._end_token,
            max_new_tokens=max(prompt.max_tokens for prompt in prompts),
        )
        asked = [self.encode(prompt)[0] for prompt in prompts]
        found = model.generate_batch(asked, generation_config=config)
        # Its keys are the requests in order: "req_0", "req_1", …
        written = sorted(found.items(), key=lambda item: int(item[0].rsplit("_", 1)[1]))
        return [
            self.answer(list(output.generated_tokens)[: prompt.max_tokens])
            for prompt, (_, output) in zip(prompts, written, strict=True)
        ]


class CTranslate2(Static):
    """CTranslate2 with int8 weights, made from the same model."""

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
            made = Path(scratch) / "made"
            ctranslate2.converters.TransformersConverter(str(merged)).convert(
                str(made), quantization="int8"
            )
            threads = settings.threads or torch.get_num_threads()
            self._generator: Any = ctranslate2.Generator(str(made), intra_threads=threads)

    def _batched(self, adapter: str, rows: list[list[int]], budgets: list[int]) -> list[Generation]:
        del adapter
        spelled = self.local._tokenizer.convert_ids_to_tokens
        found = self._generator.generate_batch(
            [spelled(row) for row in rows],
            max_length=max(budgets),
            sampling_topk=1,
            end_token=sorted(self.local._end_tokens),
            include_prompt_in_result=False,
            return_end_token=True,
        )
        return [
            self.answer(list(one.sequences_ids[0])[:budget])
            for one, budget in zip(found, budgets, strict=True)
        ]


def open_side(name: str, model: ModelSettings, settings: Settings, adapter: str) -> Engine:
    """The side ``name``, loaded; ``adapter`` is that of the prompts to come."""
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
    """One pass of transformers over prompt, source and answer of each prompt: the limit."""
    encode = plain.local._encode
    rows = [
        [*plain.encode(prompt)[0], *written]
        for prompt, written in zip(prompts, encode([one.text for one in answers]), strict=True)
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
    found: dict[str, list[int]] = {}
    for at, prompt in enumerate(prompts):
        found.setdefault(prompt.template.adapter, []).append(at)
    return found
