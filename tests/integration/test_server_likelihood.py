"""Base and adapters behind a server answer as they do locally, with the same likelihoods.

The server is a stand-in for vLLM that computes with the small profile's model.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.plain_engine import PlainEngine
from tests.support.ruled_server import RuledServer, engine_at
from tests.support.small import SMALL_MODEL, SMALL_PROFILE
from tests.support.vllm_server import vllm_server
from worker.config.profile import ModelSettings, Profile
from worker.config.settings import Settings, load_profile, load_settings
from worker.engine.local import LocalEngine
from worker.engine.protocol import Prompt
from worker.engine.server import ServerEngine
from worker.pipeline import process
from worker.records.article import Article
from worker.records.reason import Reason
from worker.records.result import Result

pytestmark = [
    pytest.mark.model,
    pytest.mark.filterwarnings("ignore::UserWarning:peft"),
    pytest.mark.filterwarnings("ignore::FutureWarning"),
]

#: In bfloat16 two tokens may be equally likely.
MODEL = ModelSettings(name=SMALL_MODEL, dtype="float32")
ADAPTERS = ("repair.v2", "summary.v1")

TEXTS = (
    "The minister said that he not will take part in meeting on Friday.",
    "Residents were asked to boil the water before drinking it.",
    "Two of the three firm has closed since January, said the mayor Líšeň.",
)
ARTICLE = Article(
    id="harbour",
    text=(
        "The harbour of Milltown will close for two weeks in June, the council said on Monday. "
        "Two of the three firm has closed since January because of the works, the mayor said. "
        "The works costs 4 million euros and they will to be finished until the autumn. "
        "Residents were asked to boil the water before drinking it during the works."
    ),
)


_NO_SCORES: dict[str, Any] = {"scores": {}, "changes": ()}


@pytest.fixture
def local_settings(model_home: Path) -> Settings:
    return Settings(home=model_home, threads=1)


@pytest.fixture
def server(local_settings: Settings) -> Iterator[RuledServer]:
    with vllm_server(PlainEngine(MODEL, local_settings), ADAPTERS) as running:
        yield running


@pytest.fixture
def adapted() -> Profile:
    return load_profile(load_settings(), SMALL_PROFILE)


def prompts(profile: Profile) -> list[Prompt]:
    """Return prompts of each kind: repairs, single changes, fluency, the judge, a title."""
    names = profile.prompts
    repair, fluency = names[profile.repair.prompt], names[profile.repair.fluency_prompt]
    judge, title = names[profile.summary.support_prompt], names[profile.summary.title_prompt]
    return [
        *(Prompt(repair, text, 40, draft=text) for text in TEXTS),
        *(Prompt(repair, text, 1, draft=TEXTS[1]) for text in TEXTS),
        *(Prompt(fluency, "", 1, draft=text) for text in TEXTS),
        *(Prompt(judge, f"{text}\nClaim: {TEXTS[1]}", 3, draft="yes") for text in TEXTS),
        Prompt(title, " ".join(TEXTS), 24),
        Prompt(repair, f"<|im_end|>{TEXTS[1]}", 40, draft=f"{TEXTS[1]}<|im_start|>"),
    ]


def test_a_server_answers_as_the_local_engine_does(
    server: RuledServer, local_settings: Settings, adapted: Profile
) -> None:
    asked = prompts(adapted)
    wanted = LocalEngine(MODEL, local_settings).generate(asked)

    answers = engine_at(server.url, in_flight=2).generate(asked)

    assert [answer.text for answer in answers] == [answer.text for answer in wanted]
    assert [answer.finished for answer in answers] == [answer.finished for answer in wanted]
    for answer, local in zip(answers, wanted, strict=True):
        assert answer.draft_nats == pytest.approx(local.draft_nats, abs=1e-3)
        if local.draft_nats:
            assert answer.nats == pytest.approx(local.nats, abs=1e-3)
    # A draft that stood was not written, nor was an answer of one token.
    stood = sum(local.text == prompt.draft for prompt, local in zip(asked, wanted, strict=True))
    short = sum(prompt.max_tokens == 1 for prompt in asked)
    written = sum(request.path == "/v1/chat/completions" for request in server.requests)
    assert stood >= 2
    assert written <= len(asked) - stood - short + 1


def test_an_article_comes_out_as_it_does_locally(
    server: RuledServer, local_settings: Settings, adapted: Profile
) -> None:
    local = LocalEngine(MODEL, local_settings)
    remote = engine_at(server.url, in_flight=2)

    results = [result_of(engine, adapted) for engine in (local, remote)]

    wanted, result = (comparable(result) for result in results)
    assert result == wanted
    wanted_scores, scores = (scores_of(result) for result in results)
    assert wanted_scores
    assert scores == pytest.approx(wanted_scores, abs=0.01)


def result_of(engine: LocalEngine | ServerEngine, profile: Profile) -> Result:
    (processed,) = process([ARTICLE], lambda: engine, profile)
    assert processed.result is not None, processed.outcome
    return processed.result


def comparable(result: Result) -> Result:
    """Return the result without scores and timings, and without what takes hidden states."""
    return result.model_copy(
        update={
            "edits": tuple(edit.model_copy(update=_NO_SCORES) for edit in result.edits),
            "refused": tuple(refusal.model_copy(update=_NO_SCORES) for refusal in result.refused),
            "flags": tuple(flag for flag in result.flags if flag.reason != Reason.NEEDS_SOURCE),
            "timings": {},
        }
    )


def scores_of(result: Result) -> list[float]:
    """Return the scores of all edits and refusals, in the order of their names."""
    scores = [edit.scores for edit in result.edits] + [item.scores for item in result.refused]
    return [score for named in scores for _, score in sorted(named.items())]


def test_what_a_server_cannot_give_is_missing(server: RuledServer, adapted: Profile) -> None:
    template = adapted.prompts[adapted.repair.prompt]

    (answer,) = engine_at(server.url).generate(
        [Prompt(template, TEXTS[0], 1, draft=TEXTS[0], state_layer=10)]
    )

    assert answer.draft_nats
    assert answer.draft_state == ()
