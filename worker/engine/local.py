"""The engine on this machine. The only importer of torch and transformers.

Plain batched greedy decoding, sorted by length. Memory is bounded by ``batch_tokens``.
"""

from __future__ import annotations

import contextlib
import io
import os
import sys
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from worker.engine import Generation, Prompt, Surprisal, go_on
from worker.errors import EngineError
from worker.model import is_local, locate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from worker.settings import ModelSettings, PromptTemplate, Settings

__all__ = ["LocalEngine", "prepare"]

#: Tokens of one scoring batch: logits over the 49,152-word vocabulary in float32 take
#: 200 KB a token, so this bounds them to 200 MB.
_SCORING_TOKENS = 1024

#: Sentences longer than this are scored by their first part; a news sentence has 20 to 60.
_SCORED_TOKENS = 512


class LocalEngine:
    """A causal language model in this process, on the CPU.

    Raises:
        ModelMissingError: the weights are not on this machine.
        EngineError: they cannot be loaded.
    """

    def __init__(self, model: ModelSettings, settings: Settings) -> None:
        place = locate(model, settings.home)
        torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        _quiet()
        options: dict[str, Any] = {"trust_remote_code": False}
        if is_local(model):
            options["local_files_only"] = True
        else:
            options["revision"] = model.revision
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                place, padding_side="left", **options
            )
            # With the loading info it gives a pair, which its types do not say.
            loaded, found = cast(
                "tuple[Any, Any]",
                AutoModelForCausalLM.from_pretrained(
                    place,
                    dtype=getattr(torch, model.dtype),
                    use_safetensors=True,
                    output_loading_info=True,
                    **options,
                ),
            )
        except Exception as error:  # a damaged file can raise anything
            raise _load_error(model, str(error)) from error
        if found["missing_keys"]:
            # transformers would fill them in at random and go on.
            missing = ", ".join(sorted(found["missing_keys"])[:3])
            raise _load_error(model, f"its files lack weights: {missing}")
        if not self._tokenizer.chat_template:
            raise _load_error(model, "it has no chat template: it is not tuned to instructions")
        self._model: Any = loaded.eval()
        self._batch_tokens = model.batch_tokens
        config = self._model.config
        self._ends = _end_tokens(self._model)
        pad = self._tokenizer.pad_token_id
        self._pad = int(pad) if pad is not None else min(self._ends, default=0)
        # What precedes a scored text, so that its first token has a probability too.
        self._start = int(config.bos_token_id if config.bos_token_id is not None else self._pad)
        self._window = int(config.max_position_embeddings)

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""
        return self._window

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any prompt around it."""
        return [len(ids) for ids in self._encode(texts)]

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = go_on
    ) -> list[Generation]:
        """One greedy answer per prompt, in the order of the prompts."""
        encoded = self._encode([self._chat(prompt.template, prompt.text) for prompt in prompts])
        sizes = [len(ids) + prompt.max_tokens for ids, prompt in zip(encoded, prompts, strict=True)]
        answers: dict[int, Generation] = {}
        for batch in _batches(sizes, self._batch_tokens):
            checkpoint()
            budgets = [prompts[index].max_tokens for index in batch]
            written = self._decode([encoded[index] for index in batch], budgets)
            answers.update(zip(batch, written, strict=True))
        return [answers[index] for index in range(len(prompts))]

    def surprisal(
        self, texts: Sequence[str], checkpoint: Callable[[], None] = go_on
    ) -> list[Surprisal]:
        """Total and length of each text; a very long one is judged by its first 512 tokens."""
        encoded = [[self._start, *ids[:_SCORED_TOKENS]] for ids in self._encode(texts)]
        found: dict[int, Surprisal] = {}
        for batch in _batches([len(ids) for ids in encoded], _SCORING_TOKENS):
            checkpoint()
            totals = self._score([encoded[index] for index in batch])
            for index, total in zip(batch, totals, strict=True):
                found[index] = Surprisal(total, len(encoded[index]) - 1)
        return [found[index] for index in range(len(texts))]

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Tokens that the template puts around a text."""
        return self.count_tokens([self._chat(template, "")])[0]

    def _chat(self, template: PromptTemplate, text: str) -> str:
        messages = [{"role": "system", "content": template.instruction}]
        for given, wanted in template.examples:
            messages.append({"role": "user", "content": given})
            messages.append({"role": "assistant", "content": wanted})
        messages.append({"role": "user", "content": text})
        return str(
            self._tokenizer.apply_chat_template(
                messages, tokenize=False, add_generation_prompt=True
            )
        )

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        return cast(
            "list[list[int]]",
            self._tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"],
        )

    def _decode(self, rows: list[list[int]], budgets: list[int]) -> list[Generation]:
        width = max(map(len, rows))
        ids = torch.tensor([[self._pad] * (width - len(row)) + row for row in rows])
        mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
        try:
            with torch.inference_mode():
                written = self._model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    max_new_tokens=max(budgets),
                    do_sample=False,
                    pad_token_id=self._pad,
                )
        except RuntimeError as error:
            raise EngineError(f"the model failed on a batch of {len(rows)}: {error}") from error
        return [
            self._answer(row[width:].tolist()[:budget])
            for row, budget in zip(written, budgets, strict=True)
        ]

    def _answer(self, tokens: list[int]) -> Generation:
        end = next((at for at, token in enumerate(tokens) if token in self._ends), None)
        text = self._tokenizer.decode(tokens[:end], skip_special_tokens=True)
        return Generation(text.strip(), end is not None, len(tokens) if end is None else end + 1)

    def _score(self, rows: list[list[int]]) -> list[float]:
        width = max(map(len, rows))
        ids = torch.tensor([row + [self._pad] * (width - len(row)) for row in rows])
        mask = torch.tensor([[1] * len(row) + [0] * (width - len(row)) for row in rows])
        try:
            with torch.inference_mode():
                logits = self._model(input_ids=ids, attention_mask=mask).logits
                # Row by row: float32 copies of a whole batch cost four times the forward pass.
                return [
                    float(
                        torch.nn.functional.cross_entropy(
                            logits[at, : len(row) - 1].float(),
                            ids[at, 1 : len(row)],
                            reduction="sum",
                        )
                    )
                    for at, row in enumerate(rows)
                ]
        except RuntimeError as error:
            raise EngineError(f"the model failed to score {len(rows)} texts: {error}") from error


