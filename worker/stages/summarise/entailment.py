"""Stage 8, judge: asks a model for the probability that the evidence supports a claim.

The rules in ``worker.stages.summarise.support`` compare words; the model also notices reversed
roles and words cut from the middle of a sentence. The rules and the model make mistakes on
different claims, so a claim must pass both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.engine.budget import answer_if_fitting
from worker.engine.protocol import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine, Generation
    from worker.stages.summarise.support import SupportResult

__all__ = ["NO", "YES", "claim_text", "support_probabilities", "support_score"]

YES, NO = "yes", "no"

#: Enough for "yes" or "no" from a server that gives no probabilities.
_ANSWER_TOKENS = 3

#: Weight of the model's probability against the rules' support share (0-1). AUC on QAGS-CNN/DM and
#: CLIFF: .857 and .802 at 0, .856 and .804 at .2, .84 and .80 at .5.
_MODEL_WEIGHT = 0.2


def claim_text(evidence: Sequence[str], claim: str) -> str:
    """Return the text to judge: the evidence in the article's order, then the claim."""
    return f"{' '.join(evidence)}\nClaim: {claim}"


def support_probabilities(
    claims: Sequence[tuple[Sequence[str], str]], engine: Engine, profile: Profile
) -> list[float]:
    """Return the probability that each claim's evidence supports it (0-1).

    The profile's entailment model judges the claims. If the profile names no such model, the engine
    judges them with the profile's support prompt. If the profile names neither, every claim gets 1
    and the rules alone decide. An engine without probabilities gives 1 for "yes" and 0 for anything
    else. A claim that does not fit in the engine's window gets 0.

    Raises:
        EngineError: the engine failed on the batch.
    """
    prompt_name, checks = profile.summary.support_prompt, profile.checks
    if claims and checks.entailment_model:
        # Imported here: torch takes seconds to load, and few processes need it.
        from worker.engine.nli import entailment_probabilities  # noqa: PLC0415

        return entailment_probabilities(
            [(" ".join(evidence), claim) for evidence, claim in claims],
            name=checks.entailment_model,
            revision=checks.entailment_revision,
        )
    if not prompt_name or not claims:
        return [1.0] * len(claims)
    template = profile.prompts[prompt_name]
    prompts = [
        Prompt(template, claim_text(evidence, claim), _ANSWER_TOKENS, draft=YES)
        for evidence, claim in claims
    ]
    return [_yes_probability(answer) for answer in answer_if_fitting(prompts, engine)]


def _yes_probability(answer: Generation | None) -> float:
    if answer is None:
        return 0.0
    if answer.draft_nats:
        return math.exp(-answer.draft_nats[0])
    return float(answer.text.strip().lower().startswith(YES))


def support_score(support: SupportResult, probability: float) -> float:
    """Return how well the rules and the model together find a claim supported (0-1)."""
    share = support.check.scores.get("support", 0.0)
    return (1 - _MODEL_WEIGHT) * share + _MODEL_WEIGHT * probability
