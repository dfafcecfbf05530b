"""Stage 1, strip: page furniture out, story in.

Rules over lines, each removal with its line, text and reason. ``worker.stages.clean.boilerplate``
knows the
wordings, ``worker.stages.clean.html_page`` makes the first cut of HTML. Where a rule is not
certain the line stays:
furniture in a story is ugly, a fact that is gone is wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from worker.records.article import Article, ArticleFormat
from worker.records.reason import Reason
from worker.records.result import Removal
from worker.stages.clean.boilerplate import bare_line, furniture_reason, is_list_label, is_promo
from worker.stages.clean.html_page import read_page
from worker.stages.clean.text_page import is_page, story_lines

__all__ = ["CleanedArticle", "remove_furniture"]

#: A headline is at most this long: the longest of 348 translated news headlines has 40 words and
#: 239 characters, outlet and section names included.
_TITLE_WORDS = 45
#: A page's headline is looked for so far above its story: author, date and buttons are between.
_ABOVE_LINES = 10
#: Least words before an outlet's name, so that what is left is still a headline.
_TITLE_LEAST_WORDS = 3
#: Longer tails are parts of the headline.
_OUTLET_WORDS = 4
#: A longer line that ends as a sentence is story, unless its wording is furniture for certain.
_STORY_WORDS = 12
#: A line of fewer words may stand twice in a story (a score, a speaker, "Yes."). A sentence has
#: to be longer still: short ones come back in speeches and songs.
_REPEAT_WORDS = 4
_REPEAT_SENTENCE_WORDS = 8
#: Links that a label ("You may also like:") stands over at most: of 87 labels on 95 news pages 2
#: have more. Without the limit, and with shorter lines, whole lists of a story were taken.
_LIST_LINKS = 6
_LINK_LEAST_WORDS = 5
#: A glued promo is one headline, so the same holds for it.
_PROMO_CHARS = 300
#: A tag line has at least so many items of at most so many words; a longer line is story.
_TAG_ITEMS = 3
_TAG_WORDS = 6
_TAG_CHARS = 500
#: Share of a tag line's commas without a space behind, and of its items found in the article.
_TAG_TIGHT = 0.6
_TAG_FOUND = 0.6
#: From so many time stamps on the article is a live blog, whose lines begin with labels.
_LIVE_STAMPS = 3
#: A text is taken as hard-wrapped only below this width, and when this share of its inner lines
#: could not have held the next word.
_WRAP_WIDTH = 120
_WRAP_SHARE = 0.95
_WRAP_LINES = 4

_SENTENCE_END = re.compile(r"(?<!\.\.)[.!?][\"'”\u2019»)\]*_]*$")
_STATEMENT_END = re.compile(r"(?<!\.\.)\.[\"'”\u2019»)\]*_]*$")
_TIME_STAMP = re.compile(r"\W{0,3}[0-2]?\d[:.][0-5]\d\b")
# Items of a list, time stamps, speakers and subheads with a colon may stand twice.
_MAY_RETURN = re.compile(r"^[-*•·\u2013—#]|^\W{0,3}[0-2]?\d[:.][0-5]\d\b|:$")
_HEADING = re.compile(r"#\s+(.*?)\s*#*")
_UNDERLINE = re.compile(r"={3,}\s*")
_ALERT_LABEL = re.compile(r"(?:breaking(?: news)?|just in)\s?[:|\u2013—-]\s?", re.IGNORECASE)
_DASH_OR_BAR = re.compile(r"\s+[-\u2013—]\s+|\s*\|\s*")
_WORD = re.compile(r"\w+")
_DIGIT = re.compile(r"\d")
_TAG_LABEL = re.compile(
    r"(?:tags?|tagged(?: (?:as|with|in|under))?|topics?|key ?words?|filed under|categories|"
    r"posted in)\s?:\s?\S.*",
    re.IGNORECASE,
)
_HASH_TAGS = re.compile(r"#\w+(?:[\s,]+#\w+)+")
# A comma inside of a closing quotation mark has no space behind it in prose either.
_TIGHT_COMMA = re.compile(r"(?<!\d),(?=[^\s\"'”\u2019»])|,(?=[^\W\d])")
_OUTLET_WORD = re.compile(
    r"times|news|post|herald|daily|journal|tribune|guardian|telegraph|mail|globe|gazette|today|"
    r"chronicle|press|tv|radio|online|media|magazine|observer|reuters|bbc|cnn|mirror|courier|"
    r"dispatch|inquirer|bulletin|network|digital|broadcasting|agency|wire|weekly|newspaper",
    re.IGNORECASE,
)
_DOMAIN = re.compile(r"[\w-]+\.(?:com|net|org|info|tv|news|co(?:\.\w\w)?|[a-z]{2})", re.IGNORECASE)
_SMALL_WORDS = frozenset({"of", "the", "and", "in", "for", "on", "&"})

# A pointer behind a full stop. With a space between, only wordings that no story uses.
_GLUED = re.compile(
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
_INNER_END = re.compile(r"[.!?][\"'”\u2019)]*\s+(?=[A-Z\"“\u2018])")


@dataclass(frozen=True, slots=True)
class CleanedArticle:
    """An article without its page."""

    title: str
    """The headline without label and outlet; empty where the text gives none."""
    paragraphs: tuple[str, ...]
    removals: tuple[Removal, ...]
    """In the order of the lines; line 0 is the title that came beside the text."""


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    text: str

    def removed(self, reason: Reason, text: str | None = None) -> Removal:
        return Removal(line=self.number, text=self.text if text is None else text, reason=reason)


def remove_furniture(article: Article) -> CleanedArticle:
    """Headline and paragraphs of ``article``, and what was taken out of it.

    Steps: cut a page to its story, with its markup or without · join hard-wrapped lines · drop
    lines that many articles share and lines whose wording is furniture · find the headline,
    without label and outlet · drop it where it is said again · drop pointers to other stories, tag
    lines and repeated lines · cut promos glued to a sentence.

    Of a repeated line the first occurrence always stays, so nothing is lost by that rule.
    """
    title, lines, removals = _read(article)
    if article.format is not ArticleFormat.HTML:
        title, lines = _without_page(title, lines, removals)
    shared = [Reason.SHARED_LINE if line.text in article.shared_lines else None for line in lines]
    lines = _drop(lines, shared, removals)
    lines = _drop(lines, [furniture_reason(line.text) for line in lines], removals)
    if not title.text and lines and _is_headline(lines):
        title, lines = lines[0], lines[1:]
    title, spellings = _clean_title(title, lines, removals)
    lines = _drop(lines, [_repeats_title(line.text, spellings) for line in lines], removals)
    lines = _drop(lines, list(_pointers(lines)), removals)
    lines = _drop(lines, list(_tags(lines)), removals)
    lines = _drop(lines, list(_repeats(lines)), removals)
    lines = [_cut_promo(line, removals) for line in lines]
    return CleanedArticle(
        title=title.text,
        paragraphs=tuple(line.text for line in lines),
        removals=tuple(sorted(removals, key=lambda removal: removal.line)),
    )


def _read(article: Article) -> tuple[_Line, list[_Line], list[Removal]]:
    """The title that is given, the lines that say something, and what HTML left out."""
    title = _Line(0, " ".join(article.title.split()))
    if article.format is ArticleFormat.HTML:
        page = read_page(article.text)
        said = f"{page.left_out_chars} characters in {page.left_out_lines} lines"
        removals = [Removal(line=0, text=said, reason=Reason.HTML_BOILERPLATE)]
        lines = [_Line(0, text) for text in page.lines]
        found = title if title.text else _Line(0, page.title)
        return found, lines, removals if page.left_out_lines else []
    lines = _unwrap([_Line(number, text) for number, text in enumerate(article.lines, 1)])
    if article.format is ArticleFormat.MARKDOWN and not title.text:
        title, lines = _markdown_title(title, lines)
    return title, lines, []


def _without_page(
    title: _Line, lines: list[_Line], removals: list[Removal]
) -> tuple[_Line, list[_Line]]:
    """Headline and story of a page that lost its markup; an article stays as it is."""
    texts = [line.text for line in lines]
    if not is_page(texts):
        return title, lines
    inside = story_lines(texts)
    start = inside.index(True)
    above = [line for line in lines[max(0, start - _ABOVE_LINES) : start] if _may_head(line)]
    if not title.text and above:
        title = max(above, key=lambda line: len(line.text.split()))
    story = []
    for line, told in zip(lines, inside, strict=True):
        if told:
            story.append(line)
        elif line != title:
            removals.append(line.removed(Reason.OUTSIDE_STORY))
    return title, story


def _may_head(line: _Line) -> bool:
    words = len(line.text.split())
    return _REPEAT_WORDS <= words <= _TITLE_WORDS and not _STATEMENT_END.search(line.text)


def _markdown_title(title: _Line, lines: Sequence[_Line]) -> tuple[_Line, list[_Line]]:
    """The first top heading, ``# So`` or underlined with ``===``, and the lines without it."""
    for place, line in enumerate(lines):
        following = lines[place + 1 : place + 2]
        if found := _HEADING.fullmatch(line.text):
            return replace(line, text=found[1]), [*lines[:place], *lines[place + 1 :]]
        if following and _UNDERLINE.fullmatch(following[0].text):
            return line, [*lines[:place], *lines[place + 2 :]]
    return title, list(lines)


