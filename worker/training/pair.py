"""Pairs of a sentence and what the model is to answer, drawn from sets of post-edits.

A pair with an edit is one that `worker.stages.repair.fidelity` would let through: what the service
refuses
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

from worker.config.profile import CheckSettings
from worker.english.facts import fold, words
from worker.stages.repair.changes import Change, WordEdit, apply_edits, edit_rate, find_changes
from worker.stages.repair.fidelity import check_proposal

__all__ = [
    "LEAST_VERSIONS",
    "Pair",
    "Row",
    "consensus_pairs",
    "distinct_versions",
    "is_fit",
    "is_lawful",
    "is_set_aside",
    "lawfully_damaged",
    "post_edited_pairs",
    "read_rows",
    "twice_edited_pairs",
    "versions_as_sources",
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
    named = next(row[key] for key in ("doc", "source", "text") if key in row)
    return crc32(str(named).encode()) % _SET_ASIDE == 0


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


def lawfully_damaged(damaged: str, target: str) -> str:
    """The damaged sentence without the faults that the checks would not let anyone mend."""
    changes = find_changes(damaged, target)
    beyond = [
        edit
        for change in changes
        if not is_lawful(damaged, apply_edits(damaged, change.edits))
        for edit in change.edits
    ]
    return apply_edits(damaged, beyond)


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


def versions_as_sources(rows: Iterable[Row]) -> Iterator[Row]:
    """A row for each engine's version of a segment that is no row's source, with the others.

    Several rows may be of one segment, which they name by ``doc`` and ``seg``. What people wrote is
    no source: most engines are no measure for them.
    """
    segments: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        segments.setdefault((row["doc"], row["seg"]), []).append(row)
    for (doc, _), several in segments.items():
        sources = dict.fromkeys(row["source"].strip() for row in several)
        first = several[0]
        reference = first["reference"].strip()
        versions = (version.strip() for version in (*first["targets"], first["target"]))
        pool = list(dict.fromkeys((*sources, *versions)))
        for source in pool:
            if source not in sources and source != reference:
                others = [version for version in pool if version != source]
                yield {
                    "source": source,
                    "target": reference,
                    "targets": others,
                    "reference": reference,
                    "doc": doc,
                }


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


def _agreed(source: str, versions: Sequence[str], needed: int) -> list[WordEdit]:
    """Changes that so many versions make and that are lawful by themselves, most votes first.

    Both halves of a move are one change: one of them ("are there") must not be made alone.
    """
    votes: Counter[tuple[Any, ...]] = Counter()
    sample: dict[tuple[Any, ...], Change] = {}
    for version in versions:
        for change in find_changes(source, version):
            key = tuple(edit.key for edit in change.edits)
            votes[key] += 1
            sample.setdefault(key, change)
    found = [sample[key] for key, count in votes.most_common() if count >= needed]
    return [
        edit
        for change in found
        if not _is_taste(source, change)
        and not any(_opens(edit) for edit in change.edits)
        and is_lawful(source, apply_edits(source, change.edits))
        for edit in change.edits
    ]


def _is_taste(source: str, change: Change) -> bool:
    changed: set[str] = set()
    for edit in change.edits:
        before, after = {*words(source[edit.start : edit.end])}, {*words(edit.text)}
        changed |= {word.lower() for word in before ^ after}
    return changed <= _TASTE or not changed.isdisjoint(_CONTRACTIONS)


def _opens(edit: WordEdit) -> bool:
    """Whether the edit touches the first word, whose capital would have to change."""
    return edit.start == 0


def _is_near(source: str, versions: list[str]) -> bool:
    near = sum(edit_rate(source, version) <= _NEAR_RATE for version in versions)
    return near >= _NEAR_VERSIONS
