"""A neutral title: the headline where it is one, else the engine's where that stands up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine.protocol import Prompt
from worker.english.loaded_words import loaded_words
from worker.english.model_talk import instruction_in
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

#: A title of more words is a sentence.
MAX_TITLE_WORDS = 12
_MIN_TITLE_WORDS = 3

#: A title speaks for the desk: "I" would be somebody else's.
_FIRST_PERSON = frozenset({"I", "me", "my", "My", "we", "We", "us", "our", "Our"})

#: Twelve words of names and numbers.
_MAX_TOKENS = 30


@dataclass(frozen=True, slots=True)
class Title:
    """A title, and what was not used."""

    text: str
    """Empty where neither the engine's stood up to the checks nor the article has a headline."""
    refused: tuple[Refusal, ...] = ()


def write_titles(
    summaries: Sequence[Sequence[str]],
    headlines: Sequence[str],
    engine: Engine,
    profile: Profile,
) -> list[Title]:
    """A title for each summary, given as its sentences.

    A headline that is short and neutral is the title: good text is left alone, and a small model
    errs in titles more than anywhere. For any other the engine writes one; what is refused of
    those, the headline replaces, unless it gives orders to a model.

    Raises:
        EngineError: the engine failed on the batch.
    """
    # A headline that tells its reader what to write is none.
    headlines = [one if instruction_in(one) is None else "" for one in headlines]
    name = profile.summary.title_prompt
    if not name:
        return [Title(headline) for headline in headlines]
    template = profile.prompts[name]
    asked = [
        at for at, sentences in enumerate(summaries) if sentences and not _is_title(headlines[at])
    ]
    prompts = [Prompt(template, " ".join(summaries[at]), _MAX_TOKENS) for at in asked]
    answers = dict(zip(asked, engine.generate(prompts), strict=True)) if prompts else {}
    written = {at: _clean(answer) for at, answer in answers.items()}
    refused = {
        at: refusal
        for at, title in written.items()
        if (refusal := _refuse(title, answers[at], summaries[at])) is not None
    }
    judged = [at for at in written if at not in refused]
    claims = [(summaries[at], written[at]) for at in judged]
    found = support_probabilities(claims, engine, profile)
    for at, probability in zip(judged, found, strict=True):
        if probability < profile.checks.min_title_probability:
            refused[at] = _refusal(
                written[at],
                Reason.NOT_SUPPORTED,
                f"probability {probability:.2f}",
                {"probability": round(probability, 4)},
            )
    return [
        Title(written[at])
        if at in written and at not in refused
        else Title(headline, (refused[at],) if at in refused else ())
        for at, headline in enumerate(headlines)
    ]


def _is_title(headline: str) -> bool:
    """Whether the article's headline can stand over its summary as it is."""
    words = headline.split()
    is_short = _MIN_TITLE_WORDS <= len(words) <= MAX_TITLE_WORDS
    is_whole = is_balanced(headline) and _FIRST_PERSON.isdisjoint(words)
    return is_short and is_whole and not loaded_words(headline)


def _clean(answer: Generation) -> str:
    """The answer's text, without a full stop and quotation marks around it."""
    text = " ".join(answer.text.split())
    if text[:1] == text[-1:] == '"' and text.count('"') == 2:  # noqa: PLR2004 - a pair
        text = text[1:-1]
    return text.removesuffix(".")


def _refuse(title: str, answer: Generation, sentences: Sequence[str]) -> Refusal | None:
    """What the rules have against it."""
    words = title.split()
    if not answer.finished or len(words) < _MIN_TITLE_WORDS:
        return _refusal(title, Reason.UNFINISHED)
    if len(words) > MAX_TITLE_WORDS:
        return _refusal(title, Reason.LENGTH_CHANGED, f"{len(words)} words")
    verdict = check_title(title, sentences)
    if verdict.reason is not None:
        return _refusal(title, verdict.reason, verdict.detail)
    if not _FIRST_PERSON.isdisjoint(words):
        return _refusal(title, Reason.NOT_SUPPORTED, "first person")
    return None


def _refusal(
    title: str, reason: Reason, detail: str = "", scores: dict[str, float] | None = None
) -> Refusal:
    return Refusal(
        stage="title", before="", proposal=title, reason=reason, detail=detail, scores=scores or {}
    )
