"""Draws training pairs (a sentence and the model's answer) from sets of post-edits.

Every edited pair passes ``worker.stages.repair.fidelity``: edits that the service would refuse are
not worth learning.
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
from worker.english.facts import fold_typography, words
from worker.stages.repair.changes import Change, WordEdit, apply_edits, edit_rate, find_changes
from worker.stages.repair.fidelity import check_proposal

__all__ = [
    "MIN_VERSIONS",
    "Pair",
    "Row",
    "consensus_pairs",
    "count_kinds",
    "distinct_versions",
    "is_set_aside",
    "is_trainable",
    "keep_repairable_damage",
    "passes_checks",
    "post_edited_pairs",
    "read_rows",
    "twice_edited_pairs",
    "versions_as_sources",
]

#: Minimum and maximum number of words. Shorter pieces are headings and datelines; longer sentences
#: are one in fifty, and each takes as much time as three others.
_MIN_WORDS, _MAX_WORDS = 5, 45

#: Number of nearest versions that vote, and number that must make the same edit. If all versions
#: vote, distant versions outvote the rest: half of all versions gave 214 repairs for 1,500 segments
#: (191 of them closer to the five nearest), three of the five nearest gave 266 (262).
_NEAREST, _CONSENSUS = 5, 3
#: Minimum number of versions; with fewer, agreement of three is chance.
MIN_VERSIONS = 4

#: One document in this many is set aside for the acceptor: what the model proposes for sentences
#: that it was trained on says nothing about other sentences.
_SET_ASIDE_EVERY = 3

#: A sentence counts as good if at least this many versions change at most this share of its words.
#: A free translation says nothing about the sentence; two near versions do.
_NEAR_RATE, _NEAR_VERSIONS = 0.15, 2

#: Maximum edit rate of a post-edit. Above it, MLQE's post-editors used facts that only the source
#: text has; training on such edits teaches a model to invent.
_MAX_HTER = 0.25

#: Words that good writers may use or omit, and reporting verbs whose tense they may choose.
_TASTE = frozenset({"that", "say", "says", "said", "also"})
_CONTRACTIONS = frozenset({"n't", "'m", "'re", "'ve", "'ll", "'d"})

_LIMITS = CheckSettings()


Row = Mapping[str, Any]


class Pair(NamedTuple):
    """A training example."""

    source: str
    target: str
    kind: str
    """The pair's origin and what it teaches, as counted in the model card."""

    @property
    def is_unchanged(self) -> bool:
        """Whether the answer is the sentence unchanged."""
        return self.source == self.target


def is_set_aside(row: Row) -> bool:
    """Return whether the row is held back from the model's training.

    Rows of one document stay together, because several engines translate the same sentence.
    """
    document = next(row[key] for key in ("doc", "source", "text") if key in row)
    return crc32(str(document).encode()) % _SET_ASIDE_EVERY == 0


def count_kinds(pairs: Iterable[Pair]) -> dict[str, int]:
    """Count the pairs of each kind, in the order in which the kinds appear."""
    return dict(Counter(pair.kind for pair in pairs))


def read_rows(path: Path) -> Iterator[Row]:
    """Yield the objects of a gzipped JSON Lines file."""
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for line in lines:
            yield json.loads(line)


def is_trainable(sentence: str) -> bool:
    """Return whether the sentence is on one line and of a length worth training on."""
    return _MIN_WORDS <= len(sentence.split()) <= _MAX_WORDS and "\n" not in sentence


def passes_checks(source: str, target: str) -> bool:
    """Return whether the target keeps the source's names, numbers and content."""
    return check_proposal(source, target, _LIMITS).accepted


def keep_repairable_damage(damaged: str, target: str) -> str:
    """Undo damage whose repair would fail the checks."""
    changes = find_changes(damaged, target)
    unrepairable = [
        edit
        for change in changes
        if not passes_checks(damaged, apply_edits(damaged, change.edits))
        for edit in change.edits
    ]
    return apply_edits(damaged, unrepairable)


def consensus_pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """Yield pairs of kind ``consensus`` and ``consensus_kept`` from rows with several ``targets``.

    An edit is made if most of the nearest versions make it. A sentence without such an edit is kept
    unchanged if two versions are near to it. Otherwise it is left out, because it may have an error
    that the versions repair differently.
    """
    for row in rows:
        source = row["source"].strip()
        versions = distinct_versions(row)
        if not is_trainable(source) or len(versions) < MIN_VERSIONS:
            continue
        edits = _agreed_edits(source, _nearest(source, versions), _CONSENSUS)
        target = apply_edits(source, edits)
        if edits and passes_checks(source, target):
            yield Pair(source, target, "consensus")
        elif not edits and _is_near(source, versions):
            yield Pair(source, source, "consensus_kept")


