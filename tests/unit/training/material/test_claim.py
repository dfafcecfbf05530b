"""Training pairs of claims with their evidence, true and false."""

from __future__ import annotations

from random import Random

from worker.stages.summarise.entailment import NO, YES
from worker.training.material.claim import claim_pairs, reworded_claims

SENTENCES = (
    "The harbour of Milltown will close on Monday, Mayor Ada Lund said.",
    "Prices rose by 14 percent after Piet Brandt warned that the quay was unsafe.",
    "The former captain Sven Holm said that fishermen lost their boats in the storm.",
)


def seeded(seed: int = 0) -> Random:
    return Random(seed)  # noqa: S311


def test_claims_are_true_falsified_or_astray() -> None:
    claims = [("copied", sentence) for sentence in SENTENCES] * 30
    pairs = list(claim_pairs([(SENTENCES, claims)], seeded()))

    answers = {kind: {pair.target for pair in pairs if pair.kind == kind} for kind in
               {pair.kind for pair in pairs}}  # fmt: skip
    assert answers.pop("copied") == {YES}
    assert "astray" in answers
    assert all(answer == {NO} for answer in answers.values())
    for pair in pairs:
        evidence, claim = pair.source.split("\nClaim: ")
        assert (claim in evidence) == (pair.target == YES)


def row(seg: str, target: str, *targets: str) -> dict[str, object]:
    return {"doc": "d", "seg": seg, "target": target, "targets": list(targets)}


def test_other_versions_with_the_same_facts_are_claims() -> None:
    rows = [
        row("0", "The old harbour will close in June.", "In June the old harbour will be shut."),
        row("1", "It will cost 14 million euros.", "It will cost 15 million euros."),
        row("2", "Mayor Lund has said nothing of it.", "Mayor Holm has said nothing of it."),
        row("3", "The ferry will not leave from here.", "The ferry will leave from here."),
    ]
    ((sentences, claims),) = reworded_claims(rows, seeded())

    assert sentences == [str(segment["target"]) for segment in rows]
    assert claims == [("reworded", "In June the old harbour will be shut.")]
