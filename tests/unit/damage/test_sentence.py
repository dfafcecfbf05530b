"""Each kind of sentence damage, and the training mixture that it goes into."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from random import Random

import pytest

from worker.damage.sentence import KINDS, damage_sentence
from worker.english.lexicon import PREPOSITIONS, are_related
from worker.english.spelling import is_word
from worker.training.mixture import FIRST, SECOND, draw_candidates, mix
from worker.training.pair import Pair, count_kinds

SENTENCE = (
    "The talks in the town are not over, but two ships have arrived and the city's mayor will "
    "go to an old friend in June."
)


PUT = ("about", "to", "of", "on", "with")


def seeded(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311


@pytest.mark.parametrize(
    ("kind", "sentence", "damaged"),
    [
        ("drop_article", "They met in the north.", "They met in north."),
        ("swap_article", "They saw an old house.", "They saw a old house."),
        ("add_article", "They met in June.", "They met in the June."),
        ("drop_small_word", "They speak of the town.", "They speak the town."),
        ("put_to", "They must leave.", "They must to leave."),
        ("drop_comma", "In May, they left.", "In May they left."),
        ("put_comma", "He said that they left.", "He said, that they left."),
        ("move_verb", "It was closed in the spring.", "It was in the spring closed."),
        ("turn_verb", "In May, she was ill.", "In May, was she ill."),
        ("swap_words", "He slept here.", "He here slept."),
        ("change_number", "He saw ships.", "He saw ship."),
        ("confuse_alike", "It is more than ten.", "It is more then ten."),
        ("break_agreement", "The prices have risen.", "The prices has risen."),
        ("break_number", "We saw two parties.", "We saw two party."),
        ("drop_verb_ending", "She was announced.", "She was announce."),
        ("drop_verb_ending", "She was asked.", "She was ask."),
        ("confuse_past", "They have taken it.", "They have took it."),
        ("turn_pair", "They read the joint statement.", "They read the statement joint."),
        ("double_word", "He slept well.", "He slept slept well."),
        ("drop_copula", "The talks are over.", "The talks over."),
        ("drop_apostrophe", "The town\u2019s mayor slept.", "The towns mayor slept."),
    ],
)
def test_a_kind_makes_its_error(kind: str, sentence: str, damaged: str) -> None:
    assert KINDS[kind][0](sentence, seeded()) == damaged


@pytest.mark.parametrize(
    ("kind", "sentence", "possible"),
    [
        (
            "add_verb_ending",
            "They will make it.",
            {"They will makes it.", "They will making it."},
        ),
        (
            "change_article",
            "They saw a town.",
            {f"They saw {a} town." for a in ("one", "the", "some")},
        ),
        ("put_preposition", "They left the town.", {f"They left {p} the town." for p in PUT}),
        (
            "put_article",
            "He slept here.",
            {f"He {a} slept here." for a in ("the", "a")}
            | {f"He slept {a} here." for a in ("the", "a")},
        ),
        (
            "move_adverb",
            "He will not sleep here.",
            {"He not will sleep here.", "He will sleep not here."},
        ),
    ],
)
def test_a_kind_draws_one_of_its_errors(kind: str, sentence: str, possible: set[str]) -> None:
    assert {KINDS[kind][0](sentence, seeded(seed)) for seed in range(20)} == possible


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_does_not_apply_returns_none(kind: str) -> None:
    assert KINDS[kind][0]("Sleep well!", seeded()) is None


def test_damage_names_what_it_did_and_repeats_itself() -> None:
    made = [damage_sentence(SENTENCE, seeded(seed)) for seed in range(50)]
    assert made == [damage_sentence(SENTENCE, seeded(seed)) for seed in range(50)]
    damaged = [result for result in made if result is not None]
    assert {len(names) for _, names in damaged} == {1, 2, 3, 4, 5}
    assert all(text != SENTENCE and set(names) <= set(KINDS) for text, names in damaged)


def test_a_misspelling_is_no_word_and_keeps_its_first_letter() -> None:
    made = {KINDS["misspell"][0]("They received it.", seeded(seed)) for seed in range(20)} - {None}
    words = {str(text).split()[1] for text in made} - {"received"}
    assert len(words) > 3
    assert all(word.startswith("r") and not is_word(word) for word in words)


def test_a_changed_preposition_is_another_one() -> None:
    made = {
        KINDS["change_preposition"][0]("They came into town.", seeded(seed)) for seed in range(20)
    }
    assert len(made) > 5
    assert {str(text).split()[2] for text in made} <= PREPOSITIONS


def test_a_changed_ending_is_a_relative() -> None:
    made = {KINDS["change_ending"][0]("They develop it.", seeded(seed)) for seed in range(40)}
    assert {"They development it.", "They developed it.", "They developing it."} <= made
    assert all(are_related("develop", str(text).split()[1]) for text in made)


def test_a_sentence_that_no_kind_applies_to_is_not_damaged() -> None:
    assert damage_sentence("Sleep well!", seeded()) is None


@pytest.mark.parametrize("shares", [FIRST, SECOND])
def test_three_tenths_of_a_mixture_are_kept(shares: dict[str, float]) -> None:
    kept = sum(shares[kind] for kind in shares if kind.endswith("_kept"))
    assert kept >= 0.3 * sum(shares.values())


def test_a_mixture_takes_each_kind_by_its_share() -> None:
    drawn = [Pair(f"{kind} {index}", "", kind) for kind in FIRST for index in range(60)]
    mixed = mix(drawn, FIRST, 100, seed=1)
    assert count_kinds(mixed) == {kind: round(share * 100) for kind, share in FIRST.items()}
    assert mixed == mix(drawn, FIRST, 100, seed=1)
    assert mixed != mix(drawn, FIRST, 100, seed=2)


def test_candidates_come_from_all_sets_and_repeat_themselves(tmp_path: Path) -> None:
    # Given a folder with clean news and empty sets of post-edits
    for name in ("train_wmt21_news", "train_mlqe", "train_accept"):
        path = tmp_path / "repair" / f"{name}.jsonl.gz"
        path.parent.mkdir(exist_ok=True)
        with gzip.open(path, "wt", encoding="utf-8"):
            pass
    (tmp_path / "clean").mkdir()
    story = "\n".join(
        f"The talks in town number {number} are over, and the mayor has gone home."
        for number in range(40)
    )
    with gzip.open(tmp_path / "clean" / "bbc.jsonl.gz", "wt", encoding="utf-8") as file:
        file.write(json.dumps({"text": f"A headline of more than five words\n{story}"}))

    # When the candidates are drawn
    drawn = draw_candidates(tmp_path, FIRST, 40, seed=3)

    # Then damaged and clean sentences are among them, the headline is not
    assert set(count_kinds(drawn)) == {"damage", "clean_kept"}
    assert not any("headline" in pair.target for pair in drawn)
    assert all(pair.is_unchanged == (pair.kind == "clean_kept") for pair in drawn)
    assert drawn == draw_candidates(tmp_path, FIRST, 40, seed=3)
