"""A summary consists of checked sentences or the article's own, each with evidence."""

from __future__ import annotations

import pytest

from tests.support.fake_engine import FAILS, FakeEngine, FixedAnswerEngine
from worker.config.profile import Profile, SummarySettings
from worker.engine.protocol import Generation
from worker.errors import EngineError
from worker.records.reason import Reason
from worker.records.result import Method
from worker.stages.summarise.assembly import Summary, SummaryInput, summarise

SENTENCES = (
    "The harbour of Milltown will close for two weeks in June, the council said on Monday.",
    "Workers will repair the old quay, which was damaged by a storm in February.",
    "Mayor Ada Lund said that the work will cost 14 million euros.",
    "Ferries to Bremen will leave from the north bank until the quay is open again.",
    "Fishermen had asked the council to wait until September.",
    "It is the third repair in ten years.",
)
ARTICLE = SummaryInput(SENTENCES, frozenset())

#: Each passes the checks; together 35 words.
CLOSING = "The harbour of Milltown will close for two weeks in June, the council said."
COST = "Mayor Ada Lund said the work will cost 14 million euros."
FERRIES = "Ferries to Bremen will leave from the north bank."


def write(
    text: str, profile: Profile, *, finished: bool = True, article: SummaryInput = ARTICLE
) -> Summary:
    return summarise([article], FixedAnswerEngine(Generation(text, finished)), profile)[0]


def limited(profile: Profile, min_words: int, max_words: int) -> Profile:
    return profile.model_copy(
        update={"summary": SummarySettings(min_words=min_words, max_words=max_words)}
    )


def is_proven(summary: Summary, article: SummaryInput = ARTICLE) -> bool:
    """Whether the text is its sentences, and the article has each one's evidence at its index."""
    assert summary.text == " ".join(entry.sentence for entry in summary.evidence)
    return all(
        entry.sentences
        and all(article.sentences[source.index] == source.text for source in entry.sentences)
        for entry in summary.evidence
    )


# Methods ------------------------------------------------------------------------------------


def test_what_passes_every_check_is_written(profile: Profile) -> None:
    summary = write(f"{CLOSING} {COST} {FERRIES}", profile)

    assert summary.method is Method.WRITTEN
    assert summary.text == f"{CLOSING} {COST} {FERRIES}"
    assert [[source.index for source in entry.sentences] for entry in summary.evidence] == [
        [0],
        [2],
        [3],
    ]
    assert summary.refused == ()
    assert is_proven(summary)


def test_a_short_summary_is_filled_with_the_articles_own_sentences(profile: Profile) -> None:
    summary = write(COST, profile)

    assert summary.method is Method.MIXED
    assert COST in summary.text
    own = [entry for entry in summary.evidence if entry.sentence in SENTENCES]
    assert len(own) == len(summary.evidence) - 1
    # The article's version of a written sentence is not added.
    assert SENTENCES[2] not in summary.text
    assert 30 <= len(summary.text.split()) <= 80
    assert is_proven(summary)


@pytest.mark.parametrize("nothing", ["", "The town is in crisis."])
def test_without_a_usable_sentence_it_is_extractive(nothing: str, profile: Profile) -> None:
    summary = write(nothing, profile)

    assert summary.method is Method.EXTRACTIVE
    assert {entry.sentence for entry in summary.evidence} <= set(SENTENCES)
    assert summary.evidence[0].sentence == SENTENCES[0]
    assert 30 <= len(summary.text.split()) <= 80
    assert is_proven(summary)


def test_the_articles_own_sentences_from_the_model_are_extractive(profile: Profile) -> None:
    summary = write(" ".join(SENTENCES[:3]), profile)

    assert summary.method is Method.EXTRACTIVE
    assert summary.text == " ".join(SENTENCES[:3])


