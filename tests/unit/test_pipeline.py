"""Tests of the stages on a chunk: each article ends by itself, whatever its neighbours do."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace

import pytest

from tests.support.fake_engine import BREAKS, FAILS, FakeEngine
from worker.config.profile import Profile
from worker.engine.protocol import Generation, Prompt, no_checkpoint
from worker.errors import EngineError, ModelMissingError
from worker.pipeline import process, repair_texts
from worker.records.article import Article, ArticleFormat, ArticleState, Outcome, ProcessedArticle
from worker.records.reason import Reason
from worker.records.result import Method, Result
from worker.stages.clean.furniture import CleanedArticle, remove_furniture

TITLE = "Harbour of Milltown to close for two weeks"
FIRST = (
    "The harbour of Milltown will close for two weeks in June, the council said on Monday. "
    "Workers will repair the old quay, which was damaged by a storm in February."
)
AWKWARD = "The crew comed back to the harbour with 12 people on Monday."
MENDED = "The crew came back to the harbour with 12 people on Monday."
LAST = "Mayor Ada Lund said that the work will cost 14 million euros."
TEXT = f"{TITLE}\n\n{FIRST}\n\n{AWKWARD} Fishermen had asked the council to wait.\n\n{LAST}"

GERMAN = (
    "Der Hafen von Mühlstadt wird im Juni für zwei Wochen geschlossen, teilte der Stadtrat am "
    "Montag mit. Arbeiter werden den alten Kai ausbessern, den ein Sturm beschädigt hat."
)


def article(text: str = TEXT, name: str = "a") -> Article:
    return Article(id=name, text=text)


def run(texts: Sequence[str], engine: FakeEngine, profile: Profile) -> list[ProcessedArticle]:
    return process(
        [article(text, str(index)) for index, text in enumerate(texts)], lambda: engine, profile
    )


def result_of(text: str, engine: FakeEngine, profile: Profile) -> Result:
    (processed,) = run([text], engine, profile)
    assert processed.outcome == Outcome(state=ArticleState.DONE)
    assert processed.result is not None
    return processed.result


def reasons(processed: Sequence[ProcessedArticle]) -> list[Reason | None]:
    return [entry.outcome.reason for entry in processed]


# One article ---------------------------------------------------------------------------------


def test_a_good_article_is_left_alone(profile: Profile, engine: FakeEngine) -> None:
    text = TEXT.replace(AWKWARD, MENDED)
    result = result_of(text, engine, profile)

    assert result.title == TITLE
    assert result.repaired == text.removeprefix(TITLE).strip()
    assert (result.edits, result.removed, result.flags) == ((), (), ())
    assert not [refusal for refusal in result.refused if refusal.stage == "repair"]


def test_a_good_proposal_is_used_and_recorded(profile: Profile, engine: FakeEngine) -> None:
    engine.answers = {AWKWARD: MENDED}
    result = result_of(TEXT, engine, profile)

    (edit,) = result.edits
    assert (edit.paragraph, edit.before, edit.after) == (1, AWKWARD, MENDED)
    assert edit.reason is Reason.MODEL_REWRITE
    (change,) = edit.changes
    assert (change.kind, change.before, change.after) == ("form", "comed", "came")
    assert change.scores["gain_nats"] == 100.0
    assert result.repaired == TEXT.removeprefix(TITLE).strip().replace(AWKWARD, MENDED)
    assert result.flags == ()


def test_a_bad_proposal_is_refused_and_flagged(profile: Profile, engine: FakeEngine) -> None:
    wrong = AWKWARD.replace("12", "13")
    engine.answers = {AWKWARD: wrong}
    result = result_of(TEXT, engine, profile)

    (refusal,) = [refusal for refusal in result.refused if refusal.stage == "repair"]
    assert (refusal.before, refusal.proposal) == (AWKWARD, wrong)
    assert (refusal.reason, refusal.detail) == (Reason.NUMBER_CHANGED, "-12 +13")
    assert refusal.kind == "wording"
    (flag,) = result.flags
    assert (flag.reason, flag.text) == (Reason.AWKWARD, AWKWARD)
    assert AWKWARD in result.repaired
    assert wrong not in result.repaired
    assert result.edits == ()


def test_without_a_proposal_an_awkward_sentence_is_only_flagged(
    profile: Profile, engine: FakeEngine
) -> None:
    result = result_of(TEXT, engine, profile)

    assert [flag.reason for flag in result.flags] == [Reason.AWKWARD]
    assert not [refusal for refusal in result.refused if refusal.stage == "repair"]


def test_paragraphs_survive(profile: Profile, engine: FakeEngine) -> None:
    paragraphs = result_of(TEXT, engine, profile).repaired.split("\n\n")

    assert len(paragraphs) == 3
    assert paragraphs[0] == FIRST
    assert paragraphs[2] == LAST


def test_furniture_is_removed_and_recorded(profile: Profile, engine: FakeEngine) -> None:
    result = result_of(f"{TEXT}\n\nLeave a Reply", engine, profile)

    (removal,) = result.removed
    assert (removal.text, removal.reason) == ("Leave a Reply", Reason.COMMENT_FORM)
    assert removal.line == len(TEXT.split("\n")) + 2
    assert "Leave a Reply" not in result.repaired


def test_a_false_break_is_joined_before_repair(profile: Profile, engine: FakeEngine) -> None:
    broken = "The rebels in the northern valley. are not at the negotiating table."
    whole = broken.replace("valley. are", "valley are")
    engine.surprisals = {whole: 0.1, broken.replace(". are", ". Are"): 1.0}
    result = result_of(f"{TEXT}\n\n{broken}", engine, profile)

    (edit,) = result.edits
    assert (edit.paragraph, edit.before, edit.after) == (3, broken, whole)
    assert edit.reason is Reason.FALSE_BREAK
    assert result.repaired.endswith(whole)


def test_a_link_run_into_the_lead_is_set_off_and_the_lead_flagged(
    profile: Profile, engine: FakeEngine
) -> None:
    lead = "According to the council, the harbour of Milltown will close for two weeks in June."
    broken = "The rebels in the northern valley. are not at the negotiating table."
    whole = broken.replace("valley. are", "valley are")
    engine.surprisals = {whole: 0.1, broken.replace(". are", ". Are"): 1.0}
    text = f"{TITLE}\n\nMILLTOWN: Mayor Ada Lund {lead}\n\n{broken} It is so. Is.\n\n{LAST}"
    result = result_of(f"{text}\n\nHarbour,Mayor Ada Lund,Old quay", engine, profile)

    assert result.repaired.split("\n\n") == [
        "Mayor Ada Lund",
        f"MILLTOWN: {lead}",
        f"{whole} It is so.",
        LAST,
    ]
    assert {(edit.reason, edit.paragraph) for edit in result.edits} == {
        (Reason.RUN_IN_HEADING, 1),
        (Reason.FALSE_BREAK, 2),
        (Reason.STRAY_PIECE, 2),
    }
    flagged = [flag.text for flag in result.flags if flag.reason is Reason.NEEDS_SOURCE]
    assert flagged == [f"MILLTOWN: {lead}"]
    assert "According" not in result.summary


def test_loaded_words_are_flagged_and_stay(profile: Profile, engine: FakeEngine) -> None:
    loaded = "The shameful and outrageous plan was agreed on Friday in the town hall."
    result = result_of(f"{TEXT.replace(AWKWARD, MENDED)}\n\n{loaded}", engine, profile)

    (flag,) = result.flags
    assert (flag.reason, flag.text) == (Reason.LOADED_LANGUAGE, loaded)
    assert flag.words == ("shameful", "outrageous")
    assert loaded in result.repaired


def test_a_short_article_is_flagged(profile: Profile, engine: FakeEngine) -> None:
    result = result_of(LAST, engine, profile)

    assert [flag.reason for flag in result.flags] == [Reason.SHORT_ARTICLE]
    assert result.summary == LAST
    assert result.title == ""


def test_the_summary_is_of_the_repaired_text(profile: Profile, engine: FakeEngine) -> None:
    engine.answers = {AWKWARD: MENDED}
    engine.summaries = {MENDED: MENDED}
    result = result_of(f"{AWKWARD} {LAST}", engine, profile)

    assert MENDED in result.summary
    assert result.evidence[0].sentences[0].text == MENDED
    assert AWKWARD not in result.summary


def test_evidence_is_counted_over_the_whole_article(profile: Profile, engine: FakeEngine) -> None:
    cost = "Mayor Ada Lund said the work will cost 14 million euros."
    engine.summaries = {LAST: cost}
    result = result_of(TEXT, engine, profile)

    (written,) = [entry for entry in result.evidence if entry.sentence == cost]
    (proof,) = written.sentences
    assert (proof.index, proof.text) == (4, LAST)
    assert result.method is Method.MIXED


def test_refused_summary_sentences_are_kept_for_the_editor(
    profile: Profile, engine: FakeEngine
) -> None:
    engine.summaries = {LAST: LAST.replace("14", "15")}
    result = result_of(TEXT.replace(AWKWARD, MENDED), engine, profile)

    (refusal,) = result.refused
    assert (refusal.stage, refusal.reason) == ("summary", Reason.NUMBER_CHANGED)
    assert "15" not in result.summary


def test_timings_are_seconds_of_each_stage(profile: Profile, engine: FakeEngine) -> None:
    timings = result_of(TEXT, engine, profile).timings

    assert list(timings) == ["strip_and_split", "repair", "summary"]
    assert all(0 <= seconds < 60 for seconds in timings.values())


def test_time_is_shared_out_by_sentences(
    profile: Profile, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    ticks = iter(range(0, 1_000, 8))
    clock = SimpleNamespace(perf_counter=lambda: next(ticks))
    monkeypatch.setattr("worker.pipeline.time", clock)
    long, short = run([f"{FIRST} {MENDED}", LAST], engine, profile)

    assert long.result is not None
    assert short.result is not None
    assert set(long.result.timings.values()) == {6.0}
    assert set(short.result.timings.values()) == {2.0}


def test_html_and_title_are_read(profile: Profile, engine: FakeEngine) -> None:
    page = (
        f"<html><body><article><h1>{TITLE}</h1><p>{FIRST}</p><p>{LAST}</p></article></body></html>"
    )
    (processed,) = process(
        [Article(id="a", text=page, title=TITLE, format=ArticleFormat.HTML)],
        lambda: engine,
        profile,
    )

    assert processed.result is not None
    assert processed.result.title == TITLE
    assert processed.result.repaired == f"{FIRST}\n\n{LAST}"


# Unsuitable articles -------------------------------------------------------------------------


def test_another_language_fails_with_its_reason(profile: Profile, engine: FakeEngine) -> None:
    (processed,) = run([GERMAN], engine, profile)

    assert processed.result is None
    assert processed.outcome.state is ArticleState.FAILED
    assert processed.outcome.reason is Reason.NOT_ENGLISH
    assert processed.outcome.message
    assert processed.outcome.hint


@pytest.mark.parametrize(
    "nothing", ["", "  \n\n\t", "Leave a Reply\n\nYour email address will not be published."]
)
def test_furniture_alone_is_no_story(nothing: str, profile: Profile, engine: FakeEngine) -> None:
    (processed,) = run([nothing], engine, profile)

    assert processed.result is None
    assert processed.outcome.state is ArticleState.FAILED
    assert processed.outcome.reason is Reason.NO_STORY


def test_the_engine_is_not_loaded_for_unsuitable_articles(profile: Profile) -> None:
    def refuse() -> FakeEngine:
        raise AssertionError("the engine was asked for")

    processed = process([article(GERMAN), article("", "b")], refuse, profile)

    assert reasons(processed) == [Reason.NOT_ENGLISH, Reason.NO_STORY]


# One bad article never fails another ---------------------------------------------------------


@pytest.mark.parametrize(
    ("marker", "reason", "message"),
    [
        (FAILS, Reason.ENGINE_ERROR, "the fake engine was told to fail"),
        (BREAKS, Reason.INTERNAL_ERROR, "RuntimeError: the fake engine was told to break"),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_text_that_the_engine_fails_on_fails_alone(
    marker: str, reason: Reason, message: str, place: int, profile: Profile
) -> None:
    texts = [TEXT.replace("12", str(number)) for number in (20, 30, 40)]
    texts[place] += f" The boat {marker} left the harbour at noon."
    engine = FakeEngine()
    processed = run(texts, engine, profile)

    outcome = processed[place].outcome
    assert (outcome.state, outcome.reason) == (ArticleState.FAILED, reason)
    assert outcome.message == message
    assert outcome.hint
    assert processed[place].result is None
    others = [entry for index, entry in enumerate(processed) if index != place]
    numbers = [number for index, number in enumerate(("20", "30", "40")) if index != place]
    for entry, number in zip(others, numbers, strict=True):
        assert entry.outcome == Outcome(state=ArticleState.DONE)
        assert entry.result is not None
        assert f"with {number} people" in entry.result.repaired


@pytest.mark.parametrize(
    ("code", "tries"), [("server_unreachable", 1), ("server_timed_out", 4), ("engine_error", 4)]
)
def test_an_unreachable_server_is_not_tried_for_each_article(
    code: str, tries: int, profile: Profile
) -> None:
    class Silent(FakeEngine):
        def generate(self, *_: object) -> list[Generation]:
            self.calls["generate"] += 1
            raise EngineError("it does not answer", code=code, hint="start it")

    engine = Silent()
    processed = run([TEXT, TEXT, TEXT], engine, profile)

    assert reasons(processed) == [Reason.ENGINE_ERROR] * 3
    assert {entry.outcome.message for entry in processed} == {"it does not answer"}
    assert engine.calls["generate"] == tries


def test_a_fault_in_a_stage_fails_one_article(
    profile: Profile, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(article: Article) -> CleanedArticle:
        if article.id == "1":
            raise KeyError("quay")
        return remove_furniture(article)

    monkeypatch.setattr("worker.pipeline.remove_furniture", faulty)
    processed = run([TEXT, TEXT, TEXT], engine, profile)

    assert reasons(processed) == [None, Reason.INTERNAL_ERROR, None]
    assert processed[1].outcome.message == "KeyError: 'quay'"


def test_an_engine_that_drops_an_answer_is_a_fault(profile: Profile) -> None:
    class Forgetful(FakeEngine):
        def generate(
            self, prompts: Sequence[Prompt], checkpoint: Callable[[], None] = no_checkpoint
        ) -> list[Generation]:
            return super().generate(prompts, checkpoint)[1:]

    processed = run([TEXT, TEXT], Forgetful(), profile)

    assert reasons(processed) == [Reason.INTERNAL_ERROR, Reason.INTERNAL_ERROR]


def test_an_engine_that_cannot_be_opened_fails_each_with_its_hint(profile: Profile) -> None:
    def missing() -> FakeEngine:
        raise ModelMissingError("no weights", hint="run: copydesk model pull")

    processed = process([article(name="a"), article(name="b")], missing, profile)

    assert reasons(processed) == [Reason.ENGINE_ERROR, Reason.ENGINE_ERROR]
    assert processed[0].outcome.message == "no weights"
    assert processed[0].outcome.hint == "run: copydesk model pull"


def test_a_time_limit_is_not_caught(profile: Profile) -> None:
    class TimeLimitError(Exception):
        """Like Celery's: an Exception raised from outside."""

    def slow() -> FakeEngine:
        raise TimeLimitError

    with pytest.raises(TimeLimitError):
        process([article(name="a"), article(name="b")], slow, profile)


