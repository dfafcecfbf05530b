"""Stage 8, assemble: builds each summary from the sentences that pass the checks.

A refused sentence is replaced by its best evidence, a sentence of the article. If the summary is
still too short, the article's best sentences fill it. The result records what was refused and why.
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
from worker.stages.summarise.ranking import is_repetition, rank_sentences, select_sentences
from worker.stages.summarise.support import check_summary_sentence
from worker.stages.summarise.title import Title, write_titles
from worker.stages.summarise.topics import lost_recurring_words, recurring_words
from worker.stages.summarise.writing import WrittenSentence, write_sentences

if TYPE_CHECKING:
    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["Summary", "SummaryInput", "summarise"]

#: Longer sentences come last: they are hard to follow and take the space of two shorter sentences.
#: ROUGE-1 without and with this limit: 37.4 and 37.8 on 36 writers' articles, 36.7 and 37.3 on 60
#: articles of NeuS, 36.8 and 37.1 (36.5 at 35 words) on the gate's 48 articles from all sets.
_LONG_SENTENCE_WORDS = 30


@dataclass(frozen=True, slots=True)
class SummaryInput:
    """The parts of an article that its summary needs."""

    sentences: tuple[str, ...]
    awkward: frozenset[int]
    """Indexes of sentences that read badly."""
    needs_source: frozenset[int] = frozenset()
    """Indexes of sentences that cannot be understood without the source text; never chosen."""
    headline: str = ""
    """The article's own headline; empty if it has none."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A summary with its evidence and the refused proposals."""

    text: str
    title: Title
    method: Method
    evidence: tuple[SummarySentence, ...]
    refused: tuple[Refusal, ...]


@dataclass(slots=True)
class _Candidate:
    """A sentence that may enter the summary."""

    text: str
    evidence: tuple[int, ...]
    scores: dict[str, float]
    is_verbatim: bool
    """Whether the text is a sentence of the article, word for word."""


@dataclass(slots=True)
class _Assembly:
    """The state of one summary during assembly."""

    article: SummaryInput
    ranking: Sequence[float]
    candidates: list[_Candidate] = field(default_factory=list)
    refused: list[Refusal] = field(default_factory=list)

    def verbatim_candidate(self, index: int) -> _Candidate:
        """Return an article sentence as a candidate that is its own evidence."""
        return _Candidate(self.article.sentences[index], (index,), {}, is_verbatim=True)

    def replacements(self, evidence: Sequence[int]) -> list[_Candidate]:
        """Return a refused sentence's best evidence as a candidate, if it may be chosen."""
        return [
            self.verbatim_candidate(index)
            for index in evidence[:1]
            if self.ranking[index] > float("-inf")
        ]


def summarise(articles: Sequence[SummaryInput], engine: Engine, profile: Profile) -> list[Summary]:
    """Return one summary per article; the engine processes all articles together.

    Raises:
        EngineError: the engine failed on the batch.
    """
    rankings = [
        rank_sentences(article.sentences, article.awkward, article.needs_source)
        for article in articles
    ]
    written = write_sentences(
        [article.sentences for article in articles], rankings, engine, profile
    )
    assemblies = [
        _check(_Assembly(article, ranking), sentences, profile)
        for article, ranking, sentences in zip(articles, rankings, written, strict=True)
    ]
    _judge(assemblies, engine, profile)
    evidence = [_assemble(assembly, profile) for assembly in assemblies]
    titles = write_titles(
        [[entry.sentence for entry in entries] for entries in evidence],
        [article.headline for article in articles],
        engine,
        profile,
    )
    return [
        Summary(
            text=" ".join(entry.sentence for entry in entries),
            title=title,
            method=_method(entries, assembly.article.sentences),
            evidence=tuple(entries),
            refused=(*assembly.refused, *title.refused),
        )
        for assembly, entries, title in zip(assemblies, evidence, titles, strict=True)
    ]