# Refusals -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sentence", "reason", "detail"),
    [
        ("Mayor Ada Lund said the work will cost 15 million euros.", Reason.NUMBER_CHANGED, "15"),
        ("Piet Brandt said that the work will cost 14 million.", Reason.NAME_CHANGED, "Piet"),
        ("Ferries to Bremen will not leave.", Reason.NEGATION_CHANGED, "not"),
        ("Ferries to Bremen leave from the north bank.", Reason.MODALITY_CHANGED, "leave"),
        ("The outrageous work will cost 14 million euros.", Reason.LOADED_WORD, "outrageous"),
        ("The work will cost 14 million euros.", Reason.ATTRIBUTION_LOST, ""),
        ("The town is in crisis.", Reason.NOT_SUPPORTED, "town"),
        ('Lund said "the work will cost 14 million".', Reason.QUOTE_CHANGED, "work"),
        ("Here is a summary of the harbour news.", Reason.CHATTER, "Here is"),
    ],
    ids=lambda value: value if isinstance(value, Reason) else "",
)
def test_a_sentence_that_fails_a_check_is_refused_with_its_reason(
    sentence: str, reason: Reason, detail: str, profile: Profile
) -> None:
    summary = write(f"{CLOSING} {sentence} {FERRIES}", profile)

    (refusal,) = summary.refused
    assert (refusal.stage, refusal.before, refusal.proposal) == ("summary", "", sentence)
    assert refusal.reason is reason
    assert detail in refusal.detail
    assert "support" in refusal.scores
    assert sentence not in summary.text
    assert summary.method is Method.MIXED
    assert is_proven(summary)


def test_a_last_sentence_that_was_cut_off_is_refused(profile: Profile) -> None:
    summary = write(f"{CLOSING} {COST}", profile, finished=False)

    (refusal,) = summary.refused
    assert (refusal.proposal, refusal.reason) == (COST, Reason.UNFINISHED)
    assert CLOSING in summary.text


def test_a_repeated_sentence_is_used_once(profile: Profile) -> None:
    summary = write(f"{COST} {COST} {CLOSING} {FERRIES}", profile)

    assert summary.text.count(COST) == 1


# Length and order ----------------------------------------------------------------------------


def test_written_sentences_over_the_limit_are_left_out(profile: Profile) -> None:
    summary = write(f"{CLOSING} {COST} {FERRIES}", limited(profile, 10, 26))

    assert summary.text == f"{CLOSING} {COST}"
    assert summary.method is Method.WRITTEN


@pytest.mark.parametrize(("min_words", "max_words"), [(30, 80), (12, 20), (60, 70)])
def test_the_articles_own_sentences_keep_to_the_limits(
    min_words: int, max_words: int, profile: Profile
) -> None:
    summary = write("", limited(profile, min_words, max_words))

    assert min_words <= len(summary.text.split()) <= max_words


def test_a_summary_keeps_the_articles_order(profile: Profile) -> None:
    summary = write(f"{FERRIES} {COST} {CLOSING}", profile)

    assert summary.text == f"{CLOSING} {COST} {FERRIES}"


def test_a_short_article_is_its_own_summary(profile: Profile) -> None:
    article = SummaryInput(SENTENCES[:1], frozenset())
    summary = write("", profile, article=article)

    assert summary.text == SENTENCES[0]
    assert summary.method is Method.EXTRACTIVE
    assert is_proven(summary, article)


def test_an_article_of_fragments_gives_its_shortest_sentence(profile: Profile) -> None:
    article = SummaryInput(("Storm over the harbour!", "Who pays?", "Read on."), frozenset())
    summary = write("", profile, article=article)

    assert summary.text == "Who pays?"
    assert is_proven(summary, article)


def test_no_sentences_at_all_give_an_empty_summary(profile: Profile) -> None:
    article = SummaryInput((), frozenset())

    assert write("Something.", profile, article=article).text == ""
    assert summarise([], FakeEngine(), profile) == []


# Prompts ------------------------------------------------------------------------------------


