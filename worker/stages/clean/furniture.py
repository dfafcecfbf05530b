"""Stage 1, clean: removes page furniture and keeps the story.

The rules work on lines; each removal records its line, text and reason.
`worker.stages.clean.boilerplate` has the wordings, `worker.stages.clean.headline` finds the
headline, and `worker.stages.clean.html_page` makes the first cut of HTML pages. If a rule is
unsure, the line stays: furniture left in a story is ugly, but a fact lost from a story is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from worker.english.sentence_end import SENTENCE_END, ends_statement
from worker.records.article import Article, ArticleFormat
from worker.records.reason import Reason
from worker.records.result import Removal
from worker.stages.clean.boilerplate import bare_line, furniture_reason, is_list_label, is_promo
from worker.stages.clean.headline import (
    MAX_HEADLINE_WORDS,
    clean_headline,
    headline_above,
    is_headline,
    repeats_headline,
    take_markdown_headline,
)
from worker.stages.clean.html_page import read_page
from worker.stages.clean.line import TIME_STAMP, Line, drop_lines, is_sentence
from worker.stages.clean.text_page import is_page, story_lines

__all__ = ["CleanedArticle", "remove_furniture"]

#: A sentence of at least this many words is story, unless its wording is certainly furniture.
_STORY_WORDS = 12
#: A line with fewer words may occur twice in a story (a score, a speaker, "Yes."). The limit is
#: higher for sentences, because short sentences recur in speeches and songs.
_REPEAT_WORDS = 4
_REPEAT_SENTENCE_WORDS = 8
#: Maximum number of links removed under one label ("You may also like:"). Of 87 labels on 95 news
#: pages, 2 have more. Without this limit, or with a lower minimum of words in a link, whole lists
#: were lost from stories.
_LIST_LINKS = 6
_LINK_LEAST_WORDS = 5
#: A promo glued to a sentence is a single headline and never longer than this.
_PROMO_CHARS = 300
#: Minimum number of items in a tag line, maximum number of words in an item, and maximum length of
#: the line in characters. Longer lines are story.
_TAG_ITEMS = 3
_TAG_WORDS = 6
_TAG_CHARS = 500
#: Minimum share of a tag line's commas that have no space after them, and minimum share of its
#: items that occur in the article. Either is enough.
_TAG_TIGHT = 0.6
_TAG_KNOWN = 0.6
#: An article with at least this many time stamps is a live blog, whose lines begin with labels.
_LIVE_STAMPS = 3
#: A text counts as hard-wrapped if its longest line has at most `_WRAP_WIDTH` characters, and of at
#: least `_WRAP_LINES` inner lines, at least `_WRAP_SHARE` had no room for the next word.
_WRAP_WIDTH = 120
_WRAP_SHARE = 0.95
_WRAP_LINES = 4

# List items, time stamps, and speakers or subheads with a colon may occur twice.
_MAY_RETURN = re.compile(r"^[-*•·\u2013—#]|^\W{0,3}[0-2]?\d[:.][0-5]\d\b|:$")
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")
_TAG_LABEL = re.compile(
    r"(?:tags?|tagged(?: (?:as|with|in|under))?|topics?|key ?words?|filed under|categories|"
    r"posted in)\s?:\s?\S.*",
    re.IGNORECASE,
)
_HASH_TAGS = re.compile(r"#\w+(?:[\s,]+#\w+)+")
# A comma before a closing quotation mark has no space after it in prose either.
_TIGHT_COMMA = re.compile(r"(?<!\d),(?=[^\s\"'”\u2019»])|,(?=[^\W\d])")

# A pointer directly after an end mark. After a space, only wordings that stories never use count.
_GLUED_PROMO = re.compile(
    r"(?<=[\w)%”\u2019\"'][.!?])(?:"
    r"(?:Watch|Read|See|Listen)"
    r"(?=:| [A-Z0-9\u2018“'\"]| (?:also|more|the|how|why|what|live|video|our|here|this|full)\b)"
    r"|(?:Click|Tap) (?:here|to|on)\b|Follow (?=[A-Z@#]|us\b|our\b|the\b|live\b)"
    r"|Subscribe (?:to|now|here|for)\b|Sign up\b|Download (?:the|our|now)\b|Join (?:us|our)\b"
    r"|Don['\u2019]t miss\b|Must (?:read|watch)\b"
    r"|\s*(?:ALSO (?:READ|WATCH)|Also (?:[Rr]ead|[Ww]atch)|READ (?:ALSO|MORE)"
    r"|Read (?:[Aa]lso|[Mm]ore)|SEE ALSO|See [Aa]lso|WATCH ALSO)\s?[:|\u2013-]"
    r")"
)
_INNER_END = re.compile(SENTENCE_END + r"\s+(?=[A-Z\"“\u2018])")


@dataclass(frozen=True, slots=True)
class CleanedArticle:
    """An article without page furniture."""

    title: str
    """The headline without its label and outlet; empty if the text has no headline."""
    paragraphs: tuple[str, ...]
    removals: tuple[Removal, ...]
    """In line order; line 0 stands for HTML or for a title given separately from the text."""


def remove_furniture(article: Article) -> CleanedArticle:
    """Return the headline and paragraphs of ``article``, and what was removed.

    Steps: cut a page, with or without markup, to its story · join hard-wrapped lines · drop lines
    shared by many articles and lines whose wording is furniture · find the headline and clean it ·
    drop its repetitions · drop pointers to other stories, tag lines and repeated lines · cut promos
    glued to a sentence.

    The first occurrence of a repeated line always stays, so dropping repetitions loses nothing.
    """
    headline, lines, removals = _read(article)
    if article.format is not ArticleFormat.HTML:
        headline, lines = _cut_to_story(headline, lines, removals)
    shared = [Reason.SHARED_LINE if line.text in article.shared_lines else None for line in lines]
    lines = drop_lines(lines, shared, removals)
    lines = drop_lines(lines, [furniture_reason(line.text) for line in lines], removals)
    if not headline.text and lines and is_headline(lines):
        headline, lines = lines[0], lines[1:]
    headline, keys = clean_headline(headline, lines, removals)
    lines = drop_lines(lines, [repeats_headline(line.text, keys) for line in lines], removals)
    lines = drop_lines(lines, list(_mark_pointers(lines)), removals)
    lines = drop_lines(lines, list(_mark_tags(lines)), removals)
    lines = drop_lines(lines, list(_mark_repeats(lines)), removals)
    lines = [_cut_glued_promo(line, removals) for line in lines]
    return CleanedArticle(
        title=headline.text,
        paragraphs=tuple(line.text for line in lines),
        removals=tuple(sorted(removals, key=lambda removal: removal.line)),
    )


def _read(article: Article) -> tuple[Line, list[Line], list[Removal]]:
    """Return the article's title, its non-blank lines, and what the HTML extraction left out."""
    headline = Line(0, " ".join(article.title.split()))
    if article.format is ArticleFormat.HTML:
        page = read_page(article.text)
        summary = f"{page.left_out_chars} characters in {page.left_out_lines} lines"
        removals = [Removal(line=0, text=summary, reason=Reason.HTML_BOILERPLATE)]
        return (
            headline if headline.text else Line(0, page.title),
            [Line(0, text) for text in page.lines],
            removals if page.left_out_lines else [],
        )
    lines = _unwrap([Line(number, text) for number, text in enumerate(article.lines, 1)])
    if article.format is ArticleFormat.MARKDOWN and not headline.text:
        heading, lines = take_markdown_headline(lines)
        headline = heading or headline
    return headline, lines, []


