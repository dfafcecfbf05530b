"""Which rewrites of a whole sentence may be used: facts by rule, meaning by the judge."""

from __future__ import annotations

import pytest

from worker.config.profile import Profile
from worker.config.restraint import Restraint
from worker.records.reason import Reason
from worker.stages.repair.fidelity import check_facts
from worker.stages.repair.rewrite import SAME_PROBABILITY, check_part, check_rewrite

SOURCE = "The council has on Monday the budget of the city for the next year approved."
REWRITE = "The council approved the city's budget for the next year on Monday."


@pytest.fixture
def judged(profile: Profile) -> Profile:
    """The profile with the judge that the default profile has."""
    checks = profile.checks.model_copy(update={"meaning_judge": "meaning.v1"})
    return profile.model_copy(update={"checks": checks})


@pytest.mark.parametrize(
    ("source", "rewrite"),
    [
        ("He can not the harbour reach.", "He cannot reach the harbour."),
        ("The club will on Monday a coach name.", "The club will name a coach on Monday."),
        ("The russian minister spoke.", "The Russian minister spoke."),
        ("Impossible is it to swim there.", "It is impossible to swim there."),
        ("Ships wait since Monday.", "Ships have waited since Monday."),
        ("It was delayed on six months.", "It was delayed by six months."),
        ("Trucks up to 10 tons may pass.", "Trucks to 10 tons may pass."),
        ("It opened in the month of May.", "It opened in May."),
        ("It opened in the year 1931.", "It opened in 1931."),
    ],
)
def test_word_order_and_case_leave_the_facts_alone(source: str, rewrite: str) -> None:
    assert check_facts(source, rewrite).reason is None


@pytest.mark.parametrize(
    ("source", "rewrite", "reason"),
    [
        ("He paid 12 euros.", "He paid 13 euros.", Reason.NUMBER_CHANGED),
        ("The party of Berg won.", "The party of Borg won.", Reason.NAME_CHANGED),
        ("The town of Moss slept.", "The town of moss slept.", Reason.NAME_CHANGED),
        ('She said "it go".', 'She said "it goes".', Reason.QUOTE_CHANGED),
        ("He did not go.", "He did go.", Reason.NEGATION_CHANGED),
        ("He never no go.", "He never goes.", Reason.NEGATION_CHANGED),
        ("They may leave.", "They will leave.", Reason.MODALITY_CHANGED),
        ("They leave?", "They leave.", Reason.MODALITY_CHANGED),
        ("They leave.", "They leave", Reason.UNFINISHED),
        ("Is it over? So he ask.", "It is over. So he asks.", Reason.MODALITY_CHANGED),
        ("She hit him.", "He hit her.", Reason.CONTENT_LOST),
        ("They sold ships to banks.", "They sold banks to ships.", Reason.TOO_DIFFERENT),
        ("He open the new bridge.", "He opens the bridge.", Reason.CONTENT_LOST),
        ("He open the bridge.", "He closes the bridge.", Reason.CONTENT_LOST),
        ("He open the bridge.", "He opens the new bridge.", Reason.CONTENT_ADDED),
        ("It wait since Monday.", "It waits on Monday.", Reason.CONTENT_LOST),
        ("It lost a month of work.", "It lost work.", Reason.CONTENT_LOST),
        ("It lost 3 in a year.", "It lost 3.", Reason.CONTENT_LOST),
        ("They left after lunch.", "They left before lunch.", Reason.CONTENT_LOST),
        ("- He go home.", "He goes home.", Reason.LAYOUT_CHANGED),
    ],
)
def test_a_changed_fact_is_refused(source: str, rewrite: str, reason: Reason) -> None:
    assert check_facts(source, rewrite).reason is reason


def test_the_judge_allows_what_the_strict_rules_refuse(profile: Profile, judged: Profile) -> None:
    assert check_rewrite(SOURCE, REWRITE, profile).reason is Reason.TOO_DIFFERENT
    result = check_rewrite(SOURCE, REWRITE, judged)
    assert result.reason is None
    assert 0.65 <= result.scores[SAME_PROBABILITY] <= 1


@pytest.mark.parametrize(
    ("restraint", "reason"), [("careful", Reason.MEANING_DOUBTFUL), ("bold", None)]
)
def test_restraint_says_how_sure_the_judge_must_be(
    judged: Profile, restraint: Restraint, reason: Reason | None
) -> None:
    repair = judged.repair.model_copy(update={"restraint": restraint})
    profile = judged.model_copy(update={"repair": repair})
    rewrite = REWRITE.replace("for the next year ", "next year ")
    result = check_rewrite(SOURCE, rewrite, profile)
    assert result.reason is reason
    assert 0.5 <= result.scores[SAME_PROBABILITY] < 0.65


def test_a_part_must_pass_the_strict_rules_too(judged: Profile) -> None:
    assert check_part(SOURCE, REWRITE, judged).reason is Reason.TOO_DIFFERENT
    part = SOURCE.replace("the next year", "next year")
    assert check_part(SOURCE, part, judged).reason is None


def test_a_changed_fact_is_not_put_to_the_judge(judged: Profile) -> None:
    result = check_rewrite(SOURCE, REWRITE.replace("council", "Council of 12"), judged)
    assert (result.reason, dict(result.scores)) == (Reason.NUMBER_CHANGED, {})
