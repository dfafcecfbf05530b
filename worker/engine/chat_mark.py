"""Marks of a chat in an article, which a server would read as turns of the user or the model."""

from __future__ import annotations

import re

__all__ = ["without_chat_marks"]

#: What vocabularies write their control tokens as: ``<|im_end|>`` and the like (SmolLM2, Qwen,
#: Llama 3, Phi; DeepSeek with wide bars), ``</s>`` and ``[INST]`` (Llama 2, Mistral),
#: ``<start_of_turn>`` (Gemma). Only the server knows its model's own, and it parses them anywhere.
_MARK = re.compile(
    r"<[|｜][^\s<>|｜]{1,40}[|｜]>"  # noqa: RUF001 - the wide bar is DeepSeek's
    r"|</?s>|<(?:bos|eos|pad|unk)>|<(?:start|end)_of_turn>|\[/?INST\]|<</?SYS>>"
)


def without_chat_marks(text: str) -> str:
    """Return ``text`` without anything that looks like a model's control token."""
    while _MARK.search(text):  # removing one mark can join the parts of another
        text = _MARK.sub("", text)
    return text
