"""Numbers, names, quotations, negations and content words of a text."""

from __future__ import annotations

from collections import Counter

import pytest

from worker.english.facts import (
    content_words,
    modal_key,
    names,
    negations,
    numbers,
    tokens,
    words,
)
from worker.english.lexicon import are_related
from worker.english.quotation import quotations


def test_words_separate_marks_and_clitics_and_keep_case() -> None:
    assert words("Ada\u2019s team didn\u2019t win, they can't say.") == [
        *("Ada", "'s", "team", "did", "n't", "win", ","),
        *("they", "can", "n't", "say", "."),
    ]


def test_words_fold_typography() -> None:
    straight = words('"It\'s a two-day trip" - he said...')
    assert words("“It\u2019s a two\u2011day trip” \u2013 he said…") == straight


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("1,000 or 1000", {"1000": 2}),
        ("3.5 km at 10:30", {"3.5": 1, "10:30": 1}),
        ("5%, 5 percent and 5 per cent", {"5%": 3}),
        ("five percent", {"5%": 1}),
        ("the 3rd and the third", {"3rd": 2}),
        ("two million, a dozen", {"2": 1, "million": 1, "dozen": 1}),
        ("twenty-two or twenty two", {"22": 2}),
        ("the twenty-first", {"21st": 1}),
        ("a 22-year-old and a six-year-old", {"22": 1, "6": 1}),
        ("10\u201315 people", {"10": 1, "15": 1}),
        ("it fell to -4 degrees", {"-4": 1}),
        ("in the 1980s, $5m", {"1980s": 1, "5": 1}),
        ("COVID-19 and the G20", {"19": 1, "20": 1}),
        ("no one came", {}),
        ("millions of two millions", {"millions": 1, "2": 1, "million": 1}),
    ],
)
def test_numbers(text: str, expected: dict[str, int]) -> None:
    assert numbers(text) == Counter(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The mayor of Porto met Jean-Pierre Lund.", {"Porto": 1, "Jean-Pierre": 1, "Lund": 1}),
        ("However, officials left. Yesterday it rained.", {}),
        ("Lund\u2019s aide and the Lunds' dog", {"Lund": 1, "Lunds": 1}),
        ("In the U.S. and the US", {"US": 2}),
        ("It ended on Monday in May.", {"Monday": 1, "May": 1}),
        ("May I go, she may ask", {}),
        ("Porto-based firms use an iPhone", {"Porto": 1, "iPhone": 1}),
        ("He told me I was late", {}),
        ("President Lund spoke", {"President": 1, "Lund": 1}),
        ("Negotiations failed", {}),
        ("Wolves ran. The wolves were grey.", {}),
    ],
)
def test_names(text: str, expected: dict[str, int]) -> None:
    assert names(text) == Counter(expected)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('He said "go home" and left.', ("go home",)),
        ("He said “go home, please,” and left.", ("go home please",)),
        ("He said 'go home' and «stay».", ("go home", "stay")),
        ("The workers' union said it's in the '90s, rock 'n' roll.", ()),
        ("The 'workers' union' met", ("workers union",)),
        ('"We go on', ("We go on",)),
        ('we go on," she said', ("we go on",)),
        ("She said “no 'better' way” once", ("no better way",)),
        ("A 6'2\" man", ()),
    ],
)
def test_quotations(text: str, expected: tuple[str, ...]) -> None:
    assert quotations(text) == expected


def test_contracted_and_full_negations_count_alike() -> None:
    assert negations("They don't go and cannot stay") == negations("They do not go, can not stay")
    assert negations("No one left without him, never, nor hardly") == Counter(
        {"nobody": 1, "without": 1, "never": 1, "nor": 1, "hardly": 1}
    )


def test_modal_keys_leave_out_names_and_months() -> None:
    keys = map(modal_key, tokens("In May Will said he'll go, she might, it would."))

    assert list(filter(None, keys)) == ["will", "might", "would"]


def test_content_words_hold_neither_grammar_nor_numbers() -> None:
    assert content_words("The 22-year-old, who has 5km to run, isn't one of 3rd-rate cooks.") == [
        *("year", "old", "km", "run", "rate", "cooks"),
    ]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(("inform", "information"), ("grow", "growth"), ("run", "running"), ("said", "says")),
        *(("decide", "decision"), ("happy", "happily"), ("economy", "economic"), ("men", "man")),
        *(("announcing", "announcements"), ("agreed", "agreement"), ("stopped", "stop")),
    ],
)
def test_related_words(first: str, second: str) -> None:
    assert are_related(first, second)
    assert are_related(second, first)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        *(
            ("country", "county"),
            ("state", "station"),
            ("minister", "ministry"),
            ("use", "useless"),
        ),
        *(("attack", "attacker"), ("strong", "stronger"), ("colour", "color"), ("able", "unable")),
        *(("mission", "missile"), ("import", "important"), ("employer", "employee")),
        *(("good", "goods"), ("organise", "organize"), ("policy", "police"), ("big", "large")),
    ],
)
def test_unrelated_words(first: str, second: str) -> None:
    assert not are_related(first, second)


@pytest.mark.timeout(20)
@pytest.mark.parametrize("unit", ["a.", "1,", "a-", "'a ", '"', "A'b", "1", "x", "not "])
def test_a_hostile_line_takes_linear_time(unit: str) -> None:
    text = unit * (200_000 // len(unit))
    words(text)
    numbers(text)
    names(text)
    quotations(text)
    negations(text)
