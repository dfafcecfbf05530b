"""The default profile's repair adapter: from material to weights and a report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.support.tiny_model import WORDS, build_tiny_model
from worker.training.writer import make_writer


def write_pairs(path: Path, count: int, kind: str) -> None:
    """Sentences of the tiny model's words; each lacks an article in its source."""
    lines = []
    for index in range(count):
        words = [WORDS[(index + step) % len(WORDS)] for step in range(6)]
        pair = {"source": " ".join(words), "target": " ".join(["the", *words]), "kind": kind}
        lines.append(json.dumps(pair) + "\n")
    path.write_text("".join(lines), encoding="utf-8")


def test_the_first_pairs_of_the_material_become_an_adapter(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # Given material with more pairs than are asked for
    material = tmp_path / "material"
    material.mkdir()
    write_pairs(material / "pairs.jsonl", 90, "rough")
    write_pairs(material / "held.jsonl", 50, "rule")
    prompt = tmp_path / "x.toml"
    prompt.write_text('instruction = "the"\n', encoding="utf-8")

    make_writer(
        material=material,
        model=build_tiny_model(tmp_path / "tiny"),
        prompt=prompt,
        out=tmp_path / "out",
        work=tmp_path / "work",
        pairs=60,
    )

    report = json.loads((tmp_path / "work" / "report.json").read_text(encoding="utf-8"))
    assert report["pairs"] == {"rough": 60}
    assert report["loss_after"] < report["loss_before"]
    assert "pairs: {'rough': 60}" in capsys.readouterr().err
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text(encoding="utf-8"))
    assert (config["r"], config["lora_alpha"]) == (8, 16)
    assert config["base_model_name_or_path"] == "Qwen/Qwen2.5-Coder-1.5B-Instruct"
