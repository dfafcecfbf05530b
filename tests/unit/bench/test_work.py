"""The prompts of the engine benchmark, and which of them a side gets."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.work import (
    BLOCK,
    Chat,
    Request,
    repair_prompts,
    repair_requests,
    sample_blocks,
    shared_prefix,
    spread,
)
from tests.support.tiny_model import END_WORDS, build_tiny_model
from worker.config.profile import ModelSettings, Profile, PromptTemplate, RepairSettings
from worker.config.settings import Settings
from worker.engine.local import LocalEngine

TEMPLATE = PromptTemplate(instruction="be bi", examples=(("de di", "de do"),))


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> ModelSettings:
    folder = build_tiny_model(tmp_path_factory.mktemp("tiny"))
    return ModelSettings(name=str(folder), dtype="float32")


@pytest.fixture
def chat(model: ModelSettings, settings: Settings) -> Chat:
    return Chat(model, settings)


@pytest.fixture
def tiny_profile(model: ModelSettings) -> Profile:
    repair = RepairSettings(prompt="tiny.toml", max_growth=1.5)
    return Profile(name="tiny", model=model, repair=repair, prompts={"tiny.toml": TEMPLATE})


def requests_of(lengths: range) -> list[Request]:
    return [
        Request(index=index, text="", prompt=[7] * length, max_tokens=1)
        for index, length in enumerate(lengths)
    ]


def test_prompts_are_those_of_the_local_engine(
    chat: Chat, model: ModelSettings, settings: Settings, tiny_profile: Profile
) -> None:
    texts = ["fe fi fo", "gu", "ke ki ko ku"]
    requests = repair_requests(texts, chat, tiny_profile)
    engine = LocalEngine(model, settings)
    rows = engine._rows(repair_prompts(texts, engine.count_tokens(texts), tiny_profile))
    assert {request.index: request.prompt for request in requests} == {
        index: row.prompt for index, row in enumerate(rows)
    }
    assert [request.max_tokens for request in requests] == [14, 12, 9]
    assert sorted(chat.end_tokens) == sorted(engine._end_tokens)


def test_the_longest_prompt_comes_first(chat: Chat, tiny_profile: Profile) -> None:
    requests = repair_requests(["gu", "fe fi fo", "ke ki"], chat, tiny_profile)
    assert [request.index for request in requests] == [1, 2, 0]


def test_prefix_is_the_prompt_up_to_the_text(chat: Chat, tiny_profile: Profile) -> None:
    requests = repair_requests(["fe fi", "gu"], chat, tiny_profile)
    assert (
        shared_prefix([request.prompt for request in requests])
        == chat.encode(["be bi de di de do"])[0]
    )


def test_prefix_leaves_a_token_of_equal_prompts() -> None:
    assert shared_prefix([request.prompt for request in requests_of(range(3, 5))]) == [7, 7]


def test_answer_ends_at_the_first_end_token(chat: Chat) -> None:
    answer = chat.answer(chat.encode([f"fe fi {END_WORDS[0]} fo"])[0])
    assert (answer.text, answer.tokens) == ("fe fi", 3)


def test_answer_without_an_end_counts_its_tokens(chat: Chat) -> None:
    answer = chat.answer(chat.encode(["fe fi"])[0])
    assert (answer.text, answer.tokens) == ("fe fi", 2)


def test_spread_takes_the_middle_of_each_part() -> None:
    assert spread(range(12), 3) == [2, 6, 10]
    assert spread(range(3), 9) == [0, 1, 2]


def test_blocks_stay_whole() -> None:
    chosen = sample_blocks(requests_of(range(6 * BLOCK)), 2 * BLOCK)
    first = [request.index for request in chosen]
    assert first == [*range(BLOCK, 2 * BLOCK), *range(4 * BLOCK, 5 * BLOCK)]


def test_fewer_requests_than_a_block_are_one() -> None:
    assert len(sample_blocks(requests_of(range(5)), BLOCK - 1)) == 5


def test_model_file_is_not_read(model: ModelSettings, settings: Settings, tmp_path: Path) -> None:
    for file in Path(model.name).iterdir():
        if file.suffix == ".json":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    Chat(model.model_copy(update={"name": str(tmp_path)}), settings)
