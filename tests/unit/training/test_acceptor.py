"""Fitting an acceptor: what labelled changes teach, and what a restraint requires."""

from __future__ import annotations

from dataclasses import replace
from random import Random

from worker.stages.repair.acceptor import Acceptor, ModelScores, features
from worker.stages.repair.changes import find_changes
from worker.training.acceptor import LabelledChange, fit_acceptor

SOURCE = "The prices of bread has risen again in spring."
(CHANGE,) = find_changes(SOURCE, SOURCE.replace("has", "have"))


def labelled_changes(count: int, noise: float) -> list[LabelledChange]:
    """Make changes that help if both models like them; a share of ``noise`` is labelled wrong."""
    rng = Random(1)  # noqa: S311
    changes = []
    for index in range(count):
        gain, fluency = rng.uniform(-3, 6), rng.uniform(-3, 6)
        closer = (gain + fluency > 3) != (rng.random() < noise)
        values = dict(features(CHANGE, ModelScores(gain, fluency, 0.3, 9, 1)))
        changes.append(LabelledChange(values, closer, f"document {index % 40}"))
    return changes


def probability(acceptor: Acceptor, evidence: ModelScores) -> float:
    return acceptor.probabilities([(CHANGE, evidence)], sentences=1)[0]


def test_the_acceptor_learns_that_what_both_models_like_helps() -> None:
    acceptor, report = fit_acceptor(labelled_changes(600, 0.1))

    assert report["auc"] > 0.85
    liked = probability(acceptor, ModelScores(5.0, 5.0, 0.3, 9, 1))
    disliked = probability(acceptor, ModelScores(-2.0, -2.0, 0.3, 9, 1))
    assert liked > 0.75
    assert disliked < 0.25


def test_careful_requires_more_than_bold() -> None:
    acceptor, report = fit_acceptor(labelled_changes(600, 0.05))
    least = acceptor.least_probability

    assert least["bold"] <= least["careful"]
    points = {point["probability"]: point for point in report["curve"]}
    careful, bold = points[least["careful"]], points[least["bold"]]
    assert careful["closer"] >= 8 * careful["farther"]
    assert bold["closer"] >= bold["farther"]


def test_the_best_odds_are_taken_where_the_required_ones_are_never_reached() -> None:
    # Given changes of which one in four is labelled wrong, however sure the models are
    acceptor, report = fit_acceptor(labelled_changes(600, 0.25))
    points = {point["probability"]: point for point in report["curve"]}
    careful = points[acceptor.least_probability["careful"]]

    assert 1.5 <= careful["closer"] / careful["farther"] < 8
    assert all(
        point["closer"] * careful["farther"] <= careful["closer"] * point["farther"]
        for point in points.values()
        if point["closer"] + point["farther"] >= 25
    )


def test_changes_of_made_sentences_train_and_are_not_counted() -> None:
    # Given few real changes with random labels, and many made ones with right labels
    rng = Random(2)  # noqa: S311
    real = [replace(change, closer=rng.random() < 0.5) for change in labelled_changes(100, 0.0)]
    made = [replace(change, is_made=True) for change in labelled_changes(900, 0.0)]
    acceptor, report = fit_acceptor([*real, *made])

    assert report["changes"] == 100
    assert report["closer"] == sum(change.closer for change in real)
    assert probability(acceptor, ModelScores(5.0, 5.0, 0.3, 9, 1)) > 0.75


def test_nothing_is_accepted_where_nothing_predicts_help() -> None:
    # Given changes that help at random, and seldom
    rng = Random(2)  # noqa: S311
    changes = [
        LabelledChange(change.features, rng.random() < 0.2, change.document)
        for change in labelled_changes(400, 0.0)
    ]
    acceptor, _ = fit_acceptor(changes)
    assert acceptor.least_probability["careful"] == 1.0
