"""A cut may take out what is said in passing, not what the article keeps talking about."""

from __future__ import annotations

from worker.stages.summarise.topics import lost_recurring_words, recurring_words

SENTENCES = (
    "The ferry to Bremen sank on Monday.",
    "The ferry was built in 1980.",
    "Divers looked for the ferry.",
    "Its owner bought the old ferry in May.",
    "Divers found a bell.",
)


def test_what_more_than_three_sentences_say_is_a_theme() -> None:
    assert recurring_words(SENTENCES) == {"ferry"}
    assert recurring_words(SENTENCES[:3]) == frozenset()


def test_in_a_long_article_more_sentences_have_to_say_it() -> None:
    others = tuple(f"Street{at} was swept." for at in range(36))
    assert "ferry" not in recurring_words((*SENTENCES, *others))
    assert "ferry" in recurring_words((*SENTENCES, *others[:34]))


def test_a_lost_theme_is_named() -> None:
    known = frozenset({"ferry", "bell"})
    source = "The old ferry, which had a bell, sank off Bremen."
    assert lost_recurring_words(source, "The ferry, which had a bell, sank.", known) == ""
    assert lost_recurring_words(source, "It sank off Bremen.", known) == "bell ferry"
    # Written from several sentences, it has no source to be measured by.
    assert lost_recurring_words("", "It sank.", known) == ""
