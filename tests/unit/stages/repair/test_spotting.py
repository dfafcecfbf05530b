"""Tests of which sentences the engine reads, and which of them are awkward."""

from __future__ import annotations

import pytest

from worker.config.profile import SpottingSettings
from worker.engine.protocol import Generation
from worker.stages.repair.spotting import is_awkward, is_long_enough

SETTINGS = SpottingSettings(surprisal_nats=1.0)
PLAIN = "The ferry to Bremen left on time."


def answer(*nats: float) -> Generation:
    return Generation(PLAIN, finished=True, draft_nats=nats)


@pytest.mark.parametrize(("nats", "expected"), [(0.9, False), (1.0, False), (1.1, True)])
def test_a_sentence_over_the_threshold_is_awkward(nats: float, expected: bool) -> None:
    assert is_awkward(PLAIN, answer(nats), SETTINGS) is expected


def test_the_mean_of_its_tokens_counts() -> None:
    assert is_awkward(PLAIN, answer(0.0, 3.0), SETTINGS)
    assert not is_awkward(PLAIN, answer(0.0, 0.0, 0.0, 3.0), SETTINGS)


def test_the_threshold_is_the_profiles() -> None:
    assert is_awkward(PLAIN, answer(3.0), SpottingSettings(surprisal_nats=2.5))
    assert not is_awkward(PLAIN, answer(3.0), SpottingSettings(surprisal_nats=3.5))


@pytest.mark.parametrize(
    "scored", [answer(0.1), answer()], ids=["scored", "by an engine that cannot"]
)
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
def test_a_doubled_word_is_awkward(sentence: str, expected: bool, scored: Generation) -> None:
    assert is_awkward(sentence, scored, SETTINGS) is expected


@pytest.mark.parametrize("short", ["", "Bremen bremen.", "Storm, flood and hail!", "... - ..."])
def test_a_short_piece_is_not_long_enough(short: str) -> None:
    assert not is_long_enough(short)


def test_a_sentence_is_long_enough() -> None:
    assert is_long_enough(PLAIN)
