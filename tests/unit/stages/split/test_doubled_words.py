"""Tests of which doubled words are removed, and how the engine's likelihoods decide."""

from __future__ import annotations

import time

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import Profile
from worker.records.reason import Reason
from worker.stages.split.doubled_words import remove_doubled_words

TWICE = "The cell has a membrane membrane of glass."
ONCE = "The cell has a membrane of glass."


def remove_doubles(
    sentences: list[str], engine: FakeEngine, profile: Profile, *, gain: float = 6.0
) -> list[str]:
    """Return the paragraph after removal, given the nats gained by it."""
    engine.surprisals = {sentence: 40.0 / len(sentence.split()) for sentence in sentences}
    engine.surprisals |= {ONCE: (40.0 - gain) / len(ONCE.split())}
    (result,), _ = remove_doubled_words([sentences], engine, profile)
    return result


@pytest.mark.parametrize(("gain", "expected"), [(4.5, TWICE), (5.5, ONCE), (-1.0, TWICE)])
def test_the_engine_says_whether_a_word_slipped_in(
    gain: float, expected: str, engine: FakeEngine, profile: Profile
) -> None:
    assert remove_doubles([TWICE], engine, profile, gain=gain) == [expected]


def test_an_edit_records_what_was_removed_and_why(engine: FakeEngine, profile: Profile) -> None:
    engine.surprisals = {TWICE: 40.0 / 8, ONCE: 30.0 / 7}
    paragraphs, (edit,) = remove_doubled_words([["It is new."], [TWICE]], engine, profile)
    assert paragraphs == [["It is new."], [ONCE]]
    assert (edit.paragraph, edit.before, edit.after) == (1, TWICE, ONCE)
    assert (edit.reason, edit.scores) == (Reason.DOUBLED_WORD, {"fluency_nats": 10.0})


def test_a_word_three_times_in_a_row_is_kept_once(engine: FakeEngine, profile: Profile) -> None:
    assert remove_doubles(
        [TWICE.replace("membrane of", "membrane membrane of")], engine, profile
    ) == [ONCE]


@pytest.mark.parametrize(
    "sentence",
    [
        "What he had had was lost.",
        "It is not not true.",
        "The score was two two in the end.",
        "They sang in New York New York.",
        "A well-well built house stood there.",
        'He has "a membrane membrane" of glass.',
    ],
)
def test_words_doubled_on_purpose_names_and_quotations_stay(
    sentence: str, engine: FakeEngine, profile: Profile
) -> None:
    engine.surprisals = {sentence: 9.0}
    assert remove_doubled_words([[sentence]], engine, profile) == ([[sentence]], [])


def test_nothing_is_removed_inside_a_longer_quotation(engine: FakeEngine, profile: Profile) -> None:
    quotation = ["\u201cIt is new.", TWICE, "We like it.\u201d"]
    assert remove_doubles(quotation, engine, profile) == quotation


def test_without_likelihoods_all_text_stays(engine: FakeEngine, profile: Profile) -> None:
    silent = profile.repair.model_copy(update={"fluency_prompt": ""})
    profile = profile.model_copy(update={"repair": silent})
    assert remove_doubled_words([[TWICE]], engine, profile) == ([[TWICE]], [])


def test_text_too_long_for_a_sentence_is_not_read(engine: FakeEngine, profile: Profile) -> None:
    text = ("sum " * 60_000).strip()
    started = time.monotonic()
    assert remove_doubled_words([[text]], engine, profile) == ([[text]], [])
    assert time.monotonic() - started < 10
    assert engine.prompts == []
