"""The sides of the engine benchmark on a tiny model: in float32 they all answer alike."""

from __future__ import annotations

import pytest

from tests.bench.side import measure
from tests.bench.work import Chat, Outcome, Request, Work, repair_requests, shared_prefix
from tests.support.tiny_model import WORDS, build_tiny_model
from worker.config.profile import ModelSettings, Profile, PromptTemplate, RepairSettings
from worker.config.settings import Settings

TEMPLATE = PromptTemplate(instruction="be bi", examples=(("de di", "de do"),))

#: Texts of several lengths, so that batches are padded.
TEXTS = [" ".join(WORDS[start : start + start % 9 + 1]) for start in range(13)]

SETTINGS = Settings(threads=1)


@pytest.fixture(scope="module")
def profile(tmp_path_factory: pytest.TempPathFactory) -> Profile:
    folder = build_tiny_model(tmp_path_factory.mktemp("tiny"))
    return Profile(
        name="tiny",
        model=ModelSettings(name=str(folder), dtype="float32"),
        repair=RepairSettings(prompt="tiny.toml"),
        prompts={"tiny.toml": TEMPLATE},
    )


@pytest.fixture(scope="module")
def requests(profile: Profile) -> list[Request]:
    return repair_requests(TEXTS, Chat(profile.model, SETTINGS), profile)


def outcome_of(
    side: str, profile: Profile, requests: list[Request], answers: list[list[int]] | None = None
) -> Outcome:
    work = Work(
        side=side,
        model=profile.model,
        template=TEMPLATE,
        gguf=None,
        requests=requests,
        prefix=shared_prefix([request.prompt for request in requests]),
        answers=answers or [],
    )
    return measure(Work.model_validate_json(work.model_dump_json()), SETTINGS)


@pytest.fixture(scope="module")
def plain(profile: Profile, requests: list[Request]) -> Outcome:
    return outcome_of("plain", profile, requests)


@pytest.mark.parametrize("side", ["ours_float32", "prompt_lookup", "static_8", "static_32"])
def test_answers_are_those_of_plain(
    side: str, profile: Profile, requests: list[Request], plain: Outcome
) -> None:
    assert outcome_of(side, profile, requests).answers == plain.answers


@pytest.mark.parametrize("side", ["limit", "limit_cached"])
def test_limit_counts_the_answers_it_reads(
    side: str, profile: Profile, requests: list[Request], plain: Outcome
) -> None:
    chat = Chat(profile.model, SETTINGS)
    written = chat.encode([answer.text for answer in plain.answers])
    read = outcome_of(side, profile, requests, [[*row, chat.end_tokens[0]] for row in written])
    assert [answer.tokens for answer in read.answers] == [len(row) + 1 for row in written]
