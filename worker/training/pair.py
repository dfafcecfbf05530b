"""Pairs of a sentence and what the model is to answer, drawn from sets of post-edits.

A pair with an edit is one that `worker.checks` would let through: what the service refuses
need not be learned.
"""

from __future__ import annotations

import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

from rapidfuzz.distance import Levenshtein

from worker.checks import check_proposal
from worker.edit import Edit, apply_edits, edit_rate, find_edits
from worker.facts import fold, words
from worker.profile import CheckSettings

__all__ = [
    "LEAST_VERSIONS",
    "Pair",
    "Row",
    "consensus_pairs",
    "distinct_versions",
    "is_fit",
    "is_lawful",
    "is_set_aside",
    "post_edited_pairs",
    "read_rows",
    "twice_edited_pairs",
]

#: Shorter pieces are headings and datelines; longer ones are one in fifty and cost as much
#: time as three others.
_LEAST_WORDS, _MOST_WORDS = 5, 45

#: The versions nearest to a sentence, and how many of them must make the very same edit. Far ones
#: word everything otherwise and outvote the rest: with half of all versions, 1,500 segments gave
#: 214 mends, of which 191 came nearer to the five nearest; with three of those five, 266 and 262.
_NEAREST, _CONSENSUS = 5, 3
#: With fewer versions, three of them is chance.
LEAST_VERSIONS = 4

#: One document in so many is set aside from the model's pairs, for the acceptor to learn from: what
#: the model proposes for a sentence that it was trained on says nothing about other sentences.
_SET_ASIDE = 3

#: A sentence is fine as it is when this many versions word it otherwise in at most so many of its
#: words: a version that is wholly free says nothing about the sentence, two near ones do.
_NEAR_RATE, _NEAR_VERSIONS = 0.15, 2

#: Above this edit rate, MLQE's post-editors saw in the source text what the English does not
#: tell; training on it teaches a model to invent.
_MOST_HTER = 0.25

#: Words that good writers put or leave out, and tenses in which they report, as they like.
_TASTE = frozenset({"that", "say", "says", "said", "also"})
_CONTRACTIONS = frozenset({"n't", "'m", "'re", "'ve", "'ll", "'d"})

_LIMITS = CheckSettings()


Row = Mapping[str, Any]


class Pair(NamedTuple):
    """One example for training."""

    source: str
    target: str
    kind: str
    """Where it comes from and what it shows, as the model card counts it."""

    @property
    def kept(self) -> bool:
        """Whether the answer is the sentence itself."""
        return self.source == self.target


def is_set_aside(row: Row) -> bool:
    """Whether the row is kept from the model's training.

    By its document, where it names one: several engines translate the same sentence.
    """
    return crc32(str(row.get("doc", row["source"])).encode()) % _SET_ASIDE == 0


