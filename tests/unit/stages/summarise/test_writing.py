"""What the engine is asked to shorten, and what becomes of its answers."""

from __future__ import annotations

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import Profile, PromptTemplate
from worker.engine.protocol import Prompt
from worker.records.article import Article
from worker.records.reason import Reason
from worker.records.result import Method
from worker.stages.summarise.assembly import SummaryInput, summarise
from worker.stages.summarise.ranking import rank_sentences
from worker.stages.summarise.writing import WrittenSentence, write_sentences

SENTENCES = (
    "The harbour of Milltown, which is the largest in the north, will close again in June.",
    "Mayor Ada Lund, a former captain, said that the work will cost about 14 million euros.",
    "Ferries to Bremen will leave from the north bank until the quay is open again.",
)
SHORTER = {
    SENTENCES[0]: "The harbour of Milltown will close again in June.",
    SENTENCES[1]: "Mayor Ada Lund said that the work will cost about 15 million euros.",
}


@pytest.fixture
def shortening(profile: Profile) -> Profile:
    """A profile that shortens sentences, with a judge that always says yes."""
    summary = profile.summary.model_copy(
        update={
            "shorten_prompt": "s.toml",
            "support_prompt": "j.toml",
            "min_words": 30,
            "max_words": 60,
        }
    )
    prompts = {
        **profile.prompts,
        "s.toml": PromptTemplate(instruction="Shorten."),
        "j.toml": PromptTemplate(instruction="Carried?"),
    }
    return profile.model_copy(update={"summary": summary, "prompts": prompts})


def asked(engine: FakeEngine, instruction: str) -> list[Prompt]:
    return [prompt for prompt in engine.prompts if prompt.template.instruction == instruction]


def test_each_chosen_sentence_is_shortened_with_itself_as_draft(shortening: Profile) -> None:
    engine = FakeEngine(answers=SHORTER)
    ranked = [rank_sentences(SENTENCES)]

    (written,) = write_sentences([SENTENCES], ranked, engine, shortening)

    order = sorted(range(3), key=lambda index: -ranked[0][index])
    assert written == [
        WrittenSentence(SHORTER.get(SENTENCES[index], SENTENCES[index]), True, SENTENCES[index])
        for index in order
    ]
    assert all(prompt.draft == prompt.text for prompt in engine.prompts)
    # A sentence of fewer than 16 words is left alone.
    assert {prompt.text for prompt in engine.prompts} == {SENTENCES[0], SENTENCES[1]}


def test_sentences_beyond_the_summarys_words_are_not_shortened(shortening: Profile) -> None:
    summary = shortening.summary.model_copy(update={"max_words": 40})
    short = shortening.model_copy(update={"summary": summary})
    engine = FakeEngine(answers=SHORTER)

    (written,) = write_sentences([SENTENCES], [[3.0, 2.0, 1.0]], engine, short)

    # The first two have 32 words, all three 47: the third is chosen but not shortened.
    assert [sentence.source for sentence in written] == list(SENTENCES)
    assert {prompt.text for prompt in engine.prompts} == {SENTENCES[0], SENTENCES[1]}

    engine = FakeEngine(answers=SHORTER)
    write_sentences([SENTENCES], [[1.0, 2.0, 3.0]], engine, short)
    assert {prompt.text for prompt in engine.prompts} == {SENTENCES[1]}


def test_a_cut_of_a_recurring_word_is_refused(shortening: Profile) -> None:
    more = tuple(f"A {name} of the north saw the harbour." for name in ("pilot", "diver", "cook"))
    engine = FakeEngine(answers=SHORTER)

    (summary,) = summarise([SummaryInput((*SENTENCES, *more), frozenset())], engine, shortening)

    assert (Reason.CONTENT_LOST, "north") in [
        (refusal.reason, refusal.detail) for refusal in summary.refused
    ]
    assert SENTENCES[0] in summary.text


def test_the_source_replaces_a_refused_sentence(shortening: Profile) -> None:
    engine = FakeEngine(answers=SHORTER)

    (summary,) = summarise([SummaryInput(SENTENCES, frozenset())], engine, shortening)

    assert summary.method is Method.MIXED
    assert summary.text == " ".join([SHORTER[SENTENCES[0]], *SENTENCES[1:]])
    assert [(refusal.reason, refusal.detail) for refusal in summary.refused] == [
        (Reason.NUMBER_CHANGED, "15")
    ]
    # Only the model's sentences are judged: the article's own support themselves.
    assert [prompt.text for prompt in asked(engine, "Carried?")] == [
        f"{SENTENCES[0]}\nClaim: {SHORTER[SENTENCES[0]]}"
    ]


def test_an_improbable_sentence_is_refused(shortening: Profile) -> None:
    engine = FakeEngine(answers=SHORTER, surprisals={"yes": 1.5})

    (summary,) = summarise([SummaryInput(SENTENCES, frozenset())], engine, shortening)

    assert summary.method is Method.EXTRACTIVE
    assert summary.text == " ".join(SENTENCES[:2])
    details = {refusal.proposal: refusal.detail for refusal in summary.refused}
    assert details[SHORTER[SENTENCES[0]]] == "probability 0.22"


def test_an_article_without_a_sentence_to_choose_sends_no_prompt(shortening: Profile) -> None:
    engine = FakeEngine()
    article = Article(id="a", text="Fine weather")
    (written,) = write_sentences([[article.text]], [[float("-inf")]], engine, shortening)
    assert written == []
    assert engine.prompts == []


def test_whether_a_sentence_is_shortened_depends_on_its_own_article(shortening: Profile) -> None:
    summary = shortening.summary.model_copy(update={"max_words": 40})
    short = shortening.model_copy(update={"summary": summary})
    engine = FakeEngine(answers=SHORTER)

    # In the first article SENTENCES[0] is beyond the summary's words; it is all of the second.
    first, second = write_sentences(
        [SENTENCES, SENTENCES[:1]], [[1.0, 2.0, 3.0], [1.0]], engine, short
    )

    assert first[-1].text == SENTENCES[0]
    assert second[0].text == SHORTER[SENTENCES[0]]


def test_a_sentence_that_does_not_fit_the_window_stays_as_it_is(shortening: Profile) -> None:
    engine = FakeEngine(answers=SHORTER, window=30)  # a prompt has 1 + 16 tokens, its answer 20

    (written,) = write_sentences([SENTENCES], [[3.0, 2.0, 1.0]], engine, shortening)

    assert engine.prompts == []
    assert written == [WrittenSentence(sentence, True, sentence) for sentence in SENTENCES]


def test_a_claim_that_does_not_fit_the_judges_window_is_refused(shortening: Profile) -> None:
    judge = PromptTemplate(instruction="Carried? " * 100)
    prompts = {**shortening.prompts, "j.toml": judge}
    long_judge = shortening.model_copy(update={"prompts": prompts})
    engine = FakeEngine(answers=SHORTER, window=100)

    (summary,) = summarise([SummaryInput(SENTENCES, frozenset())], engine, long_judge)

    assert asked(engine, judge.instruction) == []
    assert SENTENCES[0] in summary.text
    refused = {refusal.proposal: refusal for refusal in summary.refused}
    assert refused[SHORTER[SENTENCES[0]]].reason is Reason.NOT_SUPPORTED
    assert refused[SHORTER[SENTENCES[0]]].detail == "probability 0.00"