def _unwrap(lines: Sequence[_Line]) -> list[_Line]:
    """The lines that say something; those of a hard-wrapped text joined to paragraphs."""
    pairs = [(a, b) for a, b in pairwise(lines) if a.text and b.text]
    width = max((len(line.text) for line in lines), default=0)
    full = [len(a.text) + 1 + len(b.text.split(maxsplit=1)[0]) > width for a, b in pairs]
    wrapped = (
        width <= _WRAP_WIDTH and len(full) >= _WRAP_LINES and sum(full) >= _WRAP_SHARE * len(full)
    )
    if not wrapped:
        return [line for line in lines if line.text]
    paragraphs: list[_Line] = []
    parts: list[str] = []
    for line in [*lines, _Line(0, "")]:
        if line.text and not parts:
            paragraphs.append(line)
        if not line.text and parts:
            paragraphs[-1] = replace(paragraphs[-1], text=" ".join(parts))
        parts = [*parts, line.text] if line.text else []
    return paragraphs


def _drop(
    lines: Sequence[_Line], reasons: Sequence[Reason | None], removals: list[Removal]
) -> list[_Line]:
    """The lines without a reason; the others are noted in ``removals``."""
    pairs = list(zip(lines, reasons, strict=True))
    removals.extend(line.removed(reason) for line, reason in pairs if reason)
    return [line for line, reason in pairs if not reason]


