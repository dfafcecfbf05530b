"""The word order and idiom of other languages, put into good English."""

from __future__ import annotations

from random import Random

import pytest

from worker.damage.calque import KINDS, damage_by_calques
from worker.damage.phrase import PREPOSITIONS, SET_PHRASES
from worker.english.facts import numbers
from worker.english.quotation import quotations

QUOTED = 'The union said on Monday that "the firm has not kept its word" to the staff.'


def seeded(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311


@pytest.mark.parametrize(
    ("kind", "sentence", "damaged"),
    [
        ("put_verb_second", "In May, the firm has won.", "In May has the firm won."),
        (
            "put_verb_second",
            "In the end, the council rejected the plan.",
            "In the end rejected the council the plan.",
        ),
        (
            "bring_time_forward",
            "The trams in Osterby have stood still since Monday.",
            "Since Monday have the trams in Osterby stood still.",
        ),
        (
            "bring_place_forward",
            "Two people were killed in the fire.",
            "In the fire were killed two people.",
        ),
        (
            "put_participle_last",
            "The drivers have laid down the work, and wait.",
            "The drivers have down the work laid, and wait.",
        ),
        (
            "put_infinitive_last",
            "The town will build a new bridge.",
            "The town will a new bridge build.",
        ),
        (
            "put_verb_last",
            "She said that he will not take part.",
            "She said that he not take part will.",
        ),
        (
            "put_relative_verb_last",
            "The judge, who leads the inquiry, agreed.",
            "The judge, who the inquiry leads, agreed.",
        ),
        (
            "put_subject_last",
            "It is a street where 240 people live.",
            "It is a street where live 240 people.",
        ),
        ("put_not_first", "They will not take it.", "They not will take it."),
        (
            "turn_since",
            "It has been shut for three days.",
            "It has been shut since three days.",
        ),
        (
            "put_needless_article",
            "He has sat there since 1997.",
            "He has sat there since the 1997.",
        ),
        ("drop_dummy", "They say it is expected.", "They say is expected."),
        ("put_become", "It is being built by them.", "It becomes built by them."),
        (
            "put_comma_before_that",
            "He said that they left.",
            "He said, that they left.",
        ),
    ],
)
def test_a_kind_makes_its_fault(kind: str, sentence: str, damaged: str) -> None:
    assert KINDS[kind][0](sentence, seeded(1)) == damaged


@pytest.mark.parametrize(
    ("sentence", "ending"),
    [
        ("He said that the gate is shut.", "shut, he said."),
        ("Mrs Pell said that the gate is shut.", "shut, she said."),
        ("The officials said that the gate is shut.", "shut, they said."),
        ("The ministry said that the gate is shut.", "shut, the ministry said."),
        ("Edith Pell said that the gate is shut.", "shut, Edith Pell said."),
    ],
)
def test_a_doubled_attribution_names_the_same_speaker(sentence: str, ending: str) -> None:
    damaged = KINDS["double_attribution"][0](sentence, seeded(1))
    assert damaged is not None
    assert damaged.endswith(ending)


@pytest.mark.parametrize("kind", KINDS)
def test_quotations_are_left_alone(kind: str) -> None:
    for seed in range(20):
        damaged = KINDS[kind][0](QUOTED, seeded(seed))
        assert damaged is None or quotations(damaged) == quotations(QUOTED)


def test_numbers_and_names_stay_in_a_damaged_sentence() -> None:
    sentence = (
        "The council of Norby said on 3 May 2019 that it will not close 14 of the 20 lifts in the "
        "tower, which has been shut for three weeks."
    )
    drawn = [damage_by_calques(sentence, seeded(seed)) for seed in range(50)]
    damaged = [pair[0] for pair in drawn if pair]
    assert len(set(damaged)) > 25
    assert {tuple(sorted(numbers(text).items())) for text in damaged} == {
        tuple(sorted(numbers(sentence).items()))
    }
    assert all(text.count("Norby") == 1 for text in damaged)


def test_a_seed_gives_the_same_damage_again() -> None:
    first, again = (damage_by_calques(QUOTED, seeded(4)) for _ in range(2))
    assert first is not None
    assert first == again


def test_a_sentence_without_anything_to_turn_stays() -> None:
    assert damage_by_calques("Go.", seeded()) is None


def test_no_wrong_version_is_its_own_pattern() -> None:
    for wrong in (*PREPOSITIONS.values(), *SET_PHRASES.values()):
        assert wrong
        assert len(set(wrong)) == len(wrong)