def _check(assembly: _Assembly, written: Sequence[WrittenSentence], profile: Profile) -> _Assembly:
    """Add the sentences that pass the rules, and replacements for the rest, to ``assembly``."""
    sentences = assembly.article.sentences
    recurring = recurring_words(sentences)
    for text, finished, source in written:
        if not finished:
            assembly.refused.append(_refusal(text, Reason.UNFINISHED))
            continue
        if lost := lost_recurring_words(source, text, recurring):
            assembly.refused.append(_refusal(text, Reason.CONTENT_LOST, lost))
            assembly.candidates += assembly.replacements([sentences.index(source)])
            continue
        support = check_summary_sentence(text, sentences, profile.checks)
        check = support.check
        scores = dict(check.scores)
        if check.accepted and support.evidence:
            candidate = _Candidate(text, support.evidence, scores, is_verbatim=text in sentences)
            assembly.candidates.append(candidate)
            continue
        reason = check.reason or Reason.NOT_SUPPORTED
        assembly.refused.append(_refusal(text, reason, check.detail, scores))
        assembly.candidates += assembly.replacements(support.evidence)
    return assembly


def _judge(assemblies: Sequence[_Assembly], engine: Engine, profile: Profile) -> None:
    """Replace, in place, the candidates that the model judges unsupported by their evidence."""
    to_judge = [
        (assembly, candidate)
        for assembly in assemblies
        for candidate in assembly.candidates
        if not candidate.is_verbatim
    ]
    claims = [
        (
            [assembly.article.sentences[index] for index in sorted(candidate.evidence)],
            candidate.text,
        )
        for assembly, candidate in to_judge
    ]
    probabilities = support_probabilities(claims, engine, profile)
    for (assembly, candidate), probability in zip(to_judge, probabilities, strict=True):
        candidate.scores["probability"] = round(probability, 4)
        if probability < profile.checks.min_support_probability:
            place = assembly.candidates.index(candidate)
            assembly.candidates[place : place + 1] = assembly.replacements(candidate.evidence)
            detail = f"probability {probability:.2f}"
            assembly.refused.append(
                _refusal(candidate.text, Reason.NOT_SUPPORTED, detail, candidate.scores)
            )


def _is_long(candidate: _Candidate) -> bool:
    return len(candidate.text.split()) > _LONG_SENTENCE_WORDS


def _assemble(assembly: _Assembly, profile: Profile) -> list[SummarySentence]:
    """Return the sentences of the summary in the article's order."""
    settings, sentences = profile.summary, assembly.article.sentences
    # There are more shortened sentences than a summary needs, the most important first.
    target = settings.min_words if settings.shorten_prompt else settings.max_words
    kept: list[_Candidate] = []
    used = 0
    for candidate in sorted(assembly.candidates, key=_is_long):
        size = len(candidate.text.split())
        is_new = not any(is_repetition(candidate.text, earlier.text) for earlier in kept)
        if is_new and used < target and used + size <= settings.max_words:
            kept.append(candidate)
            used += size
    if used < settings.min_words:
        sizes = [len(sentence.split()) for sentence in sentences]
        added = select_sentences(
            sentences,
            assembly.ranking,
            sizes,
            budget=settings.max_words - used,
            target=settings.min_words - used,
            covered={index for candidate in kept for index in candidate.evidence},
        )
        if not added and not kept:
            added = _shortest(sizes)
        kept += map(assembly.verbatim_candidate, added)
    kept.sort(key=lambda candidate: candidate.evidence[0])
    return [
        SummarySentence(
            sentence=candidate.text,
            sentences=tuple(
                EvidenceSentence(index=index, text=sentences[index]) for index in candidate.evidence
            ),
            scores=candidate.scores,
        )
        for candidate in kept
    ]


def _shortest(sizes: Sequence[int]) -> list[int]:
    """Return the index of the shortest sentence, for an article without a sentence to choose."""
    return sorted(range(len(sizes)), key=lambda index: sizes[index])[:1]


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


def _method(entries: Sequence[SummarySentence], sentences: Sequence[str]) -> Method:
    verbatim = sum(entry.sentence in sentences for entry in entries)
    if verbatim == len(entries):
        return Method.EXTRACTIVE
    return Method.MIXED if verbatim else Method.WRITTEN