def versions_as_sources(rows: Iterable[Row]) -> Iterator[Row]:
    """Yield a row for each engine version that is not yet a source, with the others as targets.

    Rows of one segment share ``doc`` and ``seg``. The human reference is never a source, because
    engine output is no standard for it.
    """
    segments: dict[tuple[Any, Any], list[Row]] = {}
    for row in rows:
        segments.setdefault((row["doc"], row["seg"]), []).append(row)
    for (doc, _), segment_rows in segments.items():
        sources = dict.fromkeys(row["source"].strip() for row in segment_rows)
        first = segment_rows[0]
        reference = first["reference"].strip()
        versions = (version.strip() for version in (*first["targets"], first["target"]))
        pool = list(dict.fromkeys((*sources, *versions)))
        for source in pool:
            if source not in sources and source != reference:
                yield {
                    "source": source,
                    "target": reference,
                    "targets": [version for version in pool if version != source],
                    "reference": reference,
                    "doc": doc,
                }


def post_edited_pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """Yield pairs of kind ``post_edit`` and ``post_edit_kept``, from rows with ``hter``.

    Edits of the ``target`` are made if they pass the checks; other edits need the source text.
    """
    for row in rows:
        source = row["source"].strip()
        if not is_trainable(source) or row["hter"] > _MAX_HTER:
            continue
        if row["hter"] == 0:
            yield Pair(source, source, "post_edit_kept")
            continue
        edits = _agreed_edits(source, [row["target"].strip()], 1)
        target = apply_edits(source, edits)
        if edits and passes_checks(source, target):
            yield Pair(source, target, "post_edit")


def twice_edited_pairs(rows: Iterable[Row]) -> Iterator[Pair]:
    """Yield pairs of kind ``twice_edited`` and ``twice_kept``: the edits that both editors made."""
    for row in rows:
        source = row["source"].strip()
        if not is_trainable(source):
            continue
        if all(source == version.strip() for version in row["targets"]):
            yield Pair(source, source, "twice_kept")
            continue
        edits = _agreed_edits(source, row["targets"], len(row["targets"]))
        target = apply_edits(source, edits)
        if edits and passes_checks(source, target):
            yield Pair(source, target, "twice_edited")


def distinct_versions(row: Row) -> list[str]:
    """Return the versions without duplicates; engines with equal output are often copies."""
    distinct: dict[str, str] = {}
    for version in (*row["targets"], row["target"], row["reference"]):
        distinct.setdefault(fold_typography(version).lower().strip(), version.strip())
    return list(distinct.values())


def _nearest(source: str, versions: Sequence[str]) -> list[str]:
    """Return the versions with the fewest word edits from the source."""
    source_words = words(source)
    return sorted(versions, key=lambda version: Levenshtein.distance(source_words, words(version)))[
        :_NEAREST
    ]


def _agreed_edits(source: str, versions: Sequence[str], needed: int) -> list[WordEdit]:
    """Return the edits that ``needed`` versions make and that pass the checks, most votes first.

    Both halves of a move (as in "are there") are one change, so that neither is made alone.
    """
    votes: Counter[tuple[Any, ...]] = Counter()
    changes: dict[tuple[Any, ...], Change] = {}
    for version in versions:
        for change in find_changes(source, version):
            key = tuple(edit.key for edit in change.edits)
            votes[key] += 1
            changes.setdefault(key, change)
    agreed = [changes[key] for key, count in votes.most_common() if count >= needed]
    return [
        edit
        for change in agreed
        if not _is_taste(source, change)
        and not any(_is_at_start(edit) for edit in change.edits)
        and passes_checks(source, apply_edits(source, change.edits))
        for edit in change.edits
    ]


def _is_taste(source: str, change: Change) -> bool:
    """Return whether the change is a matter of taste: only optional words, or a contraction."""
    changed: set[str] = set()
    for edit in change.edits:
        before, after = {*words(source[edit.start : edit.end])}, {*words(edit.text)}
        changed |= {word.lower() for word in before ^ after}
    return changed <= _TASTE or not changed.isdisjoint(_CONTRACTIONS)


def _is_at_start(edit: WordEdit) -> bool:
    """Return whether the edit touches the first word, whose capital would have to change."""
    return edit.start == 0


def _is_near(source: str, versions: list[str]) -> bool:
    near = sum(edit_rate(source, version) <= _NEAR_RATE for version in versions)
    return near >= _NEAR_VERSIONS
