"""The entailment classifier: a real one, tiny, with random weights."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from tokenizers.processors import TemplateProcessing
from transformers import BertConfig, BertForSequenceClassification, PreTrainedTokenizerFast

from tests.support.fake_engine import FakeEngine
from worker.config.profile import CheckSettings, Profile
from worker.engine.nli import entailment_probabilities
from worker.errors import EngineError
from worker.stages.summarise.entailment import support_probabilities

WORDS = ("<unk>", "<pad>", "<sep>", "harbour", "closes", "opens", "in", "June", "May", "the")
LABELS = {0: "CONTRADICTION", 1: "NEUTRAL", 2: "ENTAILMENT"}
PAIRS = [
    ("the harbour closes in June", "the harbour closes"),
    ("the harbour closes in June " * 30, "the harbour opens"),
    ("May", "June"),
]


def build_classifier(folder: Path, labels: dict[int, str]) -> str:
    vocabulary = {word: index for index, word in enumerate(WORDS)}
    words = Tokenizer(WordLevel(vocabulary, unk_token="<unk>"))  # noqa: S106
    words.pre_tokenizer = WhitespaceSplit()
    words.post_processor = TemplateProcessing(
        single="$A <sep>", pair="$A <sep> $B:1 <sep>:1", special_tokens=[("<sep>", 2)]
    )
    tokenizer: Any = PreTrainedTokenizerFast(
        tokenizer_object=words,
        unk_token="<unk>",  # noqa: S106 - no password
        pad_token="<pad>",  # noqa: S106
        model_max_length=64,
    )
    tokenizer.save_pretrained(folder)
    torch.manual_seed(3)
    config = BertConfig(
        vocab_size=len(WORDS), hidden_size=16, num_hidden_layers=1, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=64, id2label=labels,
        label2id={label: index for index, label in labels.items()},
    )  # fmt: skip
    BertForSequenceClassification(config).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return build_classifier(tmp_path / "nli", LABELS)


def test_each_pair_gets_the_probability_it_gets_alone(model: str) -> None:
    together = entailment_probabilities(PAIRS, name=model, revision="1")
    alone = [entailment_probabilities([pair], name=model, revision="1")[0] for pair in PAIRS]

    assert together == pytest.approx(alone, abs=1e-5)
    assert together[0] != together[2]
    assert all(0 < probability < 1 for probability in together)
    assert entailment_probabilities([], name=model, revision="1") == []


def test_the_label_for_entailment_counts(tmp_path: Path) -> None:
    by_label = [
        entailment_probabilities(
            PAIRS[:1], name=build_classifier(tmp_path / str(index), labels), revision="1"
        )
        for index, labels in enumerate(
            ({**LABELS, 0: "ENTAILMENT", 2: "NEUTRAL", 1: "x"}, {**LABELS, 1: "x"})
        )
    ]
    # Same weights: these are the probabilities of the first and of the last label.
    assert by_label[0] != by_label[1]
    assert by_label[0][0] + by_label[1][0] < 1


def test_a_model_without_an_entailment_label_is_refused(tmp_path: Path) -> None:
    moods = build_classifier(tmp_path / "moods", {0: "sad", 1: "glad"})
    with pytest.raises(EngineError, match="sad, glad, none of them for entailment"):
        entailment_probabilities(PAIRS, name=moods, revision="1")


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EngineError, match="cannot be loaded") as refused:
        entailment_probabilities(PAIRS, name=str(tmp_path), revision="1")
    assert refused.value.code == "model_load_failed"


def test_a_profile_that_names_a_classifier_uses_it_instead_of_the_engine(
    model: str, profile: Profile
) -> None:
    checks = CheckSettings(entailment_model=model, entailment_revision="1")
    judging = profile.model_copy(update={"checks": checks})
    engine = FakeEngine()
    evidence = ["the harbour closes", "in June"]

    probabilities = support_probabilities([(evidence, "the harbour closes")], engine, judging)

    assert probabilities == pytest.approx(
        entailment_probabilities(PAIRS[:1], name=model, revision="1")
    )
    assert engine.prompts == []
    assert support_probabilities([], engine, judging) == []


def test_it_needs_a_revision() -> None:
    with pytest.raises(ValueError, match="needs a revision"):
        CheckSettings(entailment_model="some/nli")
