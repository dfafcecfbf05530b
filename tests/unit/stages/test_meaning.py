"""The judge of meaning: features, steps and the shipped judge's opinions."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from worker.stages.meaning import MeaningJudge, Steps, load_meaning_judge, meaning_features

SOURCE = "In Norby stand since Monday the trams still, because the drivers on strike are."
MENDED = "In Norby, the trams have stood still since Monday because the drivers are on strike."


def test_a_score_changes_above_each_bound() -> None:
    steps = Steps(bounds=(0.5, 2.0), scores=(1.0, 2.0, 3.0))
    assert [steps.score(value) for value in (-1, 0.5, 0.6, 2.0, 2.1)] == [1.0, 1.0, 2.0, 2.0, 3.0]


@pytest.mark.parametrize(
    ("bounds", "scores"), [((0.5,), (1.0,)), ((2.0, 0.5), (1.0, 2.0, 3.0)), ((), ())]
)
def test_steps_of_the_wrong_shape_are_refused(
    bounds: tuple[float, ...], scores: tuple[float, ...]
) -> None:
    with pytest.raises(ValidationError, match="bounds must rise"):
        Steps(bounds=bounds, scores=scores)


def test_a_judge_of_unknown_features_is_refused() -> None:
    steps = {"luck": Steps(bounds=(), scores=(1.0,))}
    with pytest.raises(ValidationError, match="unknown features: luck"):
        MeaningJudge(intercept=0.0, steps=steps, least_probability={"careful": 0.7, "bold": 0.5})


def test_features_count_what_is_lost_and_added() -> None:
    features = meaning_features(
        "The mayor opened the new bridge in the harbour.", "He opened the bridge over harbours."
    )
    assert features["lost"] == 2  # mayor and new; harbours is a form of harbour
    assert features["fewer"] == 2
    assert (features["pronouns_lost"], features["pronouns_added"]) == (0, 1)
    assert (features["prepositions_lost"], features["prepositions_added"]) == (1, 1)
    assert features["determiners_lost"] == 2


def test_a_misspelt_word_is_not_lost() -> None:
    assert meaning_features("The goverment resigned.", "The government resigned.")["lost"] == 0


def test_the_shipped_judge_trusts_a_new_order_more_than_a_lost_clause() -> None:
    judge = load_meaning_judge("meaning.v1")
    whole = judge.probability(SOURCE, MENDED)
    cut = judge.probability(SOURCE, "In Norby, the trams have stood still.")
    assert judge.accepts(whole, "careful")
    assert not judge.accepts(cut, "bold")
