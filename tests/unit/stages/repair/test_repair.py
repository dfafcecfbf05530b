"""From sentences to mended sentences: what is sent, what is used, what is refused and why."""

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
from worker.stages.repair.changes import Kind, find_changes
from worker.stages.repair.repair import RepairedSentence, repair_articles

PLAIN = "The ferry to Bremen left on time on Monday."
AWKWARD = "The crew comed back to the harbour with 12 people on Monday."
MENDED = "The crew came back to the harbour with 12 people on Monday."


def mend(sentence: str, proposal: str, profile: Profile, engine: FakeEngine) -> RepairedSentence:
    engine.answers = {sentence: proposal}
    return mend_all([sentence], engine, profile)[0]


def judged_by(acceptor: Acceptor, profile: Profile, monkeypatch: pytest.MonkeyPatch) -> Profile:
    """The profile with an adapter that has this acceptor."""
    monkeypatch.setattr(
        "worker.stages.repair.repair.load_acceptor", {"repair.x": acceptor}.__getitem__
    )
    template = profile.prompts["repair.v2.toml"].model_copy(update={"adapter": "repair.x"})
    return profile.model_copy(update={"prompts": {**profile.prompts, "repair.v2.toml": template}})


def mend_all(sentences: list[str], engine: FakeEngine, profile: Profile) -> list[RepairedSentence]:
    (mended,) = repair_articles([sentences], engine, profile)
    return mended


def test_what_reads_well_stays_as_it_is(profile: Profile, engine: FakeEngine) -> None:
    assert mend_all([PLAIN, PLAIN], engine, profile) == [
        RepairedSentence(PLAIN),
        RepairedSentence(PLAIN),
    ]


def test_a_sentence_is_the_draft_of_its_own_repair(profile: Profile, engine: FakeEngine) -> None:
    mend_all([PLAIN, AWKWARD], engine, profile)

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

    assert mend_all([short], engine, profile) == [RepairedSentence(short)]
    assert engine.prompts == []


def test_a_sentence_without_a_proposal_can_still_read_badly(
    profile: Profile, engine: FakeEngine
) -> None:
    assert mend_all([AWKWARD], engine, profile) == [RepairedSentence(AWKWARD, spotted=True)]


def test_an_engine_that_cannot_score_is_judged_by_its_words(profile: Profile) -> None:
    class Mute(FakeEngine):
        def generate(self, prompts: Sequence[Prompt], *_: object) -> list[Generation]:
            written = super().generate(prompts)
            return [replace(answer, nats=(), draft_nats=()) for answer in written]

    found = mend_all([PLAIN, AWKWARD], Mute(answers={AWKWARD: MENDED}), profile)

    assert [item.text for item in found] == [PLAIN, MENDED]
    assert [judged.scores for judged in found[1].changes] == [{}]


def test_a_good_proposal_is_used(profile: Profile, engine: FakeEngine) -> None:
    mended = mend(AWKWARD, MENDED, profile, engine)

    assert mended.accepted
    assert (mended.text, mended.proposal) == (MENDED, MENDED)
    assert mended.spotted
    (judged,) = mended.changes
    assert (judged.change.kind, judged.reason) == (Kind.FORM, Reason.MODEL_REWRITE)
    assert judged.scores == {"gain_nats": 100.0, "fluency_nats": 100.0}


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
def test_a_change_against_the_law_is_refused_alone(
    proposal: str, reason: Reason, detail: str, profile: Profile, engine: FakeEngine
) -> None:
    # Given a proposal that mends the verb, and more than that
    mended = mend(AWKWARD, proposal, profile, engine)

    (refused,) = [judged for judged in mended.changes if not judged.accepted]
    assert refused.reason is reason
    assert detail in refused.detail
    # Then nothing of what is refused is in the text
    assert mended.text in {AWKWARD, MENDED}
    assert mended.proposal == proposal


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
    mended = mend(AWKWARD, proposal, profile, engine)

    assert (mended.text, mended.reason, mended.changes) == (AWKWARD, reason, ())
    assert detail in mended.detail
    assert mended.proposal == proposal


@pytest.mark.parametrize("proposal", [AWKWARD, f"  {AWKWARD}\n"])
def test_an_unchanged_sentence_is_no_proposal(
    proposal: str, profile: Profile, engine: FakeEngine
) -> None:
    assert mend(AWKWARD, proposal, profile, engine) == RepairedSentence(AWKWARD, spotted=True)


def test_new_typography_alone_is_no_proposal(profile: Profile, engine: FakeEngine) -> None:
    source = AWKWARD.replace("The crew", "The crew's mate")

    mended = mend(source, source.replace("'", "\u2019"), profile, engine)

    assert mended == RepairedSentence(source, spotted=True)


def test_an_answer_that_was_cut_off_is_refused(profile: Profile, engine: FakeEngine) -> None:
    mended = mend(AWKWARD, MENDED + " Yes." * 20, profile, engine)

    assert mended.reason is Reason.UNFINISHED
    assert mended.text == AWKWARD


