"""Which parts of a sentence may be cut, and which may not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from worker.training.material.shortening import find_cuts, shortened_pairs
from worker.training.pair import Pair


def word_count(texts: Sequence[str]) -> list[float]:
    """Stand in for a model that gives each word one nat."""
    return [float(len(text.split())) for text in texts]


def parts(sentence: str) -> list[str]:
    return [sentence[cut.start : cut.end] for cut in find_cuts(sentence)]


@pytest.mark.parametrize(
    ("sentence", "cuts"),
    [
        ("The council (of 12 members) met.", [" (of 12 members)"]),
        ("However, the council met in town.", ["However, "]),
        ("The ship, which was built in Porto, sank.", [", which was built in Porto,"]),
        ("Mr Lund, the mayor of Milltown, slept.", [", the mayor of Milltown,"]),
        ("The ship sank, leaving three men in the water.", [", leaving three men in the water"]),
        ("It was a very long day for them.", [" very"]),
        # A condition, a source, a negation, a list and a number in the opening stay.
        ("The ship, if the weather holds, will sail.", []),
        ("The ship sank, according to the coast guard of Porto.", []),
        ("The ship, which was not insured, sank.", []),
        ("He won the cup, the league, and the shield.", []),
        ("In 1972, he wrote a song.", []),
    ],
)
def test_what_can_be_left_out(sentence: str, cuts: list[str]) -> None:
    assert parts(sentence) == cuts


LONG = (
    "The old ferry, which was built in Porto, will sail to the islands twice a day from the first "
    "week of June."
)
SHORT = "The old ferry will sail to the islands twice a day from the first week of June."


def test_a_long_sentence_is_shortened_and_a_short_one_kept() -> None:
    short = "The ferry sails at noon."
    assert list(shortened_pairs([LONG, short], word_count)) == [
        Pair(LONG, SHORT, "shortened"),
        Pair(short, short, "short"),
    ]


def test_a_cut_after_which_the_rest_is_a_surprise_is_not_made() -> None:
    def surprised(texts: Sequence[str]) -> list[float]:
        return [float(len(text.split()) + 9 * (text == SHORT)) for text in texts]

    assert list(shortened_pairs([LONG], surprised)) == []
