"""Tests of which run-on sentences are split, by the engine or by the links of the page."""

from __future__ import annotations

import time
from collections.abc import Sequence

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import Profile
from worker.records.reason import Reason
from worker.stages.split.run_ons import SettledParagraph, find_link_texts, split_run_ons

LEFT, RIGHT = "The court said that the work was unlawful", "It added that the bank would appeal."
RUN_ON = f"{LEFT} {RIGHT}"
STOPPED = f"{LEFT}. {RIGHT}"
HEADING, LEAD = "Small steps for the old harbour", "The council agreed on a new pier on Monday."
HEADED = f"{HEADING} {LEAD}"
LINK = "President Jan Novak"
REPORT = "According to a report in a daily, sources are ready for talks."


def split_paragraph(
    sentences: Sequence[str],
    engine: FakeEngine,
    profile: Profile,
    nats: dict[str, float] | None = None,
    links: frozenset[str] = frozenset(),
) -> SettledParagraph:
    """Split settled paragraph, given the nats of some texts."""
    engine.surprisals = {text: cost / len(text.split()) for text, cost in (nats or {}).items()}
    (settled,) = split_run_ons([sentences], [links], engine, profile)
    return settled


def without_capital(left: str, right: str) -> str:
    return f"{left} {right[0].lower()}{right[1:]}"


def costs(left: str, right: str, *, whole: float, stop: float, heading: float) -> dict[str, float]:
    return {
        f"{left} {right}": whole,
        without_capital(left, right): whole + 1,
        f"{left}. {right}": stop,
        f"{left}\n\n{right}": heading,
    }


@pytest.mark.parametrize(("stop", "expected"), [(37.5, [RUN_ON]), (36.5, [f"{LEFT}.", RIGHT])])
def test_the_engine_says_whether_a_stop_was_lost(
    stop: float, expected: list[str], engine: FakeEngine, profile: Profile
) -> None:
    nats = costs(LEFT, RIGHT, whole=40, stop=stop, heading=60)
    assert split_paragraph(
        ["It is new.", RUN_ON, "So it was."], engine, profile, nats
    ).paragraphs == [["It is new.", *expected, "So it was."]]


def test_a_capital_that_is_merely_wrong_splits_nothing(
    engine: FakeEngine, profile: Profile
) -> None:
    nats = costs(LEFT, RIGHT, whole=40, stop=30, heading=60) | {without_capital(LEFT, RIGHT): 29}
    assert split_paragraph([RUN_ON], engine, profile, nats).paragraphs == [[RUN_ON]]


def test_an_edit_records_the_lost_stop(engine: FakeEngine, profile: Profile) -> None:
    nats = costs(LEFT, RIGHT, whole=40, stop=30, heading=60)
    (edit,) = split_paragraph([RUN_ON], engine, profile, nats).edits
    assert (edit.paragraph, edit.before, edit.after) == (0, RUN_ON, STOPPED)
    assert (edit.reason, edit.scores) == (Reason.LOST_STOP, {"fluency_nats": 10.0})


@pytest.mark.parametrize(
    ("heading", "expected"),
    [
        (34, [["It is new."], [HEADING], [LEAD, "So it was."]]),
        (36, [["It is new.", f"{HEADING}.", LEAD, "So it was."]]),
    ],
)
def test_a_heading_gets_a_line_of_its_own_where_a_stop_is_hardly_better(
    heading: float, expected: list[list[str]], engine: FakeEngine, profile: Profile
) -> None:
    nats = costs(HEADING, LEAD, whole=40, stop=31, heading=heading)
    settled = split_paragraph(["It is new.", HEADED, "So it was."], engine, profile, nats)
    assert settled.paragraphs == expected
    assert settled.damaged_by_link == frozenset()


def test_text_with_an_auxiliary_is_no_heading(engine: FakeEngine, profile: Profile) -> None:
    nats = costs(LEFT, RIGHT, whole=40, stop=31, heading=25)
    (edit,) = split_paragraph([RUN_ON], engine, profile, nats).edits
    assert (edit.reason, edit.scores) == (Reason.LOST_STOP, {"fluency_nats": 9.0})


def test_the_first_line_leaves_no_empty_paragraph(engine: FakeEngine, profile: Profile) -> None:
    nats = costs(HEADING, LEAD, whole=40, stop=31, heading=30)
    settled = split_paragraph([HEADED], engine, profile, nats)
    assert settled.paragraphs == [[HEADING], [LEAD]]
    assert [(edit.paragraph, edit.after) for edit in settled.edits] == [(1, f"{HEADING}\n\n{LEAD}")]


