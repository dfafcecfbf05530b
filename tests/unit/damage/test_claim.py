"""Each kind of false claim, and how the kinds are drawn."""

from __future__ import annotations

from random import Random

import pytest

from worker.damage.claim import KINDS, falsify

ARTICLE = (
    "The harbour of Milltown will not close on Monday, Mayor Ada Lund said.",
    "Prices rose by 14 percent after Piet Brandt warned that the quay was unsafe.",
    "The former captain Sven Holm said that fishermen lost their boats in the storm.",
)


def seeded(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311


@pytest.mark.parametrize(
    ("kind", "claim", "start"),
    [
        ("swap_time", "It closes on Monday.", "It closes on "),
        ("turn_negation", "It will not close.", "It will close."),
        ("turn_negation", "It will close.", "It will not close."),
        ("turn_predicate", "Prices rose fast.", "Prices fell fast."),
        ("drop_hedge", "The former captain slept.", "The captain slept."),
        ("drop_hedge", "It is expected to be late.", "It is late."),
        ("turn_roles", "Then Ada Lund met Sven Holm.", "Then Sven Holm met Ada Lund."),
        ("swap_number", "It took two days.", "It took "),
    ],
)
def test_a_kind_makes_its_error(kind: str, claim: str, start: str) -> None:
    false = KINDS[kind][0](claim, ARTICLE, seeded())
    assert false is not None
    assert false != claim
    assert false.startswith(start)


def test_a_swapped_name_is_one_of_the_articles() -> None:
    false = KINDS["swap_name"][0]("Then Mayor Ada Lund slept.", ARTICLE, seeded())
    assert false in {"Then Piet Brandt slept.", "Then Sven Holm slept.", "Then Milltown slept."}


def test_a_name_is_never_swapped_for_a_weekday_or_a_month() -> None:
    article = ("They met on Monday in June.",)
    assert all(
        KINDS["swap_name"][0]("Then Ada Lund slept.", article, seeded(seed)) is None
        for seed in range(20)
    )


def test_a_swapped_noun_has_its_ending() -> None:
    false = KINDS["swap_noun"][0]("They saw a farmer.", ["It was a quiet summer."], seeded())
    assert false == "They saw a summer."


def test_another_speaker_says_what_a_sentence_says() -> None:
    false = KINDS["swap_speaker"][0]("Ada Lund said that it rained.", ARTICLE[1:], seeded())
    assert false is not None
    assert false.startswith("Ada Lund said that ")
    assert false.removeprefix("Ada Lund said") in " ".join(ARTICLE)


def test_a_cut_keeps_both_ends() -> None:
    claim = "One two three four five six seven eight nine ten eleven twelve."
    attempts = [KINDS["cut_middle"][0](claim, (), seeded(seed)) for seed in range(20)]
    cuts = [attempt.split() for attempt in attempts if attempt is not None]
    assert cuts
    for words in cuts:
        assert words[:2] == ["One", "two"]
        assert words[-2:] == ["eleven", "twelve."]
        assert len(words) < 12


def test_two_sentences_run_together_at_a_shared_word() -> None:
    claim = "The mayor of Milltown said that the quay is safe."
    sentence = "A fisherman hopes that the boats will come back soon."
    false = KINDS["run_together"][0](claim, (claim, sentence), seeded())
    assert false == "The mayor of Milltown said that the boats will come back soon."


def test_a_kind_that_does_not_apply_returns_none() -> None:
    assert all(falsifier("Rain.", (), seeded()) is None for falsifier, _ in KINDS.values())
    assert falsify("Rain.", (), seeded()) is None


def test_a_false_claim_is_no_sentence_of_the_article() -> None:
    for seed in range(40):
        false = falsify(ARTICLE[1], ARTICLE, seeded(seed))
        assert false is not None
        text, kind = false
        assert kind in KINDS
        assert text not in ARTICLE


def test_the_same_seed_makes_the_same_error() -> None:
    assert falsify(ARTICLE[0], ARTICLE, seeded(3)) == falsify(ARTICLE[0], ARTICLE, seeded(3))
