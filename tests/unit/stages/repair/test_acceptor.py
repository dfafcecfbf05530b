"""Tests of the acceptor's features, its probabilities and its file, and of the kinds of change."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.stages.repair import acceptor as acceptor_module
from worker.stages.repair.acceptor import Acceptor, ModelScores, features, load_acceptor
from worker.stages.repair.changes import ChangeKind, apply_edits, find_changes

SOURCE = "The prices of bread has risen again in spring."
SCORES = ModelScores(gain_nats=2.0, fluency_nats=1.0, source_nats=0.5, words=9, changes=2)


def features_of(version: str, scores: ModelScores = SCORES) -> dict[str, float]:
    (change,) = find_changes(SOURCE, version)
    return dict(features(change, scores))


def neutral(**weights: float) -> Acceptor:
    names = features_of(SOURCE.replace("has", "have"))
    return Acceptor(
        intercept=0.0,
        weights=dict.fromkeys(names, 0.0) | weights,
        least_probability={"careful": 0.6, "bold": 0.5},
    )


def test_features_describe_a_change() -> None:
    values = features_of(SOURCE.replace("has", "have"))
    assert (values["gain"], values["fluency"], values["both"]) == (2.0, 1.0, 1.0)
    assert (values["words_changed"], values["shorter"], values["other_changes"]) == (2, 0, 1)
    assert [name for name in values if name.startswith("kind_") and values[name]] == [
        f"kind_{ChangeKind.AUXILIARY}"
    ]


def test_gains_beyond_the_scale_are_clipped() -> None:
    sure = ModelScores(gain_nats=80.0, fluency_nats=-80.0, source_nats=9.0, words=9, changes=9)
    values = features_of(SOURCE.replace("has", "have"), sure)
    assert (values["gain"], values["fluency"], values["both"]) == (12.0, -6.0, -6.0)
    assert (values["source_nats"], values["other_changes"]) == (1.0, 4)


def test_a_gain_makes_a_change_likelier_to_help() -> None:
    (change,) = find_changes(SOURCE, SOURCE.replace("has", "have"))
    acceptor = neutral(gain=0.5)
    assert acceptor.probabilities([(change, SCORES)], sentences=1) == pytest.approx(
        [0.731], abs=0.001
    )
    assert acceptor.accepts(0.55, "bold")
    assert not acceptor.accepts(0.55, "careful")


def with_gains(*gains: float, sentences: int = 20) -> list[float]:
    """Return the probabilities of an article's changes if only their gains count."""
    (change,) = find_changes(SOURCE, SOURCE.replace("has", "have"))
    cases = [(change, replace(SCORES, gain_nats=gain)) for gain in gains]
    return neutral(gain=1.0).probabilities(cases, sentences=sentences)


def test_a_change_is_likelier_to_help_in_a_rougher_article() -> None:
    (alone,) = with_gains(1.0)
    good, *_ = with_gains(1.0, -5.0, -5.0, sentences=200)
    rough, *_ = with_gains(1.0, *[5.0] * 19)

    # Helpful changes per sentence of .018, .004 and .40, where .03 is usual, multiply the odds of e
    # by .71, .24 and 6.2.
    assert alone == pytest.approx(0.658, abs=0.005)
    assert good == pytest.approx(0.398, abs=0.005)
    assert rough == pytest.approx(0.944, abs=0.005)


def test_a_single_sentence_is_not_adjusted() -> None:
    assert with_gains(1.0, sentences=1) == pytest.approx([0.731], abs=0.001)


def test_the_order_of_an_articles_changes_does_not_matter() -> None:
    values = with_gains(1.0, 4.0, -2.0, 0.5)
    assert with_gains(0.5, -2.0, 4.0, 1.0) == pytest.approx(values[::-1])


def test_an_article_without_changes_has_no_probabilities() -> None:
    assert with_gains() == []


def test_a_file_with_other_features_is_refused() -> None:
    whole = neutral()
    with pytest.raises(ValidationError, match="missing or unknown: gain, luck"):
        Acceptor(
            intercept=0.0,
            weights={name: 0.0 for name in whole.weights if name != "gain"} | {"luck": 1.0},
            least_probability=whole.least_probability,
        )


def test_an_adapter_without_an_acceptor_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor_module, "acceptor_file", lambda name: tmp_path / name / "none")
    load_acceptor.cache_clear()
    assert load_acceptor("x") is None
    assert load_acceptor("") is None


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("The prices of bread has risen again in the spring.", ChangeKind.ARTICLE_MISSING),
        ("Prices of bread has risen again in spring.", ChangeKind.ARTICLE_NEEDLESS),
        ("The prices of bread have risen again in spring.", ChangeKind.AUXILIARY),
        ("The prices of bread has risen again spring.", ChangeKind.PREPOSITION_NEEDLESS),
        ("The prices of bread has risen again at spring.", ChangeKind.PREPOSITION_OTHER),
        ("The price of bread has risen again in spring.", ChangeKind.NOUN_NUMBER),
        ("The prices of bread has rose again in spring.", ChangeKind.FORM),
        ("The prices of bread has again risen in spring.", ChangeKind.ORDER),
        ("The prices of butter has risen again in spring.", ChangeKind.WORDING),
        ("The prices of bread has risen again, in spring.", ChangeKind.COMMA_MISSING),
        ("The prices of bread has risen again in spring!", ChangeKind.MARK),
        ("These prices of bread has risen again in spring.", ChangeKind.ARTICLE_OTHER),
    ],
)
def test_each_change_has_a_kind(version: str, kind: ChangeKind) -> None:
    assert [change.kind for change in find_changes(SOURCE, version)] == [kind]


def test_a_doubled_word_is_a_kind_of_its_own() -> None:
    source = "The prices of the the bread has risen."
    (change,) = find_changes(source, "The prices of the bread has risen.")
    assert change.kind is ChangeKind.DOUBLED


@pytest.mark.parametrize("version", ["They do not go.", "They do n't go.", "They don\u2019t go."])
def test_a_contraction_is_no_change(version: str) -> None:
    assert find_changes("They don't go.", version) == []


def test_a_full_stop_inside_a_quotation_is_style() -> None:
    assert find_changes('He said "no".', 'He said "no."') == []


def test_the_word_before_a_contraction_is_changed_alone() -> None:
    (change,) = find_changes("She don't go.", "She doesn't go.")
    assert apply_edits("She don't go.", change.edits) == "She doesn't go."


def test_a_misspelt_word_is_a_kind_of_its_own() -> None:
    (change,) = find_changes("They recieve it.", "They receive it.")
    assert change.kind is ChangeKind.SPELLING


def test_the_two_halves_of_a_move_are_one_change() -> None:
    (change,) = find_changes("So he never would go there.", "So he would go there never.")
    assert len(change.edits) == 2
    assert change.kind is ChangeKind.ORDER