def _is_headline(lines: Sequence[_Line]) -> bool:
    first = lines[0].text
    return (
        len(lines) > 1
        and len(first.split()) <= _TITLE_WORDS
        and not _STATEMENT_END.search(first)
        and not _TIME_STAMP.match(first)
        and not first.endswith((",", ":", ";"))
    )


def _clean_title(
    title: _Line, lines: Sequence[_Line], removals: list[Removal]
) -> tuple[_Line, frozenset[str]]:
    """The headline without label and outlet, and all it can be spelled like (folded)."""
    spellings = {_fold(title.text)}
    if label := _ALERT_LABEL.match(title.text):
        removals.append(title.removed(Reason.PROMO_LINE, label[0].strip()))
        title = replace(title, text=title.text[label.end() :])
        spellings.add(_fold(title.text))
    body = [line.text for line in lines if not _repeats_title(line.text, frozenset(spellings))]
    start = len(title.text)
    while (cut := _outlet_start(title.text[:start], body)) is not None:
        start = cut
        spellings.add(_fold(title.text[:start]))
    if start < len(title.text):
        removals.append(title.removed(Reason.OUTLET_SUFFIX, title.text[start:].strip()))
        title = replace(title, text=title.text[:start].rstrip())
    return title, frozenset(spellings - {""})


def _outlet_start(title: str, body: Sequence[str]) -> int | None:
    """Where the outlet's name begins, with its dash or bar.

    Behind a dash can also stand who said it ("Talks are possible - Smith"), which is no outlet:
    such a name is in the body as well. A name with a newspaper's word in it is an outlet anyway.
    """
    marks = list(_DASH_OR_BAR.finditer(title))
    if not marks:
        return None
    head, name = title[: marks[-1].start()], title[marks[-1].end() :]
    words = name.split()
    if len(head.split()) < _TITLE_LEAST_WORDS or not 1 <= len(words) <= _OUTLET_WORDS:
        return None
    domain = _DOMAIN.fullmatch(name) is not None
    capital = all(word[0].isupper() or word.isdigit() or word in _SMALL_WORDS for word in words)
    if not capital and not domain:
        return None
    named = any(_OUTLET_WORD.fullmatch(word.strip("!")) for word in words)
    if not ("|" in marks[-1][0] or named or domain):
        known = {word.casefold() for text in body for word in _WORD.findall(text)}
        if any(char.isdigit() for char in name) or known.intersection(
            word.casefold() for word in _WORD.findall(name)
        ):
            return None
    return marks[-1].start()


