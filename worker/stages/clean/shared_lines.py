"""Lines that many articles share: the template of the page that they were taken from.

Learnt where articles come in, from those that come in together, and written to the article: so
what is taken out of it is a property of the article, whichever worker it comes to, and is part of
its digest. Bare text and Markdown only, since `worker.stages.clean.html_page` knows the templates
of HTML.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Container, Iterable, Sequence
from functools import cache

from worker.english.facts import number_list
from worker.records.article import Article, ArticleFormat

__all__ = ["with_shared_lines"]

#: Articles about different things that must have a line, and the share of all that come in
#: together: fewer may have a heading, or a short sentence, in common by chance.
_LEAST_ARTICLES, _LEAST_SHARE = 5, 0.1

#: Most of an article's words that its shared lines may hold: more are the article.
_MOST_SHARE = 1 / 3

#: Longer lines are paragraphs.
_MOST_CHARS = 200

#: Two articles with more of their longer words in common tell the same story. Of 1,044 pairs of
#: translations of the same news article each has .30 or more, of 20,000 pairs of different ones
#: 1 in 1,000 more than .16.
_SAME_STORY = 0.25
_LONGER_CHARS = 4

#: Articles that are looked at to find those about different things, spread over all that have it.
_LOOKED_AT = 15

#: Shorter ones may be speakers, scores or answers.
_LEAST_WORDS = 3

_SENTENCE_END = re.compile(r"[.!?][\"'\u201d\u2019\u00bb)\]*_]*$")
_DIGIT = re.compile(r"\d")
_WORD = re.compile(r"\w+")


def with_shared_lines(articles: Sequence[Article]) -> list[Article]:
    """The articles, each with those of its lines that are of a page's template.

    A line is when a tenth of ``articles``, and five that tell different stories, have it word for
    word. What may be a fact stays: whole sentences, lines with a number, in digits or in words,
    lines that end in a colon, those of one or two words, and all where they are more than a third
    of the article.
    """
    holders: dict[str, list[int]] = defaultdict(list)
    for place, article in enumerate(articles):
        if article.format is not ArticleFormat.HTML:
            for line in set(article.lines):
                holders[line].append(place)
    least = max(_LEAST_ARTICLES, _LEAST_SHARE * len(articles))
    common = {
        line: places
        for line, places in holders.items()
        if len(places) >= least and _may_be_template(line)
    }
    own_words = cache(lambda at: _own_words(articles[at], common))
    found: dict[int, list[str]] = defaultdict(list)
    for line, places in common.items():
        if _tell_different_stories(map(own_words, places[:: max(1, len(places) // _LOOKED_AT)])):
            for place in places:
                found[place].append(line)
    return [
        article.model_copy(update={"shared_lines": tuple(sorted(found[place]))})
        if place in found and _is_a_part(found[place], article.text)
        else article
        for place, article in enumerate(articles)
    ]


def _is_a_part(lines: Sequence[str], text: str) -> bool:
    """Whether the lines are so little of the text that they can be no story."""
    return sum(len(line.split()) for line in lines) <= _MOST_SHARE * len(text.split())


def _may_be_template(line: str) -> bool:
    is_short = len(line.split()) >= _LEAST_WORDS and len(line) <= _MOST_CHARS
    may_tell = line.endswith(":") or _SENTENCE_END.search(line) or number_list(line)
    return is_short and not may_tell and not _DIGIT.search(line)


def _tell_different_stories(articles: Iterable[frozenset[str]]) -> bool:
    """Whether enough of ``articles``, given by their words, have little in common.

    Versions of one story count once.
    """
    told: list[frozenset[str]] = []
    for words in articles:
        # What has nothing of its own is no story; it may be a copy of another.
        if words and all(_shared(words, others) <= _SAME_STORY for others in told):
            told.append(words)
        if len(told) == _LEAST_ARTICLES:
            return True
    return False


def _own_words(article: Article, common: Container[str]) -> frozenset[str]:
    """Its longer words, but for those of the lines in ``common``."""
    own = " ".join(line for line in article.lines if line not in common).lower()
    return frozenset(word for word in _WORD.findall(own) if len(word) >= _LONGER_CHARS)


def _shared(one: frozenset[str], other: frozenset[str]) -> float:
    return len(one & other) / (len(one | other) or 1)
