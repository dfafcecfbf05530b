"""What the engine is asked to write from, the two ways."""

from __future__ import annotations

import pytest

from tests.support.fake_engine import FakeEngine
from worker.config.profile import Profile, PromptTemplate
from worker.engine.protocol import Prompt
from worker.records.article import Article
from worker.records.reason import Reason
from worker.records.result import Method
from worker.stages.summarise.assembly import Story, summarise
from worker.stages.summarise.ranking import rank_sentences
from worker.stages.summarise.writing import Written, write_sentences

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
    """A profile that shortens, and has a model for judge that always says yes."""
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

    order = sorted(range(3), key=lambda at: -ranked[0][at])
    assert written == [
        Written(SHORTER.get(SENTENCES[at], SENTENCES[at]), True, SENTENCES[at]) for at in order
    ]
    assert all(prompt.draft == prompt.text for prompt in engine.prompts)
    # A sentence of fewer than 16 words is short as it is.
    assert {prompt.text for prompt in engine.prompts} == {SENTENCES[0], SENTENCES[1]}


def test_what_lies_beyond_a_summary_is_not_shortened(shortening: Profile) -> None:
    summary = shortening.summary.model_copy(update={"max_words": 40})
    short = shortening.model_copy(update={"summary": summary})
    engine = FakeEngine(answers=SHORTER)

    (written,) = write_sentences([SENTENCES], [[3.0, 2.0, 1.0]], engine, short)

    # The first two have 32 words, all three 47: the third is chosen, and left as it is.
    assert [one.source for one in written] == list(SENTENCES)
    assert {prompt.text for prompt in engine.prompts} == {SENTENCES[0], SENTENCES[1]}

    engine = FakeEngine(answers=SHORTER)
    write_sentences([SENTENCES], [[1.0, 2.0, 3.0]], engine, short)
    assert {prompt.text for prompt in engine.prompts} == {SENTENCES[1]}


def test_a_cut_that_takes_out_what_the_article_is_about_is_refused(shortening: Profile) -> None:
    more = tuple(f"A {name} of the north saw the harbour." for name in ("pilot", "diver", "cook"))
    engine = FakeEngine(answers=SHORTER)

    (summary,) = summarise([Story((*SENTENCES, *more), frozenset())], engine, shortening)

    assert (Reason.CONTENT_LOST, "north") in [(one.reason, one.detail) for one in summary.refused]
    assert SENTENCES[0] in summary.text


def test_for_a_refused_one_its_own_sentence_stands_in(shortening: Profile) -> None:
    engine = FakeEngine(answers=SHORTER)

    (summary,) = summarise([Story(SENTENCES, frozenset())], engine, shortening)

    assert summary.method is Method.MIXED
    assert summary.text == " ".join([SHORTER[SENTENCES[0]], *SENTENCES[1:]])
    assert [(one.reason, one.detail) for one in summary.refused] == [(Reason.NUMBER_CHANGED, "15")]
    # Only what the model wrote is put to the judge: the article's own sentences carry themselves.
    assert [prompt.text for prompt in asked(engine, "Carried?")] == [
        f"{SENTENCES[0]}\nClaim: {SHORTER[SENTENCES[0]]}"
    ]


def test_what_the_judge_doubts_is_refused(shortening: Profile) -> None:
    engine = FakeEngine(answers=SHORTER, surprisals={"yes": 1.5})

    (summary,) = summarise([Story(SENTENCES, frozenset())], engine, shortening)

    assert summary.method is Method.EXTRACTIVE
    assert summary.text == " ".join(SENTENCES[:2])
    details = {one.proposal: one.detail for one in summary.refused}
    assert details[SHORTER[SENTENCES[0]]] == "probability 0.22"


def test_an_article_without_a_sentence_to_choose_asks_nothing(shortening: Profile) -> None:
    engine = FakeEngine()
    article = Article(id="a", text="Fine weather")
    (written,) = write_sentences([[article.text]], [[float("-inf")]], engine, shortening)
    assert written == []
    assert engine.prompts == []


def test_whether_a_sentence_is_shortened_hangs_on_its_own_article(shortening: Profile) -> None:
    summary = shortening.summary.model_copy(update={"max_words": 40})
    short = shortening.model_copy(update={"summary": summary})
    engine = FakeEngine(answers=SHORTER)

    # The first has SENTENCES[0] beyond the summary's words, the second has it alone.
    first, second = write_sentences(
        [SENTENCES, SENTENCES[:1]], [[1.0, 2.0, 3.0], [1.0]], engine, short
    )

    assert first[-1].text == SENTENCES[0]
    assert second[0].text == SHORTER[SENTENCES[0]]
