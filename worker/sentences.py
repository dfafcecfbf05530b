"""Stage 2, split: paragraphs to sentences, and two faults of translation mended on the way.

A full stop that cuts a sentence in two is taken out, and so is a lone function word behind a
full stop. Both are rare; where either could be meant, the text stays as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import syntok.segmenter

from worker.lexicon import AUXILIARIES, DETERMINERS, FUNCTION_WORDS, MODALS, PREPOSITIONS, PRONOUNS
from worker.reason import Reason
from worker.records import Edit

__all__ = ["Split", "split", "split_sentences"]

#: A lone prepositional phrase ("in the north of the country.") is glued up to this length; a
#: longer one may have a subject and a verb, and then it is a sentence without its capital.
_PHRASE_WORDS = 6
#: Three words in a row are more often a short answer than a stray piece.
_STRAY_WORDS = 2
#: Where a piece ends is looked for no farther than this; a longer one is left alone.
_PIECE_CHARS = 400

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

#: Words that no sentence begins with unless it asks or commands: the verb that goes with a
#: subject before the stop, relative pronouns, and "and" and "or", which glue without harm.
_CONTINUERS = (
    frozenset(word for word in AUXILIARIES | MODALS if word.isalpha())
    - {"be", "been", "being", "am", "do", "does", "did", "doing", "done", "have", "having"}
) | {"and", "or", "nor", "but", "than", "which", "who", "whom", "whose"}

#: Function words without any content of their own. Out are what can be an answer or a claim
#: (negations, pronouns, quantities, question words), particles that are predicates ("off",
#: "over"), and what is also a name or a month ("May", "Will", "A").
_EMPTY_WORDS = FUNCTION_WORDS & frozenset(
    """an the of at to for from with by into onto upon among between during in as than and or but
    because is are was were be been being has have had""".split()  # noqa: SIM905
)

_STOP = re.compile(r"(?<=\w)\.\s+(?=[a-z])")
_WORD = re.compile(r"[^\W\d_]+(?:['\u2019-][^\W\d_]+)*")
_LAST_WORD = re.compile(r"[\w.'\u2019-]{1,40}\Z")
_NEXT_WORD = re.compile(r"[^\s]{1,40}")
_PIECE_END = re.compile(r"[.!?](?=[\"'\u201d\u2019)\]]*(?:\s|\Z))")
_QUOTE = re.compile(r"[\"\u201c\u201d]")
_CLOSERS = ('"', "'", "\u201d", "\u2019", ")", "]")
#: Other numbers before a full stop are ordinals and items as often as ends of sentences.
_YEAR_DIGITS = 4
#: A shorter word before a full stop is more often a short form than the end of a sentence.
_LEAST_CHARS = 3
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
    """The sentences of every paragraph, false breaks glued and stray pieces taken out.

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
        joined = "".join(_without_false_breaks(piece, quoted=quoted))
        note(piece, joined, Reason.FALSE_BREAK)
        quoted = _quoted_after(piece, quoted=quoted)
        mended.append(joined)
    if mended:
        note(" ".join([mended[-1], *strays]), mended[-1], Reason.STRAY_PIECE)
    return mended


def _quoted_after(text: str, *, quoted: bool) -> bool:
    """Whether a quotation is open behind ``text``, if one was or was not before it."""
    for mark in _QUOTE.findall(text):
        quoted = mark != "\u201d" and (mark == "\u201c" or not quoted)
    return quoted


def _without_false_breaks(piece: str, *, quoted: bool) -> Iterator[str]:
    """``piece`` in parts, without the full stops that cut a sentence in two."""
    done = 0
    for stop in _STOP.finditer(piece):
        quoted = _quoted_after(piece[done : stop.start()], quoted=quoted)
        yield piece[done : stop.start()]
        done = stop.start()
        before = piece[max(0, stop.start() - _NEAR_CHARS) : stop.start()]
        after = piece[stop.end() : stop.end() + _PIECE_CHARS]
        if not quoted and _ends_no_sentence(before) and _begins_no_sentence(after):
            yield piece[stop.start() + 1 : stop.end()]
            done = stop.end()
    yield piece[done:]


def _ends_no_sentence(before: str) -> bool:
    """Whether the full stop behind ``before`` is one that may be dropped: none of a short form."""
    found = _LAST_WORD.search(before)
    last = found[0] if found else ""
    if last.isdigit():
        return len(last) == _YEAR_DIGITS
    short_form = last.isupper() or "." in last or last.lower() in _ABBREVIATIONS
    return len(last) >= _LEAST_CHARS and not short_form


def _begins_no_sentence(after: str) -> bool:
    """Whether ``after`` cannot be a sentence that only lacks its capital."""
    end = _PIECE_END.search(after)
    if end is None or end[0] != ".":
        return False
    first = _NEXT_WORD.match(after)
    if first is None or not first[0].rstrip(",").isalpha() or not first[0].rstrip(",").islower():
        return False
    words = [word.lower() for word in _WORD.findall(after[: end.start()])]
    if words[0] in _CONTINUERS:
        inverted = words[1:2] and words[1] in PRONOUNS and words[0] in AUXILIARIES | MODALS
        return not inverted
    return (
        words[0] in PREPOSITIONS
        and words[1:2] != []
        and words[1] in DETERMINERS
        and len(words) <= _PHRASE_WORDS
        and "," not in after[: end.start()]
        and not any(
            word in AUXILIARIES | MODALS | PRONOUNS or word.endswith("ed") for word in words[2:]
        )
    )


def _is_stray(piece: str, before: str, following: str) -> bool:
    """Whether ``piece`` is one or two empty words between two sentence ends."""
    words = piece[:-1].split()
    if not piece.endswith(".") or not 1 <= len(words) <= _STRAY_WORDS:
        return False
    if not all(word.lower() in _EMPTY_WORDS and not word[1:].isupper() for word in words):
        return False
    return before.endswith((".", "!", "?")) and following[:1] not in _CLOSERS
