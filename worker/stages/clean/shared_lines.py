"""Lines that many articles share: the template of the page they were copied from.

Found at submit among the articles that come in together, and recorded in each article, so that
cleaning gives the same result on any worker (see docs/decisions/019-shared-lines.md). For plain
text and Markdown only; `worker.stages.clean.html_page` handles the templates of HTML.
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

#: A template line occurs in at least this many articles about different things, and in this share
#: of all. With fewer, a heading or short sentence may be shared by chance.
_LEAST_ARTICLES, _LEAST_SHARE = 5, 0.1

#: Shared lines with more than this share of an article's words are its story.
_MOST_SHARE = 1 / 3

#: Longer lines are paragraphs.
_MOST_CHARS = 200

#: Two articles that share more of their longer words tell the same story. Each of 1,044 pairs of
#: translations of one article shares .30 or more; of 20,000 pairs of different articles 1 in 1,000
#: shares more than .16.
_SAME_STORY = 0.25
_LONGER_CHARS = 4

#: Most articles compared for one line, spread evenly over all that have it.
_COMPARED_ARTICLES = 15

#: Shorter lines may be speakers, scores or answers.
_LEAST_WORDS = 3

_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"\w+")


def with_shared_lines(articles: Sequence[Article]) -> list[Article]:
    """Return the articles, each with those of its lines that belong to a page template.

    A line does if a tenth of ``articles``, and five with different stories, have it word for word.
    Lines that may be facts stay: sentences, lines with a number, lines that end in a colon, lines
    of one or two words, and all lines of an article if they hold more than a third of its words.
    Lines that cleaning removes from any article are not recorded, so they do not change its digest.
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
    """Whether ``text`` without the shared lines still has most of its words."""
    return sum(len(line.split()) for line in lines) <= _MOST_SHARE * len(text.split())


def _may_be_template(line: str) -> bool:
    is_short = len(line.split()) >= _LEAST_WORDS and len(line) <= _MOST_CHARS
    may_be_fact = line.endswith(":") or ends_sentence(line) or number_list(line)
    return is_short and not may_be_fact and not _DIGIT.search(line)


def _tell_different_stories(articles: Iterable[frozenset[str]]) -> bool:
    """Whether enough of the articles, given as sets of words, have little in common.

    Versions of one story count once.
    """
    stories: list[frozenset[str]] = []
    for words in articles:
        # An article without words of its own is not a story; it may be a copy of another.
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
