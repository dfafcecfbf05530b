"""Stage 7, write: let the engine write sentences for the summary; nothing is checked here.

The profile decides how. A small model shortens the chosen sentences one by one: each answer has one
source and mostly copies it, which the engine verifies in one pass. A large model writes the summary
as a whole.
"""

from __future__ import annotations

from itertools import accumulate
from typing import TYPE_CHECKING, NamedTuple

from worker.engine.budget import answer_if_fitting, token_room
from worker.engine.protocol import Prompt
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.ranking import select_sentences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine, Generation

__all__ = ["SHORT_WORDS", "WrittenSentence", "write_sentences"]

#: English news has 1.35 tokens a word under the usual vocabularies; the rest is room for names.
_TOKENS_PER_WORD = 1.6

#: Words of the chosen sentences, as a multiple of the summary's most words. Sentences beyond the
#: summary's most words are not shortened, as few summaries reach them. At 1.1, short sentences that
#: carry little fill the room, and ROUGE-1 over four dev sets is .14 lower.
_CHOSEN_WORDS_RATIO = 1.4

#: A sentence of fewer words is left alone, as the adapter was trained to do.
SHORT_WORDS = 16

#: A shortened sentence has no more tokens than its source, but a new capital may cost one.
_SPARE_TOKENS = 4


class WrittenSentence(NamedTuple):
    """A sentence for the summary, not checked yet."""

    text: str
    finished: bool
    """Whether the engine ended it by itself."""
    source: str = ""
    """The article sentence that it shortens; empty if it was written from several."""


def write_sentences(
    articles: Sequence[Sequence[str]],
    rankings: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[WrittenSentence]]:
    """Return sentences for each article's summary; shortened ones come most important first.

    Raises:
        EngineError: the engine failed on the batch.
    """
    write = _shorten_sentences if profile.summary.shorten_prompt else _write_summaries
    return write(articles, rankings, engine, profile)


def _shorten_sentences(
    articles: Sequence[Sequence[str]],
    rankings: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[WrittenSentence]]:
    """Shorten the chosen sentences that are long; the others, and what does not fit, stay."""
    template = profile.prompts[profile.summary.shorten_prompt]
    max_words = profile.summary.max_words
    # Whether a sentence is shortened depends on its own article alone, even if another shares it.
    chosen: list[list[tuple[str, bool]]] = []
    for sentences, scores in zip(articles, rankings, strict=True):
        sizes = [len(sentence.split()) for sentence in sentences]
        budget = int(max_words * _CHOSEN_WORDS_RATIO)
        indexes = select_sentences(sentences, scores, sizes, budget=budget)
        ends = accumulate(sizes[index] for index in indexes)
        chosen.append(
            [
                (sentences[index], end <= max_words and sizes[index] >= SHORT_WORDS)
                for index, end in zip(indexes, ends, strict=True)
            ]
        )
    sources = [sentence for choice in chosen for sentence, is_shortened in choice if is_shortened]
    prompts = [
        Prompt(template, source, size + _SPARE_TOKENS, draft=source)
        for source, size in zip(sources, engine.count_tokens(sources), strict=True)
    ]
    answers = answer_if_fitting(prompts, engine)
    shortened = dict(zip(sources, map(_shortened, answers, sources), strict=True))
    return [
        [
            shortened[sentence] if is_shortened else _unchanged(sentence)
            for sentence, is_shortened in choice
        ]
        for choice in chosen
    ]


def _shortened(answer: Generation | None, source: str) -> WrittenSentence:
    if answer is None:
        return _unchanged(source)
    return WrittenSentence(" ".join(answer.text.split()), answer.finished, source)


def _unchanged(sentence: str) -> WrittenSentence:
    return WrittenSentence(sentence, finished=True, source=sentence)


def _write_summaries(
    articles: Sequence[Sequence[str]],
    rankings: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[WrittenSentence]]:
    """Write each summary as a whole, from as many of the best sentences as the window holds."""
    settings = profile.summary
    template = profile.prompts[settings.prompt]
    max_tokens = int(settings.max_words * _TOKENS_PER_WORD)
    room = token_room(engine, template) - max_tokens
    budget = min(settings.source_tokens, engine.window // 2, room)
    prompts = []
    for sentences, scores in zip(articles, rankings, strict=True):
        sizes = engine.count_tokens(sentences)
        chosen = select_sentences(sentences, scores, sizes, budget=budget)
        text = " ".join(sentences[index] for index in sorted(chosen))
        prompts.append(Prompt(template, text, max_tokens))
    return [_split_answer(answer) for answer in answer_if_fitting(prompts, engine)]


def _split_answer(answer: Generation | None) -> list[WrittenSentence]:
    if answer is None:
        return []
    sentences = split_sentences(" ".join(answer.text.split()))
    last = len(sentences) - 1
    return [
        WrittenSentence(text, answer.finished or index < last)
        for index, text in enumerate(sentences)
    ]
