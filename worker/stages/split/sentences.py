"""Stage 2, first: paragraphs to sentences, stray pieces taken out.

A lone function word behind a full stop carries nothing; where it could be meant it stays. What a
full stop has cut in two is for ``worker.stages.split.false_breaks``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import syntok.segmenter

from worker.english.lexicon import FUNCTION_WORDS
from worker.records.reason import Reason
from worker.records.result import Edit

__all__ = [
    "QUOTE",
    "Split",
    "is_short_form",
    "quoted_after",
    "split",
    "split_sentences",
    "unquoted",
]

#: Three words in a row are more often a short answer than a stray piece.
_STRAY_WORDS = 2

#: Titles and the like: what they stand before belongs to the same sentence. syntok knows most
#: abbreviations; it splits after these in front of a capital.
_BEFORE_NAMES = frozenset(
    """adm brig capt cmdr col cpl det dr ft gen gov hon insp lt maj messrs mr mrs ms mt pres prof
    pvt rep rev sen sgt sr st supt v vs""".split()  # noqa: SIM905 - a word list reads better
)
#: After these a full stop belongs to the word: it is not taken out. The last lines are forms of
#: companies.
_ABBREVIATIONS = _BEFORE_NAMES | frozenset(
    """al approx apr aug ave avg bn bros ca cf co corp dec dept dist div ed eds esp est etc excl
    feb fig figs fri govt inc incl intl jan jr jul jun kg km lb ltd mar max min mln mn mon no nos
    nov oct op oz pct pp ref res sat sec sep sept ser sq sun tel thu tue univ vol vols wed yr yrs
    bhd doo ehf gmbh jsc kft llc llp oao ojsc ooo oyj pao plc pty spa sro zao zrt""".split()  # noqa: SIM905
)

#: Function words without any content of their own. Out are what can be an answer or a claim
#: (negations, pronouns, quantities, question words), particles that are predicates ("off",
#: "over"), and what is also a name or a month ("May", "Will", "A").
_EMPTY_WORDS = FUNCTION_WORDS & frozenset(
    """an the of at to for from with by into onto upon among between during in as than and or but
    because is are was were be been being has have had""".split()  # noqa: SIM905
)

_LAST_WORD = re.compile(r"[\w.'\u2019-]{1,40}\Z")
#: A mark that begins or ends a quotation.
QUOTE = re.compile(r"[\"\u201c\u201d]")
_CLOSERS = ('"', "'", "\u201d", "\u2019", ")", "]")
#: Other numbers before a full stop are ordinals and items as often as ends of sentences.
_YEAR_DIGITS = 4
#: A shorter word before a full stop is more often a short form than the end of a sentence.
_LEAST_CHARS = 3
#: What is longer is no sentence, and may not fit the model's window.
_MOST_CHARS = 1_200
#: How much of the text at a break is looked at.
_NEAR_CHARS = 60


@dataclass(frozen=True, slots=True)
class Split:
    """The sentences of each paragraph, and what was mended."""

    paragraphs: tuple[tuple[str, ...], ...]
    edits: tuple[Edit, ...]


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text`` in order; joined, they are ``text`` but for white space.

    syntok finds the ends. What it cuts behind ``;`` or a title (``Gen.``) is joined again, and so
    is a piece of marks alone, such as a quotation mark behind a space.
    """
    starts = [
        sentence[0].offset
        for paragraph in syntok.segmenter.analyze(text)
        for sentence in map(list, paragraph)
        if sentence
    ]
    spans: list[tuple[int, int]] = []
    for start, end in pairwise([0, *starts[1:], len(text)]):
        first = spans[-1][0] if spans else 0
        before = text[max(first, start - _NEAR_CHARS) : start].rstrip()
        after = text[start : min(end, start + _NEAR_CHARS)].strip()
        if not spans or _belongs(before, after):
            spans[-1:] = [(first, end)]
        else:
            spans.append((start, end))
    return [piece for start, end in spans if (piece := text[start:end].strip())]


def split(paragraphs: Sequence[str]) -> Split:
    """The sentences of every paragraph, stray pieces taken out.

    Inside quotations nothing is mended. No number, name or word with content is touched.
    """
    result: list[tuple[str, ...]] = []
    edits: list[Edit] = []
    for paragraph in paragraphs:
        if pieces := split_sentences(paragraph):
            result.append(tuple(_mend(pieces, len(result), edits)))
    return Split(paragraphs=tuple(result), edits=tuple(edits))


def _belongs(before: str, after: str) -> bool:
    """Whether ``after`` goes on with the sentence that ``before`` is the end of."""
    if before.endswith(";") or not any(map(str.isalnum, after)):
        return True
    last = _LAST_WORD.search(before.removesuffix("."))
    short = last[0] if last and before.endswith(".") else ""
    return short.lower() in _BEFORE_NAMES and not short[1:].isupper()


def _mend(pieces: Sequence[str], paragraph: int, edits: list[Edit]) -> list[str]:
    mended: list[str] = []
    strays: list[str] = []
    quoted = False

    def note(before: str, after: str, reason: Reason) -> None:
        if before != after:
            edits.append(Edit(paragraph=paragraph, before=before, after=after, reason=reason))

    for piece, following in zip(pieces, [*pieces[1:], ""], strict=True):
        if not quoted and mended and _is_stray(piece, mended[-1], following):
            strays.append(piece)
            continue
        if mended:
            note(" ".join([mended[-1], *strays]), mended[-1], Reason.STRAY_PIECE)
        strays = []
        quoted = quoted_after(piece, quoted=quoted)
        mended.append(piece)
    if mended:
        note(" ".join([mended[-1], *strays]), mended[-1], Reason.STRAY_PIECE)
    return mended


def quoted_after(text: str, *, quoted: bool) -> bool:
    """Whether a quotation is open behind ``text``, if one was or was not before it."""
    for mark in QUOTE.findall(text):
        quoted = mark != "\u201d" and (mark == "\u201c" or not quoted)
    return quoted


def unquoted(sentences: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The sentences that are no part of a quotation, and have none, with their places.

    Those that are too long to be one are left out.
    """
    quoted = False
    for at, sentence in enumerate(sentences):
        if not quoted and len(sentence) <= _MOST_CHARS and not QUOTE.search(sentence):
            yield at, sentence
        quoted = quoted_after(sentence, quoted=quoted)


def is_short_form(text: str) -> bool:
    """Whether a full stop behind ``text`` may belong to its last word, or to a number."""
    found = _LAST_WORD.search(text)
    if found is None:
        return False
    last = found[0]
    if last.isdigit():
        return len(last) != _YEAR_DIGITS
    letters = last.isupper() or "." in last or len(last) < _LEAST_CHARS
    return letters or last.lower() in _ABBREVIATIONS


def _is_stray(piece: str, before: str, following: str) -> bool:
    """Whether ``piece`` is one or two empty words between two sentence ends."""
    words = piece[:-1].split()
    if not piece.endswith(".") or not 1 <= len(words) <= _STRAY_WORDS:
        return False
    if not all(word.lower() in _EMPTY_WORDS and not word[1:].isupper() for word in words):
        return False
    closed = following[:1] in _CLOSERS and not following[1:2].isalnum()
    return before.endswith((".", "!", "?")) and not closed
