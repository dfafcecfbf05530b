"""Tests of whether proposals and summary sentences mean what their source means."""

from __future__ import annotations

import pytest

from worker.config.profile import CheckSettings
from worker.records.reason import Reason
from worker.stages.repair.fidelity import check_proposal

#: The limits the figures in the module were measured at.
LIMITS = CheckSettings(min_support=0.8)

ARTICLE = (
    "Mayor Ada Lund has vowed not to sell the harbour while Piet Brandt is in office.",
    "The council in Porto said on Monday that 1,200 homes had lost power.",
    'Brandt called the plan "a gift to nobody" after the meeting.',
    "Repairs may start in June, the operator said.",
)


def refusal(source: str, proposal: str) -> Reason | None:
    return check_proposal(source, proposal, LIMITS).reason


@pytest.mark.parametrize(
    ("source", "proposal"),
    [
        ("The talks was held in Porto on Monday.", "The talks were held in Porto on Monday."),
        ("He said “no” to the town\u2019s plan.", 'He said "no" to the town\'s plan.'),
        ("He don't know the way to town.", "He does not know the way to town."),
        ("Rebels have fled the city.", "The rebels have fled the city."),
        ("Yesterday Lund visited the harbour.", "Lund visited the harbour yesterday."),
        ("Prices grew by 5 per cent, the bank said.", "Prices grew by 5 percent, the bank said."),
        ("The reportedly fire reportedly began at night.", "The fire reportedly began at night."),
        (
            "The report said the old quay of the town has to close, the report said.",
            "The report said the old quay of the town has to close.",
        ),
        (
            "The accident was happened at the old bridge.",
            "The accident happened at the old bridge.",
        ),
        ("He informed on the grow of the town.", "He informed of the growth of the town."),
        # Misspelt words are corrected first, even where "may" or "not" governs them.
        (
            "The goverment may recieve it becuase Lund left.",
            "The government may receive it because Lund left.",
        ),
        ("Afther the storm, peole woud not leave.", "After the storm, people would not leave."),
    ],
)
def test_a_repair_that_keeps_the_facts_is_accepted(source: str, proposal: str) -> None:
    result = check_proposal(source, proposal, LIMITS)
    assert result.reason is None, result.detail
    assert result.accepted
    assert result.scores["similarity"] >= LIMITS.min_similarity


@pytest.mark.parametrize(
    ("proposal", "reason"),
    [
        ("", Reason.UNFINISHED),
        (" ...", Reason.UNFINISHED),
        ("Lund said in May that 40 boats may not leave", Reason.UNFINISHED),
        ("Sure, Lund said in May that 40 boats may not leave the old port.", Reason.CHATTER),
        ("Corrected sentence: Lund said in May that 40 boats may not leave.", Reason.CHATTER),
        ("Lund said in May\nthat 40 boats may not leave the old port.", Reason.CHATTER),
        ("Lund said in May that 41 boats may not leave the old port.", Reason.NUMBER_CHANGED),
        ("Lund said in May that boats may not leave the old port.", Reason.NUMBER_CHANGED),
        ("Lund said in May that about 40 boats may not leave the old port.", Reason.NUMBER_CHANGED),
        ("Lund said in May that 40% boats may not leave the old port.", Reason.NUMBER_CHANGED),
        ("Brandt said in May that 40 boats may not leave the old port.", Reason.NAME_CHANGED),
        ("Lund said in June that 40 boats may not leave the old port.", Reason.NAME_CHANGED),
        ("Lund said in May that 40 boats may not leave the old Port.", Reason.NAME_CHANGED),
        ("In May lund said that 40 boats may not leave the old port.", Reason.NAME_CHANGED),
        ('Lund said in May that 40 boats "may not leave" the old port.', Reason.QUOTE_CHANGED),
        ("Lund said in May that 40 boats may leave the old port.", Reason.NEGATION_CHANGED),
        ("Lund did not say in May that 40 boats may leave the old port.", Reason.NEGATION_CHANGED),
        ("Lund said in May that 40 boats must not leave the old port.", Reason.MODALITY_CHANGED),
        ("Lund said in May that 40 boats may not leave the old port?", Reason.MODALITY_CHANGED),
        ("Lund said in May that 40 boats may not leave the port.", Reason.CONTENT_LOST),
        ("Lund said in May that 40 ships may not leave the old port.", Reason.CONTENT_LOST),
        (
            "Lund said in May that 40 boats may not leave the old fishing port.",
            Reason.CONTENT_ADDED,
        ),
    ],
)
def test_the_first_refusal_is_named(proposal: str, reason: Reason) -> None:
    source = "Lund said in May that 40 boats may not leave the old port."
    assert refusal(source, proposal) is reason