def _repeats_title(text: str, spellings: frozenset[str]) -> Reason | None:
    """Whether ``text`` is the headline once more, typography and an outlet behind it aside."""
    if _STATEMENT_END.search(text) or len(text) > _PROMO_CHARS + _TAG_CHARS:
        return None
    candidates = [text]
    if marks := list(_DASH_OR_BAR.finditer(text)):
        tail = text[marks[-1].end() :].split()
        if len(tail) <= _OUTLET_WORDS:
            candidates.append(text[: marks[-1].start()])
    same = any(_fold(bare_line(candidate)) in spellings for candidate in candidates)
    return Reason.REPEATED_TITLE if same else None


def _pointers(lines: Sequence[_Line]) -> Iterator[Reason | None]:
    """Lines that point to other stories, and the link lists under a label for one."""
    live = sum(bool(_TIME_STAMP.match(line.text)) for line in lines) >= _LIVE_STAMPS
    links_left = 0
    for line in lines:
        ends = _SENTENCE_END.search(line.text) is not None
        words = len(line.text.split())
        if is_list_label(line.text):
            links_left = _LIST_LINKS
            yield Reason.PROMO_LINE
        elif links_left and not ends and _LINK_LEAST_WORDS <= words <= _TITLE_WORDS:
            links_left -= 1
            yield Reason.PROMO_LINE
        else:
            links_left = 0
            promo = not _STATEMENT_END.search(line.text) and is_promo(line.text, alerts=not live)
            yield Reason.PROMO_LINE if promo else None


def _tags(lines: Sequence[_Line]) -> Iterator[Reason | None]:
    """Lists of key words. Spaced like prose, only behind the story and of the story's words."""
    last = max((place for place, line in enumerate(lines) if _is_story(line.text)), default=-1)
    known = {word.casefold() for line in lines[: last + 1] for word in _WORD.findall(line.text)}
    for place, line in enumerate(lines):
        text = bare_line(line.text)
        if len(text) > _TAG_CHARS or _SENTENCE_END.search(text):
            yield None
        elif _TAG_LABEL.fullmatch(text) or _HASH_TAGS.fullmatch(line.text):
            yield Reason.TAG_LINE
        else:
            tags = _is_tight_list(text) or (place > last >= 0 and _is_known_list(text, known))
            yield Reason.TAG_LINE if tags else None


def _tag_items(text: str) -> list[list[str]]:
    items = [item.split() for item in text.split(",")]
    fits = len(items) >= _TAG_ITEMS and all(1 <= len(item) <= _TAG_WORDS for item in items)
    return items if fits and ":" not in text else []


def _is_tight_list(text: str) -> bool:
    return bool(_tag_items(text)) and (
        len(_TIGHT_COMMA.findall(text)) >= _TAG_TIGHT * text.count(",")
    )


def _is_known_list(text: str, known: set[str]) -> bool:
    items = [] if _DIGIT.search(text) else _tag_items(text)
    found = sum(all(word.casefold() in known for word in item) for item in items)
    return bool(items) and (
        all(item[0][0].isupper() for item in items) and found >= _TAG_FOUND * len(items)
    )


def _repeats(lines: Sequence[_Line]) -> Iterator[Reason | None]:
    """Later occurrences of a line that is too long to come back by itself."""
    seen: set[str] = set()
    for line in lines:
        sentence = _SENTENCE_END.search(line.text) is not None
        least = _REPEAT_SENTENCE_WORDS if sentence else _REPEAT_WORDS
        counts = len(line.text.split()) >= least and not _MAY_RETURN.search(line.text)
        again = counts and line.text in seen
        seen.add(line.text)
        yield Reason.REPEATED_LINE if again else None


def _cut_promo(line: _Line, removals: list[Removal]) -> _Line:
    """``line`` without a pointer to another story at its end, if that is a single sentence."""
    tail_start = max(0, len(line.text) - _PROMO_CHARS)
    for found in _GLUED.finditer(line.text, tail_start):
        promo = line.text[found.start() :]
        if not _INNER_END.search(promo):
            removals.append(line.removed(Reason.GLUED_PROMO, promo.strip()))
            return replace(line, text=line.text[: found.start()].rstrip())
    return line


def _is_story(text: str) -> bool:
    return _SENTENCE_END.search(text) is not None and len(text.split()) >= _STORY_WORDS


def _fold(text: str) -> str:
    """``text`` without what typography can change: case, marks and spaces."""
    return "".join(filter(str.isalnum, text)).casefold()