def test_results_keep_the_order_of_the_articles(profile: Profile, engine: FakeEngine) -> None:
    texts = [TEXT.replace("12", "20"), GERMAN, TEXT.replace("12", "30"), "", LAST]
    processed = run(texts, engine, profile)

    assert reasons(processed) == [None, Reason.NOT_ENGLISH, None, Reason.NO_STORY, None]
    repaired = [entry.result.repaired if entry.result else "" for entry in processed]
    assert "with 20 people" in repaired[0]
    assert "with 30 people" in repaired[2]
    assert repaired[4] == LAST


def test_without_articles_there_is_no_work(profile: Profile) -> None:
    engine = FakeEngine()

    assert process([], lambda: engine, profile) == []
    assert not engine.calls


# The same input gives the same output --------------------------------------------------------


def test_the_same_article_gives_the_same_result_but_for_timings(profile: Profile) -> None:
    def once(texts: Sequence[str]) -> Result:
        engine = FakeEngine(answers={AWKWARD: MENDED}, summaries={LAST: f"{LAST} Nothing else."})
        result = run(texts, engine, profile)[-1].result
        assert result is not None
        return result.model_copy(update={"timings": {}})

    alone = once([TEXT])
    assert once([TEXT]) == alone
    # Nor does it matter who else is in the chunk.
    assert once([LAST, GERMAN, TEXT.replace("12", "50"), TEXT]) == alone


def test_a_chunk_goes_through_the_engine_together(profile: Profile, engine: FakeEngine) -> None:
    run([TEXT.replace("12", str(number)) for number in range(20, 40)], engine, profile)

    assert engine.calls["generate"] == 2  # repair and summary


def test_a_sentence_that_needs_its_source_is_flagged_and_not_summarised(
    profile: Profile, engine: FakeEngine
) -> None:
    run_in = "Mayor Ada Lund According to a letter, the work will cost 14 million euros."
    result = result_of(TEXT.replace(LAST, run_in), engine, profile)

    flagged = [flag.text for flag in result.flags if flag.reason is Reason.NEEDS_SOURCE]
    assert flagged == [run_in]
    assert run_in in result.repaired
    assert run_in not in result.summary


# Bare texts ----------------------------------------------------------------------------------


def test_bare_texts_are_repaired_one_by_one(profile: Profile, engine: FakeEngine) -> None:
    engine.answers = {AWKWARD: MENDED}

    assert repair_texts([f"{LAST} {AWKWARD}", "", LAST], engine, profile) == [
        f"{LAST} {MENDED}",
        "",
        LAST,
    ]
    assert repair_texts([], engine, profile) == []
