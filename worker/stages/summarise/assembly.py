"""Stage 8, check: what of the written sentences stands, and what stands in for the rest.

What fails a check is not used. Its best evidence, the article's own sentence, stands in; where all
fails, the article's best sentences do; and the result says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.records.reason import Reason
from worker.records.result import (
    EvidenceSentence,
    Method,
    Refusal,
    SummarySentence,
)
from worker.stages.summarise.entailment import support_probabilities
from worker.stages.summarise.ranking import overlaps, rank_sentences, select
from worker.stages.summarise.support import check_summary_sentence
from worker.stages.summarise.title import Title, write_titles
from worker.stages.summarise.topics import lost_recurring_words, recurring_words
from worker.stages.summarise.writing import Written, write_sentences

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["Story", "Summary", "summarise"]

#: Words of a sentence beyond which readers lose it; in a summary of eighty it is two others' room.
#: ROUGE-1 without and with such sentences last: 36 writers' articles 37.4, 37.8; 60 of NeuS 36.7,
#: 37.3; the gate's 48 of all sets 36.8, 37.1 (36.5 with those over 35 words last).
_MOST_SENTENCE_WORDS = 30


@dataclass(frozen=True, slots=True)
class Story:
    """An article as the summary needs it."""

    sentences: tuple[str, ...]
    awkward: frozenset[int]
    """Indexes of sentences that read badly."""
    needs_source: frozenset[int] = frozenset()
    """Indexes of sentences of which nobody can say what they mean: no summary has them."""
    headline: str = ""
    """The article's own, empty where it has none."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary with what carries it and what was not used."""

    text: str
    title: Title
    method: Method
    evidence: tuple[SummarySentence, ...]
    refused: tuple[Refusal, ...]


@dataclass(slots=True)
class _Candidate:
    """A written sentence on its way through the checks."""

    text: str
    evidence: tuple[int, ...]
    scores: dict[str, float]
    own: bool
    """It is a sentence of the article, word for word."""


