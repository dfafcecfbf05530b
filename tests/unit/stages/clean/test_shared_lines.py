"""Lines of a page template, found among the articles that share them."""

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
        Article(id=str(number), text=f"{story} {story}\n\n{line}\n", format=format_)
        for number, story in enumerate(stories)
    ]


def test_a_line_shared_by_articles_about_different_things_is_template() -> None:
    marked = with_shared_lines(articles(FOOTER))
    assert [article.shared_lines for article in marked] == [(FOOTER,)] * 6


def test_a_template_line_is_removed_with_its_reason() -> None:
    (first, *_) = with_shared_lines(articles(FOOTER))
    cleaned = remove_furniture(first)
    assert cleaned.paragraphs == (f"{STORIES[0]} {STORIES[0]}",)
    assert [(removal.line, removal.text, removal.reason) for removal in cleaned.removals] == [
        (3, FOOTER, Reason.SHARED_LINE)
    ]


def test_the_same_article_in_the_same_company_has_the_same_digest() -> None:
    first, again = with_shared_lines(articles(FOOTER)), with_shared_lines(articles(FOOTER))
    assert [article.content_digest for article in first] == [
        article.content_digest for article in again
    ]


def test_an_article_alone_keeps_its_line_and_has_another_digest() -> None:
    (alone,) = with_shared_lines(articles(FOOTER)[:1])
    (in_company, *_) = with_shared_lines(articles(FOOTER))
    assert alone.content_digest != in_company.content_digest
    assert remove_furniture(alone).paragraphs == (f"{STORIES[0]} {STORIES[0]}", FOOTER)


def test_neither_the_order_of_lines_nor_of_articles_changes_what_is_recorded() -> None:
    second_line = "More news from the coast and the islands"
    downwards = articles(f"{FOOTER}\n{second_line}", tuple(story * 3 for story in STORIES))
    upwards = articles(f"{second_line}\n{FOOTER}", tuple(story * 3 for story in STORIES))
    for company in (downwards, upwards, downwards[::-1]):
        marked = with_shared_lines(company)
        assert {article.shared_lines for article in marked} == {(FOOTER, second_line)}

    digests = {article.id: article.content_digest for article in with_shared_lines(downwards)}
    for article in with_shared_lines(downwards[::-1]):
        assert article.content_digest == digests[article.id]


def test_a_line_that_cleaning_always_removes_does_not_change_the_digest() -> None:
    share_bar = "Share this article on Facebook"
    (alone,) = with_shared_lines(articles(share_bar)[:1])
    (in_company, *_) = with_shared_lines(articles(share_bar))
    assert in_company.content_digest == alone.content_digest
    assert remove_furniture(alone).paragraphs == (f"{STORIES[0]} {STORIES[0]}",)


def test_an_article_without_the_line_is_not_affected_by_its_company() -> None:
    other = Article(id="x", text="Rain fell.\n\nSo did the price of rye.")
    (alone,) = with_shared_lines([other])
    in_company = with_shared_lines([*articles(FOOTER), other])[-1]
    assert in_company == alone
    assert in_company.content_digest == alone.content_digest


def test_an_article_without_the_line_is_left_alone() -> None:
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
def test_a_line_that_may_be_a_fact_stays(line: str) -> None:
    assert with_shared_lines(articles(line)) == articles(line)


def test_four_articles_are_too_few() -> None:
    few = articles(FOOTER, STORIES[:4])
    assert with_shared_lines(few) == few


def test_a_tenth_of_the_articles_must_have_it() -> None:
    others = [
        Article(id=f"o{number}", text=f"Market{number} closed early because of rain{number}.")
        for number in range(60)
    ]
    many = [*articles(FOOTER), *others]
    assert with_shared_lines(many) == many
    assert with_shared_lines(many[:-6])[0].shared_lines == (FOOTER,)


def test_versions_of_one_story_count_once() -> None:
    versions = tuple(f"{STORIES[0][:-1]}, says engine {name}." for name in "abcdefgh")
    many = articles("Nobody was hurt there", (*versions, *STORIES[1:4]))
    assert with_shared_lines(many) == many


def test_copies_of_one_story_keep_it() -> None:
    copies = [
        Article(id=str(number), text=f"{FOOTER}\nThe quay is closed now") for number in range(6)
    ]
    assert with_shared_lines(copies) == copies


def test_lines_that_are_most_of_an_article_stay() -> None:
    long = FOOTER + " and tell all of your friends and neighbours in Norvale about it today"
    many = articles(long)
    assert with_shared_lines(many) == many


def test_html_articles_are_left_to_the_html_reader() -> None:
    many = articles(FOOTER, format_=ArticleFormat.HTML)
    assert with_shared_lines(many) == many
