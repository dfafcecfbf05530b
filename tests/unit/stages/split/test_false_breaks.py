"""Which full stops are doubted, and what the engine's opinion makes of them."""

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


def joined(
    sentences: list[str], gain: float, engine: FakeEngine, profile: Profile
) -> tuple[list[str], list[Reason]]:
    """What becomes of two sentences when one is so many nats likelier than two."""
    left, right = sentences
    one = f"{left.removesuffix('.')} {right[0].lower()}{right[1:]}"
    engine.surprisals = {one: (40.0 - gain) / len(one.split())}
    two = f"{left} {right[0].upper()}{right[1:]}"
    engine.surprisals = {**engine.surprisals, two: 40.0 / len(two.split())}
    (found,), edits = join_false_breaks([sentences], engine, profile)
    return found, [edit.reason for edit in edits]


@pytest.mark.parametrize(
    ("gain", "found", "reasons"),
    [
        (4.5, [JOINED], [Reason.FALSE_BREAK]),
        (3.5, CUT, []),
        (0.5, CUT, []),
        (-0.5, ["Talks on the old harbour.", "Are not planned before May."], [Reason.LOST_CAPITAL]),
    ],
)
def test_the_engine_says_whether_a_stop_is_false(
    gain: float, found: list[str], reasons: list[Reason], engine: FakeEngine, profile: Profile
) -> None:
    assert joined(CUT, gain, engine, profile) == (found, reasons)


@pytest.mark.parametrize(("gain", "count"), [(5.5, 2), (6.5, 1)])
def test_a_capital_asks_for_more(
    gain: float, count: int, engine: FakeEngine, profile: Profile
) -> None:
    found, _ = joined([CUT[0], "Are not planned before May."], gain, engine, profile)
    assert len(found) == count


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
def test_where_no_doubt_is_the_engine_is_not_asked(
    sentences: list[str], engine: FakeEngine, profile: Profile
) -> None:
    assert join_false_breaks([sentences], engine, profile) == ([sentences], [])
    assert engine.prompts == []


def test_nothing_is_joined_inside_a_quotation(engine: FakeEngine, profile: Profile) -> None:
    quoted = ["\u201cWe know the harbour.", "are not sure of the ships.\u201d"]
    assert joined(quoted, 50.0, engine, profile) == (quoted, [])


def test_a_stop_inside_a_sentence_is_doubted_too(engine: FakeEngine, profile: Profile) -> None:
    # Given a cut that the splitter has not taken for the end of a sentence
    text = " ".join(CUT)
    engine.surprisals = {JOINED: 0.1, APART: 5.0}

    found, (edit,) = join_false_breaks([["All is well."], [text, "It rained."]], engine, profile)

    assert found == [["All is well."], [JOINED, "It rained."]]
    assert (edit.paragraph, edit.before, edit.after) == (1, text, JOINED)
    assert edit.scores["fluency_nats"] > 4


def test_where_the_engine_has_no_opinion_a_sentence_stays_whole(
    engine: FakeEngine, profile: Profile
) -> None:
    text = " ".join(CUT)
    # The fake finds all texts of as many words equally likely.
    assert join_false_breaks([[text]], engine, profile) == ([[text]], [])


def test_a_name_that_begins_with_a_small_letter_keeps_it(
    engine: FakeEngine, profile: Profile
) -> None:
    phones = ["He bought a phone.", "iPhone sales rose in the spring."]
    assert joined(phones, -9.0, engine, profile) == (phones, [])


@pytest.mark.parametrize("text", ["word. are " * 30_000, "Open. is. " * 30_000])
def test_hostile_text_takes_seconds_at_most(
    text: str, engine: FakeEngine, profile: Profile
) -> None:
    began = time.monotonic()
    join_false_breaks([[text.strip()]], engine, profile)
    assert time.monotonic() - began < 10
