"""The engine on this machine: load a model and its adapters, and answer prompts on the CPU.

``worker.engine.decoding.decoder`` does the decoding. ``batch_tokens`` bounds the memory.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import io
import os
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from worker.config.numerics import concrete_numerics
from worker.config.weights import adapter_folder, is_local, locate
from worker.engine.adapter import attach_adapter
from worker.engine.decoding.decoder import Decoder, Row
from worker.engine.decoding.draft import Draft
from worker.engine.decoding.key_values import ATTENTION, KeyValues, has_plain_attention
from worker.engine.decoding.linear import AdapterSwitch, freeze
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from worker.config.profile import ModelSettings, PromptTemplate
    from worker.config.settings import Settings

__all__ = ["LocalEngine", "convert_gguf"]

#: Kernels cached by oneDNN and by torch, each for one number of tokens. Packed batches seldom
#: repeat a size: with the default of 1,024 a worker grew by 1 MB per article; with 64 it does not
#: grow, and is as fast.
_CACHED_KERNELS = "64"


class LocalEngine:
    """A causal language model in this process, on the CPU.

    Raises:
        ModelMissingError: the weights are not on this machine.
        EngineError: the weights cannot be loaded, or the model's attention is not supported.
    """

    def __init__(self, model: ModelSettings, settings: Settings) -> None:
        for cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
            os.environ.setdefault(cache, _CACHED_KERNELS)
        torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        _silence_transformers()
        self._settings, self._source = model, locate(model, settings.home)
        self._options: dict[str, Any] = {"trust_remote_code": False}
        if is_local(model):
            self._options["local_files_only"] = True
        else:
            self._options["revision"] = model.revision
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(self._source, **self._options)
        except Exception as error:  # a damaged file can raise anything
            raise _load_error(model, str(error)) from error
        if not self._tokenizer.chat_template:
            raise _load_error(model, "it has no chat template: it is not instruction-tuned")
        self._special_tokens: list[str] = list(self._tokenizer.all_special_tokens)
        self._prefixes: dict[tuple[str, tuple[int, ...]], KeyValues] = {}
        base = self._load()
        self._end_tokens = _end_tokens(base)
        self._end_token = min(self._end_tokens, default=0)
        self._window = int(base.config.max_position_embeddings)
        self._switch, self._adapters = AdapterSwitch(), {""}
        freeze(base, self._switch, concrete_numerics(model.dtype, int8=model.int8))
        self._model = base
        self._decoder = Decoder(base, self._end_tokens, model.batch_tokens)

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""
        return self._window

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Count the tokens of each text, without a prompt around it."""
        return [len(ids) for ids in self._encode(texts)]

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load the adapters of ``templates``."""
        for template in templates:
            self._load_adapter(template.adapter)

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Count the tokens that the template adds around a text."""
        return self.count_tokens([self._chat(template, "")])[0]

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """Return one greedy answer per prompt, in the order of the prompts."""
        rows = self._rows(prompts)
        by_template: dict[PromptTemplate, list[Row]] = {}
        for prompt, row in zip(prompts, rows, strict=True):
            by_template.setdefault(prompt.template, []).append(row)
        try:
            with torch.inference_mode():
                for template, group in by_template.items():
                    self._answer(template, group, checkpoint)
        except RuntimeError as error:
            raise EngineError(f"the model failed on a batch of {len(rows)}: {error}") from error
        finally:
            _release_memory()
        return [self._generation(row) for row in rows]

    def _answer(
        self, template: PromptTemplate, rows: Sequence[Row], checkpoint: Callable[[], None]
    ) -> None:
        """Answer the rows, which share ``template``, in place."""
        self._load_adapter(template.adapter)
        self._switch.active = template.adapter
        self._decoder.answer(rows, self._prefix(template, rows), checkpoint)

    def _rows(self, prompts: Sequence[Prompt]) -> list[Row]:
        texts = [self._without_special(prompt.text) for prompt in prompts]
        encoded = self._encode(
            [self._chat(prompt.template, text) for prompt, text in zip(prompts, texts, strict=True)]
        )
        # An answer may copy from its draft, or else from its text.
        sources = self._encode(
            [
                self._without_special(prompt.draft) or text
                for prompt, text in zip(prompts, texts, strict=True)
            ]
        )
        rows = []
        for prompt, ids, source in zip(prompts, encoded, sources, strict=True):
            draft = [*source, self._end_token] if prompt.draft else []
            guide = Draft(draft or source, copying=bool(draft))
            budget, bias = prompt.max_tokens, prompt.keep_bias_nats
            rows.append(Row(ids, draft, guide, budget, bias, prompt.state_layer))
        return rows

    def _prefix(self, template: PromptTemplate, rows: Sequence[Row]) -> KeyValues:
        """Return the cache of the prefix that all prompts of ``template`` share, computed once."""
        (empty,) = self._encode([self._chat(template, "")])
        # The last token stays out: the first pass needs at least one token per row.
        columns = zip(empty[:-1], *(row.prompt for row in rows), strict=False)
        shared = [column[0] for column in takewhile(lambda tokens: len(set(tokens)) == 1, columns)]
        key = template.adapter, tuple(shared)
        if key not in self._prefixes:
            self._prefixes[key] = self._decoder.prefix(shared)
        return self._prefixes[key]

    def _load_adapter(self, adapter: str) -> None:
        """Attach ``adapter`` to the model on its first use; it stays attached."""
        if adapter not in self._adapters:
            attach_adapter(self._model, adapter_folder(adapter), adapter)
            self._adapters.add(adapter)

    def _load(self) -> Any:
        try:
            # With output_loading_info it returns a pair, contrary to its type.
            loaded, info = cast(
                "tuple[Any, Any]",
                AutoModelForCausalLM.from_pretrained(
                    self._source,
                    # As the files have it: converted while it is packed, layer by layer, it is
                    # never in memory twice.
                    dtype="auto",
                    use_safetensors=True,
                    output_loading_info=True,
                    attn_implementation=ATTENTION,
                    **self._options,
                ),
            )
        except Exception as error:  # a damaged file can raise anything
            raise _load_error(self._settings, str(error)) from error
        if info["missing_keys"]:
            # transformers initialises missing weights at random and goes on.
            missing = ", ".join(sorted(info["missing_keys"])[:3])
            raise _load_error(self._settings, f"its files lack weights: {missing}")
        if not has_plain_attention(loaded.config):
            raise _load_error(self._settings, "its attention is not plain causal attention")
        return loaded.eval()

    def _chat(self, template: PromptTemplate, text: str) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                template.messages(text), tokenize=False, add_generation_prompt=True
            )
        )

    def _without_special(self, text: str) -> str:
        """Remove special tokens, such as those that end a turn of the chat, from ``text``.

        With one, an article could forge a turn of the user or of the model.
        """
        for token in self._special_tokens:
            # Removing one token can join the parts of another.
            while token in text:
                text = text.replace(token, "")
        return text

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        return cast(
            "list[list[int]]",
            self._tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"],
        )

    def _generation(self, row: Row) -> Generation:
        tokens = row.written[:-1] if row.finished else row.written
        text = self._tokenizer.decode(tokens, skip_special_tokens=True)
        return Generation(
            text.strip(),
            row.finished,
            tokens=len(row.written),
            tokens_read=len(row.prompt) + len(row.draft),
            nats=tuple(row.nats),
            draft_nats=tuple(row.draft_nats),
            draft_state=tuple(row.draft_state),
        )


