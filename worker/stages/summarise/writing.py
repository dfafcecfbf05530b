"""Stage 7, write: has the engine write sentences for the summary, without checking them.

The profile chooses the method. A small model shortens the chosen sentences one by one: each answer
has a single source sentence and mostly copies that sentence, so the engine verifies the copied
words in one pass. A large model writes the summary as a whole.
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

#: Tokens allowed per word. English news has 1.35 tokens per word with the usual vocabularies; the
#: rest leaves room for names.
_TOKENS_PER_WORD = 1.6

#: Maximum number of words in the chosen sentences, as a multiple of the summary's maximum.
#: Sentences beyond the summary's maximum are not shortened, because few summaries reach them. At
#: 1.1, short sentences that carry little fill the space, and ROUGE-1 over four dev sets is .14
#: lower.
_CHOSEN_WORDS_RATIO = 1.4

#: A sentence with fewer words is left alone, as in the adapter's training.
SHORT_WORDS = 16

#: Tokens allowed beyond the source's. A shortened sentence is no longer than its source, but a new
#: capital may cost a token.
_SPARE_TOKENS = 4


class WrittenSentence(NamedTuple):
    """A sentence for the summary, not yet checked."""

    text: str
    finished: bool
    """Whether the engine ended the sentence before its token limit."""
    source: str = ""
    """The article sentence behind the text; empty if the text was written from several."""


def write_sentences(
    articles: Sequence[Sequence[str]],
    rankings: Sequence[Sequence[float]],
    engine: Engine,
    profile: Profile,
) -> list[list[WrittenSentence]]:
    """Return sentences for each article's summary; shortened sentences come most important first.

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
    """Shorten the chosen sentences, except those that are short or do not fit in the window."""
    template = profile.prompts[profile.summary.shorten_prompt]
    max_words = profile.summary.max_words
    # Whether a sentence is shortened depends on its own article, even if two articles share it.
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
    """Write each summary as a whole, from as many of the best sentences as fit in the window."""
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