def _cut_to_story(
    headline: Line, lines: list[Line], removals: list[Removal]
) -> tuple[Line, list[Line]]:
    """Return the headline and story of a page that lost its markup; an article stays unchanged."""
    texts = [line.text for line in lines]
    if not is_page(texts):
        return headline, lines
    is_story = story_lines(texts)
    if not headline.text:
        headline = headline_above(lines, is_story.index(True)) or headline
    removals += [
        line.removed(Reason.OUTSIDE_STORY)
        for line, keep in zip(lines, is_story, strict=True)
        if not keep and line != headline
    ]
    return headline, [line for line, keep in zip(lines, is_story, strict=True) if keep]


def _unwrap(lines: Sequence[Line]) -> list[Line]:
    """Return the non-blank lines, with those of a hard-wrapped text joined into paragraphs."""
    pairs = [(upper, lower) for upper, lower in pairwise(lines) if upper.text and lower.text]
    width = max((len(line.text) for line in lines), default=0)
    full = [
        len(upper.text) + 1 + len(lower.text.split(maxsplit=1)[0]) > width for upper, lower in pairs
    ]
    wrapped = (
        width <= _WRAP_WIDTH and len(full) >= _WRAP_LINES and sum(full) >= _WRAP_SHARE * len(full)
    )
    if not wrapped:
        return [line for line in lines if line.text]
    paragraphs: list[Line] = []
    parts: list[str] = []
    for line in [*lines, Line(0, "")]:
        if line.text and not parts:
            paragraphs.append(line)
        if not line.text and parts:
            paragraphs[-1] = replace(paragraphs[-1], text=" ".join(parts))
        parts = [*parts, line.text] if line.text else []
    return paragraphs