@pytest.mark.parametrize(("gain", "accepted"), [(1.9, False), (2.0, True)])
def test_a_proposal_has_to_read_better(
    gain: float, accepted: bool, profile: Profile, engine: FakeEngine
) -> None:
    engine.surprisals = {AWKWARD: 10.0, MENDED: 10.0 - gain / len(MENDED.split())}
    mended = mend(AWKWARD, MENDED, profile, engine)

    (judged,) = mended.changes
    assert judged.scores["gain_nats"] == gain
    assert judged.reason is (Reason.MODEL_REWRITE if accepted else Reason.NOT_BETTER)
    assert mended.text == (MENDED if accepted else AWKWARD)
    assert mended.proposal == MENDED


def test_the_limits_are_the_profiles(profile: Profile, engine: FakeEngine) -> None:
    strict = profile.model_copy(update={"checks": CheckSettings(min_similarity=0.95)})

    assert mend(AWKWARD, MENDED, strict, engine).reason is Reason.TOO_DIFFERENT


def test_a_sentence_beyond_the_window_is_not_sent(profile: Profile, engine: FakeEngine) -> None:
    # 12 tokens and an answer of 23.
    engine.window = 12 + 23 + engine.prompt_tokens(profile.prompts[profile.repair.prompt]) - 1
    mended = mend(AWKWARD, MENDED, profile, engine)

    assert (mended.text, mended.reason, mended.spotted) == (AWKWARD, Reason.TOO_LONG, True)
    assert engine.prompts == []
    engine.window += 1
    assert mend(AWKWARD, MENDED, profile, engine).accepted


def test_each_sentence_keeps_its_place(profile: Profile, engine: FakeEngine) -> None:
    other = AWKWARD.replace("12", "99")
    engine.answers = {AWKWARD: MENDED, other: MENDED}
    mended = mend_all([PLAIN, other, AWKWARD, PLAIN], engine, profile)

    assert [item.text for item in mended] == [PLAIN, MENDED.replace("12", "99"), MENDED, PLAIN]
    assert [[judged.reason for judged in item.changes] for item in mended] == [
        [],
        [Reason.MODEL_REWRITE, Reason.NUMBER_CHANGED],
        [Reason.MODEL_REWRITE],
        [],
    ]


def test_all_sentences_go_through_the_engine_together(profile: Profile, engine: FakeEngine) -> None:
    engine.answers = {AWKWARD: MENDED}
    mend_all([AWKWARD, PLAIN] * 20, engine, profile)

    # The proposals, what they are worth as repairs, and how they read.
    assert engine.calls == {"generate": 3}


def test_changes_that_break_the_law_together_are_not_both_made(
    profile: Profile, engine: FakeEngine
) -> None:
    # Given two words that stand near once more, each of which may go, but not both
    source = "The crew comed back back to the harbour harbour town on Monday."
    mended = mend(source, "The crew comed to the town on Monday.", profile, engine)
    assert "back" in mended.text
    assert "harbour" in mended.text


def test_an_acceptor_decides_where_the_adapter_has_one(
    profile: Profile, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given one that likes what gains, but only forms of words
    names = features(find_changes(AWKWARD, MENDED)[0], ModelScores(0, 0, 0, 1, 1))
    weights = dict.fromkeys(names, 0.0) | {"gain": 1.0, "kind_form": 5.0}
    least = {"careful": 0.9, "bold": 0.5}
    acceptor = Acceptor(intercept=-10.0, weights=weights, least_probability=least)
    judging = judged_by(acceptor, profile, monkeypatch)

    # Then a form that gains 12 nats at most passes, and an article does not
    form = mend(AWKWARD, MENDED, judging, engine)
    article = mend(AWKWARD, AWKWARD.replace("The crew", "A crew"), judging, engine)
    assert form.text == MENDED
    assert form.changes[0].scores["probability"] == 0.999
    assert article.text == AWKWARD
    assert [judged.reason for judged in article.changes] == [Reason.NOT_BETTER]
    assert not mend(PLAIN, PLAIN.replace("The", "A"), judging, engine).spotted


def test_what_may_help_and_is_not_made_is_spotted(
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
    judging = judged_by(acceptor, profile, monkeypatch)

    mended = mend(PLAIN, PLAIN.replace("The", "A"), judging, engine)
    assert (mended.text, mended.spotted) == (PLAIN, True)


def test_an_article_is_believed_by_its_own_changes_alone(
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
    judging = judged_by(acceptor, profile, monkeypatch)
    engine.answers = {AWKWARD: MENDED}

    alone, rough, plain = repair_articles([[AWKWARD], [AWKWARD] * 4, [PLAIN]], engine, judging)

    assert [one.text for one in alone] == [AWKWARD]
    assert [one.text for one in rough] == [MENDED] * 4
    assert plain == [RepairedSentence(PLAIN)]


def test_no_sentences_are_no_work(profile: Profile, engine: FakeEngine) -> None:
    assert repair_articles([], engine, profile) == []


def test_a_failure_of_the_engine_is_the_callers(profile: Profile, engine: FakeEngine) -> None:
    with pytest.raises(EngineError, match="told to fail"):
        mend_all([PLAIN, f"The {FAILS} left the harbour."], engine, profile)
