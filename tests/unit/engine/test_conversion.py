"""The conversion of a GGUF file, on a real and tiny one."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from transformers import AutoModelForCausalLM

from tests.support.tiny_gguf import build_tiny_gguf
from worker.engine.local import convert_gguf
from worker.errors import EngineError

HEAD, EMBEDDINGS = "lm_head.weight", "model.embed_tokens.weight"


def test_equal_embeddings_are_stored_once(tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    convert_gguf(build_tiny_gguf(tmp_path / "tiny.gguf", equal_embeddings=True), folder)

    with safe_open(folder / "model.safetensors", "pt") as stored:
        assert HEAD not in stored.keys()  # noqa: SIM118 - no dictionary
        assert stored.get_tensor(EMBEDDINGS).dtype is torch.bfloat16
    loaded = AutoModelForCausalLM.from_pretrained(folder)
    assert loaded.lm_head.weight.data_ptr() == loaded.model.embed_tokens.weight.data_ptr()


def test_an_output_layer_of_its_own_is_kept(tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    convert_gguf(build_tiny_gguf(tmp_path / "tiny.gguf", equal_embeddings=False), folder)

    with safe_open(folder / "model.safetensors", "pt") as stored:
        head, embeddings = stored.get_tensor(HEAD), stored.get_tensor(EMBEDDINGS)
    assert not torch.equal(head, embeddings)
    loaded = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.bfloat16)
    assert torch.equal(loaded.lm_head.weight, head)


@pytest.mark.parametrize("content", [b"", b"GGUF", b"no model at all"])
def test_a_file_that_is_no_model_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "tiny.gguf").write_bytes(content)

    with pytest.raises(EngineError, match=r"tiny\.gguf cannot be prepared") as raised:
        convert_gguf(tmp_path / "tiny.gguf", tmp_path / "prepared")

    assert raised.value.code == "model_load_failed"