def test_the_engine_reads_the_article_under_the_profiles_prompt(
    profile: Profile, engine: FakeEngine
) -> None:
    summarise([ARTICLE], engine, profile)

    (prompt,) = engine.prompts
    assert prompt.template == profile.prompts[profile.summary.prompt]
    assert prompt.text == " ".join(SENTENCES)
    assert prompt.max_tokens == 128  # 80 words of 1.6 tokens


def test_all_articles_go_through_the_engine_together_and_stay_apart(
    profile: Profile, engine: FakeEngine
) -> None:
    other = SummaryInput(
        ("Snow closed the pass above Altberg on Friday, the police said.",), frozenset()
    )
    first, second = summarise([ARTICLE, other], engine, profile)

    assert engine.calls["generate"] == 1
    assert "Altberg" not in first.text
    assert second.text == other.sentences[0]
    assert is_proven(first)
    assert is_proven(second, other)


@pytest.mark.parametrize(("window", "source_tokens"), [(2048, 100), (256, 700)])
def test_a_long_article_is_cut_to_the_sentences_that_fit(
    window: int, source_tokens: int, profile: Profile
) -> None:
    article = SummaryInput(
        tuple(
            f"Speaker{number} told hall{number} that plan{number} is {number} now."
            for number in range(200)
        ),
        frozenset(),
    )
    engine = FakeEngine(window=window)
    changed = profile.model_copy(update={"summary": SummarySettings(source_tokens=source_tokens)})
    summarise([article], engine, changed)

    (prompt,) = engine.prompts
    assert 80 < len(prompt.text.split()) <= 100
    assert prompt.text.startswith("Speaker0 told")
    template_tokens = engine.prompt_tokens(prompt.template)
    assert template_tokens + len(prompt.text.split()) + prompt.max_tokens <= window


def test_a_window_too_small_for_any_summary_prompt_gives_an_extract(profile: Profile) -> None:
    engine = FakeEngine(window=150)  # the template has 28 tokens, the answer 128

    (summary,) = summarise([ARTICLE], engine, profile)

    assert engine.prompts == []
    assert summary.method is Method.EXTRACTIVE
    assert is_proven(summary)


def test_an_awkward_sentence_is_passed_over(profile: Profile) -> None:
    short = limited(profile, 25, 32)
    awkward = SummaryInput(SENTENCES, frozenset({1}))

    assert write("", short).text == " ".join(SENTENCES[:2])
    assert write("", short, article=awkward).text == f"{SENTENCES[0]} {SENTENCES[2]}"


def test_a_long_sentence_gives_its_room_to_two_others(profile: Profile) -> None:
    long = (
        "The council of Milltown, which met on Monday evening behind closed doors in the old town "
        "hall beside the river, also heard from the owners of three shops that the noise of the "
        "trains keeps their customers away."
    )
    article = SummaryInput((long, *SENTENCES), frozenset())

    assert len(long.split()) > 30
    roomy, tight = limited(profile, 60, 80), limited(profile, 20, 45)
    assert long in write(f"{long} {CLOSING} {COST}", roomy, article=article).text
    assert write(f"{long} {CLOSING} {COST}", tight, article=article).text == f"{CLOSING} {COST}"


def test_an_engine_failure_reaches_the_caller(profile: Profile, engine: FakeEngine) -> None:
    article = SummaryInput((*SENTENCES, f"The {FAILS} left the harbour of Milltown."), frozenset())

    with pytest.raises(EngineError, match="told to fail"):
        summarise([ARTICLE, article], engine, profile)


def test_a_sentence_that_needs_its_source_is_in_no_summary(profile: Profile) -> None:
    # Only the sentence about ferries can be understood without the source text.
    article = SummaryInput(SENTENCES, frozenset(), needs_source=frozenset({0, 1, 2, 4, 5}))
    summary = write("This is about nothing.", profile, article=article)

    assert summary.text == SENTENCES[3]
    assert summary.method is Method.EXTRACTIVE