def test_of_two_breaks_the_likelier_is_used(engine: FakeEngine, profile: Profile) -> None:
    both = f"{RUN_ON.removesuffix('.')} The rest of it went on as planned."
    late, rest = both.split(" The rest")
    nats = {both: 60.0, both.replace(" The", " the"): 60, both.replace(" It", " it"): 60}
    nats |= {f"{late}. The rest{rest}": 40, f"{LEFT}. {both.removeprefix(LEFT + ' ')}": 50}
    nats |= {f"{late}\n\nThe rest{rest}": 60, f"{LEFT}\n\n{both.removeprefix(LEFT + ' ')}": 60}
    assert split_paragraph([both], engine, profile, nats).paragraphs == [
        [f"{late}.", f"The rest{rest}"]
    ]


@pytest.mark.parametrize("dateline", ["", "New Delhi: ", "PRAGUE, May 5 (Wire) - "])
def test_a_link_of_the_page_is_set_off_without_the_engine(
    dateline: str, engine: FakeEngine, profile: Profile
) -> None:
    links = find_link_texts([f"Talks,{LINK},Envoy to Prague"])
    settled = split_paragraph([f"{dateline}{LINK} {REPORT}"], engine, profile, links=links)
    lead = f"{dateline}{REPORT}"
    assert settled.paragraphs == [[LINK], [lead]]
    assert settled.damaged_by_link == (frozenset({lead}) if dateline else frozenset())
    (edit,) = settled.edits
    assert (edit.reason, edit.scores) == (Reason.RUN_IN_HEADING, {})


def test_a_name_that_continues_is_no_link(engine: FakeEngine, profile: Profile) -> None:
    sentence = "Jan Novak And the Old Town opens in two theatres on Monday."
    links = find_link_texts(["Jan Novak, Theatre"])
    assert split_paragraph([sentence], engine, profile, links=links).paragraphs == [[sentence]]


def test_links_are_the_parts_of_a_line_with_two_words() -> None:
    assert find_link_texts(["Talks, Jan Novak | Envoy\u00b7 Old  town", "# Prague castle"]) == {
        "jan novak",
        "old  town",
        "prague castle",
    }


@pytest.mark.parametrize(
    "sentence",
    [
        f'He said: "{RUN_ON}"',
        "The court sat in The Hague on Monday and heard two of them.",
        "The band played songs from In the Heights.",
        "They called it Plan A in the papers of the day.",
        "The court said that the work was unlawful It added that the bank would",
        "According to a report in a daily, sources are ready for talks.",
        "The court said so, It added that the bank would appeal.",
    ],
)
def test_quotations_names_and_unfinished_sentences_are_not_doubted(
    sentence: str, engine: FakeEngine, profile: Profile
) -> None:
    assert split_paragraph([sentence], engine, profile).paragraphs == [[sentence]]
    assert engine.prompts == []


def test_without_likelihoods_only_links_are_set_off(engine: FakeEngine, profile: Profile) -> None:
    silent = profile.repair.model_copy(update={"fluency_prompt": ""})
    profile = profile.model_copy(update={"repair": silent})
    assert split_paragraph([RUN_ON], engine, profile).paragraphs == [[RUN_ON]]


def test_an_earlier_edit_is_renumbered_to_where_its_text_is(
    engine: FakeEngine, profile: Profile
) -> None:
    nats = costs(HEADING, LEAD, whole=40, stop=31, heading=30)
    settled = split_paragraph([HEADED, "So it was."], engine, profile, nats)
    (edit,) = settled.edits
    settled.add_edit(edit.model_copy(update={"paragraph": 0, "after": "So it was."}))
    settled.add_edit(edit.model_copy(update={"paragraph": 0, "after": "Gone."}))
    assert [edit.paragraph for edit in settled.edits] == [1, 1, 0]


def test_text_too_long_for_a_sentence_is_not_read(engine: FakeEngine, profile: Profile) -> None:
    text = f"{'sum The sum ' * 20_000}is here now."
    started = time.monotonic()
    assert split_paragraph([text], engine, profile).paragraphs == [[text]]
    assert time.monotonic() - started < 10
    assert engine.prompts == []


@pytest.mark.parametrize(
    ("left", "reason"),
    [
        ("Photo: The old harbour with the pier to be built", Reason.RUN_IN_HEADING),
        ("LONDON: Small steps for the old harbour", Reason.RUN_IN_HEADING),
        ("The pier was built in the old harbour", Reason.LOST_STOP),
        ("Small steps for the old harbour" + " and the new" * 5, Reason.LOST_STOP),
    ],
)
def test_a_heading_is_short_and_has_no_finite_verb(
    left: str, reason: Reason, engine: FakeEngine, profile: Profile
) -> None:
    settled = split_paragraph(
        [f"{left} {LEAD}"], engine, profile, costs(left, LEAD, whole=40, stop=31, heading=30)
    )
    assert [edit.reason for edit in settled.edits] == [reason]
    assert settled.paragraphs[-1][-1] == LEAD
