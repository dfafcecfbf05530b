"""Stages 3 to 5 on sentences: spot, let the engine propose, check, accept or say why not."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from worker.checks import check_proposal
from worker.engine import Prompt
from worker.facts import words
from worker.reason import Reason
from worker.spotting import reads_badly, worth_reading

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

    All sentences go through the engine together, each as the draft of its own repair: where the
    model would leave it as it is, to read it is all there is to do.

    Raises:
        EngineError: the engine failed on the batch.
    """
    sizes = engine.count_tokens(sentences)
    mended = [Mended(sentence) for sentence in sentences]
    template = profile.prompts[profile.repair.prompt]
    around = engine.prompt_tokens(template)
    prompts: dict[int, Prompt] = {}
    for index, sentence in enumerate(sentences):
        if not worth_reading(sentence):
            continue
        budget = int(sizes[index] * profile.repair.max_growth) + _SPARE_TOKENS
        if sizes[index] + budget + around > engine.window:
            mended[index] = Mended(sentence, spotted=True, reason=Reason.TOO_LONG)
            continue
        prompts[index] = Prompt(
            template,
            sentence,
            budget,
            draft=sentence,
            keep_bias_nats=profile.repair.keep_bias_nats,
        )
    answers = engine.generate(list(prompts.values()))
    for index, answer in zip(prompts, answers, strict=True):
        mended[index] = _judge(sentences[index], answer, profile)
    return mended


def _judge(source: str, answer: Generation, profile: Profile) -> Mended:
    proposal = answer.text.strip()
    if words(proposal) == words(source):
        # Equal but for typography: nothing was proposed.
        return Mended(source, spotted=reads_badly(source, answer, profile.spotting))
    if not answer.finished:
        return Mended(source, spotted=True, proposal=proposal, reason=Reason.UNFINISHED)
    verdict = check_proposal(source, proposal, profile.checks)
    reason, scores = verdict.reason, dict(verdict.scores)
    gain = answer.gain_nats
    if gain is not None:
        scores["gain_nats"] = round(gain, 3)
        if reason is None and gain < profile.checks.min_gain_nats:
            reason = Reason.NOT_BETTER
    return Mended(
        text=source if reason else proposal,
        spotted=True,
        proposal=proposal,
        reason=reason or Reason.MODEL_REWRITE,
        detail=verdict.detail,
        scores=scores,
    )
