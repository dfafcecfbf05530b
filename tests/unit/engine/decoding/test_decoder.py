"""The decoder on a tiny model, compared with the greedy decoding of transformers."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM

from tests.support.plain_engine import PlainEngine
from tests.support.tiny_model import ARCHITECTURES, WORDS, build_tiny_model
from worker.config.profile import ModelSettings, PromptTemplate
from worker.config.settings import Settings
from worker.engine.decoding import decoder as decoder_module
from worker.engine.decoding.decoder import Decoder, Row
from worker.engine.decoding.draft import Draft
from worker.engine.decoding.key_values import ATTENTION
from worker.engine.decoding.linear import AdapterSwitch, freeze
from worker.engine.local import LocalEngine
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.errors import EngineError

TASK = PromptTemplate(instruction="ba be")
MANY = 60


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"))


def opened(folder: Path, batch_tokens: int = 256) -> LocalEngine:
    model = ModelSettings(name=str(folder), dtype="float32", batch_tokens=batch_tokens)
    return LocalEngine(model, Settings(threads=1))


@pytest.fixture(scope="module")
def engine(folder: Path) -> LocalEngine:
    return opened(folder)


@pytest.fixture(scope="module")
def plain(folder: Path) -> PlainEngine:
    return PlainEngine(ModelSettings(name=str(folder), dtype="float32"), Settings(threads=1))


@pytest.fixture(scope="module")
def prompts(plain: PlainEngine) -> list[Prompt]:
    """Prompts of many lengths, with drafts close to their answers, as a source is to its repair."""
    rng = random.Random(3)  # noqa: S311
    bare = [
        Prompt(TASK, " ".join(rng.choices(WORDS, k=rng.randrange(1, 30))), rng.randrange(1, 31))
        for _ in range(MANY)
    ]
    return [
        replace(prompt, draft=_damaged(answer.text.split(), rng))
        for prompt, answer in zip(bare, plain.generate(bare), strict=True)
    ]


def _damaged(words: list[str], rng: random.Random) -> str:
    """Delete, insert or replace up to three words."""
    words = words or ["be"]
    for _ in range(rng.randrange(4)):
        index = rng.randrange(len(words))
        word = words[index]
        words[index : index + 1] = rng.choice(([], ["de"], ["de", word], [word, "de"]))
        words = words or ["be"]
    return " ".join(words)


def written(answers: Sequence[Generation]) -> list[tuple[str, bool, int, int]]:
    return [(answer.text, answer.finished, answer.tokens, answer.tokens_read) for answer in answers]


def test_a_draft_changes_no_answer(
    engine: LocalEngine, plain: PlainEngine, prompts: list[Prompt]
) -> None:
    answers = engine.generate(prompts)

    assert written(answers) == written(plain.generate(prompts))
    kept = sum(answer.text == prompt.draft for answer, prompt in zip(answers, prompts, strict=True))
    assert 5 < kept < MANY - 20


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_each_architecture_writes_what_its_plain_model_generates(
    architecture: str, tmp_path: Path
) -> None:
    # Given: prompts as tokens, since transformers gives a Qwen2 no other tokenizer than its own
    folder = build_tiny_model(tmp_path, architecture=architecture)
    plain: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model: Any = AutoModelForCausalLM.from_pretrained(
        folder, dtype=torch.float32, attn_implementation=ATTENTION
    )
    freeze(model, AdapterSwitch(), "float32")
    decoder = Decoder(model, frozenset(plain.generation_config.eos_token_id), batch_tokens=64)
    rng = random.Random(5)  # noqa: S311
    prompts = [[9, 8, *rng.choices(range(3, 63), k=rng.randrange(2, 20))] for _ in range(20)]
    rows = [Row(prompt, prompt[4:], Draft(prompt, copying=True), 12) for prompt in prompts]
    # When
    with torch.inference_mode():
        decoder.answer(rows, decoder.prefix([9, 8]), no_checkpoint)
        expected = [
            plain.generate(torch.tensor([prompt]), max_new_tokens=12, do_sample=False)
            for prompt in prompts
        ]
    # Then
    assert [row.written for row in rows] == [
        tokens[0, len(prompt) :].tolist() for prompt, tokens in zip(prompts, expected, strict=True)
    ]
    assert len({tuple(row.written) for row in rows}) > len(rows) / 2


def test_without_a_draft_the_text_is_looked_up_and_changes_no_answer(
    engine: LocalEngine, plain: PlainEngine, prompts: list[Prompt]
) -> None:
    bare = [replace(prompt, draft="") for prompt in prompts]

    assert written(engine.generate(bare)) == written(plain.generate(bare))


@pytest.mark.parametrize("nats", [2.0, 6.0])
def test_the_draft_is_left_only_for_a_token_that_is_likelier_by_the_bias(
    nats: float, engine: LocalEngine, plain: PlainEngine, prompts: list[Prompt]
) -> None:
    biased = [replace(prompt, keep_bias_nats=nats) for prompt in prompts]
    answers = engine.generate(biased)

    assert written(answers) == written(plain.generate(biased))
    assert written(answers) != written(engine.generate(prompts))


def test_a_large_bias_keeps_every_draft_within_its_budget(
    engine: LocalEngine, prompts: list[Prompt]
) -> None:
    biased = [replace(prompt, keep_bias_nats=1e4, max_tokens=60) for prompt in prompts]

    assert [answer.text for answer in engine.generate(biased)] == [
        prompt.draft for prompt in prompts
    ]


def test_each_token_has_the_probability_that_the_model_gives_it(
    engine: LocalEngine, plain: PlainEngine, prompts: list[Prompt]
) -> None:
    answers, references = engine.generate(prompts), plain.generate(prompts)

    assert all(len(answer.nats) == answer.tokens for answer in answers)
    for answer, reference in zip(answers, references, strict=True):
        assert answer.nats == pytest.approx(reference.nats, abs=1e-4)
        assert answer.draft_nats == pytest.approx(reference.draft_nats, abs=1e-4)


def test_neighbours_change_no_answer(
    engine: LocalEngine, folder: Path, prompts: list[Prompt]
) -> None:
    together = written(engine.generate(prompts))

    assert written(engine.generate(prompts[::-1])) == together[::-1]
    assert written(opened(folder, 4096).generate(prompts)) == together
    assert [
        answer for prompt in prompts for answer in written(engine.generate([prompt]))
    ] == together


def test_active_rows_stay_within_bounded_memory_and_change_no_answer(
    engine: LocalEngine, prompts: list[Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    together = written(engine.generate(prompts))
    monkeypatch.setattr(decoder_module, "_ACTIVE_SLOTS", 300)
    slots: list[int] = []
    advance = decoder_module.Decoder._advance

    def watched(
        self: decoder_module.Decoder, active: decoder_module._ActiveRows, *rest: int
    ) -> None:
        slots.append(active.slots)
        advance(self, active, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(decoder_module.Decoder, "_advance", watched)

    assert written(engine.generate(prompts)) == together
    # The limit may be exceeded by one batch, of rows of up to 70 slots.
    assert len(slots) > 3
    assert max(slots) < 300 + 20 * 70


def test_a_checkpoint_that_raises_ends_the_work(engine: LocalEngine, prompts: list[Prompt]) -> None:
    calls = 0

    def stop() -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        engine.generate(prompts, stop)
    assert calls == 3


def test_a_shared_prefix_is_computed_once(
    folder: Path, prompts: list[Prompt], monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = opened(folder)
    fed: list[int] = []
    run = decoder_module.Decoder._run

    def counted(
        self: decoder_module.Decoder, cache: object, starts: object, tokens: object
    ) -> object:
        fed.append(sum(map(len, tokens)))  # type: ignore[call-overload]
        return run(self, cache, starts, tokens)  # type: ignore[arg-type]

    monkeypatch.setattr(decoder_module.Decoder, "_run", counted)
    template = PromptTemplate(instruction=" ".join(WORDS[:40]))
    few = [
        replace(prompt, template=template, draft=prompt.text, keep_bias_nats=1e4, max_tokens=60)
        for prompt in prompts[:6]
    ]
    engine.generate(few)
    first = sum(fed)
    fed.clear()
    engine.generate(few)

    # 39 of the instruction; then the 40th of each prompt, and its text twice, once as the draft.
    own = sum(1 + 2 * len(prompt.text.split()) for prompt in few)
    assert first == 39 + own
    assert sum(fed) == own


@pytest.mark.parametrize(
    ("key", "value"), [("attn_logit_softcapping", 50.0), ("layer_types", ["sliding_attention"] * 2)]
)
def test_a_model_whose_attention_is_not_plain_is_refused(
    key: str, value: object, tmp_path: Path
) -> None:
    broken = build_tiny_model(tmp_path / "other")
    config = json.loads((broken / "config.json").read_text(encoding="utf-8"))
    (broken / "config.json").write_text(json.dumps({**config, key: value}), encoding="utf-8")

    with pytest.raises(EngineError, match="attention") as raised:
        opened(broken)
    assert raised.value.code == "model_load_failed"


def test_no_prompts_give_no_answers(engine: LocalEngine) -> None:
    assert engine.generate([], no_checkpoint) == []
    assert torch.is_inference_mode_enabled() is False
