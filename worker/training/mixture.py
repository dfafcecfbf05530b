"""Chooses the pairs for the repair training by kind, with a fixed seed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from random import Random

from worker.damage.sentence import damage_sentence
from worker.stages.split.sentences import split_sentences
from worker.training.pair import (
    Pair,
    Row,
    consensus_pairs,
    is_set_aside,
    is_trainable,
    keep_repairable_damage,
    post_edited_pairs,
    read_rows,
    twice_edited_pairs,
    versions_as_sources,
)

__all__ = ["FIRST", "SECOND", "clean_pairs", "curl_quotes", "draw_candidates", "mix"]

#: Share of each kind in the first training, which teaches the language from damage and real edits;
#: three in ten sentences are unchanged. With a damage share of one fifth, and one or two errors per
#: sentence, the adapter proposed a third of the edits that learners' sentences need.
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
#: Share of each kind in the second training, which teaches what to edit in news, from real edits
#: only. Grammar-correction models are trained in this order too.
SECOND = {
    "consensus": 0.42,
    "post_edit": 0.09,
    "twice_edited": 0.02,
    "consensus_kept": 0.37,
    "post_edit_kept": 0.08,
    "twice_kept": 0.02,
}

#: Candidates drawn per wanted pair; some are dropped, because the repair is a matter of taste.
_SPARE = 1.6

#: Share of clean sentences that get curly quotes. The set has only straight quotes, and a model
#: does not copy what it never saw.
_CURLY = 0.4


def draw_candidates(data: Path, shares: Mapping[str, float], pairs: int, seed: int) -> list[Pair]:
    """Draw pairs of all kinds from the folder ``data``, more than ``mix`` needs."""
    rng = Random(seed)  # noqa: S311 - not a secret
    by_kind: dict[str, list[Pair]] = {kind: [] for kind in shares}
    seen: set[str] = set()
    for pair in _all_pairs(data, rng):
        if pair.kind in by_kind and pair.source not in seen:
            seen.add(pair.source)
            by_kind[pair.kind].append(pair)
    drawn: list[Pair] = []
    for kind, share in shares.items():
        rng.shuffle(by_kind[kind])
        drawn += by_kind[kind][: round(share * pairs * _SPARE)]
    return drawn


def mix(drawn: Sequence[Pair], shares: Mapping[str, float], pairs: int, seed: int) -> list[Pair]:
    """Return about ``pairs`` candidates, shuffled, in ``shares``; fewer if a kind runs short."""
    chosen: list[Pair] = []
    for kind, share in shares.items():
        chosen += [pair for pair in drawn if pair.kind == kind][: round(share * pairs)]
    Random(seed).shuffle(chosen)  # noqa: S311
    return chosen


def _all_pairs(data: Path, rng: Random) -> Iterator[Pair]:
    news = list(_rows(data / "repair" / "train_wmt21_news.jsonl.gz"))
    yield from consensus_pairs([*news, *versions_as_sources(news)])
    yield from post_edited_pairs(_rows(data / "repair" / "train_mlqe.jsonl.gz"))
    yield from twice_edited_pairs(_rows(data / "repair" / "train_accept.jsonl.gz"))
    yield from clean_pairs(_rows(data / "clean" / "bbc.jsonl.gz"), rng)


def _rows(path: Path) -> Iterator[Row]:
    return (row for row in read_rows(path) if not is_set_aside(row))


def clean_pairs(articles: Iterable[Row], rng: Random) -> Iterator[Pair]:
    """Yield each sentence of clean articles once, about half of them damaged.

    The kinds are ``damage`` and ``clean_kept``.
    """
    for row in articles:
        # The first line is the headline.
        for line in row["text"].splitlines()[1:]:
            for piece in split_sentences(line):
                sentence = piece.strip()
                if not is_trainable(sentence) or not sentence.endswith((".", '."')):
                    continue
                if rng.random() < _CURLY:
                    sentence = curl_quotes(sentence)
                damaged = damage_sentence(sentence, rng) if rng.random() < 0.5 else None  # noqa: PLR2004
                source = keep_repairable_damage(damaged[0], sentence) if damaged else sentence
                yield Pair(source, sentence, "clean_kept" if source == sentence else "damage")


def curl_quotes(sentence: str) -> str:
    """Replace straight quotes and apostrophes with curly ones."""
    parts = sentence.split('"')
    if len(parts) % 2:
        quotes = ["\u201c" if index % 2 == 0 else "\u201d" for index in range(len(parts) - 1)]
        sentence = parts[0] + "".join(
            mark + part for mark, part in zip(quotes, parts[1:], strict=True)
        )
    return sentence.replace("'", "\u2019")
