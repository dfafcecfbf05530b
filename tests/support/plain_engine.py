"""The plain way: one ``generate`` of transformers for each prompt, one after the other.

What the local engine is held against: its answers in tests, its speed in benchmarks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList

from worker.config.profile import ModelSettings, PromptTemplate
from worker.config.settings import Settings
from worker.config.weights import adapter_folder, locate
from worker.engine.adapter import merge
from worker.engine.decoding.draft import Draft
from worker.engine.local import LocalEngine
from worker.engine.protocol import Generation, Prompt, no_checkpoint

__all__ = ["KeepBias", "PlainEngine"]


class KeepBias(LogitsProcessor):
    """Lets one answer keep to its draft unless another token is ``nats`` more likely."""

    def __init__(self, draft: Sequence[int], prompt_tokens: int, nats: float) -> None:
        self._guide = Draft(draft, copying=True)
        self._followed, self._nats = prompt_tokens, nats

    def __call__(self, input_ids: Any, scores: Any) -> Any:
        for token in input_ids[0, self._followed :].tolist():
            self._guide.follow(token)
        self._followed = input_ids.shape[1]
        expected = self._guide.next_tokens(1)
        if self._guide.anchored and expected:
            row = scores[0].float()
            if row.max() - row[expected[0]] <= self._nats:
                scores = scores.clone()
                scores[0, expected[0]] = torch.inf
        return scores


class PlainEngine:
    """``worker.engine.Engine`` by transformers alone, with the same prompts and weights.

    Args:
        model: as for ``LocalEngine``, which lends its tokens and prompts.
        settings: where the weights are, and how many threads there are.
        **options: for each ``generate``.
    """

    def __init__(self, model: ModelSettings, settings: Settings, **options: Any) -> None:
        self.local = LocalEngine(model, settings)
        # Only its tokens are wanted: its weights would count as this way's memory.
        self.local._decoders.clear()
        self._model, self._place = model, locate(model, settings.home)
        self._options = options
        self._models: dict[str, Any] = {}

    @property
    def window(self) -> int:
        return self.local.window

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        for template in templates:
            self.model(template.adapter)

    def prompt_tokens(self, template: PromptTemplate) -> int:
        return self.local.prompt_tokens(template)

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        return self.local.count_tokens(texts)

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        answers = []
        for prompt in prompts:
            checkpoint()
            with torch.inference_mode():
                answers.append(self._answer(prompt))
        return answers

    def model(self, adapter: str) -> Any:
        """As transformers loads it, with the adapter's weights in it."""
        if adapter not in self._models:
            model: Any = AutoModelForCausalLM.from_pretrained(
                self._place, dtype=getattr(torch, self._model.dtype), use_safetensors=True
            )
            if adapter:
                merge(model, adapter_folder(adapter))
            self._models[adapter] = model.eval()
        return self._models[adapter]

    def tokens(self, prompt: Prompt) -> tuple[list[int], list[int]]:
        """Tokens of the prompt as the model reads it, and of its draft with its end."""
        (row,) = self.local._rows([prompt])
        return list(row.prompt), list(row.draft)

    def write(self, prompt: Prompt) -> tuple[list[int], tuple[float, ...]]:
        """The tokens of the answer, the one that ends it included, and the nats of each."""
        asked, draft = self.encode(prompt)
        ids = torch.tensor([asked])
        bias = [KeepBias(draft, len(asked), prompt.keep_bias_nats)] if prompt.keep_bias_nats else []
        found = self.model(prompt.template.adapter).generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=prompt.max_tokens,
            do_sample=False,
            pad_token_id=self.local._end_token,
            logits_processor=LogitsProcessorList(bias),
            output_logits=True,
            return_dict_in_generate=True,
            **self._options,
        )
        written: list[int] = found.sequences[0, len(asked) :].tolist()
        return written, _nats(torch.cat(found.logits), written)

    def _answer(self, prompt: Prompt) -> Generation:
        asked, draft = self.encode(prompt)
        written, nats = self.generate_tokens(prompt)
        finished = written[-1] in self.local._end_tokens
        text = self.local._tokenizer.decode(
            written[:-1] if finished else written, skip_special_tokens=True
        )
        return Generation(
            text.strip(),
            finished,
            tokens=len(written),
            tokens_read=len(asked) + len(draft),
            nats=nats,
            draft_nats=nats if written == draft else self._draft_nats(prompt),
        )

    def _draft_nats(self, prompt: Prompt) -> tuple[float, ...]:
        asked, draft = self.encode(prompt)
        if not draft:
            return ()
        model = self.model(prompt.template.adapter)
        logits = model(input_ids=torch.tensor([[*asked, *draft]]), use_cache=False).logits[0]
        return _nats(logits[len(asked) - 1 : -1], draft)


def _nats(logits: Any, tokens: list[int]) -> tuple[float, ...]:
    """Minus the log-probability of each token under its row of logits."""
    chosen = logits.float().log_softmax(-1).gather(-1, torch.tensor(tokens)[:, None])
    return tuple((-chosen[:, 0]).tolist())
