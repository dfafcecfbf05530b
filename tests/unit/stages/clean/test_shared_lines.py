"""Which lines are the page's and not the article's is learnt from the articles themselves."""

from __future__ import annotations

import pytest

from worker.records.article import Article, ArticleFormat
from worker.records.reason import Reason
from worker.stages.clean.furniture import remove_furniture
from worker.stages.clean.shared_lines import with_shared_lines

STORIES = (
    "Fishermen along the western coast landed twice as much herring this spring as last year.",
    "Parliament rejected the budget after a debate that lasted until the early morning hours.",
    "Engineers blamed a cracked valve for the explosion at the chemical plant near Norvale.",
    "The orchestra will open its season with a symphony that was thought to be lost.",
    "Vaccines against the cattle disease reached the mountain villages before the snow did.",
    "Striking drivers blocked the depot, and most trams in the capital stayed where they were.",
)
FOOTER = "Follow the Norvale Evening Paper wherever you are"


def articles(
    line: str, stories: tuple[str, ...] = STORIES, format_: ArticleFormat = ArticleFormat.TEXT
) -> list[Article]:
    return [
        Article(id=str(at), text=f"{story} {story}\n\n{line}\n", format=format_)
        for at, story in enumerate(stories)
    ]


def test_a_line_that_articles_about_different_things_have_is_of_the_page() -> None:
    found = with_shared_lines(articles(FOOTER))
    assert [one.shared_lines for one in found] == [(FOOTER,)] * 6


def test_it_is_taken_out_with_its_reason() -> None:
    (first, *_) = with_shared_lines(articles(FOOTER))
    stripped = remove_furniture(first)
    assert stripped.paragraphs == (f"{STORIES[0]} {STORIES[0]}",)
    assert [(one.line, one.text, one.reason) for one in stripped.removals] == [
        (3, FOOTER, Reason.SHARED_LINE)
    ]


def test_what_no_other_article_has_is_left_alone() -> None:
    many = [*articles(FOOTER), Article(id="x", text="Rain fell.\n\nSo did the price of rye.")]
    assert with_shared_lines(many)[-1] == many[-1]


@pytest.mark.parametrize(
    "line",
    [
        "Our price: 3 pounds a month",
        "Words of the president:",
        "Norvale Paper",
        "The suspect denies all charges.",
        "Five people were killed",
    ],
)
def test_what_may_be_a_fact_is_not(line: str) -> None:
    assert with_shared_lines(articles(line)) == articles(line)


def test_four_articles_are_too_few() -> None:
    few = articles(FOOTER, STORIES[:4])
    assert with_shared_lines(few) == few


def test_a_tenth_of_the_articles_must_have_it() -> None:
    others = [
        Article(id=f"o{at}", text=f"Market{at} closed early because of rain{at}.")
        for at in range(60)
    ]
    many = [*articles(FOOTER), *others]
    assert with_shared_lines(many) == many
    assert with_shared_lines(many[:-6])[0].shared_lines == (FOOTER,)


def test_versions_of_one_story_count_once() -> None:
    versions = tuple(f"{STORIES[0][:-1]}, says engine {name}." for name in "abcdefgh")
    many = articles("Nobody was hurt there", (*versions, *STORIES[1:4]))
    assert with_shared_lines(many) == many


def test_copies_of_one_story_keep_it() -> None:
    copies = [Article(id=str(at), text=f"{FOOTER}\nThe quay is closed now") for at in range(6)]
    assert with_shared_lines(copies) == copies


def test_what_is_most_of_an_article_is_the_article() -> None:
    long = FOOTER + " and tell all of your friends and neighbours in Norvale about it today"
    many = articles(long)
    assert with_shared_lines(many) == many


def test_html_has_its_own_reader() -> None:
    many = articles(FOOTER, format_=ArticleFormat.HTML)
    assert with_shared_lines(many) == many
