"""The reference engine: one ``generate`` of transformers per prompt, one after the other.

Tests compare the local engine's answers with it, benchmarks its speed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, LogitsProcessor, LogitsProcessorList

from worker.config.numerics import concrete_numerics
from worker.config.profile import ModelSettings, PromptTemplate
from worker.config.settings import Settings
from worker.config.weights import adapter_folder, locate
from worker.engine.decoding.draft import Draft
from worker.engine.decoding.product import activation_dtype
from worker.engine.local import LocalEngine
from worker.engine.protocol import Generation, Prompt, no_checkpoint

__all__ = ["KeepBias", "PlainEngine"]


class KeepBias(LogitsProcessor):
    """Keeps an answer to its draft unless another token is ``nats`` likelier."""

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
    """An engine on plain transformers, with the prompts and weights of ``LocalEngine``.

    Args:
        model: as for ``LocalEngine``, which encodes the prompts.
        settings: the home of the weights, and the number of threads.
        **options: passed to each ``generate``.
    """

    def __init__(self, model: ModelSettings, settings: Settings, **options: Any) -> None:
        self.local = LocalEngine(model, settings)
        # Only its tokenizer is used; its weights would count as memory of this engine.
        del self.local._decoder, self.local._model
        self._model, self._source = model, locate(model, settings.home)
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
        """Load the model as transformers does, with the adapter merged."""
        if adapter not in self._models:
            model: Any = AutoModelForCausalLM.from_pretrained(
                self._source,
                dtype=activation_dtype(concrete_numerics(self._model.dtype, int8=False)),
                use_safetensors=True,
            )
            if adapter:
                adapted: Any = PeftModel.from_pretrained(model, str(adapter_folder(adapter)))
                model = adapted.merge_and_unload()
            self._models[adapter] = model.eval()
        return self._models[adapter]

    def encode(self, prompt: Prompt) -> tuple[list[int], list[int]]:
        """Encode the whole prompt, and its draft with the end token."""
        (row,) = self.local._rows([prompt])
        return list(row.prompt), list(row.draft)

    def generate_tokens(self, prompt: Prompt) -> tuple[list[int], tuple[float, ...]]:
        """Generate the answer's tokens, including the end token, and the nats of each."""
        prompt_ids, draft = self.encode(prompt)
        ids = torch.tensor([prompt_ids])
        bias = (
            [KeepBias(draft, len(prompt_ids), prompt.keep_bias_nats)]
            if prompt.keep_bias_nats
            else []
        )
        output = self.model(prompt.template.adapter).generate(
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
        written: list[int] = output.sequences[0, len(prompt_ids) :].tolist()
        return written, _nats(torch.cat(output.logits), written)

    def _answer(self, prompt: Prompt) -> Generation:
        prompt_ids, draft = self.encode(prompt)
        written, nats = self.generate_tokens(prompt)
        finished = written[-1] in self.local._end_tokens
        text = self.local._tokenizer.decode(
            written[:-1] if finished else written, skip_special_tokens=True
        )
        return Generation(
            text.strip(),
            finished,
            tokens=len(written),
            tokens_read=len(prompt_ids) + len(draft),
            nats=nats,
            draft_nats=nats if written == draft else self._draft_nats(prompt),
        )

    def _draft_nats(self, prompt: Prompt) -> tuple[float, ...]:
        prompt_ids, draft = self.encode(prompt)
        if not draft:
            return ()
        model = self.model(prompt.template.adapter)
        logits = model(input_ids=torch.tensor([[*prompt_ids, *draft]]), use_cache=False).logits[0]
        return _nats(logits[len(prompt_ids) - 1 : -1], draft)


def _nats(logits: Any, tokens: list[int]) -> tuple[float, ...]:
    """Compute each token's negative log-likelihood under its row of logits."""
    chosen = logits.float().log_softmax(-1).gather(-1, torch.tensor(tokens)[:, None])
    return tuple((-chosen[:, 0]).tolist())
