"""Stage 2, second: sentences that a full stop has cut in two, joined by evidence.

A full stop in front of a small letter, or of a verb that no statement begins with, is doubted. How
much likelier one sentence is than two, to a model that reads nothing else, then decides: joined,
two sentences of which the second lost its capital, or left as it was.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from worker.engine.fluency import text_nats
from worker.english.lexicon import AUXILIARIES, FUNCTION_WORDS, MODALS, PRONOUNS
from worker.records.reason import Reason
from worker.records.result import Edit
from worker.stages.split.sentences import is_short_form, quoted_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["join_false_breaks"]

#: Nats by which one sentence must be likelier than two. 300 sentences of clean news cut at random:
#: 98.7 % gain more; 200 pairs of sentences whose second lost its capital: 1 % do. Below nothing are
#: none of the first and 86 % of the second.
_JOIN_NATS = 4.0
#: Where the second has its capital, two sentences are what is to be expected: none of those 200
#: gains so much, and 97 % of the cut ones.
_JOIN_CAPITAL_NATS = 6.0

#: Longer halves are left alone: what is so long is no sentence.
_HALF_CHARS = 600

#: Verbs and pronouns that no statement begins with.
_FRAGMENT_WORDS = (AUXILIARIES | MODALS | {"of", "than", "which", "whose", "whom"}) - {
    *("be", "being", "having", "doing", "do", "may", "might", "will", "must", "need"),
}

_STOP = re.compile(r"(?<=\w)\.\s+(?=[a-z])")
_END = re.compile(r"[.!?][\"'\u201d\u2019)\]]*\Z")
_FIRST_WORD = re.compile(r"[A-Za-z]+(?=[\s,])")


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a paragraph, and how it hangs together with the one before it."""

    text: str
    doubted: bool = False
    """Whether the full stop before it may be false."""
    inside: bool = False
    """Whether both were one sentence so far."""

    @property
    def small(self) -> str:
        """The text as the end of a sentence."""
        return self.text[0].lower() + self.text[1:]

    @property
    def capital(self) -> str:
        """The text as a sentence of its own."""
        return self.text[0].upper() + self.text[1:]


def join_false_breaks(
    paragraphs: Sequence[Sequence[str]], engine: Engine, profile: Profile
) -> tuple[list[list[str]], list[Edit]]:
    """The sentences of each paragraph, those that were cut in two joined, and what was mended.

    Inside quotations nothing is. Where the engine cannot say how likely a text is, all stays.

    Raises:
        EngineError: the engine failed.
    """
    parts = [_parts(paragraph) for paragraph in paragraphs]
    halves = [pair for row in parts for pair in pairwise(row) if pair[1].doubted]
    texts = [text for left, right in halves for text in (_joined(left, right), _apart(left, right))]
    nats = text_nats(texts, engine, profile)
    sentences: list[list[str]] = []
    edits: list[Edit] = []
    for row in parts:
        sentences.append(_mended(row, nats, len(sentences), edits))
    return sentences, edits


def _mended(
    parts: Sequence[_Part], nats: dict[str, float], paragraph: int, edits: list[Edit]
) -> list[str]:
    mended = [parts[0].text] if parts else []
    for left, right in pairwise(parts):
        text, reason = right.text, None
        gain = 0.0
        if right.doubted and nats:
            gain = nats[_apart(left, right)] - nats[_joined(left, right)]
            least = _JOIN_NATS if right.text[0].islower() else _JOIN_CAPITAL_NATS
            if gain >= least:
                text, reason = right.small, Reason.FALSE_BREAK
            elif gain < 0 and _has_lost_capital(right.text):
                text, reason = right.capital, Reason.LOST_CAPITAL
        before = mended[-1]
        if reason is Reason.FALSE_BREAK:
            mended[-1] = f"{before.removesuffix('.')} {text}"
        elif right.inside and reason is None:
            mended[-1] = f"{before} {text}"
        else:
            mended.append(text)
        if reason:
            after = mended[-1] if reason is Reason.FALSE_BREAK else f"{before} {text}"
            edits.append(
                Edit(
                    paragraph=paragraph,
                    before=f"{before} {right.text}",
                    after=after,
                    reason=reason,
                    scores={"fluency_nats": round(abs(gain), 3)},
                )
            )
    return mended


def _parts(sentences: Sequence[str]) -> list[_Part]:
    """The sentences, those with a doubtful full stop inside cut there."""
    parts: list[_Part] = []
    quoted = False
    for sentence in sentences:
        inside = False
        for piece in _pieces(sentence):
            doubted = bool(parts) and not quoted and _is_doubtful(parts[-1].text, piece)
            if inside and not doubted:
                parts[-1] = _Part(f"{parts[-1].text} {piece}", parts[-1].doubted, parts[-1].inside)
            else:
                parts.append(_Part(piece, doubted, inside))
            inside = True
            quoted = quoted_after(piece, quoted=quoted)
    return parts


def _pieces(sentence: str) -> Iterator[str]:
    done = 0
    for stop in _STOP.finditer(sentence):
        yield sentence[done : stop.start() + 1]
        done = stop.end()
    yield sentence[done:]


def _is_doubtful(left: str, right: str) -> bool:
    """Whether the full stop between the two may have cut a sentence."""
    first = _FIRST_WORD.match(right)
    if (
        first is None
        or not _END.search(right)
        or not left.endswith(".")
        or max(len(left), len(right)) > _HALF_CHARS
        or is_short_form(left.removesuffix("."))
    ):
        return False
    if first[0].islower():
        return True
    second = right[first.end() :].split(maxsplit=1)[0].lower()
    asks = second in PRONOUNS
    fragment = first[0].istitle() and first[0].lower() in _FRAGMENT_WORDS
    return fragment and right.endswith(".") and not asks


def _has_lost_capital(text: str) -> bool:
    """Whether a capital can be put without knowing names: "iPhone" has none to lose."""
    return text[0].islower() and text.split(maxsplit=1)[0].rstrip(",") in FUNCTION_WORDS


def _joined(left: _Part, right: _Part) -> str:
    return f"{left.text.removesuffix('.')} {right.small}"


def _apart(left: _Part, right: _Part) -> str:
    return f"{left.text} {right.capital}"
