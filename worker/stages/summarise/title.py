"""A neutral title: the headline if it is neutral, else the engine's title if that passes checks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.budget import answer_if_fitting
from worker.engine.protocol import Prompt
from worker.english.loaded_words import find_loaded_words
from worker.english.model_talk import find_instruction
from worker.english.quotation import is_balanced
from worker.records.reason import Reason
from worker.records.result import Refusal
from worker.stages.summarise.entailment import support_probabilities
from worker.stages.summarise.support import check_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine, Generation

__all__ = ["Title", "write_titles"]

#: A title with more words is a sentence.
_MAX_TITLE_WORDS = 12
_MIN_TITLE_WORDS = 3

#: Titles are in the desk's voice, so a first-person "I" would be misattributed.
_FIRST_PERSON = frozenset({"I", "me", "my", "My", "we", "We", "us", "our", "Our"})

#: Enough for twelve words of names and numbers.
_MAX_TOKENS = 30


@dataclass(frozen=True, slots=True)
class Title:
    """A title, and the engine's title if it was refused."""

    text: str
    """Empty if the engine's title fails a check and the article has no headline."""
    refused: tuple[Refusal, ...] = ()


def write_titles(
    summaries: Sequence[Sequence[str]],
    headlines: Sequence[str],
    engine: Engine,
    profile: Profile,
) -> list[Title]:
    """Return a title for each summary, given as a list of sentences.

    A short and neutral headline becomes the title: good text is left alone, and a small model makes
    most of its mistakes in titles. Otherwise the engine writes a title. If that title is refused,
    the headline replaces it, unless the headline gives instructions to a model.

    Raises:
        EngineError: the engine failed on the batch.
    """
    headlines = [headline if find_instruction(headline) is None else "" for headline in headlines]
    if not profile.summary.title_prompt:
        return [Title(headline) for headline in headlines]
    untitled = [
        index
        for index, sentences in enumerate(summaries)
        if sentences and not _is_title(headlines[index])
    ]
    titles = [Title(headline) for headline in headlines]
    proposals = _propose_titles([summaries[index] for index in untitled], engine, profile)
    for index, (proposal, refusal) in zip(untitled, proposals, strict=True):
        titles[index] = Title(headlines[index], (refusal,)) if refusal else Title(proposal)
    return titles


def _is_title(headline: str) -> bool:
    """Return whether the article's headline can serve as the title unchanged."""
    words = headline.split()
    is_short = _MIN_TITLE_WORDS <= len(words) <= _MAX_TITLE_WORDS
    is_whole = is_balanced(headline) and _FIRST_PERSON.isdisjoint(words)
    return is_short and is_whole and not find_loaded_words(headline)


def _propose_titles(
    summaries: Sequence[Sequence[str]], engine: Engine, profile: Profile
) -> list[tuple[str, Refusal | None]]:
    """Return the engine's title for each summary, with a refusal if the title fails a check."""
    template = profile.prompts[profile.summary.title_prompt]
    prompts = [Prompt(template, " ".join(sentences), _MAX_TOKENS) for sentences in summaries]
    answers = answer_if_fitting(prompts, engine)
    proposals = ["" if answer is None else _clean(answer) for answer in answers]
    refusals = list(map(_find_refusal, proposals, answers, summaries))
    passed = [index for index, refusal in enumerate(refusals) if refusal is None]
    claims = [(summaries[index], proposals[index]) for index in passed]
    probabilities = support_probabilities(claims, engine, profile)
    for index, probability in zip(passed, probabilities, strict=True):
        if probability < profile.checks.min_title_probability:
            refusals[index] = _refusal(
                proposals[index],
                Reason.NOT_SUPPORTED,
                f"probability {probability:.2f}",
                {"probability": round(probability, 4)},
            )
    return list(zip(proposals, refusals, strict=True))


def _clean(answer: Generation) -> str:
    """Return the answer without a final full stop or quotation marks around it."""
    text = " ".join(answer.text.split())
    if text[:1] == text[-1:] == '"' and text.count('"') == 2:  # noqa: PLR2004 - a pair
        text = text[1:-1]
    return text.removesuffix(".")


def _find_refusal(
    title: str, answer: Generation | None, sentences: Sequence[str]
) -> Refusal | None:
    """Return the refusal if the rules refuse the title, or None."""
    if answer is None:
        return _refusal(title, Reason.TOO_LONG)
    words = title.split()
    if not answer.finished or len(words) < _MIN_TITLE_WORDS:
        return _refusal(title, Reason.UNFINISHED)
    if len(words) > _MAX_TITLE_WORDS:
        return _refusal(title, Reason.LENGTH_CHANGED, f"{len(words)} words")
    check = check_title(title, sentences)
    if check.reason is not None:
        return _refusal(title, check.reason, check.detail)
    if not _FIRST_PERSON.isdisjoint(words):
        return _refusal(title, Reason.NOT_SUPPORTED, "first person")
    return None


def _refusal(
    title: str, reason: Reason, detail: str = "", scores: dict[str, float] | None = None
) -> Refusal:
    return Refusal(
        stage="title", before="", proposal=title, reason=reason, detail=detail, scores=scores or {}
    )
