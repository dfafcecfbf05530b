"""Tests of which full stops are doubted, and how the engine's likelihoods decide."""

from __future__ import annotations

import time

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import Profile
from worker.records.reason import Reason
from worker.stages.split.false_breaks import join_false_breaks

CUT = ["Talks on the old harbour.", "are not planned before May."]
JOINED = "Talks on the old harbour are not planned before May."
APART = "Talks on the old harbour. Are not planned before May."


def join_pair(
    sentences: list[str], gain: float, engine: FakeEngine, profile: Profile
) -> tuple[list[str], list[Reason]]:
    """Join two sentences, given the nats by which one is likelier than two."""
    left, right = sentences
    as_one = f"{left.removesuffix('.')} {right[0].lower()}{right[1:]}"
    engine.surprisals = {as_one: (40.0 - gain) / len(as_one.split())}
    as_two = f"{left} {right[0].upper()}{right[1:]}"
    engine.surprisals = {**engine.surprisals, as_two: 40.0 / len(as_two.split())}
    (result,), edits = join_false_breaks([sentences], engine, profile)
    return result, [edit.reason for edit in edits]


@pytest.mark.parametrize(
    ("gain", "expected", "reasons"),
    [
        (4.5, [JOINED], [Reason.FALSE_BREAK]),
        (3.5, CUT, []),
        (0.5, CUT, []),
        (-0.5, ["Talks on the old harbour.", "Are not planned before May."], [Reason.LOST_CAPITAL]),
    ],
)
def test_the_engine_says_whether_a_stop_is_false(
    gain: float, expected: list[str], reasons: list[Reason], engine: FakeEngine, profile: Profile
) -> None:
    assert join_pair(CUT, gain, engine, profile) == (expected, reasons)


@pytest.mark.parametrize(("gain", "count"), [(5.5, 2), (6.5, 1)])
def test_a_capital_takes_a_larger_gain(
    gain: float, count: int, engine: FakeEngine, profile: Profile
) -> None:
    sentences, _ = join_pair([CUT[0], "Are not planned before May."], gain, engine, profile)
    assert len(sentences) == count


@pytest.mark.parametrize(
    "sentences",
    [
        ["He left early.", "The minister stayed."],
        ["They met again.", "May was cold."],
        ["Was he there?", "are they sure."],
        ["Acme Ltd.", "is in Milltown."],
        ["The firm Norda AB LLC.", "was sold."],
        ["They asked J.", "or K. would go."],
        ["He waited...", "and left."],
        ["The town is quiet.", "Is he guilty?"],
        ["The town is quiet.", "Had they known, it would not be."],
        ["The town is quiet.", "5 ships left."],
    ],
)
def test_without_a_doubtful_stop_the_engine_is_not_asked(
    sentences: list[str], engine: FakeEngine, profile: Profile
) -> None:
    assert join_false_breaks([sentences], engine, profile) == ([sentences], [])
    assert engine.prompts == []


def test_nothing_is_joined_inside_a_quotation(engine: FakeEngine, profile: Profile) -> None:
    quoted = ["\u201cWe know the harbour.", "are not sure of the ships.\u201d"]
    assert join_pair(quoted, 50.0, engine, profile) == (quoted, [])


def test_a_stop_inside_a_sentence_is_doubted(engine: FakeEngine, profile: Profile) -> None:
    # Given a cut that the splitter does not take for the end of a sentence
    text = " ".join(CUT)
    engine.surprisals = {JOINED: 0.1, APART: 5.0}

    sentences, (edit,) = join_false_breaks(
        [["All is well."], [text, "It rained."]], engine, profile
    )

    assert sentences == [["All is well."], [JOINED, "It rained."]]
    assert (edit.paragraph, edit.before, edit.after) == (1, text, JOINED)
    assert edit.scores["fluency_nats"] > 4


def test_equally_likely_readings_leave_a_sentence_whole(
    engine: FakeEngine, profile: Profile
) -> None:
    text = " ".join(CUT)
    # The fake rates all texts of the same length as equally likely.
    assert join_false_breaks([[text]], engine, profile) == ([[text]], [])


def test_a_name_that_begins_with_a_small_letter_keeps_it(
    engine: FakeEngine, profile: Profile
) -> None:
    phones = ["He bought a phone.", "iPhone sales rose in the spring."]
    assert join_pair(phones, -9.0, engine, profile) == (phones, [])


@pytest.mark.parametrize("text", ["word. are " * 30_000, "Open. is. " * 30_000])
def test_hostile_text_takes_seconds_at_most(
    text: str, engine: FakeEngine, profile: Profile
) -> None:
    started = time.monotonic()
    join_false_breaks([[text.strip()]], engine, profile)
    assert time.monotonic() - started < 10
