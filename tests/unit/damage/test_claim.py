"""Each kind of false claim, and the lot that draws them."""

from __future__ import annotations

from random import Random

import pytest

from worker.damage.claim import KINDS, spoil

ARTICLE = (
    "The harbour of Milltown will not close on Monday, Mayor Ada Lund said.",
    "Prices rose by 14 percent after Piet Brandt warned that the quay was unsafe.",
    "The former captain Sven Holm said that fishermen lost their boats in the storm.",
)


def lot(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311


@pytest.mark.parametrize(
    ("kind", "claim", "spoilt"),
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
def test_a_kind_makes_its_fault(kind: str, claim: str, spoilt: str) -> None:
    made = KINDS[kind][0](claim, ARTICLE, lot())
    assert made is not None
    assert made != claim
    assert made.startswith(spoilt)


def test_a_swapped_name_is_one_of_the_articles() -> None:
    made = KINDS["swap_name"][0]("Then Mayor Ada Lund slept.", ARTICLE, lot())
    assert made in {"Then Piet Brandt slept.", "Then Sven Holm slept.", "Then Milltown slept."}


def test_a_swapped_noun_has_its_ending() -> None:
    made = KINDS["swap_noun"][0]("They saw a farmer.", ["It was a quiet summer."], lot())
    assert made == "They saw a summer."


def test_another_speaker_says_what_a_sentence_says() -> None:
    made = KINDS["swap_speaker"][0]("Ada Lund said that it rained.", ARTICLE[1:], lot())
    assert made is not None
    assert made.startswith("Ada Lund said that ")
    assert made.removeprefix("Ada Lund said") in " ".join(ARTICLE)


def test_a_cut_keeps_both_ends() -> None:
    claim = "One two three four five six seven eight nine ten eleven twelve."
    made = [KINDS["cut_middle"][0](claim, (), lot(seed)) for seed in range(20)]
    cut = [one.split() for one in made if one is not None]
    assert cut
    for words in cut:
        assert words[:2] == ["One", "two"]
        assert words[-2:] == ["eleven", "twelve."]
        assert len(words) < 12


def test_two_sentences_run_together_at_a_shared_word() -> None:
    claim = "The mayor of Milltown said that the quay is safe."
    other = "A fisherman hopes that the boats will come back soon."
    made = KINDS["run_together"][0](claim, (claim, other), lot())
    assert made == "The mayor of Milltown said that the boats will come back soon."


def test_what_finds_no_place_is_none() -> None:
    assert all(damage("Rain.", (), lot()) is None for damage, _ in KINDS.values())
    assert spoil("Rain.", (), lot()) is None


def test_a_spoilt_claim_is_no_sentence_of_the_article() -> None:
    for seed in range(40):
        made = spoil(ARTICLE[1], ARTICLE, lot(seed))
        assert made is not None
        text, kind = made
        assert kind in KINDS
        assert text not in ARTICLE


def test_the_same_seed_makes_the_same_fault() -> None:
    assert spoil(ARTICLE[0], ARTICLE, lot(3)) == spoil(ARTICLE[0], ARTICLE, lot(3))
