"""Lines that many articles share because they were copied from the same page template.

They are found at submit, among articles submitted together, and recorded in each article, so that
cleaning gives the same result on any worker (see docs/decisions/019-shared-lines.md). Only plain
text and Markdown are searched; `worker.stages.clean.html_page` handles HTML templates.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from functools import cache

from worker.english.facts import number_list
from worker.english.sentence_end import ends_sentence
from worker.records.article import Article, ArticleFormat
from worker.stages.clean.boilerplate import furniture_reason

__all__ = ["with_shared_lines"]

#: A template line occurs in at least this many articles with different stories, and in at least
#: this share of all articles. In fewer, a heading may be shared by chance.
_LEAST_ARTICLES, _LEAST_SHARE = 5, 0.1

#: If shared lines hold more than this share of an article's words, they are its story.
_MOST_SHARE = 1 / 3

#: Longer lines are paragraphs, not template lines.
_MOST_CHARS = 200

#: Two articles with a larger share of their longer words in common tell the same story. Each of
#: 1,044 pairs of translations of one article shares .30 or more; 1 in 1,000 of 20,000 pairs of
#: different articles shares more than .16.
_SAME_STORY = 0.25
_LONGER_CHARS = 4

#: Approximate number of articles compared for one line, spread evenly over those that contain it.
_COMPARED_ARTICLES = 15

#: Lines with fewer words may be speakers, scores or answers.
_LEAST_WORDS = 3

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"\w+")


def with_shared_lines(articles: Sequence[Article]) -> list[Article]:
    """Return the articles, each with a record of its lines that belong to a page template.

    A line belongs to a template if it occurs word for word in a tenth of ``articles``, five of them
    with different stories. Lines that may be facts stay: sentences, lines with a number, lines that
    end in a colon, lines of one or two words, and all shared lines of an article if they hold more
    than a third of its words. Lines that cleaning removes by their wording alone are not recorded,
    so they do not change an article's digest.
    """
    indexes_by_line: dict[str, list[int]] = defaultdict(list)
    for index, article in enumerate(articles):
        if article.format is not ArticleFormat.HTML:
            for line in set(article.lines):
                indexes_by_line[line].append(index)
    least_articles = max(_LEAST_ARTICLES, _LEAST_SHARE * len(articles))
    common = {
        line: indexes
        for line, indexes in indexes_by_line.items()
        if len(indexes) >= least_articles and _may_be_template(line)
    }
    own_words = cache(lambda index: _own_words(articles[index], common))
    shared: dict[int, list[str]] = defaultdict(list)
    for line, indexes in common.items():
        compared = indexes[:: max(1, len(indexes) // _COMPARED_ARTICLES)]
        if furniture_reason(line) is None and _tell_different_stories(map(own_words, compared)):
            for index in indexes:
                shared[index].append(line)
    return [
        article.model_copy(update={"shared_lines": tuple(sorted(shared[index]))})
        if index in shared and _leave_a_story(shared[index], article.text)
        else article
        for index, article in enumerate(articles)
    ]


def _leave_a_story(lines: Sequence[str], text: str) -> bool:
    """Return whether ``text`` keeps most of its words without the shared lines."""
    return sum(len(line.split()) for line in lines) <= _MOST_SHARE * len(text.split())


def _may_be_template(line: str) -> bool:
    is_short = len(line.split()) >= _LEAST_WORDS and len(line) <= _MOST_CHARS
    may_be_fact = line.endswith(":") or ends_sentence(line) or number_list(line)
    return is_short and not may_be_fact and not _DIGIT.search(line)


def _tell_different_stories(articles: Iterable[frozenset[str]]) -> bool:
    """Return whether enough of the articles, given as sets of words, tell different stories.

    Versions of one story count once.
    """
    stories: list[frozenset[str]] = []
    for words in articles:
        # An article with no words outside the common lines may be a copy of another article.
        if words and all(_overlap(words, story) <= _SAME_STORY for story in stories):
            stories.append(words)
        if len(stories) == _LEAST_ARTICLES:
            return True
    return False


def _own_words(article: Article, common: Container[str]) -> frozenset[str]:
    """Return the article's longer words outside the lines in ``common``."""
    text = " ".join(line for line in article.lines if line not in common).lower()
    return frozenset(word for word in _WORD.findall(text) if len(word) >= _LONGER_CHARS)


def _overlap(first: frozenset[str], second: frozenset[str]) -> float:
    return len(first & second) / (len(first | second) or 1)
