"""Which sentences are sent to the engine."""

from __future__ import annotations

import pytest

from worker.engine import Surprisal
from worker.settings import SpottingSettings
from worker.spotting import spot

SETTINGS = SpottingSettings(surprisal_nats=5.0)
PLAIN = "The ferry to Bremen left on time."


def spotted(sentence: str, nats: float) -> bool:
    tokens = 10
    return spot([sentence], [Surprisal(nats * tokens, tokens)], SETTINGS) == [True]


@pytest.mark.parametrize(("nats", "expected"), [(4.9, False), (5.0, False), (5.1, True)])
def test_a_sentence_over_the_threshold_reads_badly(nats: float, expected: bool) -> None:
    assert spotted(PLAIN, nats) is expected


def test_the_threshold_is_the_profiles() -> None:
    surprisals = [Surprisal(30.0, 10)]

    assert spot([PLAIN], surprisals, SpottingSettings(surprisal_nats=2.5)) == [True]
    assert spot([PLAIN], surprisals, SpottingSettings(surprisal_nats=3.5)) == [False]


@pytest.mark.parametrize(
    ("sentence", "expected"),
    [
        ("The the ferry to Bremen left.", True),
        ("The ferry ferry to Bremen left.", True),
        ("He said that that ferry was late.", False),
        ("The ferry had had a fault before.", False),
        ("The code is 7 7 7 in all.", False),
    ],
)
def test_a_doubled_word_reads_badly(sentence: str, expected: bool) -> None:
    assert spotted(sentence, 1.0) is expected


@pytest.mark.parametrize("short", ["", "Bremen bremen.", "Storm, flood and hail!", "... - ..."])
def test_a_short_piece_is_never_spotted(short: str) -> None:
    assert not spotted(short, 50.0)


def test_each_sentence_is_judged_by_its_own_figure() -> None:
    surprisals = [Surprisal(20.0, 10), Surprisal(90.0, 10), Surprisal(0.0, 0)]

    assert spot([PLAIN] * 3, surprisals, SETTINGS) == [False, True, False]
    assert spot([], [], SETTINGS) == []


def test_a_missing_figure_is_an_error() -> None:
    with pytest.raises(ValueError, match="shorter"):
        spot([PLAIN, PLAIN], [Surprisal(20.0, 10)], SETTINGS)
