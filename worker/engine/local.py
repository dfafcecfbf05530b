"""The engine on this machine: loads a model and its adapters, turns prompts into tokens and back.

``worker.engine.decoding.decoder`` does the decoding. Memory is bounded by ``batch_tokens``.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
from itertools import takewhile
from typing import TYPE_CHECKING, Any, cast

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from worker.config.numerics import concrete_dtype
from worker.config.weights import adapter_folder, is_local, locate
from worker.engine.adapter import merge
from worker.engine.decoding.decoder import Decoder, Row
from worker.engine.decoding.draft import Draft
from worker.engine.decoding.key_values import ATTENTION, KeyValues, has_plain_attention
from worker.engine.decoding.packed_linear import pack
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from worker.config.profile import ModelSettings, PromptTemplate
    from worker.config.settings import Settings

__all__ = ["LocalEngine", "prepare"]

#: Kernels that oneDNN keeps, and torch on top of it, each made for one number of tokens. They would
#: keep 1,024; every packed batch has a size of its own, so that they are seldom met again, and a
#: worker grew by 1 MB an article. With 64 it does not grow, and is as fast.
_KEPT_KERNELS = "64"


class LocalEngine:
    """A causal language model in this process, on the CPU.

    Raises:
        ModelMissingError: the weights are not on this machine.
        EngineError: they cannot be loaded, or the model is of a kind that cannot be verified.
    """

    def __init__(self, model: ModelSettings, settings: Settings) -> None:
        for cache in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
            os.environ.setdefault(cache, _KEPT_KERNELS)
        torch.set_num_threads(settings.threads or os.cpu_count() or 1)
        _quiet()
        self._settings, self._place = model, locate(model, settings.home)
        self._options: dict[str, Any] = {"trust_remote_code": False}
        if is_local(model):
            self._options["local_files_only"] = True
        else:
            self._options["revision"] = model.revision
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(self._place, **self._options)
        except Exception as error:  # a damaged file can raise anything
            raise _load_error(model, str(error)) from error
        if not self._tokenizer.chat_template:
            raise _load_error(model, "it has no chat template: it is not tuned to instructions")
        self._marks: list[str] = list(self._tokenizer.all_special_tokens)
        self._decoders: dict[str, Decoder] = {}
        self._prefixes: dict[tuple[str, tuple[int, ...]], KeyValues] = {}
        base = self._load()
        self._ends = _end_tokens(base)
        self._end = min(self._ends, default=0)
        self._window = int(base.config.max_position_embeddings)
        pack(base)
        self._base = base
        self._decoders[""] = Decoder(base, self._ends, model.batch_tokens)

    @property
    def window(self) -> int:
        """Most tokens of prompt and answer together."""
        return self._window

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, without any prompt around it."""
        return [len(ids) for ids in self._encode(texts)]

    def prepare(self, templates: Iterable[PromptTemplate]) -> None:
        """Load the adapters of ``templates``."""
        for template in templates:
            self._decoder(template.adapter)

    def prompt_tokens(self, template: PromptTemplate) -> int:
        """Tokens that the template puts around a text."""
        return self.count_tokens([self._chat(template, "")])[0]

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        """One greedy answer per prompt, in the order of the prompts."""
        rows = self._rows(prompts)
        templates: dict[PromptTemplate, list[Row]] = {}
        for prompt, row in zip(prompts, rows, strict=True):
            templates.setdefault(prompt.template, []).append(row)
        try:
            with torch.inference_mode():
                for template, same in templates.items():
                    decoder = self._decoder(template.adapter)
                    decoder.answer(same, self._prefix(template, same, decoder), checkpoint)
        except RuntimeError as error:
            raise EngineError(f"the model failed on a batch of {len(rows)}: {error}") from error
        finally:
            _give_memory_back()
        return [self._answer(row) for row in rows]

    def _rows(self, prompts: Sequence[Prompt]) -> list[Row]:
        texts = [self._plain(prompt.text) for prompt in prompts]
        asked = self._encode(
            [self._chat(prompt.template, text) for prompt, text in zip(prompts, texts, strict=True)]
        )
        # What an answer may copy: its draft, or else the text that it is about.
        sources = self._encode(
            [self._plain(prompt.draft) or text for prompt, text in zip(prompts, texts, strict=True)]
        )
        rows = []
        for prompt, ids, source in zip(prompts, asked, sources, strict=True):
            draft = [*source, self._end] if prompt.draft else []
            guide = Draft(draft or source, copying=bool(draft))
            budget, bias = prompt.max_tokens, prompt.keep_bias_nats
            rows.append(Row(ids, draft, guide, budget, bias, prompt.state_layer))
        return rows

    def _prefix(self, template: PromptTemplate, rows: Sequence[Row], decoder: Decoder) -> KeyValues:
        """Keys and values of what all prompts of ``template`` begin with, computed once."""
        (bare,) = self._encode([self._chat(template, "")])
        # But for the last token, since what follows is read off a pass over at least one.
        columns = zip(bare[:-1], *(row.prompt for row in rows), strict=False)
        shared = [column[0] for column in takewhile(lambda tokens: len(set(tokens)) == 1, columns)]
        key = template.adapter, tuple(shared)
        if key not in self._prefixes:
            self._prefixes[key] = decoder.prefix(shared)
        return self._prefixes[key]

    def _decoder(self, adapter: str) -> Decoder:
        """The model with ``adapter`` in it; both stay loaded."""
        if adapter not in self._decoders:
            model = self._load()
            merge(model, adapter_folder(adapter))
            # No adapter changes the vocabulary's matrices: 0.1 GB that need not be held twice.
            model.set_input_embeddings(self._base.get_input_embeddings())
            model.set_output_embeddings(self._base.get_output_embeddings())
            pack(model)
            self._decoders[adapter] = Decoder(model, self._ends, self._settings.batch_tokens)
        return self._decoders[adapter]

    def _load(self) -> Any:
        try:
            # With the loading info it gives a pair, which its types do not say.
            loaded, found = cast(
                "tuple[Any, Any]",
                AutoModelForCausalLM.from_pretrained(
                    self._place,
                    dtype=getattr(torch, concrete_dtype(self._settings.dtype)),
                    use_safetensors=True,
                    output_loading_info=True,
                    attn_implementation=ATTENTION,
                    **self._options,
                ),
            )
        except Exception as error:  # a damaged file can raise anything
            raise _load_error(self._settings, str(error)) from error
        if found["missing_keys"]:
            # transformers would fill them in at random and go on.
            missing = ", ".join(sorted(found["missing_keys"])[:3])
            raise _load_error(self._settings, f"its files lack weights: {missing}")
        if not has_plain_attention(loaded.config):
            raise _load_error(self._settings, "its attention is not plain causal attention")
        # The weights lie in the file's mapping, which one of them keeps whole in memory, beside
        # what is made of the others (0.2 GB for each adapter, measured).
        for weight in loaded.parameters():
            weight.data = weight.data.clone()
        return loaded.eval()

    def _chat(self, template: PromptTemplate, text: str) -> str:
        return str(
            self._tokenizer.apply_chat_template(
                template.messages(text), tokenize=False, add_generation_prompt=True
            )
        )

    def _plain(self, text: str) -> str:
        """The text without the marks that end a turn of the chat.

        An article that has one would go on in the user's name, or in the model's own.
        """
        for mark in self._marks:
            # Another mark may come about where one was taken out.
            while mark in text:
                text = text.replace(mark, "")
        return text

    def _encode(self, texts: Sequence[str]) -> list[list[int]]:
        if not texts:
            return []
        return cast(
            "list[list[int]]",
            self._tokenizer(list(texts), add_special_tokens=False, verbose=False)["input_ids"],
        )

    def _answer(self, row: Row) -> Generation:
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


def _load_error(model: ModelSettings, why: str) -> EngineError:
    return EngineError(
        f"the model {model.name} cannot be loaded: {why}",
        code="model_load_failed",
        hint="copy or pull it again, or name another one in the profile",
    )


def _end_tokens(model: Any) -> frozenset[int]:
    ends = model.generation_config.eos_token_id
    return frozenset([ends] if isinstance(ends, int) else ends or [])


def _give_memory_back() -> None:
    """Hand freed memory to the system; glibc would keep 0.2 GB of it."""
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)


def _quiet() -> None:
    transformers.logging.set_verbosity_error()
    if not sys.stderr.isatty():
        transformers.logging.disable_progress_bar()
