"""Which sentences the engine reads, and which of them read badly."""

from __future__ import annotations

import pytest

from worker.config.profile import SpottingSettings
from worker.engine.protocol import Generation
from worker.stages.repair.spotting import reads_badly, worth_reading

SETTINGS = SpottingSettings(surprisal_nats=1.0)
PLAIN = "The ferry to Bremen left on time."


def answer(*nats: float) -> Generation:
    return Generation(PLAIN, finished=True, draft_nats=nats)


@pytest.mark.parametrize(("nats", "expected"), [(0.9, False), (1.0, False), (1.1, True)])
def test_a_sentence_over_the_threshold_reads_badly(nats: float, expected: bool) -> None:
    assert reads_badly(PLAIN, answer(nats), SETTINGS) is expected


def test_the_mean_of_its_tokens_counts() -> None:
    assert reads_badly(PLAIN, answer(0.0, 3.0), SETTINGS)
    assert not reads_badly(PLAIN, answer(0.0, 0.0, 0.0, 3.0), SETTINGS)


def test_the_threshold_is_the_profiles() -> None:
    assert reads_badly(PLAIN, answer(3.0), SpottingSettings(surprisal_nats=2.5))
    assert not reads_badly(PLAIN, answer(3.0), SpottingSettings(surprisal_nats=3.5))


@pytest.mark.parametrize(
    "said", [answer(0.1), answer()], ids=["scored", "by an engine that cannot"]
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
def test_a_doubled_word_reads_badly(sentence: str, expected: bool, said: Generation) -> None:
    assert reads_badly(sentence, said, SETTINGS) is expected


@pytest.mark.parametrize("short", ["", "Bremen bremen.", "Storm, flood and hail!", "... - ..."])
def test_a_short_piece_is_not_worth_reading(short: str) -> None:
    assert not worth_reading(short)


def test_a_sentence_is_worth_reading() -> None:
    assert worth_reading(PLAIN)
