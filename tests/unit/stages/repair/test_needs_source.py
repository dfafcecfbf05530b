"""Tests of which sentences cannot be mended without their source text."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import Profile
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.stages.repair.needs_source import (
    Estimator,
    estimate_edit_rates,
    load_estimator,
    needs_source,
)
from worker.stages.repair.repair import repair_articles

PLAIN = "The harbour of Milltown will close for two weeks in June."
LOST = "Quay the weeks was to crane fortunately on morning have."

ESTIMATOR = Estimator(layer=3, intercept=0.25, weights=(0.5, -1.0), needs_source_from=0.6)


class StatefulEngine(FakeEngine):
    """An engine that returns a state for each draft; that of ``LOST`` predicts a high edit rate."""

    def generate(
        self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
    ) -> list[Generation]:
        return [
            replace(answer, draft_state=_state(prompt))
            for prompt, answer in zip(prompts, super().generate(prompts, checkpoint), strict=True)
        ]


def _state(prompt: Prompt) -> tuple[float, ...]:
    if prompt.state_layer is None:
        return ()
    return (1.0, 0.0) if prompt.draft == LOST else (0.0, 0.0)


@pytest.fixture
def estimating(profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Profile:
    for module in ("repair", "needs_source"):
        monkeypatch.setattr(
            f"worker.stages.repair.{module}.load_estimator", lambda _adapter: ESTIMATOR
        )
    return profile


@pytest.mark.parametrize(
    "sentence",
    [
        "The mayor Ada Lund According to a letter, the quay has to be closed in June.",
        "For three weeks repair of the harbour Milltown Heading towards a delay, said the mayor.",
        "10 ways to cross the river If you come with a car, take the north bridge.",
    ],
)
def test_a_phrase_run_into_a_sentence_needs_the_source(sentence: str) -> None:
    assert needs_source(sentence, None, None)


@pytest.mark.parametrize(
    "sentence",
    [
        "Tired people complain of weakness and weakness on Sundays.",
        "It is not known whether foods are processed or processed.",
    ],
)
def test_a_word_joined_with_itself_needs_the_source(sentence: str) -> None:
    assert needs_source(sentence, None, None)


@pytest.mark.parametrize(
    "sentence",
    [
        "More and more ships wait outside, and the queue grows longer and longer.",
        "They came again and again, for years and years, and won two and two.",
        "Barges and barge-like ships wait; a ship and Ship A are not the same.",
        "Head teachers and teachers' unions agree.",
    ],
)
def test_a_set_phrase_that_repeats_a_word_does_not(sentence: str) -> None:
    assert not needs_source(sentence, None, None)


@pytest.mark.parametrize(
    "sentence",
    [
        PLAIN,
        "According to the council, the harbour will close. As a rule it is open.",
        "\u201cIt is late,\u201d said Lund. \u201cWhile we wait, the town pays.\u201d",
        "The minister, who is in Beijing on Thursday, met Bremen's mayor.",
        "Vitamin B If eaten.",
        "The Lighthouse, directed by Ada Lund, opened on Monday because of the rain.",
    ],
)
def test_plain_sentences_do_not(sentence: str) -> None:
    assert not needs_source(sentence, None, None)


def test_an_edit_rate_from_the_limit_on_needs_the_source() -> None:
    assert needs_source(PLAIN, 0.6, ESTIMATOR)
    assert not needs_source(PLAIN, 0.59, ESTIMATOR)
    assert not needs_source(PLAIN, None, ESTIMATOR)
    assert not needs_source(PLAIN, 0.9, None)


def test_the_edit_rate_is_a_linear_function_of_the_state() -> None:
    assert ESTIMATOR.edit_rate((1.0, 0.25)) == pytest.approx(0.5)
    assert ESTIMATOR.edit_rate(()) is None
    with pytest.raises(ValueError, match="argument 2 is longer"):
        ESTIMATOR.edit_rate((1.0, 2.0, 3.0))


def test_an_adapter_may_have_none(tmp_path: Path) -> None:
    assert load_estimator("") is None
    assert load_estimator(str(tmp_path)) is None
    (tmp_path / "estimator.json").write_text(ESTIMATOR.model_dump_json(), encoding="utf-8")
    load_estimator.cache_clear()
    assert load_estimator(str(tmp_path)) == ESTIMATOR


def test_the_shipped_adapter_has_one_as_wide_as_its_model() -> None:
    shipped = load_estimator("repair.v2")
    assert shipped is not None
    assert len(shipped.weights) == 576
    assert 0.4 < shipped.needs_source_from < 1


def test_each_sentence_is_estimated_while_it_is_repaired(estimating: Profile) -> None:
    engine = StatefulEngine()
    (repaired,) = repair_articles([[PLAIN, LOST]], engine, estimating)

    assert [sentence.needs_source for sentence in repaired] == [False, True]
    assert [prompt.state_layer for prompt in engine.prompts] == [3, 3]


def test_the_rates_of_sentences(estimating: Profile) -> None:
    assert estimate_edit_rates([PLAIN, LOST], StatefulEngine(), estimating) == [0.25, 0.75]
    # An engine without states gives no estimate.
    assert estimate_edit_rates([PLAIN, LOST], FakeEngine(), estimating) is None


def test_without_an_estimator_nothing_is_asked(profile: Profile) -> None:
    engine = StatefulEngine()
    assert estimate_edit_rates([PLAIN], engine, profile) is None
    assert engine.prompts == []
