"""A real Llama or Qwen2 with random weights, small enough to build within a test.

Its tokenizer maps each word of ``WORDS`` to one token, so that tokens can be counted by eye.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import AutoConfig, AutoModelForCausalLM, PreTrainedTokenizerFast

__all__ = ["ARCHITECTURES", "END_WORDS", "WINDOW", "WORDS", "build_tiny_model"]

#: Those of the catalogue's models. Qwen2 has biases in its attention.
ARCHITECTURES = ("llama", "qwen2")

_SPECIAL = ("<unk>", "<pad>", "<end>")

#: The vocabulary without special tokens.
WORDS = tuple(first + second for first in "bdfgklmnprst" for second in ("a", "e", "i", "o", "u"))

#: Words that end an answer: a single end token would hardly ever be generated.
END_WORDS = WORDS[::5]

#: Most tokens of prompt and answer together.
WINDOW = 128

_CHAT = "{% for message in messages %}{{ message['content'] }} {% endfor %}"


def build_tiny_model(
    folder: Path,
    *,
    architecture: str = "llama",
    padding: bool = True,
    ends: Sequence[str] = ("<end>", *END_WORDS),
) -> Path:
    """Build a model folder with config, tokenizer and safetensors, the same on each call.

    Args:
        folder: created if it is missing.
        architecture: one of ``ARCHITECTURES``.
        padding: whether the tokenizer has a padding token; some models have none.
        ends: the words that end an answer.
    """
    vocabulary = {word: index for index, word in enumerate((*_SPECIAL, *WORDS))}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106 - no password
    words.pre_tokenizer = WhitespaceSplit()
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token="<end>",  # noqa: S106
        pad_token="<pad>" if padding else None,
    )
    tokenizer.chat_template = _CHAT
    tokenizer.save_pretrained(folder)

    torch.manual_seed(7)
    config = AutoConfig.for_model(
        architecture,
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        num_key_value_heads=4 if architecture == "llama" else 2,
        max_position_embeddings=WINDOW,
        # Large, so that no two tokens are nearly equally likely.
        initializer_range=0.6,
        bos_token_id=None,
        eos_token_id=[vocabulary[word] for word in ends],
        pad_token_id=vocabulary["<pad>"] if padding else None,
    )
    model: Any = AutoModelForCausalLM.from_config(config)
    for name, weights in model.named_parameters():
        if name.endswith(".bias"):
            # They start at zero, and a bias that is left out would not be missed.
            torch.nn.init.normal_(weights, std=0.6)
    model.save_pretrained(folder)
    return folder