@dataclass(slots=True)
class _PendingSummary:
    """A summary on its way."""

    story: Story
    ranking: Sequence[float]
    candidates: list[_Candidate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def stand_ins(self, evidence: Sequence[int]) -> list[_Candidate]:
        """The article's own sentence for one that was refused, where it can stand alone."""
        return [
            _Candidate(self.story.sentences[index], (index,), {}, own=True)
            for index in evidence[:1]
            if self.ranking[index] > float("-inf")
        ]


def summarise(stories: Sequence[Story], engine: Engine, profile: Profile) -> list[Summary]:
    """One summary per story; the engine works on all of them together.

    Raises:
        EngineError: the engine failed on the batch.
    """
    rankings = [
        rank_sentences(story.sentences, story.awkward, story.needs_source) for story in stories
    ]
    articles = [story.sentences for story in stories]
    written = write_sentences(articles, rankings, engine, profile)
    drafts = [
        _check(_PendingSummary(story, ranking), many, profile)
        for story, ranking, many in zip(stories, rankings, written, strict=True)
    ]
    _judge(drafts, engine, profile)
    kept = [_assemble(draft, profile) for draft in drafts]
    titles = write_titles(
        [[item.sentence for item in items] for items in kept],
        [story.headline for story in stories],
        engine,
        profile,
    )
    return [
        Summary(
            text=" ".join(item.sentence for item in items),
            title=title,
            method=_method(items, draft.story.sentences),
            evidence=tuple(items),
            refused=(*draft.refused, *title.refused),
        )
        for draft, items, title in zip(drafts, kept, titles, strict=True)
    ]


def _check(draft: _PendingSummary, written: Sequence[Written], profile: Profile) -> _PendingSummary:
    """The written sentences that the rules let pass, in place; own ones for the others."""
    sentences = draft.story.sentences
    known = recurring_words(sentences)
    for text, finished, source in written:
        if not finished:
            draft.refused.append(_refusal(text, Reason.UNFINISHED))
            continue
        if lost := lost_recurring_words(source, text, known):
            draft.refused.append(_refusal(text, Reason.CONTENT_LOST, lost))
            draft.candidates += draft.stand_ins([sentences.index(source)])
            continue
        support = check_summary_sentence(text, sentences, profile.checks)
        verdict = support.verdict
        if verdict.accepted and support.evidence:
            own = text in sentences
            scores = dict(verdict.scores)
            draft.candidates.append(_Candidate(text, support.evidence, scores, own))
            continue
        reason = verdict.reason or Reason.NOT_SUPPORTED
        draft.refused.append(_refusal(text, reason, verdict.detail, dict(verdict.scores)))
        draft.candidates += draft.stand_ins(support.evidence)
    return draft


def _judge(drafts: Sequence[_PendingSummary], engine: Engine, profile: Profile) -> None:
    """Take out, in place, what the model finds that its evidence does not say."""
    asked = [
        (draft, candidate)
        for draft in drafts
        for candidate in draft.candidates
        if not candidate.own
    ]
    claims = [
        ([draft.story.sentences[at] for at in sorted(one.evidence)], one.text)
        for draft, one in asked
    ]
    found = support_probabilities(claims, engine, profile)
    for (draft, candidate), probability in zip(asked, found, strict=True):
        candidate.scores["probability"] = round(probability, 4)
        if probability < profile.checks.min_support_probability:
            at = draft.candidates.index(candidate)
            draft.candidates[at : at + 1] = draft.stand_ins(candidate.evidence)
            detail = f"probability {probability:.2f}"
            draft.refused.append(
                _refusal(candidate.text, Reason.NOT_SUPPORTED, detail, candidate.scores)
            )


def _is_long(candidate: _Candidate) -> bool:
    return len(candidate.text.split()) > _MOST_SENTENCE_WORDS


def _assemble(draft: _PendingSummary, profile: Profile) -> list[SummarySentence]:
    """The sentences of the summary, in the order in which the article tells them."""
    settings, sentences = profile.summary, draft.story.sentences
    # Of shortened sentences there are more than a summary needs, the most important first.
    enough = settings.min_words if settings.shorten_prompt else settings.max_words
    kept: list[_Candidate] = []
    used = 0
    # What could not be made shorter leaves its room to two others, where there are any.
    for candidate in sorted(draft.candidates, key=_is_long):
        size = len(candidate.text.split())
        fresh = not any(overlaps(candidate.text, other.text) for other in kept)
        if fresh and used < enough and used + size <= settings.max_words:
            kept.append(candidate)
            used += size
    if used < settings.min_words:
        sizes = [len(sentence.split()) for sentence in sentences]
        own = select(
            sentences,
            draft.ranking,
            sizes,
            budget=settings.max_words - used,
            enough=settings.min_words - used,
            said={at for candidate in kept for at in candidate.evidence},
        ) or _shortest(sizes, kept)
        kept += [_Candidate(sentences[index], (index,), {}, own=True) for index in own]
    kept.sort(key=lambda candidate: candidate.evidence[0])
    return [
        SummarySentence(
            sentence=one.text,
            sentences=tuple(EvidenceSentence(index=at, text=sentences[at]) for at in one.evidence),
            scores=one.scores,
        )
        for one in kept
    ]


def _shortest(sizes: Sequence[int], kept: Sequence[_Candidate]) -> list[int]:
    """For an article with no sentence fit to choose: its shortest one, rather than nothing."""
    if kept or not sizes:
        return []
    return [min(range(len(sizes)), key=lambda index: (sizes[index], index))]


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


def _method(kept: Sequence[SummarySentence], sentences: Sequence[str]) -> Method:
    own = sum(item.sentence in sentences for item in kept)
    if own == len(kept):
        return Method.EXTRACTIVE
    return Method.MIXED if own else Method.WRITTEN
