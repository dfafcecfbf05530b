"""The story of a page without its markup."""

from __future__ import annotations

import time

import pytest

from worker.records.article import Article, ArticleFormat
from worker.records.reason import Reason
from worker.stages.clean.furniture import remove_furniture
from worker.stages.clean.text_page import is_page, story_lines

MENU = ["Home", "World", "Business", "Sport", "Sign in", "Subscribe", "Search", "Weather"]
STORY = [
    f"The council of Milltown said on day {day} that the work on the old quay will go on until May."
    for day in range(6)
]
TEASERS = [f"Five things to know about harbour number {number}" for number in range(14)]
HEADLINE = "Harbour of Milltown to close for two weeks"
PAGE = [*MENU, HEADLINE, "By Ada Lund", "12 May", *STORY, *TEASERS]


def test_the_story_is_the_run_of_prose() -> None:
    assert is_page(PAGE)
    assert [line for line, keep in zip(PAGE, story_lines(PAGE), strict=True) if keep] == STORY


def test_a_subhead_inside_the_story_stays() -> None:
    lines = [*STORY[:3], "What comes next", *STORY[3:], *TEASERS]
    assert story_lines(lines) == [True] * 7 + [False] * 14


def test_a_story_divided_by_links_is_found_whole() -> None:
    lines = [*STORY, *TEASERS, *STORY]
    assert story_lines(lines) == [True] * 6 + [False] * 14 + [True] * 6


def test_a_short_run_of_prose_next_to_a_long_one_is_no_story() -> None:
    lines = [*STORY, *TEASERS, STORY[0], *TEASERS]
    assert sum(story_lines(lines)) == len(STORY)


@pytest.mark.parametrize(
    "lines",
    [STORY, [*STORY, *MENU], ["Yes."] * 12, [*STORY * 4, *TEASERS], []],
    ids=["story", "short", "dialogue", "more prose", "nothing"],
)
def test_an_article_is_no_page(lines: list[str]) -> None:
    assert not is_page(lines)


def test_without_any_prose_every_line_stays() -> None:
    assert all(story_lines(MENU * 5))


def test_lines_outside_the_story_are_removed_with_their_reason() -> None:
    cleaned = remove_furniture(Article(id="a", text="\n".join(PAGE)))
    assert cleaned.title == HEADLINE
    assert list(cleaned.paragraphs) == STORY
    removed = {removal.text: removal.reason for removal in cleaned.removals}
    assert removed["Home"] is Reason.OUTSIDE_STORY
    assert set(removed) == {*MENU, "By Ada Lund", "12 May", *TEASERS}


def test_the_story_of_an_html_page_is_not_cut_again() -> None:
    list_items = [f"<li>Quay number {number} stays open</li>" for number in range(40)]
    story = [f"<p>{line}</p>" for line in STORY]
    body = "".join([*story, "<ul>", *list_items, "</ul>"])
    html = f"<html><body><article>{body}</article></body></html>"
    cleaned = remove_furniture(Article(id="a", text=html, format=ArticleFormat.HTML))
    assert Reason.OUTSIDE_STORY not in {removal.reason for removal in cleaned.removals}


def test_a_long_page_takes_seconds_at_most() -> None:
    began = time.monotonic()
    story_lines([*STORY, *MENU] * 5_000)
    assert time.monotonic() - began < 10
