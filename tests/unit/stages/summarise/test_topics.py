"""A cut may take out a word said in passing, but not one that recurs in the article."""

from __future__ import annotations

from worker.stages.summarise.topics import lost_recurring_words, recurring_words

SENTENCES = (
    "The ferry to Bremen sank on Monday.",
    "The ferry was built in 1980.",
    "Divers looked for the ferry.",
    "Its owner bought the old ferry in May.",
    "Divers found a bell.",
)


def test_a_word_of_more_than_three_sentences_recurs() -> None:
    assert recurring_words(SENTENCES) == {"ferry"}
    assert recurring_words(SENTENCES[:3]) == frozenset()


def test_in_a_long_article_a_word_needs_more_sentences_to_recur() -> None:
    others = tuple(f"Street{number} was swept." for number in range(36))
    assert "ferry" not in recurring_words((*SENTENCES, *others))
    assert "ferry" in recurring_words((*SENTENCES, *others[:34]))


def test_a_lost_recurring_word_is_named() -> None:
    recurring = frozenset({"ferry", "bell"})
    source = "The old ferry, which had a bell, sank off Bremen."
    assert lost_recurring_words(source, "The ferry, which had a bell, sank.", recurring) == ""
    assert lost_recurring_words(source, "It sank off Bremen.", recurring) == "bell ferry"
    # A sentence written from several has no source to compare it with.
    assert lost_recurring_words("", "It sank.", recurring) == ""
