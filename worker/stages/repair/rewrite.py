"""Stages 4 and 5 for a whole sentence: may a rewrite replace its source?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from worker.errors import UsageError
from worker.records.reason import Reason
from worker.stages.check_result import CheckResult
from worker.stages.meaning import load_meaning_judge
from worker.stages.repair.fidelity import check_facts, check_proposal

if TYPE_CHECKING:
    from worker.config.profile import Profile

__all__ = ["SAME_PROBABILITY", "check_part", "check_rewrite", "same_probability"]

#: Name of the judge's probability among the scores of a result.
SAME_PROBABILITY = "same_probability"


def check_rewrite(source: str, rewrite: str, profile: Profile) -> CheckResult:
    """Check a proposal for the whole sentence: the facts by rule, the meaning by the judge.

    Without a judge in the profile, the strict rules for single changes decide.
    """
    if not profile.checks.meaning_judge:
        return check_proposal(source, rewrite, profile.checks)
    result = check_facts(source, rewrite)
    return result if result.reason else _judge(source, rewrite, profile)


def check_part(source: str, text: str, profile: Profile) -> CheckResult:
    """Check a sentence with some changes of a proposal: by the strict rules, then by the judge.

    Half a rewrite is seldom what the model meant, so it must pass both.
    """
    result = check_proposal(source, text, profile.checks)
    if result.reason or not profile.checks.meaning_judge:
        return result
    return _judge(source, text, profile)


def same_probability(source: str, rewrite: str, profile: Profile) -> float:
    """Return the probability (0-1) that a rewrite says the same, by the profile's judge.

    Raises:
        UsageError: the profile has no judge.
    """
    if not profile.checks.meaning_judge:
        raise UsageError(
            f"the profile {profile.name} has no judge of meaning",
            code="no_judge",
            hint='set meaning_judge = "meaning.v1" under [checks]',
        )
    return load_meaning_judge(profile.checks.meaning_judge).probability(source, rewrite)


def _judge(source: str, rewrite: str, profile: Profile) -> CheckResult:
    probability = same_probability(source, rewrite, profile)
    scores = {SAME_PROBABILITY: round(probability, 3)}
    judge = load_meaning_judge(profile.checks.meaning_judge)
    if judge.accepts(probability, profile.repair.restraint):
        return CheckResult(None, scores=scores)
    return CheckResult(Reason.MEANING_DOUBTFUL, f"{probability:.2f}", scores)
