"""A neutral title for the summary, written by the engine; or the article's own headline."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from worker.engine import Prompt
from worker.judge import support_probabilities
from worker.reason import Reason
from worker.result import Refusal
from worker.support import check_title

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.engine import Engine, Generation
    from worker.profile import Profile

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
    """A title for each summary, given as its sentences; what is refused, the headline replaces.

    Raises:
        EngineError: the engine failed on the batch.
    """
    name = profile.summary.title_prompt
    if not name:
        return [Title(headline) for headline in headlines]
    template = profile.prompts[name]
    asked = [at for at, sentences in enumerate(summaries) if sentences]
    prompts = [Prompt(template, " ".join(summaries[at]), _MAX_TOKENS) for at in asked]
    answers = dict(zip(asked, engine.generate(prompts), strict=True)) if prompts else {}
    written = {at: _clean(answer) for at, answer in answers.items()}
    probabilities = dict(
        zip(
            asked,
            support_probabilities([(summaries[at], written[at]) for at in asked], engine, profile),
            strict=True,
        )
    )
    titles = []
    for at, headline in enumerate(headlines):
        refusal = None
        if at in written:
            refusal = _refuse(written[at], answers[at], summaries[at], probabilities[at], profile)
        usable = at in written and refusal is None
        titles.append(
            Title(written[at] if usable else headline, (refusal,) if refusal is not None else ())
        )
    return titles


def _clean(answer: Generation) -> str:
    """The answer's text, without a full stop and quotation marks around it."""
    text = " ".join(answer.text.split())
    if text[:1] == text[-1:] == '"' and text.count('"') == 2:  # noqa: PLR2004 - a pair
        text = text[1:-1]
    return text.removesuffix(".")


def _refuse(
    title: str, answer: Generation, sentences: Sequence[str], probability: float, profile: Profile
) -> Refusal | None:
    verdict = check_title(title, sentences)
    words = len(title.split())
    reason, detail = verdict.reason, verdict.detail
    if not answer.finished or words < _MIN_TITLE_WORDS:
        reason, detail = Reason.UNFINISHED, ""
    elif words > MAX_TITLE_WORDS:
        reason, detail = Reason.LENGTH_CHANGED, f"{words} words"
    elif reason is None and not _FIRST_PERSON.isdisjoint(title.split()):
        reason, detail = Reason.NOT_SUPPORTED, "first person"
    elif reason is None and probability < profile.checks.min_support_probability:
        reason, detail = Reason.NOT_SUPPORTED, f"probability {probability:.2f}"
    if reason is None:
        return None
    return Refusal(
        stage="title",
        before="",
        proposal=title,
        reason=reason,
        detail=detail,
        scores={"probability": round(probability, 4)},
    )
