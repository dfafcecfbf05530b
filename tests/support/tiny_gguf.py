"""A real GGUF file of a Llama with random weights, small enough to build within a test."""

from __future__ import annotations

from pathlib import Path

import gguf
import numpy as np

__all__ = ["build_tiny_gguf"]

_VOCABULARY, _HIDDEN, _INNER, _HEADS = 64, 32, 64, 4

_SHAPES = {
    **dict.fromkeys(("attn_q", "attn_k", "attn_v", "attn_output"), (_HIDDEN, _HIDDEN)),
    **dict.fromkeys(("ffn_gate", "ffn_up"), (_INNER, _HIDDEN)),
    "ffn_down": (_HIDDEN, _INNER),
    **dict.fromkeys(("attn_norm", "ffn_norm"), (_HIDDEN,)),
}


def build_tiny_gguf(path: Path, *, equal_embeddings: bool) -> Path:
    """Write a model of one layer.

    Args:
        path: the file.
        equal_embeddings: whether the output layer is a copy of the token embeddings.
    """
    random = np.random.default_rng(7)

    def weight(*shape: int) -> np.ndarray:
        return random.standard_normal(shape).astype(np.float32)

    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1)
    writer.add_context_length(128)
    writer.add_embedding_length(_HIDDEN)
    writer.add_feed_forward_length(_INNER)
    writer.add_head_count(_HEADS)
    writer.add_head_count_kv(_HEADS)
    writer.add_layer_norm_rms_eps(1e-5)
    writer.add_rope_freq_base(10_000.0)
    writer.add_vocab_size(_VOCABULARY)
    writer.add_tokenizer_model("gpt2")
    writer.add_token_list(["<end>", "ab", *(chr(0x41 + index) for index in range(_VOCABULARY - 2))])
    writer.add_token_merges(["a b"])
    writer.add_token_types([3] + [1] * (_VOCABULARY - 1))
    writer.add_bos_token_id(0)
    writer.add_eos_token_id(0)
    embeddings = weight(_VOCABULARY, _HIDDEN)
    writer.add_tensor("token_embd.weight", embeddings)
    head = embeddings.copy() if equal_embeddings else weight(_VOCABULARY, _HIDDEN)
    writer.add_tensor("output.weight", head)
    writer.add_tensor("output_norm.weight", weight(_HIDDEN))
    for name, shape in _SHAPES.items():
        writer.add_tensor(f"blk.0.{name}.weight", weight(*shape))
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
