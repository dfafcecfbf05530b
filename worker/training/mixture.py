"""Which pairs a training run takes, and how many of each kind.

Draws by a fixed seed, so the same data give the same pairs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from worker.damage.sentence import damage_sentence
from worker.stages.split.sentences import split_sentences
from worker.training.pair import (
    Pair,
    Row,
    consensus_pairs,
    is_fit,
    is_set_aside,
    lawfully_damaged,
    post_edited_pairs,
    read_rows,
    twice_edited_pairs,
    versions_as_sources,
)

__all__ = ["FIRST", "SECOND", "candidates", "count_kinds", "made_pairs", "mix"]

#: Most of each kind, as a share of the pairs asked for. First the language, from made damage and
#: real edits, three in ten sentences kept as they are: with one fifth of damage, one or two faults
#: a sentence, the adapter proposed a third of what learners' sentences need.
FIRST = {
    "consensus": 0.15,
    "post_edit": 0.09,
    "twice_edited": 0.02,
    "damage": 0.44,
    "consensus_kept": 0.12,
    "post_edit_kept": 0.05,
    "twice_kept": 0.01,
    "clean_kept": 0.12,
}
#: Then what is edited in news, from real edits alone: damage first and real edits last is how
#: models of grammar correction are made.
SECOND = {
    "consensus": 0.42,
    "post_edit": 0.09,
    "twice_edited": 0.02,
    "consensus_kept": 0.37,
    "post_edit_kept": 0.08,
    "twice_kept": 0.02,
}

#: Candidates drawn for each pair wanted: some mends turn out to be none.
_SPARE = 1.6

#: Share of clean sentences set in curly quotes: the set has straight ones only, and what is
#: never seen is not copied.
_CURLY = 0.4


def candidates(data: Path, shares: Mapping[str, float], pairs: int, seed: int) -> list[Pair]:
    """Pairs of all kinds in the folder ``data``, more of them than ``mix`` will take."""
    rng = Random(seed)  # noqa: S311 - a shuffle, no secret
    found: dict[str, list[Pair]] = {kind: [] for kind in shares}
    seen: set[str] = set()
    for pair in _all_pairs(data, rng):
        if pair.kind in found and pair.source not in seen:
            seen.add(pair.source)
            found[pair.kind].append(pair)
    drawn: list[Pair] = []
    for kind, share in shares.items():
        rng.shuffle(found[kind])
        drawn += found[kind][: round(share * pairs * _SPARE)]
    return drawn


def mix(drawn: Sequence[Pair], shares: Mapping[str, float], pairs: int, seed: int) -> list[Pair]:
    """About ``pairs`` of the candidates by ``shares``, shuffled; less where a kind ran short."""
    chosen: list[Pair] = []
    for kind, share in shares.items():
        chosen += [pair for pair in drawn if pair.kind == kind][: round(share * pairs)]
    Random(seed).shuffle(chosen)  # noqa: S311
    return chosen


def count_kinds(pairs: Sequence[Pair]) -> dict[str, int]:
    """How many pairs there are of each kind."""
    counts = Counter(pair.kind for pair in pairs)
    return {kind: counts[kind] for kind in FIRST if counts[kind]}


def _all_pairs(data: Path, rng: Random) -> Iterator[Pair]:
    news = list(_rows(data / "repair" / "train_wmt21_news.jsonl.gz"))
    yield from consensus_pairs([*news, *versions_as_sources(news)])
    yield from post_edited_pairs(_rows(data / "repair" / "train_mlqe.jsonl.gz"))
    yield from twice_edited_pairs(_rows(data / "repair" / "train_accept.jsonl.gz"))
    yield from made_pairs(_rows(data / "clean" / "bbc.jsonl.gz"), rng)


def _rows(path: Path) -> Iterator[Row]:
    return (row for row in read_rows(path) if not is_set_aside(row))


def made_pairs(articles: Iterable[Row], rng: Random) -> Iterator[Pair]:
    """Each sentence of clean articles once: every other one damaged, where damage finds a place.

    Of kind ``damage`` and ``clean_kept``.
    """
    for row in articles:
        # The first line is the headline.
        for line in row["text"].splitlines()[1:]:
            for piece in split_sentences(line):
                sentence = piece.strip()
                if not is_fit(sentence) or not sentence.endswith((".", '."')):
                    continue
                if rng.random() < _CURLY:
                    sentence = _curled(sentence)
                damaged = damage_sentence(sentence, rng) if rng.random() < 0.5 else None  # noqa: PLR2004
                source = lawfully_damaged(damaged[0], sentence) if damaged else sentence
                yield Pair(source, sentence, "clean_kept" if source == sentence else "damage")


def _curled(sentence: str) -> str:
    """Straight quotes and apostrophes as a typesetter would have them."""
    parts = sentence.split('"')
    if len(parts) % 2:
        quotes = ["\u201c" if at % 2 == 0 else "\u201d" for at in range(len(parts) - 1)]
        sentence = parts[0] + "".join(
            mark + part for mark, part in zip(quotes, parts[1:], strict=True)
        )
    return sentence.replace("'", "\u2019")
