"""The position of an answer in its source, and the tokens drafted from there."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from worker.engine.decoding.draft import Draft

TEXT = "the crew comed back to the harbour with 12 people on Monday ."
SOURCE = TEXT.split()
TOKENS = {
    word: token for token, word in enumerate(dict.fromkeys([*SOURCE, "came", "has", "a", "old"]))
}
WORDS = {token: word for word, token in TOKENS.items()}


def after(written: str, *, copying: bool = True, source: Sequence[str] = SOURCE) -> Draft:
    draft = Draft([TOKENS[word] for word in source], copying=copying)
    for word in written.split():
        draft.follow(TOKENS[word])
    return draft


def expected(draft: Draft, most: int = 4) -> str:
    return " ".join(WORDS[token] for token in draft.next_tokens(most))


def test_a_copy_is_expected_from_the_first_token_on() -> None:
    assert expected(after("")) == "the crew comed back"
    assert expected(after("the crew")) == "comed back to the"
    assert after("the crew").anchored


def test_no_more_is_drafted_than_is_left() -> None:
    assert expected(after(" ".join(SOURCE[:-2]))) == "Monday ."
    assert expected(after(" ".join(SOURCE))) == ""


@pytest.mark.parametrize(
    ("written", "continuation"),
    [
        ("the crew came", "back to the harbour"),  # substitution
        ("the crew has comed", "back to the harbour"),  # insertion
        ("the crew back", "to the harbour with"),  # deletion
        ("the crew to", "the harbour with"),  # deletion of two
        ("the crew has came back", "to the harbour"),  # two words for one
        ("the crew comed back to a old harbour", "with 12 people"),
    ],
)
def test_the_position_is_guessed_with_few_tokens(written: str, continuation: str) -> None:
    assert expected(after(written)).startswith(continuation)


def test_a_guess_is_short_and_not_anchored() -> None:
    draft = after("the crew came")

    assert not draft.anchored
    assert expected(draft, 9) == "back to the harbour"
    draft.follow(TOKENS["back"])
    assert not draft.anchored
    assert expected(draft, 9) == "to the harbour with"


def test_two_tokens_of_the_source_are_an_anchor() -> None:
    draft = after("the crew came back to")

    assert draft.anchored
    assert expected(draft, 9) == "the harbour with 12 people on Monday ."


def test_the_nearest_pair_ahead_is_the_anchor() -> None:
    twice = "the crew came to a harbour has to a old people to a harbour on Monday"

    assert expected(after("the crew to a", source=twice.split())) == "harbour has to a"
    continuation = expected(after("the crew came to a old to a", source=twice.split()))
    assert continuation == "harbour on Monday"


def test_a_common_word_far_ahead_is_not_followed() -> None:
    long = [*SOURCE[:3], *SOURCE[3:4] * 9, "a", *SOURCE[5:]]

    assert expected(after("the crew comed a", source=long)) == "back back back back"


def test_an_answer_not_expected_to_copy_is_looked_up() -> None:
    assert expected(after("", copying=False)) == ""
    assert not after("has", copying=False).anchored
    assert expected(after("has with 12", copying=False), 9) == "people on Monday ."
    assert after("has with 12", copying=False).anchored


def test_an_answer_that_does_not_copy_is_never_guessed() -> None:
    draft = after("has 12", copying=False)

    assert not draft.anchored
    assert expected(draft) == ""


def test_an_earlier_pair_is_found_too() -> None:
    draft = after("on Monday the crew", copying=False)

    assert expected(draft) == "comed back to the"
