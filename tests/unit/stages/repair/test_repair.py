"""Tests of repair: what is sent to the engine, what is used, and what is refused and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from tests.support.fake_engine import FAILS, FakeEngine
from worker.config.profile import CheckSettings, Profile
from worker.engine.protocol import Generation, Prompt
from worker.errors import EngineError
from worker.records.reason import Reason
from worker.stages.repair.acceptor import Acceptor, ModelScores, features
from worker.stages.repair.changes import ChangeKind, find_changes
from worker.stages.repair.repair import RepairedSentence, repair_articles

PLAIN = "The ferry to Bremen left on time on Monday."
AWKWARD = "The crew comed back to the harbour with 12 people on Monday."
MENDED = "The crew came back to the harbour with 12 people on Monday."


def repair_sentence(
    sentence: str, proposal: str, profile: Profile, engine: FakeEngine
) -> RepairedSentence:
    engine.answers = {sentence: proposal}
    return repair_sentences([sentence], engine, profile)[0]


def with_acceptor(acceptor: Acceptor, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """Return the profile with an adapter that has this acceptor."""
    monkeypatch.setattr("worker.stages.repair.repair.load_acceptor", {"repair.x": acceptor}.get)
    template = profile.prompts["repair.v2.toml"].model_copy(update={"adapter": "repair.x"})
    return profile.model_copy(update={"prompts": {**profile.prompts, "repair.v2.toml": template}})


def repair_sentences(
    sentences: list[str], engine: FakeEngine, profile: Profile
) -> list[RepairedSentence]:
    (repaired,) = repair_articles([sentences], engine, profile)
    return repaired


def test_a_good_sentence_stays_as_it_is(profile: Profile, engine: FakeEngine) -> None:
    assert repair_sentences([PLAIN, PLAIN], engine, profile) == [
        RepairedSentence(PLAIN),
        RepairedSentence(PLAIN),
    ]


def test_a_sentence_is_the_draft_of_its_own_repair(profile: Profile, engine: FakeEngine) -> None:
    repair_sentences([PLAIN, AWKWARD], engine, profile)

    assert [prompt.text for prompt in engine.prompts] == [PLAIN, AWKWARD]
    prompt = engine.prompts[1]
    assert prompt.template == profile.prompts[profile.repair.prompt]
    assert prompt.draft == AWKWARD
    assert prompt.keep_bias_nats == profile.repair.keep_bias_nats == 0.7
    # 12 tokens, 1.3 times and 8 to spare.
    assert prompt.max_tokens == 23


@pytest.mark.parametrize("short", ["", "Bremen bremen.", "Storm, flood and hail!", "... - ..."])
def test_a_short_piece_is_never_sent(short: str, profile: Profile, engine: FakeEngine) -> None:
    engine.surprisals = {short: 50.0}

    assert repair_sentences([short], engine, profile) == [RepairedSentence(short)]
    assert engine.prompts == []


def test_a_sentence_without_a_proposal_can_still_read_badly(
    profile: Profile, engine: FakeEngine
) -> None:
    assert repair_sentences([AWKWARD], engine, profile) == [RepairedSentence(AWKWARD, awkward=True)]


def test_an_engine_without_scores_has_its_changes_accepted(profile: Profile) -> None:
    class Mute(FakeEngine):
        def generate(self, prompts: Sequence[Prompt], *_: object) -> list[Generation]:
            written = super().generate(prompts)
            return [replace(answer, nats=(), draft_nats=()) for answer in written]

    repaired = repair_sentences([PLAIN, AWKWARD], Mute(answers={AWKWARD: MENDED}), profile)

    assert [sentence.text for sentence in repaired] == [PLAIN, MENDED]
    assert [decision.scores for decision in repaired[1].decisions] == [{}]


def test_a_good_proposal_is_used(profile: Profile, engine: FakeEngine) -> None:
    repaired = repair_sentence(AWKWARD, MENDED, profile, engine)

    assert repaired.accepted
    assert (repaired.text, repaired.proposal) == (MENDED, MENDED)
    assert repaired.awkward
    (decision,) = repaired.decisions
    assert (decision.change.kind, decision.reason) == (ChangeKind.FORM, Reason.MODEL_REWRITE)
    assert decision.scores == {"gain_nats": 100.0}


@pytest.mark.parametrize(
    ("proposal", "reason", "detail"),
    [
        (MENDED.replace("12", "13"), Reason.NUMBER_CHANGED, "-12 +13"),
        (MENDED.replace("Monday", "Friday"), Reason.NAME_CHANGED, "-Monday"),
        (MENDED.replace("came", "never came"), Reason.NEGATION_CHANGED, "+never"),
        (MENDED.replace("came", "may come"), Reason.MODALITY_CHANGED, "+may"),
        (MENDED.replace(" with 12 people", " with 12"), Reason.CONTENT_LOST, "people"),
        (MENDED.replace("harbour", "harbour town"), Reason.CONTENT_ADDED, "town"),
    ],
    ids=lambda value: value if isinstance(value, Reason) else "",
)
def test_a_change_that_fails_a_check_is_refused_alone(
    proposal: str, reason: Reason, detail: str, profile: Profile, engine: FakeEngine
) -> None:
    # Given a proposal that repairs the verb and does more
    repaired = repair_sentence(AWKWARD, proposal, profile, engine)

    (refused,) = [decision for decision in repaired.decisions if not decision.accepted]
    assert refused.reason is reason
    assert detail in refused.detail
    # Then nothing that was refused is in the text
    assert repaired.text in {AWKWARD, MENDED}
    assert repaired.proposal == proposal


@pytest.mark.parametrize(
    ("proposal", "reason", "detail"),
    [
        (MENDED.removesuffix("."), Reason.UNFINISHED, "no end"),
        ("", Reason.UNFINISHED, ""),
        ("Sure, " + MENDED, Reason.CHATTER, "Sure,"),
        ("The crew came.", Reason.TOO_DIFFERENT, ""),
    ],
    ids=lambda value: value if isinstance(value, Reason) else "",
)
def test_a_bad_proposal_is_refused_as_a_whole(
    proposal: str, reason: Reason, detail: str, profile: Profile, engine: FakeEngine
) -> None:
    repaired = repair_sentence(AWKWARD, proposal, profile, engine)

    assert (repaired.text, repaired.reason, repaired.decisions) == (AWKWARD, reason, ())
    assert detail in repaired.detail
    assert repaired.proposal == proposal


@pytest.mark.parametrize("proposal", [AWKWARD, f"  {AWKWARD}\n"])
def test_an_unchanged_sentence_is_no_proposal(
    proposal: str, profile: Profile, engine: FakeEngine
) -> None:
    assert repair_sentence(AWKWARD, proposal, profile, engine) == RepairedSentence(
        AWKWARD, awkward=True
    )


def test_new_typography_alone_is_no_proposal(profile: Profile, engine: FakeEngine) -> None:
    source = AWKWARD.replace("The crew", "The crew's mate")

    repaired = repair_sentence(source, source.replace("'", "\u2019"), profile, engine)

    assert repaired == RepairedSentence(source, awkward=True)


def test_an_answer_that_was_cut_off_is_refused(profile: Profile, engine: FakeEngine) -> None:
    repaired = repair_sentence(AWKWARD, MENDED + " Yes." * 20, profile, engine)

    assert repaired.reason is Reason.UNFINISHED
    assert repaired.text == AWKWARD


@pytest.mark.parametrize(("gain", "accepted"), [(1.9, False), (2.0, True)])
def test_a_proposal_must_read_better(
    gain: float, accepted: bool, profile: Profile, engine: FakeEngine
) -> None:
    engine.surprisals = {AWKWARD: 10.0, MENDED: 10.0 - gain / len(MENDED.split())}
    repaired = repair_sentence(AWKWARD, MENDED, profile, engine)

    (decision,) = repaired.decisions
    assert decision.scores["gain_nats"] == gain
    assert decision.reason is (Reason.MODEL_REWRITE if accepted else Reason.NOT_BETTER)
    assert repaired.text == (MENDED if accepted else AWKWARD)
    assert repaired.proposal == MENDED


def test_the_limits_come_from_the_profile(profile: Profile, engine: FakeEngine) -> None:
    strict = profile.model_copy(update={"checks": CheckSettings(min_similarity=0.95)})

    assert repair_sentence(AWKWARD, MENDED, strict, engine).reason is Reason.TOO_DIFFERENT


def test_a_sentence_beyond_the_window_is_not_sent(profile: Profile, engine: FakeEngine) -> None:
    # 12 tokens and an answer of 23.
    engine.window = 12 + 23 + engine.prompt_tokens(profile.prompts[profile.repair.prompt]) - 1
    repaired = repair_sentence(AWKWARD, MENDED, profile, engine)

    assert (repaired.text, repaired.reason, repaired.awkward) == (AWKWARD, Reason.TOO_LONG, True)
    assert engine.prompts == []
    engine.window += 1
    assert repair_sentence(AWKWARD, MENDED, profile, engine).accepted


def test_each_sentence_keeps_its_place(profile: Profile, engine: FakeEngine) -> None:
    other = AWKWARD.replace("12", "99")
    engine.answers = {AWKWARD: MENDED, other: MENDED}
    repaired = repair_sentences([PLAIN, other, AWKWARD, PLAIN], engine, profile)

    assert [sentence.text for sentence in repaired] == [
        PLAIN,
        MENDED.replace("12", "99"),
        MENDED,
        PLAIN,
    ]
    assert [[decision.reason for decision in sentence.decisions] for sentence in repaired] == [
        [],
        [Reason.MODEL_REWRITE, Reason.NUMBER_CHANGED],
        [Reason.MODEL_REWRITE],
        [],
    ]


def test_all_sentences_go_through_the_engine_together(profile: Profile, engine: FakeEngine) -> None:
    # Given a proposal that passes as a whole, and one whose changes must be read one by one
    other = AWKWARD.replace("12", "99")
    engine.answers = {AWKWARD: MENDED, other: MENDED}

    repair_sentences([AWKWARD, PLAIN] * 20, engine, profile)
    assert engine.calls == {"generate": 1}

    # Then the changes are read together; only an acceptor asks for their fluency
    repair_sentences([AWKWARD, other, PLAIN] * 20, engine, profile)
    assert engine.calls == {"generate": 3}


def test_a_proposal_that_passes_the_checks_is_decided_as_a_whole(
    profile: Profile, engine: FakeEngine
) -> None:
    # Given a proposal of which some parts may not be made alone: the city would be lost, or doubled
    source = "The council comed to the meeting with the budget of the city and 12 pages of notes."
    proposal = "The council came to the meeting with the city's budget and 12 pages of notes."
    repaired = repair_sentence(source, proposal, profile, engine)

    assert repaired.text == proposal
    assert len(repaired.decisions) == 3
    assert {decision.text for decision in repaired.decisions} == {proposal}
    assert {decision.scores["gain_nats"] for decision in repaired.decisions} == {100.4}


def test_a_whole_proposal_that_gains_too_little_is_refused_as_a_whole(
    profile: Profile, engine: FakeEngine
) -> None:
    source = "The council came to the meeting with the budget of the city and 12 pages of notes."
    proposal = "The council came to the meeting with the city's budget and 12 pages of notes."
    repaired = repair_sentence(source, proposal, profile, engine)

    assert repaired.text == source
    assert [(decision.text, decision.reason) for decision in repaired.decisions] == [
        (proposal, Reason.NOT_BETTER)
    ] * 2


def test_changes_that_fail_a_check_together_are_not_both_made(
    profile: Profile, engine: FakeEngine
) -> None:
    # Given two doubled words, each of which may go, but not both
    source = "The crew comed back back to the harbour harbour town on Monday."
    repaired = repair_sentence(source, "The crew comed to the town on Monday.", profile, engine)
    assert "back" in repaired.text
    assert "harbour" in repaired.text


def test_an_acceptor_decides_where_the_adapter_has_one(
    profile: Profile, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an acceptor that accepts gains, but only in forms of words
    names = features(find_changes(AWKWARD, MENDED)[0], ModelScores(0, 0, 0, 1, 1))
    weights = dict.fromkeys(names, 0.0) | {"gain": 1.0, "kind_form": 5.0}
    least = {"careful": 0.9, "bold": 0.5}
    acceptor = Acceptor(intercept=-10.0, weights=weights, least_probability=least)
    profile_with_acceptor = with_acceptor(acceptor, profile, monkeypatch)

    # Then a form that gains 12 nats at most passes, and an article does not
    form = repair_sentence(AWKWARD, MENDED, profile_with_acceptor, engine)
    article = repair_sentence(
        AWKWARD, AWKWARD.replace("The crew", "A crew"), profile_with_acceptor, engine
    )
    assert form.text == MENDED
    assert form.decisions[0].scores["probability"] == 0.999
    assert article.text == AWKWARD
    assert [decision.reason for decision in article.decisions] == [Reason.NOT_BETTER]
    assert not repair_sentence(
        PLAIN, PLAIN.replace("The", "A"), profile_with_acceptor, engine
    ).awkward


def test_a_refused_change_that_may_help_makes_a_sentence_awkward(
    profile: Profile, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an acceptor to whom any change is as likely to help as not
    (change,) = find_changes(PLAIN, PLAIN.replace("The", "A"))
    weights = dict.fromkeys(features(change, ModelScores(0, 0, 0, 1, 1)), 0.0)
    acceptor = Acceptor(
        intercept=0.0,
        weights=weights,
        least_probability={"careful": 0.9, "bold": 0.5},
    )
    profile_with_acceptor = with_acceptor(acceptor, profile, monkeypatch)

    repaired = repair_sentence(PLAIN, PLAIN.replace("The", "A"), profile_with_acceptor, engine)
    assert (repaired.text, repaired.awkward) == (PLAIN, True)


def test_only_an_articles_own_changes_adjust_its_probabilities(
    profile: Profile, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given an acceptor to whom each change is a little less likely to help than it asks for
    (change,) = find_changes(AWKWARD, MENDED)
    weights = dict.fromkeys(features(change, ModelScores(0, 0, 0, 1, 1)), 0.0)
    acceptor = Acceptor(
        intercept=0.5,
        weights=weights,
        least_probability={"careful": 0.65, "bold": 0.1},
    )
    profile_with_acceptor = with_acceptor(acceptor, profile, monkeypatch)
    engine.answers = {AWKWARD: MENDED}

    alone, rough, plain = repair_articles(
        [[AWKWARD], [AWKWARD] * 4, [PLAIN]], engine, profile_with_acceptor
    )

    assert [sentence.text for sentence in alone] == [AWKWARD]
    assert [sentence.text for sentence in rough] == [MENDED] * 4
    assert plain == [RepairedSentence(PLAIN)]


def test_no_sentences_are_no_work(profile: Profile, engine: FakeEngine) -> None:
    assert repair_articles([], engine, profile) == []


def test_a_failure_of_the_engine_reaches_the_caller(profile: Profile, engine: FakeEngine) -> None:
    with pytest.raises(EngineError, match="told to fail"):
        repair_sentences([PLAIN, f"The {FAILS} left the harbour."], engine, profile)


def test_a_rewrite_that_the_judge_doubts_is_made_in_part(
    profile: Profile, engine: FakeEngine
) -> None:
    # Given a proposal that mends a form and drops a clause
    checks = profile.checks.model_copy(update={"meaning_judge": "meaning.v1"})
    judged = profile.model_copy(update={"checks": checks})
    source = "The crew comed back with 12 people on Monday, which many in the harbour expected."
    proposal = "The crew came back with 12 people on Monday."
    repaired = repair_sentence(source, proposal, judged, engine)

    # Then only the form is made, and the clause stays
    assert repaired.text == source.replace("comed", "came")
    assert (repaired.whole, repaired.awkward) == (False, True)
    assert [decision.reason for decision in repaired.decisions] == [
        Reason.MODEL_REWRITE,
        Reason.CONTENT_LOST,
    ]


def test_the_judges_probability_is_recorded(profile: Profile, engine: FakeEngine) -> None:
    checks = profile.checks.model_copy(update={"meaning_judge": "meaning.v1"})
    judged = profile.model_copy(update={"checks": checks})
    repaired = repair_sentence(AWKWARD, MENDED, judged, engine)

    assert (repaired.text, repaired.whole) == (MENDED, True)
    (decision,) = repaired.decisions
    assert 0.7 <= decision.scores["same_probability"] <= 1
    assert decision.scores["gain_nats"] == 100.0
