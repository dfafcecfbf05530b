"""How probable the model finds it that evidence supports a claim."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from tests.support.fake_engine import FixedAnswerEngine
from worker.config.profile import Profile, PromptTemplate
from worker.engine.protocol import Generation
from worker.stages.check_result import CheckResult
from worker.stages.summarise.entailment import claim_text, support_probabilities, support_score
from worker.stages.summarise.support import SupportResult

CLAIMS = [(["The ferry was late.", "It rained."], "The ferry was late in the rain.")]


@pytest.fixture
def judged(profile: Profile) -> Profile:
    summary = profile.summary.model_copy(update={"support_prompt": "support.v1.toml"})
    prompts = {**profile.prompts, "support.v1.toml": PromptTemplate(instruction="Yes or no?")}
    return profile.model_copy(update={"summary": summary, "prompts": prompts})


YES = Generation("yes", True, draft_nats=(-math.log(0.75), 0.1))


def test_the_probability_is_that_of_yes(judged: Profile) -> None:
    engine = FixedAnswerEngine(YES)
    assert support_probabilities(CLAIMS, engine, judged) == [pytest.approx(0.75)]
    (prompt,) = engine.prompts
    assert prompt.text == claim_text(*CLAIMS[0])
    assert prompt.text == "The ferry was late. It rained.\nClaim: The ferry was late in the rain."
    assert prompt.draft == "yes"


@pytest.mark.parametrize(("answer", "probability"), [("Yes.", 1.0), ("no", 0.0), ("Maybe", 0.0)])
def test_without_probabilities_the_answer_counts(
    answer: str, probability: float, judged: Profile
) -> None:
    engine = FixedAnswerEngine(replace(YES, text=answer, draft_nats=()))
    assert support_probabilities(CLAIMS, engine, judged) == [probability]


def test_without_a_prompt_the_rules_alone_decide(profile: Profile) -> None:
    bare = profile.summary.model_copy(update={"support_prompt": ""})
    engine = FixedAnswerEngine(YES)
    unjudged = profile.model_copy(update={"summary": bare})
    assert support_probabilities(CLAIMS, engine, unjudged) == [1.0]
    assert engine.prompts == []


def test_a_claim_that_does_not_fit_the_window_has_no_support(judged: Profile) -> None:
    engine = FixedAnswerEngine(YES)
    engine.window = 25  # the template has 3 tokens, the answer 3
    long_claim = (["It rained all day in the old town."], "It rained " + "all day " * 5)

    assert support_probabilities([long_claim, *CLAIMS], engine, judged) == [
        0.0,
        pytest.approx(0.75),
    ]
    assert [prompt.text for prompt in engine.prompts] == [claim_text(*CLAIMS[0])]


def test_the_rules_weigh_four_times_as_much_as_the_model() -> None:
    support = SupportResult(CheckResult(None, "", {"support": 0.5}), (0,))
    assert support_score(support, 1.0) == pytest.approx(0.6)