def read_rows(path: Path) -> Iterator[Row]:
    """The objects of a JSON Lines file, gzipped."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_fit(sentence: str) -> bool:
    """Whether a sentence has a length worth training on, and sits on one line."""
    return _LEAST_WORDS <= len(sentence.split()) <= _MOST_WORDS and "\n" not in sentence


def is_lawful(source: str, target: str) -> bool:
    """Whether the checks let the target stand in for the source: names, numbers, content kept."""
    return check_proposal(source, target, _LIMITS).accepted


def consensus_pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """Pairs of kind ``consensus`` and ``consensus_kept`` from rows with several ``targets``.

    An edit is made where most of the nearest versions make it; a sentence with none of these
    is kept where two versions are near to it, and left out otherwise: it may be wrong in a way
    on which nobody agrees.
    """
    for row in rows:
        source = row["source"].strip()
        versions = distinct_versions(row)
        if not is_fit(source) or len(versions) < LEAST_VERSIONS:
            continue
        edits = _agreed(source, _nearest(source, versions), _CONSENSUS)
        target = apply_edits(source, edits)
        if edits and is_lawful(source, target):
            yield Pair(source, target, "consensus")
        elif not edits and _is_near(source, versions):
            yield Pair(source, source, "consensus_kept")


def post_edited_pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """Pairs of kind ``post_edit`` and ``post_edit_kept`` from rows with ``target`` and ``hter``.

    Of a post-edit the lawful edits are made; the others need the source text.
    """
    for row in rows:
        source = row["source"].strip()
        if not is_fit(source) or row["hter"] > _MOST_HTER:
            continue
        if row["hter"] == 0:
            yield Pair(source, source, "post_edit_kept")
            continue
        edits = _agreed(source, [row["target"].strip()], 1)
        target = apply_edits(source, edits)
        if edits and is_lawful(source, target):
            yield Pair(source, target, "post_edit")


def twice_edited_pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """Pairs of kind ``twice_edited`` and ``twice_kept``: the edits that two editors share."""
    for row in rows:
        source = row["source"].strip()
        if not is_fit(source):
            continue
        if all(source == version.strip() for version in row["targets"]):
            yield Pair(source, source, "twice_kept")
            continue
        edits = _agreed(source, row["targets"], len(row["targets"]))
        target = apply_edits(source, edits)
        if edits and is_lawful(source, target):
            yield Pair(source, target, "twice_edited")


def distinct_versions(row: Row) -> list[str]:
    """The versions, once each: engines that answer alike are often copies of one another."""
    found: dict[str, str] = {}
    for version in (*row["targets"], row["target"], row["reference"]):
        found.setdefault(fold(version).lower().strip(), version.strip())
    return list(found.values())


def _nearest(source: str, versions: Sequence[str]) -> list[str]:
    """The versions with the fewest word edits from the source."""
    here = words(source)
    return sorted(versions, key=lambda version: Levenshtein.distance(here, words(version)))[
        :_NEAREST
    ]


def _agreed(source: str, versions: Sequence[str], needed: int) -> list[Edit]:
    """Edits that so many versions make and that are lawful by themselves, most votes first."""
    votes: Counter[tuple[int, int, tuple[str, ...]]] = Counter()
    sample: dict[tuple[int, int, tuple[str, ...]], Edit] = {}
    for version in versions:
        for edit in _settled(source, find_edits(source, version)):
            votes[edit.key] += 1
            sample.setdefault(edit.key, edit)
    found = [sample[key] for key, count in votes.most_common() if count >= needed]
    return [
        edit
        for edit in found
        if not _opens(edit) and is_lawful(source, apply_edits(source, [edit]))
    ]


def _settled(source: str, edits: list[Edit]) -> Iterator[Edit]:
    """The edits that stand by themselves and are no matter of taste.

    One half of a move ("are there") must not be made alone.
    """
    changes = [_change(source, edit) for edit in edits]
    for at, (edit, (lost, won)) in enumerate(zip(edits, changes, strict=True)):
        others = changes[:at] + changes[at + 1 :]
        moved = any(lost & other_won or won & other_lost for other_lost, other_won in others)
        if not moved and not _is_taste(lost, won):
            yield edit


def _is_taste(lost: set[str], won: set[str]) -> bool:
    changed = {word.lower() for word in lost | won}
    return changed <= _TASTE or not changed.isdisjoint(_CONTRACTIONS)


def _change(source: str, edit: Edit) -> tuple[set[str], set[str]]:
    """The words that an edit takes out and puts in."""
    before, after = set(words(source[edit.start : edit.end])), set(words(edit.text))
    return before - after, after - before


def _opens(edit: Edit) -> bool:
    """Whether the edit touches the first word, whose capital would have to change."""
    return edit.start == 0


def _is_near(source: str, versions: list[str]) -> bool:
    near = sum(edit_rate(source, version) <= _NEAR_RATE for version in versions)
    return near >= _NEAR_VERSIONS
