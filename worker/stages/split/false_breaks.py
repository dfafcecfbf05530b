"""Stage 2, step 2: joins sentences that a false full stop cut in two.

A full stop is suspect when a lower-case letter follows, or a verb that cannot begin a statement.
The base model, given only the text of the two sentences, then scores one sentence against two. The
two sentences are joined, or the second has its capital restored, or the text stays unchanged.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

from worker.engine.fluency import text_nats
from worker.english.lexicon import AUXILIARIES, FUNCTION_WORDS, MODALS, PRONOUNS
from worker.english.sentence_end import ends_sentence
from worker.records.reason import Reason
from worker.records.result import Edit
from worker.stages.split.sentences import ends_in_abbreviation, is_quotation_open_after

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from worker.config.profile import Profile
    from worker.engine.protocol import Engine

__all__ = ["join_false_breaks"]

#: Nats by which one sentence must be more likely than two. Joins 98.7 % of cut sentences and 1 % of
#: whole sentences that lost their capital; a lower value joins more of both (docs/decisions/021).
_JOIN_NATS = 4.0
#: The same if the second sentence begins with a capital, which is evidence for two sentences. Joins
#: 97 % of cut sentences and no whole sentences.
_JOIN_CAPITAL_NATS = 6.0

#: A longer text is not half a sentence, so it is never joined.
_MAX_HALF_CHARS = 600

#: Words, mostly verbs and pronouns, that cannot begin a statement.
_FRAGMENT_WORDS = (AUXILIARIES | MODALS | {"of", "than", "which", "whose", "whom"}) - {
    *("be", "being", "having", "doing", "do", "may", "might", "will", "must", "need"),
}

_STOP = re.compile(r"(?<=\w)\.\s+(?=[a-z])")
_FIRST_WORD = re.compile(r"[A-Za-z]+(?=[\s,])")


@dataclass(frozen=True, slots=True)
class _Part:
    """A piece of a paragraph that starts at a sentence boundary or a suspect full stop."""

    text: str
    doubted: bool = False
    """Whether the full stop before the part may be false."""
    continues: bool = False
    """Whether the splitter kept the part in one sentence with the previous part."""

    @property
    def lower_first(self) -> str:
        """The text with a lower-case first letter, as the end of a sentence."""
        return self.text[0].lower() + self.text[1:]

    @property
    def upper_first(self) -> str:
        """The text with a capital, as a separate sentence."""
        return self.text[0].upper() + self.text[1:]


def join_false_breaks(
    paragraphs: Sequence[Sequence[str]], engine: Engine, profile: Profile
) -> tuple[list[list[str]], list[Edit]]:
    """Join cut sentences; return each paragraph's sentences and the edits made.

    Quotations stay unchanged. If the engine returns no likelihoods, all text stays unchanged.

    Raises:
        EngineError: the engine failed.
    """
    parts = [_split_into_parts(paragraph) for paragraph in paragraphs]
    halves = [pair for row in parts for pair in pairwise(row) if pair[1].doubted]
    texts = [
        text
        for left, right in halves
        for text in (_as_one_sentence(left, right), _as_two_sentences(left, right))
    ]
    nats = text_nats(texts, engine, profile)
    sentences: list[list[str]] = []
    edits: list[Edit] = []
    for row in parts:
        sentences.append(_resolve_breaks(row, nats, len(sentences), edits))
    return sentences, edits


def _resolve_breaks(
    parts: Sequence[_Part], nats: dict[str, float], paragraph: int, edits: list[Edit]
) -> list[str]:
    """Return the paragraph's sentences; append an edit for each repaired break."""
    sentences = [parts[0].text] if parts else []
    for left, right in pairwise(parts):
        reason, gain = _decide(left, right, nats)
        before = sentences[-1]
        if reason is Reason.FALSE_BREAK:
            after = sentences[-1] = f"{before.removesuffix('.')} {right.lower_first}"
        elif reason is Reason.LOST_CAPITAL:
            sentences.append(right.upper_first)
            after = f"{before} {right.upper_first}"
        elif right.continues:
            sentences[-1] = f"{before} {right.text}"
            continue
        else:
            sentences.append(right.text)
            continue
        edits.append(
            Edit(
                paragraph=paragraph,
                before=f"{before} {right.text}",
                after=after,
                reason=reason,
                scores={"fluency_nats": round(abs(gain), 3)},
            )
        )
    return sentences


def _decide(left: _Part, right: _Part, nats: dict[str, float]) -> tuple[Reason | None, float]:
    """Return the reason to repair the break, or None, and the nats gained by joining."""
    if not right.doubted or not nats:
        return None, 0.0
    gain = nats[_as_two_sentences(left, right)] - nats[_as_one_sentence(left, right)]
    min_gain = _JOIN_NATS if right.text[0].islower() else _JOIN_CAPITAL_NATS
    if gain >= min_gain:
        return Reason.FALSE_BREAK, gain
    if gain < 0 and _has_lost_capital(right.text):
        return Reason.LOST_CAPITAL, gain
    return None, gain


def _split_into_parts(sentences: Sequence[str]) -> list[_Part]:
    """Split the sentences further at each suspect full stop inside them."""
    parts: list[_Part] = []
    quoted = False
    for sentence in sentences:
        continues = False
        for piece in _pieces(sentence):
            doubted = bool(parts) and not quoted and _is_doubtful(parts[-1].text, piece)
            if continues and not doubted:
                last = parts[-1]
                parts[-1] = _Part(f"{last.text} {piece}", last.doubted, last.continues)
            else:
                parts.append(_Part(piece, doubted, continues))
            continues = True
            quoted = is_quotation_open_after(piece, was_open=quoted)
    return parts


def _pieces(sentence: str) -> Iterator[str]:
    """Yield the pieces of a sentence, cut after each full stop that a lower-case letter follows."""
    start = 0
    for stop in _STOP.finditer(sentence):
        yield sentence[start : stop.start() + 1]
        start = stop.end()
    yield sentence[start:]


def _is_doubtful(left: str, right: str) -> bool:
    """Return whether the full stop between the two sentences may be false."""
    first = _FIRST_WORD.match(right)
    if (
        first is None
        or not ends_sentence(right)
        or not left.endswith(".")
        or max(len(left), len(right)) > _MAX_HALF_CHARS
        or ends_in_abbreviation(left.removesuffix("."))
    ):
        return False
    if first[0].islower():
        return True
    second = right[first.end() :].split(maxsplit=1)[0].lower()
    is_question = second in PRONOUNS
    is_fragment = first[0].istitle() and first[0].lower() in _FRAGMENT_WORDS
    return is_fragment and right.endswith(".") and not is_question


def _has_lost_capital(text: str) -> bool:
    """Return whether a missing capital is safe to restore; names like "iPhone" have none."""
    return text[0].islower() and text.split(maxsplit=1)[0].rstrip(",") in FUNCTION_WORDS


def _as_one_sentence(left: _Part, right: _Part) -> str:
    return f"{left.text.removesuffix('.')} {right.lower_first}"


def _as_two_sentences(left: _Part, right: _Part) -> str:
    return f"{left.text} {right.upper_first}"