@pytest.mark.parametrize(
    ("source", "proposal", "reason"),
    [
        ("Turkey said it left.", "The turkey said it left.", Reason.NAME_CHANGED),
        ("Then Marck left.", "Then Mark left.", Reason.NAME_CHANGED),
        # Both are words, so neither is a misspelling.
        ("They left the county.", "They left the country.", Reason.CONTENT_LOST),
        (
            "The former head of the former port office left.",
            "The former head of the port office left.",
            Reason.CONTENT_LOST,
        ),
        ("They hospitalised him.", "They hospitalized him.", Reason.CONTENT_LOST),
        ("They wold see it.", "They could see it.", Reason.MODALITY_CHANGED),
        ("Ada is the aunt of Bo.", "Bo is the aunt of Ada.", Reason.NAME_CHANGED),
        ("It cost $5 in all.", "It cost £5 in all.", Reason.NUMBER_CHANGED),
        ("It rose from 5 to 7.", "It rose from 7 to 5.", Reason.NUMBER_CHANGED),
        ("A third of 1,000 left.", "A third of 1000 left.", Reason.NUMBER_CHANGED),
        (
            "Some 25% more ships were ordered in the year.",
            "Some 25% of ships were ordered more in the year.",
            Reason.NUMBER_CHANGED,
        ),
        ('He said "we stay" there.', 'He said "we go" there.', Reason.QUOTE_CHANGED),
        ('He said "we stay".', "He said we stay.", Reason.QUOTE_CHANGED),
        ("The men left before noon.", "The men left after noon.", Reason.CONTENT_LOST),
        ("He told her that she won.", "She told him that he won.", Reason.CONTENT_LOST),
        (
            "Police were met by crowds at the old gate.",
            "Police met crowds at the old gate.",
            Reason.CONTENT_LOST,
        ),
        (
            "Crowds met at the old gate in the rain on the day.",
            "Crowds were met at the old gate in the rain on the day.",
            Reason.TOO_DIFFERENT,
        ),
        (
            "The army on the hill said that the rebels of the north fled.",
            "The rebels on the hill said that the army of the north fled.",
            Reason.TOO_DIFFERENT,
        ),
        (
            "The road to the old town continues cut to the traffic.",
            "The road to the old town continues to cut the traffic.",
            Reason.TOO_DIFFERENT,
        ),
        (
            "A dog and a cat sat.",
            "The dog is and the cat it is that of the sat.",
            Reason.LENGTH_CHANGED,
        ),
    ],
)
def test_a_difference_that_counting_misses_is_refused(
    source: str, proposal: str, reason: Reason
) -> None:
    assert refusal(source, proposal) is reason


def test_a_low_similarity_is_refused_with_its_score() -> None:
    result = check_proposal("People left the old port.", "The old port people left.", LIMITS)
    assert result.reason is Reason.TOO_DIFFERENT
    assert result.scores["similarity"] == pytest.approx(0.6)


def test_any_sentence_may_replace_itself() -> None:
    for sentence in ARTICLE:
        assert check_proposal(sentence, sentence, LIMITS).accepted


@pytest.mark.parametrize(
    ("source", "proposal"),
    [
        ("- the facades are protected;", "The facades are protected."),
        ("- the facade are protected.", "The facade is protected."),
        ("The council sold **two halls** on Monday.", "The council sold two halls on Monday."),
        ("The council sold:", "The council sold."),
        ("It is sold in each shop (refill only).", "It is sold in each shop, refilled only."),
    ],
)
def test_the_layout_stays(source: str, proposal: str) -> None:
    assert refusal(source, proposal) is Reason.LAYOUT_CHANGED


def test_a_pronoun_may_not_vanish() -> None:
    source = "She married with me who was a teacher there."
    assert refusal(source, "She married with a teacher there.") is Reason.CONTENT_LOST


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", ["not a ", "Ab ", "'a' ", '"a" ', "was said ", "1 ", "may x "])
def test_a_hostile_line_ends_in_time(unit: str) -> None:
    text = unit * (60_000 // len(unit)) + "."
    assert check_proposal(text, text, LIMITS).accepted
