"""Stage 7, summarise: what the engine writes from the chosen sentences, unchecked.

Two ways, by what the profile names. A small model is asked to shorten the chosen sentences one by
one: each answer has its source, and most of it is a copy, which the engine verifies in one pass. A
large one is asked for the summary as a whole.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from worker.engine.protocol import Prompt
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.ranking import select

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine, Generation

__all__ = ["SHORT_WORDS", "Written", "write_sentences"]

#: English news has 1.35 tokens a word under the usual vocabularies; with room for names.
_TOKENS_PER_WORD = 1.6

#: Words of the sentences that a summary may be made of, as a multiple of its most words; what lies
#: beyond those is not shortened, for few summaries come to it. With 1.1 short sentences that carry
#: little were chosen to fill the room up, and ROUGE-1 over four dev sets was .14 less.
_CANDIDATE_WORDS = 1.4

#: A sentence of fewer words is short as it is: the adapter was taught to leave it.
SHORT_WORDS = 16

#: A shortened sentence has no more tokens than its source, but a capital may cost one.
_SPARE_TOKENS = 4


class Written(NamedTuple):
    """A sentence by the engine."""

    text: str
    finished: bool
    """Whether the engine ended it by itself."""
    source: str = ""
    """The sentence that it shortens; empty where it was written from several."""


def write_sentences(
    articles: Sequence[Sequence[str]],
    ranked: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[Written]]:
    """Sentences for each article's summary, the most important first where they were shortened.

    Raises:
        EngineError: the engine failed on the batch.
    """
    ask = _shorten if profile.summary.shorten_prompt else _summarise
    return ask(articles, ranked, engine, profile)


def _shorten(
    articles: Sequence[Sequence[str]],
    ranked: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[Written]]:
    template = profile.prompts[profile.summary.shorten_prompt]
    most = profile.summary.max_words
    # Whether a sentence is shortened hangs on its own article alone, whoever else has it.
    chosen: list[list[tuple[str, bool]]] = []
    for sentences, scores in zip(articles, ranked, strict=True):
        sizes = [len(sentence.split()) for sentence in sentences]
        indexes = select(sentences, scores, sizes, budget=int(most * _CANDIDATE_WORDS))
        ends = accumulate(sizes[index] for index in indexes)
        chosen.append(
            [
                (sentences[index], end <= most and sizes[index] >= SHORT_WORDS)
                for index, end in zip(indexes, ends, strict=True)
            ]
        )
    sources = [one for many in chosen for one, is_asked in many if is_asked]
    room = engine.window // 2
    prompts = [
        Prompt(template, source, min(size, room) + _SPARE_TOKENS, draft=source)
        for source, size in zip(sources, engine.count_tokens(sources), strict=True)
    ]
    answers = engine.generate(prompts) if prompts else []
    written = dict(zip(sources, map(_written, answers, sources), strict=True))
    return [
        [written[one] if is_asked else Written(one, True, one) for one, is_asked in many]
        for many in chosen
    ]


def _written(answer: Generation, source: str) -> Written:
    return Written(" ".join(answer.text.split()), answer.finished, source)


def _summarise(
    articles: Sequence[Sequence[str]],
    ranked: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[Written]]:
    settings = profile.summary
    room = min(settings.source_tokens, engine.window // 2)
    prompts = []
    for sentences, scores in zip(articles, ranked, strict=True):
        chosen = select(sentences, scores, engine.count_tokens(sentences), budget=room)
        text = " ".join(sentences[index] for index in sorted(chosen))
        budget = int(settings.max_words * _TOKENS_PER_WORD)
        prompts.append(Prompt(profile.prompts[settings.prompt], text, budget))
    found = []
    for answer in engine.generate(prompts):
        sentences = split_sentences(" ".join(answer.text.split()))
        last = len(sentences) - 1
        found.append(
            [Written(text, answer.finished or at < last) for at, text in enumerate(sentences)]
        )
    return found
