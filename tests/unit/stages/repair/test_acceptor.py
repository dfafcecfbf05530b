"""What the acceptor knows of a change, and how its file has to be."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from pydantic import ValidationError

from worker.errors import ModelMissingError
from worker.stages.repair import acceptor as acceptor_module
from worker.stages.repair.acceptor import Acceptor, ModelScores, features, load_acceptor
from worker.stages.repair.changes import Kind, apply_edits, find_changes

SOURCE = "The prices of bread has risen again in spring."
EVIDENCE = ModelScores(gain_nats=2.0, fluency_nats=1.0, source_nats=0.5, words=9, changes=2)


def known(version: str, evidence: ModelScores = EVIDENCE) -> dict[str, float]:
    (change,) = find_changes(SOURCE, version)
    return dict(features(change, evidence))


def neutral(**weights: float) -> Acceptor:
    names = known(SOURCE.replace("has", "have"))
    return Acceptor(
        intercept=0.0,
        weights=dict.fromkeys(names, 0.0) | weights,
        least_probability={"careful": 0.6, "bold": 0.5},
    )


def test_features_say_what_speaks_for_a_change() -> None:
    found = known(SOURCE.replace("has", "have"))
    assert (found["gain"], found["fluency"], found["both"]) == (2.0, 1.0, 1.0)
    assert (found["words_changed"], found["shorter"], found["other_changes"]) == (2, 0, 1)
    assert [name for name in found if name.startswith("kind_") and found[name]] == [
        f"kind_{Kind.AUXILIARY}"
    ]


def test_gains_beyond_the_scale_say_no_more() -> None:
    sure = ModelScores(gain_nats=80.0, fluency_nats=-80.0, source_nats=9.0, words=9, changes=9)
    found = known(SOURCE.replace("has", "have"), sure)
    assert (found["gain"], found["fluency"], found["both"]) == (12.0, -6.0, -6.0)
    assert (found["source_nats"], found["other_changes"]) == (1.0, 4)


def test_what_gains_is_more_probable_to_help() -> None:
    (change,) = find_changes(SOURCE, SOURCE.replace("has", "have"))
    acceptor = neutral(gain=0.5)
    assert acceptor.probabilities([(change, EVIDENCE)], sentences=1) == pytest.approx(
        [0.731], abs=0.001
    )
    assert acceptor.accepts(0.55, "bold")
    assert not acceptor.accepts(0.55, "careful")


def with_gains(*gains: float, sentences: int = 20) -> list[float]:
    """Probabilities of an article's changes, to an acceptor that knows of their gains alone."""
    (change,) = find_changes(SOURCE, SOURCE.replace("has", "have"))
    cases = [(change, replace(EVIDENCE, gain_nats=gain)) for gain in gains]
    return neutral(gain=1.0).probabilities(cases, sentences=sentences)


def test_a_change_is_believed_the_more_the_more_there_is_to_mend() -> None:
    (alone,) = with_gains(1.0)
    good, *_ = with_gains(1.0, -5.0, -5.0, sentences=200)
    rough, *_ = with_gains(1.0, *[5.0] * 19)

    # Shares of .018, .004 and .40 a sentence, the usual one being .03: the odds of e times .71,
    # .24 and 6.2.
    assert alone == pytest.approx(0.658, abs=0.005)
    assert good == pytest.approx(0.398, abs=0.005)
    assert rough == pytest.approx(0.944, abs=0.005)


def test_a_sentence_alone_is_believed_as_it_is() -> None:
    assert with_gains(1.0, sentences=1) == pytest.approx([0.731], abs=0.001)


def test_the_order_of_an_articles_changes_says_nothing() -> None:
    found = with_gains(1.0, 4.0, -2.0, 0.5)
    assert with_gains(0.5, -2.0, 4.0, 1.0) == pytest.approx(found[::-1])


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


def test_an_adapter_without_an_acceptor_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(acceptor_module, "acceptor_file", lambda name: tmp_path / name / "none")
    load_acceptor.cache_clear()
    with pytest.raises(ModelMissingError, match="the adapter x has no acceptor") as raised:
        load_acceptor("x")
    assert "worker.training acceptor" in (raised.value.hint or "")


@pytest.mark.parametrize(
    ("version", "kind"),
    [
        ("The prices of bread has risen again in the spring.", Kind.ARTICLE_MISSING),
        ("Prices of bread has risen again in spring.", Kind.ARTICLE_NEEDLESS),
        ("The prices of bread have risen again in spring.", Kind.AUXILIARY),
        ("The prices of bread has risen again spring.", Kind.PREPOSITION_NEEDLESS),
        ("The prices of bread has risen again at spring.", Kind.PREPOSITION_OTHER),
        ("The price of bread has risen again in spring.", Kind.NOUN_NUMBER),
        ("The prices of bread has rose again in spring.", Kind.FORM),
        ("The prices of bread has again risen in spring.", Kind.ORDER),
        ("The prices of butter has risen again in spring.", Kind.WORDING),
        ("The prices of bread has risen again, in spring.", Kind.COMMA_MISSING),
        ("The prices of bread has risen again in spring!", Kind.MARK),
        ("These prices of bread has risen again in spring.", Kind.ARTICLE_OTHER),
    ],
)
def test_changes_are_of_a_kind(version: str, kind: Kind) -> None:
    assert [change.kind for change in find_changes(SOURCE, version)] == [kind]


def test_a_doubled_word_is_a_kind_of_its_own() -> None:
    source = "The prices of the the bread has risen."
    (change,) = find_changes(source, "The prices of the bread has risen.")
    assert change.kind is Kind.DOUBLED


@pytest.mark.parametrize("version", ["They do not go.", "They do n't go.", "They don\u2019t go."])
def test_a_contraction_is_no_change(version: str) -> None:
    assert find_changes("They don't go.", version) == []


def test_a_full_stop_inside_a_quotation_is_style() -> None:
    assert find_changes('He said "no".', 'He said "no."') == []


def test_what_stands_before_a_contraction_is_changed_alone() -> None:
    (change,) = find_changes("She don't go.", "She doesn't go.")
    assert apply_edits("She don't go.", change.edits) == "She doesn't go."


def test_a_misspelt_word_is_a_kind_of_its_own() -> None:
    (change,) = find_changes("They recieve it.", "They receive it.")
    assert change.kind is Kind.SPELLING


def test_the_two_halves_of_a_move_are_one_change() -> None:
    (change,) = find_changes("So he never would go there.", "So he would go there never.")
    assert len(change.edits) == 2
    assert change.kind is Kind.ORDER
