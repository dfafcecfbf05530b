"""Only prompts that fit the window with their answers reach the engine."""

from __future__ import annotations

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import PromptTemplate
from worker.engine.budget import answer_if_fitting, token_room
from worker.engine.protocol import Prompt

TEMPLATE = PromptTemplate(instruction="Say it again.", examples=(("a b", "c"),))


def test_the_room_is_the_window_without_the_template() -> None:
    assert token_room(FakeEngine(window=20), TEMPLATE) == 14


@pytest.mark.parametrize(("max_tokens", "is_sent"), [(10, True), (11, False)])
def test_a_prompt_is_sent_if_it_fits_with_its_answer(max_tokens: int, is_sent: bool) -> None:
    engine = FakeEngine(window=20)
    prompt = Prompt(TEMPLATE, "one two three four", max_tokens)

    (answer,) = answer_if_fitting([prompt], engine)

    assert (answer is not None) is is_sent
    assert engine.prompts == [prompt] * is_sent
    assert engine.calls["generate"] == is_sent


def test_answers_keep_the_places_of_their_prompts() -> None:
    engine = FakeEngine(window=20)
    texts = ["first", "word " * 40, "third"]

    answers = answer_if_fitting([Prompt(TEMPLATE, text, 5) for text in texts], engine)

    assert [answer and answer.text for answer in answers] == ["first", None, "third"]
    assert answer_if_fitting([], engine) == []
