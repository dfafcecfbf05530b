"""Whether a text says what a claim says, by a model that was trained to tell.

The rules of ``worker.stages.summarise.support`` see words; this sees who did what, and a sentence
that has lost its
middle. The two are wrong about different claims, so that a claim needs both.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from worker.engine.protocol import Prompt

if TYPE_CHECKING:
    from collections.abc import Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine
    from worker.stages.summarise.support import SupportResult

__all__ = ["NO", "YES", "claim_text", "support_probabilities", "support_score"]

YES, NO = "yes", "no"

#: An answer of a server that gives no probabilities: it has said yes, or anything else.
_ANSWER_TOKENS = 3

#: How much the model counts beside the rules. The share of words alone has AUC .857 on
#: QAGS-CNN/DM and .802 on CLIFF, with so much of the model .856 and .804, with half .84 and .80.
_MODEL_SHARE = 0.2


def claim_text(evidence: Sequence[str], claim: str) -> str:
    """What the model is asked about: the evidence in the article's order, then the claim."""
    return f"{' '.join(evidence)}\nClaim: {claim}"


def support_probabilities(
    claims: Sequence[tuple[Sequence[str], str]], engine: Engine, profile: Profile
) -> list[float]:
    """How probable it is that each claim's evidence says it (0-1).

    Asked is the profile's model of entailment, else the engine by the profile's prompt. All 1 where
    it names neither: then the rules alone decide. An engine without probabilities gives 1 for "yes"
    and 0 for anything else.

    Raises:
        EngineError: the engine failed on the batch.
    """
    name, checks = profile.summary.support_prompt, profile.checks
    if claims and checks.entailment_model:
        # Imported here: torch takes seconds, and only a worker's child or an evaluation needs it.
        from worker.engine.nli import entailment_probabilities  # noqa: PLC0415

        return entailment_probabilities(
            [(" ".join(evidence), claim) for evidence, claim in claims],
            name=checks.entailment_model,
            revision=checks.entailment_revision,
        )
    if not name or not claims:
        return [1.0] * len(claims)
    template = profile.prompts[name]
    answers = engine.generate(
        [
            Prompt(template, claim_text(evidence, claim), _ANSWER_TOKENS, draft=YES)
            for evidence, claim in claims
        ]
    )
    return [
        math.exp(-answer.draft_nats[0])
        if answer.draft_nats
        else float(answer.text.strip().lower().startswith(YES))
        for answer in answers
    ]


def support_score(support: SupportResult, probability: float) -> float:
    """How well a claim is carried, by the rules' share and the model together (0-1)."""
    share = support.verdict.scores.get("support", 0.0)
    return (1 - _MODEL_SHARE) * share + _MODEL_SHARE * probability
