"""The local engine on a tiny model with random weights: order, budgets, batches, failures."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from tests.support.tiny_model import END_WORDS, WINDOW, WORDS, build_tiny_model
from worker.config.profile import ModelSettings, PromptTemplate
from worker.config.settings import Settings
from worker.engine.local import LocalEngine
from worker.engine.opening import open_engine
from worker.engine.protocol import Generation, Prompt
from worker.errors import EngineError, ModelMissingError


def text_of(words: int, seed: int) -> str:
    return " ".join(random.Random(seed).choices(WORDS, k=words))  # noqa: S311


TASK = PromptTemplate(instruction="ba be")
OTHER_TASK = PromptTemplate(instruction="tu to")

#: Texts of many lengths, unordered.
TEXTS = tuple(text_of(words, words) for words in (7, 30, 1, 12, 55, 3, 20, 8, 41, 2, 16))
PROMPTS = tuple(
    Prompt(TASK, text, max_tokens) for text, max_tokens in zip(TEXTS, (12, 5, 30) * 4, strict=False)
)


def settings() -> Settings:
    return Settings(threads=1)


def open_model(folder: Path, *, batch_tokens: int = 256) -> LocalEngine:
    return LocalEngine(
        ModelSettings(name=str(folder), dtype="float32", batch_tokens=batch_tokens), settings()
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build_tiny_model(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="module")
def engine(folder: Path) -> LocalEngine:
    return open_model(folder)


def written(answers: Sequence[Generation]) -> list[tuple[str, bool, int]]:
    """Drop the likelihoods, whose last digits depend on the batch."""
    return [(answer.text, answer.finished, answer.tokens) for answer in answers]


# Answers -------------------------------------------------------------------------------------


def test_each_prompt_gets_the_answer_it_gets_alone(engine: LocalEngine) -> None:
    alone = [engine.generate([prompt])[0] for prompt in PROMPTS]

    assert len({answer.text for answer in alone}) > len(PROMPTS) / 2
    assert written(engine.generate(PROMPTS)) == written(alone)
    assert written(engine.generate(PROMPTS[::-1])) == written(alone[::-1])


def test_a_drafts_mean_hidden_state_is_the_models_own(engine: LocalEngine, folder: Path) -> None:
    model: Any = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    # Given: drafts of several lengths in one batch
    texts = TEXTS[:5]
    prompts = [Prompt(TASK, text, 1, draft=text, state_layer=0) for text in texts]
    for text, answer in zip(texts, engine.generate(prompts), strict=True):
        prompt_ids = tokenizer.apply_chat_template(
            TASK.messages(text), add_generation_prompt=True, return_tensors="pt"
        )["input_ids"]
        draft = tokenizer(text, add_special_tokens=False, return_tensors="pt")["input_ids"]
        with torch.inference_mode():
            output = model(torch.cat([prompt_ids, draft], 1), output_hidden_states=True)
        # After the first layer, from the position that predicts the draft's first token.
        expected = output.hidden_states[1][0, prompt_ids.shape[1] - 1 :].mean(0)
        assert answer.draft_state == pytest.approx(expected.tolist(), abs=1e-4)
    assert engine.generate([Prompt(TASK, texts[0], 1, draft=texts[0])])[0].draft_state == ()


def test_the_size_of_the_batches_changes_no_answer(engine: LocalEngine, folder: Path) -> None:
    large = open_model(folder, batch_tokens=4096).generate(PROMPTS)

    assert written(large) == written(engine.generate(PROMPTS))


def test_the_same_prompts_give_the_same_answers(engine: LocalEngine) -> None:
    torch.manual_seed(1)
    before = engine.generate(PROMPTS)
    torch.manual_seed(2)

    assert engine.generate(PROMPTS) == before


def test_an_answer_ends_by_itself_or_at_its_budget(engine: LocalEngine) -> None:
    answers = engine.generate(PROMPTS)

    assert {answer.finished for answer in answers} == {True, False}
    for prompt, answer in zip(PROMPTS, answers, strict=True):
        words = answer.text.split()
        assert len(words) <= prompt.max_tokens - answer.finished
        # The end token is not part of the text.
        assert not {*END_WORDS, "<end>", "<pad>"} & set(words)
    assert any(
        len(answer.text.split()) == prompt.max_tokens
        for prompt, answer in zip(PROMPTS, answers, strict=True)
    )


def test_a_larger_budget_continues_the_same_answer(engine: LocalEngine) -> None:
    prompts = [Prompt(TASK, text, 3) for text in TEXTS]
    longer = [Prompt(TASK, text, 9) for text in TEXTS]

    for short, long in zip(engine.generate(prompts), engine.generate(longer), strict=True):
        assert long.text.startswith(short.text)


def test_examples_are_turns_before_the_text(engine: LocalEngine) -> None:
    shown = PromptTemplate(instruction="ba be", examples=(("ta", "te"), ("ti", "to")))
    spelled = PromptTemplate(instruction="ba be ta te ti to")
    with_examples, spelled_out, without_examples = engine.generate(
        [Prompt(template, TEXTS[0], 30) for template in (shown, spelled, TASK)]
    )

    # The tiny model's chat format does not mark its turns.
    assert with_examples == spelled_out
    assert with_examples != without_examples


def test_the_prompt_around_a_text_is_counted(engine: LocalEngine) -> None:
    shown = PromptTemplate(instruction="ba be", examples=(("ta", "te ti"),))

    assert engine.prompt_tokens(TASK) == 2
    assert engine.prompt_tokens(shown) == 5


def test_instruction_and_text_are_read(engine: LocalEngine) -> None:
    answers = engine.generate(
        [
            Prompt(TASK, TEXTS[0], 30),
            Prompt(OTHER_TASK, TEXTS[0], 30),
            Prompt(TASK, TEXTS[3], 30),
        ]
    )

    assert len({answer.text for answer in answers}) == 3


def test_special_tokens_in_a_text_are_removed(engine: LocalEngine) -> None:
    plain = text_of(9, 3)
    marked = f"<end>{plain}<<end>end>"
    prompts = [Prompt(TASK, text, 12, draft=text) for text in (marked, plain)]
    of_marked, of_plain = engine.generate(prompts)
    assert written([of_marked]) == written([of_plain])
    assert of_marked.tokens_read == of_plain.tokens_read


def test_no_prompts_give_no_answers(engine: LocalEngine) -> None:
    assert engine.generate([]) == []
    assert engine.count_tokens([]) == []


# Sizes ---------------------------------------------------------------------------------------


def test_tokens_are_counted_without_a_prompt_around_them(engine: LocalEngine) -> None:
    assert engine.count_tokens(["", "ba", "ba unknown be"]) == [0, 1, 3]
    assert engine.count_tokens(TEXTS) == [len(text.split()) for text in TEXTS]


def test_the_window_is_the_models(engine: LocalEngine) -> None:
    assert engine.window == WINDOW


# Loading -------------------------------------------------------------------------------------


def test_the_engine_is_opened_by_its_settings(folder: Path, engine: LocalEngine) -> None:
    opened = open_engine(ModelSettings(name=str(folder), dtype="float32"), settings())

    assert opened.generate(PROMPTS[:2]) == engine.generate(PROMPTS[:2])


def test_weights_can_be_held_in_bfloat16(folder: Path) -> None:
    half = LocalEngine(ModelSettings(name=str(folder), dtype="bfloat16"), settings())

    assert half._model.dtype is torch.bfloat16
    assert len(half.generate(PROMPTS[:2])) == 2


@pytest.mark.parametrize("name", ["smollm2-135m", "./no-such-folder"])
def test_absent_weights_are_reported_as_missing(name: str) -> None:
    with pytest.raises(ModelMissingError) as raised:
        open_engine(ModelSettings(name=name), settings())

    assert raised.value.code == "model_missing"
    assert raised.value.hint


def without(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def with_content(name: str, content: bytes) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        (folder / name).write_bytes(content)

    return harm


def with_config(key: str, value: int) -> Callable[[Path], None]:
    def harm(folder: Path) -> None:
        path = folder / "config.json"
        config = json.loads(path.read_text(encoding="utf-8"))
        path.write_text(json.dumps({**config, key: value}), encoding="utf-8")

    return harm


@pytest.mark.parametrize(
    "harm",
    [
        without("config.json"),
        without("model.safetensors"),
        without("tokenizer.json"),
        without("chat_template.jinja"),
        with_content("config.json", b"{"),
        with_content("config.json", b'{"model_type": "nobody knows"}'),
        with_config("hidden_size", 64),
        with_config("num_hidden_layers", 3),
        with_content("model.safetensors", b""),
        with_content("model.safetensors", b"\xff" * 64),
        with_content("tokenizer.json", b'{"version": "1.0"}'),
    ],
    ids=[
        *("no config", "no weights", "no tokenizer", "no chat format"),
        *("cut config", "unknown kind", "weights of another model", "a layer without weights"),
        *("empty weights", "broken weights", "broken tokenizer"),
    ],
)
def test_a_broken_folder_is_reported(harm: Callable[[Path], None], tmp_path: Path) -> None:
    broken = build_tiny_model(tmp_path / "broken")
    harm(broken)

    with pytest.raises(EngineError, match="cannot be loaded") as raised:
        open_model(broken)

    assert raised.value.code == "model_load_failed"
    assert raised.value.hint


def test_pickled_weights_are_never_loaded(tmp_path: Path) -> None:
    folder = build_tiny_model(tmp_path / "pickled")
    weights = open_model(folder)._load().state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")

    with pytest.raises(EngineError) as raised:
        open_model(folder)

    assert raised.value.code == "model_load_failed"


def test_a_model_may_have_many_end_tokens_and_no_padding(tmp_path: Path) -> None:
    bare = open_model(build_tiny_model(tmp_path / "bare", padding=False))

    alone = [bare.generate([prompt])[0] for prompt in PROMPTS]
    assert written(bare.generate(PROMPTS)) == written(alone)