def _mark_pointers(lines: Sequence[Line]) -> Iterator[Reason | None]:
    """Yield for each line a reason if it points to another story or is in a link list, or None."""
    is_live = sum(bool(TIME_STAMP.match(line.text)) for line in lines) >= _LIVE_STAMPS
    links_left = 0
    for line in lines:
        words = len(line.text.split())
        is_link = _LINK_LEAST_WORDS <= words <= MAX_HEADLINE_WORDS and not is_sentence(line.text)
        if is_list_label(line.text):
            links_left = _LIST_LINKS
            yield Reason.PROMO_LINE
        elif links_left and is_link:
            links_left -= 1
            yield Reason.PROMO_LINE
        else:
            links_left = 0
            promo = not ends_statement(line.text) and is_promo(line.text, alerts=not is_live)
            yield Reason.PROMO_LINE if promo else None


def _mark_tags(lines: Sequence[Line]) -> Iterator[Reason | None]:
    """Yield for each line a reason if it is a list of keywords, or None.

    A list with spaces after its commas counts only after the story, and only if the story contains
    its words.
    """
    last = max((index for index, line in enumerate(lines) if _is_story(line.text)), default=-1)
    story_words = {
        word.casefold() for line in lines[: last + 1] for word in _WORD.findall(line.text)
    }
    for index, line in enumerate(lines):
        text = bare_line(line.text)
        if len(text) > _TAG_CHARS or is_sentence(text):
            yield None
        elif _TAG_LABEL.fullmatch(text) or _HASH_TAGS.fullmatch(line.text):
            yield Reason.TAG_LINE
        else:
            after_story = index > last >= 0
            tags = _is_tight_list(text) or (after_story and _is_known_list(text, story_words))
            yield Reason.TAG_LINE if tags else None


def _tag_items(text: str) -> list[list[str]]:
    """Return the words of each item if ``text`` may be a tag line, else an empty list."""
    items = [item.split() for item in text.split(",")]
    fits = len(items) >= _TAG_ITEMS and all(1 <= len(item) <= _TAG_WORDS for item in items)
    return items if fits and ":" not in text else []


def _is_tight_list(text: str) -> bool:
    return bool(_tag_items(text)) and (
        len(_TIGHT_COMMA.findall(text)) >= _TAG_TIGHT * text.count(",")
    )


def _is_known_list(text: str, story_words: set[str]) -> bool:
    items = [] if _DIGIT.search(text) else _tag_items(text)
    known = sum(all(word.casefold() in story_words for word in item) for item in items)
    return bool(items) and (
        all(item[0][0].isupper() for item in items) and known >= _TAG_KNOWN * len(items)
    )


def _mark_repeats(lines: Sequence[Line]) -> Iterator[Reason | None]:
    """Yield for each line a reason if it repeats a line too long to recur by chance, or None."""
    seen: set[str] = set()
    for line in lines:
        least_words = _REPEAT_SENTENCE_WORDS if is_sentence(line.text) else _REPEAT_WORDS
        counts = len(line.text.split()) >= least_words and not _MAY_RETURN.search(line.text)
        is_repeat = counts and line.text in seen
        seen.add(line.text)
        yield Reason.REPEATED_LINE if is_repeat else None


def _cut_glued_promo(line: Line, removals: list[Removal]) -> Line:
    """Return ``line`` without a pointer to another story at its end, if that is one sentence."""
    tail_start = max(0, len(line.text) - _PROMO_CHARS)
    for match in _GLUED_PROMO.finditer(line.text, tail_start):
        promo = line.text[match.start() :]
        if not _INNER_END.search(promo):
            removals.append(line.removed(Reason.GLUED_PROMO, promo.strip()))
            return replace(line, text=line.text[: match.start()].rstrip())
    return line


def _is_story(text: str) -> bool:
    return is_sentence(text) and len(text.split()) >= _STORY_WORDS