def convert_gguf(weights: Path, folder: Path) -> None:
    """De-quantise a GGUF file into a folder of bfloat16 safetensors with its tokenizer.

    Raises:
        EngineError: ``model_load_failed``: the file cannot be read as a model.
        OSError: the disk is full.
    """
    _silence_transformers()
    source, file = str(weights.parent), weights.name
    try:
        tokenizer: Any = AutoTokenizer.from_pretrained(source, gguf_file=file)
        # The conversion's progress bar cannot be switched off, only redirected.
        sink = sys.stderr if sys.stderr.isatty() else io.StringIO()
        with contextlib.redirect_stderr(sink):
            model: Any = AutoModelForCausalLM.from_pretrained(
                source, gguf_file=file, dtype=torch.bfloat16
            )
        # save_pretrained refuses weights that it takes for quantised.
        model.hf_quantizer = None
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config
        _tie_equal_embeddings(model)
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
    except Exception as error:  # a damaged file can raise anything
        if f"os error {errno.ENOSPC}" in str(error) or f"[Errno {errno.ENOSPC}]" in str(error):
            # safetensors reports a full disk as an error of its own.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder)) from error
        raise EngineError(
            f"{file} cannot be prepared: {error}", code="model_load_failed"
        ) from error


def _tie_equal_embeddings(model: Any) -> None:
    """Store the output layer and the token embeddings once if they are equal.

    Loaded from GGUF they are two copies. Often they are not equal: Q4_K_M keeps the output layer at
    six bits and the embeddings at four.
    """
    head, embeddings = model.get_output_embeddings(), model.get_input_embeddings()
    if head is not None and torch.equal(head.weight, embeddings.weight):
        model.config.tie_word_embeddings = True
        model.tie_weights()


def _load_error(model: ModelSettings, why: str) -> EngineError:
    return EngineError(
        f"the model {model.name} cannot be loaded: {why}",
        code="model_load_failed",
        hint="copy or pull it again, or name another one in the profile",
    )


def _end_tokens(model: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    return frozenset([ends] if isinstance(ends, int) else ends or [])


def _release_memory() -> None:
    """Return freed memory to the system; glibc would keep 0.2 GB."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _silence_transformers() -> None:
    transformers.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        transformers.logging.disable_progress_bar()