def prepare(weights: Path, folder: Path) -> None:
    """De-quantise a GGUF file into a folder of safetensors in bfloat16, with its tokenizer.

    Raises:
        EngineError: the file cannot be read as a model.
    """
    _quiet()
    source, file = str(weights.parent), weights.name
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(source, gguf_file=file)
        # The conversion's progress bar cannot be switched off, only sent elsewhere.
        shown = sys.stderr if sys.stderr.isatty() else io.StringIO()
        with contextlib.redirect_stderr(shown):
            model: Any = AutoModelForCausalLM.from_pretrained(
                source, gguf_file=file, dtype=torch.bfloat16
            )
        # Otherwise save_pretrained refuses: it takes the weights for still quantised.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except (OSError, ValueError, RuntimeError) as error:
        raise EngineError(
            f"{file} cannot be prepared: {error}", code="model_load_failed"
        ) from error


def _batches(sizes: Sequence[int], budget: int) -> Iterator[list[int]]:
    """Indexes in batches whose padded size stays within ``budget`` tokens, longest first.

    Equal lengths sit together, so little is padded; the longest first, so that a batch that
    does not fit into memory fails at once.
    """
    order = sorted(range(len(sizes)), key=lambda index: (-sizes[index], index))
    batch: list[int] = []
    for index in order:
        if batch and sizes[batch[0]] * (len(batch) + 1) > budget:
            yield batch
            batch = []
        batch.append(index)
    if batch:
        yield batch


def _load_error(model: ModelSettings, why: str) -> EngineError:
    return EngineError(
        f"the model {model.name} cannot be loaded: {why}",
        code="model_load_failed",
        hint="copy or pull it again, or name another one in the profile",
    )


def _end_tokens(model: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    return frozenset([ends] if isinstance(ends, int) else ends or [])


def _quiet() -> None:
    transformers.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        transformers.logging.disable_progress_bar()
