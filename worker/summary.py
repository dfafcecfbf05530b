"""Stages 6 to 8: choose sentences, let the engine write from them, check each sentence.

What fails a check is not used; the article's own sentences stand in, and the result says so.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.choice import rank_sentences, select
from worker.engine import Prompt
from worker.reason import Reason
from worker.records import EvidenceSentence, Method, Refusal, SummarySentence
from worker.sentences import split_sentences
from worker.support import check_summary_sentence

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.engine import Engine, Generation
    from worker.profile import Profile

__all__ = ["Story", "Summary", "summarise"]

#: English news has 1.35 tokens a word under the usual vocabularies; with room for names.
_TOKENS_PER_WORD = 1.6


@dataclass(frozen=True, slots=True)
class Story:
    """An article as the summary needs it."""

    sentences: tuple[str, ...]
    awkward: frozenset[int]
    """Indexes of sentences that read badly."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary with what carries it and what was not used."""

    text: str
    method: Method
    evidence: tuple[SummarySentence, ...]
    refused: tuple[Refusal, ...]


def summarise(stories: Sequence[Story], engine: Engine, profile: Profile) -> list[Summary]:
    """One summary per story; the engine writes all of them in one call.

    Raises:
        EngineError: the engine failed on the batch.
    """
    ranked = [rank_sentences(story.sentences, story.awkward) for story in stories]
    settings = profile.summary
    prompts = []
    for story, scores in zip(stories, ranked, strict=True):
        sizes = engine.count_tokens(story.sentences)
        budget = min(settings.source_tokens, engine.window // 2)
        chosen = select(story.sentences, scores, sizes, budget=budget)
        text = " ".join(story.sentences[index] for index in chosen)
        budget = int(settings.max_words * _TOKENS_PER_WORD)
        prompts.append(Prompt(profile.prompts[settings.prompt], text, budget))
    answers = engine.generate(prompts)
    return [
        _assemble(story, scores, answer, profile)
        for story, scores, answer in zip(stories, ranked, answers, strict=True)
    ]


def _assemble(
    story: Story, scores: Sequence[float], answer: Generation, profile: Profile
) -> Summary:
    settings = profile.summary
    sizes = [len(sentence.split()) for sentence in story.sentences]
    written, refused = _checked(story, answer, profile)
    kept: list[SummarySentence] = []
    for item in written:
        used = sum(len(one.sentence.split()) for one in kept)
        if used + len(item.sentence.split()) <= settings.max_words:
            kept.append(item)

    used = sum(len(item.sentence.split()) for item in kept)
    own: list[int] = []
    if used < settings.min_words:
        own = select(
            story.sentences,
            scores,
            sizes,
            budget=settings.max_words - used,
            enough=settings.min_words - used,
            said={one.index for item in kept for one in item.sentences},
        ) or _shortest(story.sentences, sizes, kept)
    kept += [_own_sentence(story, index) for index in own]
    # In the order in which the article tells it.
    kept.sort(key=lambda item: item.sentences[0].index)
    return Summary(
        text=" ".join(item.sentence for item in kept),
        method=_method(kept, story.sentences),
        evidence=tuple(kept),
        refused=tuple(refused),
    )


def _checked(
    story: Story, answer: Generation, profile: Profile
) -> tuple[list[SummarySentence], list[Refusal]]:
    """The model's sentences that stand up to the checks, and those that do not."""
    kept: list[SummarySentence] = []
    refused: list[Refusal] = []
    sentences = split_sentences(" ".join(answer.text.split()))
    for position, sentence in enumerate(sentences):
        if position == len(sentences) - 1 and not answer.finished:
            refused.append(_refusal(sentence, Reason.UNFINISHED))
            continue
        support = check_summary_sentence(sentence, story.sentences, profile.checks)
        if not support.verdict.accepted or not support.evidence:
            verdict = support.verdict
            reason = verdict.reason or Reason.NOT_SUPPORTED
            refused.append(_refusal(sentence, reason, verdict.detail, dict(verdict.scores)))
        elif all(sentence != item.sentence for item in kept):
            evidence = tuple(
                EvidenceSentence(index=index, text=story.sentences[index])
                for index in support.evidence
            )
            kept.append(SummarySentence(sentence=sentence, sentences=evidence))
    return kept, refused


def _refusal(
    sentence: str, reason: Reason, detail: str = "", scores: dict[str, float] | None = None
) -> Refusal:
    return Refusal(
        stage="summary",
        before="",
        proposal=sentence,
        reason=reason,
        detail=detail,
        scores=scores or {},
    )


def _own_sentence(story: Story, index: int) -> SummarySentence:
    text = story.sentences[index]
    return SummarySentence(sentence=text, sentences=(EvidenceSentence(index=index, text=text),))


def _shortest(
    sentences: Sequence[str], sizes: Sequence[int], kept: Collection[SummarySentence]
) -> list[int]:
    """For an article with no sentence fit to choose: its shortest one, rather than nothing."""
    if kept or not sentences:
        return []
    return [min(range(len(sentences)), key=lambda index: (sizes[index], index))]


def _method(kept: Sequence[SummarySentence], sentences: Sequence[str]) -> Method:
    own = sum(item.sentence in sentences for item in kept)
    if own == len(kept):
        return Method.EXTRACTIVE
    return Method.MIXED if own else Method.WRITTEN
