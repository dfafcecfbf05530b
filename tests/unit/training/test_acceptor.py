"""The fit: what is learned from labelled changes, and what a restraint asks for."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from worker.stages.repair.acceptor import Acceptor, ModelScores, features
from worker.stages.repair.changes import find_changes
from worker.training.acceptor import Labelled, fit

SOURCE = "The prices of bread has risen again in spring."
(CHANGE,) = find_changes(SOURCE, SOURCE.replace("has", "have"))


def labelled(count: int, noise: float) -> list[Labelled]:
    """Changes that help when both models like them, but for a share of ``noise``."""
    lot = Random(1)  # noqa: S311
    made = []
    for at in range(count):
        gain, fluency = lot.uniform(-3, 6), lot.uniform(-3, 6)
        closer = (gain + fluency > 3) != (lot.random() < noise)
        known = dict(features(CHANGE, ModelScores(gain, fluency, 0.3, 9, 1)))
        made.append(Labelled(known, closer, f"document {at % 40}"))
    return made


def probability(acceptor: Acceptor, evidence: ModelScores) -> float:
    return acceptor.probabilities([(CHANGE, evidence)], sentences=1)[0]


def test_what_both_models_like_is_learned_to_help() -> None:
    acceptor, report = fit(labelled(600, 0.1))

    assert report["auc"] > 0.85
    liked = probability(acceptor, ModelScores(5.0, 5.0, 0.3, 9, 1))
    disliked = probability(acceptor, ModelScores(-2.0, -2.0, 0.3, 9, 1))
    assert liked > 0.75
    assert disliked < 0.25


def test_careful_asks_for_more_than_bold() -> None:
    acceptor, report = fit(labelled(600, 0.05))
    least = acceptor.least_probability

    assert least["bold"] <= least["careful"]
    points = {point["probability"]: point for point in report["curve"]}
    careful, bold = points[least["careful"]], points[least["bold"]]
    assert careful["closer"] >= 8 * careful["farther"]
    assert bold["closer"] >= bold["farther"]


def test_where_the_odds_asked_for_are_nowhere_the_best_will_do() -> None:
    # Given changes of which one in four is labelled wrong, however sure the models are
    acceptor, report = fit(labelled(600, 0.25))
    points = {point["probability"]: point for point in report["curve"]}
    careful = points[acceptor.least_probability["careful"]]

    assert 1.5 <= careful["closer"] / careful["farther"] < 8
    assert all(
        point["closer"] * careful["farther"] <= careful["closer"] * point["farther"]
        for point in points.values()
        if point["closer"] + point["farther"] >= 25
    )


def test_made_changes_teach_and_are_not_counted() -> None:
    # Given few real changes, which are a matter of luck, and many made ones, which are not
    lot = Random(2)  # noqa: S311
    real = [replace(one, closer=lot.random() < 0.5) for one in labelled(100, 0.0)]
    made = [replace(one, is_made=True) for one in labelled(900, 0.0)]
    acceptor, report = fit([*real, *made])

    assert report["changes"] == 100
    assert report["closer"] == sum(one.closer for one in real)
    assert probability(acceptor, ModelScores(5.0, 5.0, 0.3, 9, 1)) > 0.75


def test_where_nothing_can_be_told_nothing_is_accepted() -> None:
    # Given changes whose help is a matter of luck, and seldom
    lot = Random(2)  # noqa: S311
    made = [Labelled(one.features, lot.random() < 0.2, one.document) for one in labelled(400, 0.0)]
    acceptor, _ = fit(made)
    assert acceptor.least_probability["careful"] == 1.0
