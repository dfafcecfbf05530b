"""Stages 3 to 5 on sentences: spot, let the engine propose, check, accept or say why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.checks import check_proposal
from worker.engine import Prompt
from worker.facts import words
from worker.reason import Reason
from worker.spotting import spot

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.engine import Engine, Generation
    from worker.settings import Profile

__all__ = ["Mended", "mend_sentences"]

#: Tokens that an answer may have beyond its share, so that short sentences can be finished.
_SPARE_TOKENS = 8


@dataclass(frozen=True, slots=True)
class Mended:
    """What became of one sentence."""

    text: str
    """The sentence to use: the proposal where it was accepted, else the source as it was."""
    spotted: bool = False
    proposal: str = ""
    """What the engine wrote, where that differs from the source."""
    reason: Reason | None = None
    """``MODEL_REWRITE`` when accepted, a refusal's code when not; ``None`` without a proposal."""
    detail: str = ""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the proposal is used."""
        return self.reason is Reason.MODEL_REWRITE


def mend_sentences(sentences: Sequence[str], engine: Engine, profile: Profile) -> list[Mended]:
    """Each sentence, mended where the engine's proposal stands up to every check.

    All sentences go through the engine together. Those that read well are never sent.

    Raises:
        EngineError: the engine failed on the batch.
    """
    surprisals = engine.surprisal(sentences)
    spotted = spot(sentences, surprisals, profile.spotting)
    sizes = engine.count_tokens(sentences)
    mended = [Mended(sentence, was) for sentence, was in zip(sentences, spotted, strict=True)]

    template = profile.prompts[profile.repair.prompt]
    around = engine.prompt_tokens(template)
    prompts: dict[int, Prompt] = {}
    for index, sentence in enumerate(sentences):
        if not spotted[index]:
            continue
        budget = int(sizes[index] * profile.repair.max_growth) + _SPARE_TOKENS
        if sizes[index] + budget + around > engine.window:
            mended[index] = Mended(sentence, spotted=True, reason=Reason.TOO_LONG)
            continue
        prompts[index] = Prompt(template, sentence, budget)

    answers = engine.generate(list(prompts.values()))
    for index, answer in zip(prompts, answers, strict=True):
        mended[index] = _judge(sentences[index], answer, profile)

    # Only what passed the checks on words is scored: the forward pass is the costly part.
    passed = [index for index, item in enumerate(mended) if item.accepted]
    scored = engine.surprisal([mended[index].text for index in passed])
    for index, after in zip(passed, scored, strict=True):
        gain = surprisals[index].total_nats - after.total_nats
        mended[index] = _weigh(sentences[index], mended[index], gain, profile)
    return mended


def _judge(source: str, answer: Generation, profile: Profile) -> Mended:
    proposal = answer.text.strip()
    if words(proposal) == words(source):
        # Equal but for typography: nothing was proposed.
        return Mended(source, spotted=True)
    if not answer.finished:
        return Mended(source, spotted=True, proposal=proposal, reason=Reason.UNFINISHED)
    verdict = check_proposal(source, proposal, profile.checks)
    return Mended(
        text=proposal if verdict.accepted else source,
        spotted=True,
        proposal=proposal,
        reason=verdict.reason or Reason.MODEL_REWRITE,
        detail=verdict.detail,
        scores=verdict.scores,
    )


def _weigh(source: str, mended: Mended, gain_nats: float, profile: Profile) -> Mended:
    accepted = gain_nats >= profile.checks.min_gain_nats
    return Mended(
        text=mended.text if accepted else source,
        spotted=True,
        proposal=mended.proposal,
        reason=Reason.MODEL_REWRITE if accepted else Reason.NOT_BETTER,
        scores={**mended.scores, "gain_nats": round(gain_nats, 3)},
    )
