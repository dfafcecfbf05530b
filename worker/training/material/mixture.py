"""Draws the writer's material: rough sentences with their good versions, and good sentences.

The good version of a pair says exactly what the rough one says (``.meaning``).
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from worker.damage import word_order
from worker.damage.calque import damage_by_calques
from worker.english.facts import words
from worker.english.spelling import correct_spelling
from worker.stages.repair.changes import edit_rate
from worker.training.material.fault import faulty_version, level_typography
from worker.training.material.kept import clean_sentences, is_clean, kept_lines, machine_sentences
from worker.training.material.meaning import says_the_same
from worker.training.material.round_trip import LANGUAGES, round_trips
from worker.training.material.sets import Sets
from worker.training.mixture import curl_quotes
from worker.training.pair import Pair, Row

__all__ = ["SHARES", "Material", "draw_material", "is_worth_learning", "write_material"]

#: Share of each kind: one in seven sentences stays as it is. The checks and the gain that a
#: proposal needs keep good text alone; with two in five, the writer left bad text alone too.
SHARES = {
    "rough": 0.19,
    "post_edit": 0.12,
    "rule": 0.025,
    "calque": 0.26,
    "kept_clean": 0.06,
    "kept_machine": 0.045,
    "kept_line": 0.045,
    "round_trip": 0.255,
}
#: Number of held-out pairs, in the same shares.
_HELD_OUT = 150

#: Edit rates. Below the first, a pair teaches little; above the second, it is another sentence.
_MIN_RATE, _MAX_RATE = 0.06, 0.5
#: Share of pairs below a low rate that are kept. Rough copy needs more than an article.
_LOW_RATE, _LOW_SHARE = 0.12, 0.25
#: Words that change when an owner moves ("nations in the world", "the world's nations"), and how
#: many at most. Alone, that is style and no repair.
_OWNING, _OWNING_WORDS = frozenset({"of", "in", "the", "a", "an", "'s"}), 3
#: Maximum share of words that a post-editor changed; above it, they used the source text
#: (``worker.training.pair``).
_MAX_HTER = 0.25

_MIN_WORDS, _MAX_WORDS = 3, 60
#: Share of pairs with curly quotation marks, and share with other dashes than a spaced hyphen.
_CURLY, _DASHED = 0.4, 0.5
_DASHES = ("\u2014", " \u2014 ", " \u2013 ")

#: Share of sentences that follow a dateline on their line, the forms of datelines and their places.
#: The clean sets have none, and a writer that has never seen one takes it for a fault.
_DATED = 0.05
_DATELINES = (
    "{} - ",
    "{}: ",
    "{} (Reuters) - ",
    "{}, 4 May. ",
    "{}, March 14. ",
    "{} (own report) - ",
)
_PLACES = "London Moscow Delhi Berlin Nairobi Lima Osaka Cairo Toronto Lagos Madrid Kyiv".split()  # noqa: SIM905

_NEGATION = re.compile(r"\b(?:not|never|no)\b|n['\u2019]t|cannot")

#: Sentences translated in one call; starting apertium takes as long as some hundred sentences.
_BATCH = 600

#: DEMETR's kinds of damage whose repair needs no other text, by the start of their names.
#: Harper's rules have no kind.
_REPEATED = "minor_id1_"
_REPAIRABLE = (
    _REPEATED,
    *("minor_id13_pos_shift", "minor_id14_word_swap", "minor_id15_case"),
    *("minor_id16_function_word", "minor_id26_misspelled"),
)


class Material(NamedTuple):
    """Pairs to train with, ordered so that any first part has all kinds in their shares."""

    pairs: list[Pair]
    held: list[Pair]


def draw_material(data: Path, *, pairs: int, seed: int) -> Material:
    """Draw about ``pairs`` pairs, and the held-out ones, from the folder ``data``.

    Raises:
        UsageError: a set is missing, or apertium.
    """
    return Material(
        _draw(Sets(data, is_held=False, seed=seed), pairs),
        _draw(Sets(data, is_held=True, seed=seed), _HELD_OUT),
    )


def write_material(material: Material, folder: Path) -> None:
    """Write ``pairs.jsonl`` and ``held.jsonl`` to the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, pairs in material._asdict().items():
        lines = (json.dumps(pair._asdict(), ensure_ascii=False) + "\n" for pair in pairs)
        (folder / f"{name}.jsonl").write_text("".join(lines), encoding="utf-8")


def is_worth_learning(source: str, target: str, rng: Random) -> bool:
    """Return whether the pair teaches enough; of small repairs, a part is taken."""
    if _moves_an_owner(source, target):
        return False
    rate = edit_rate(source, target)
    return _MIN_RATE <= rate <= _MAX_RATE and (rate >= _LOW_RATE or rng.random() < _LOW_SHARE)


def _draw(sets: Sets, pairs: int) -> list[Pair]:
    """Draw the pairs of each kind in their shares; no two have the same answer."""
    clean = iter(
        _shuffled(sets, (line for row in sets.articles() for line in clean_sentences(row)))
    )
    makers: dict[str, Iterator[Pair]] = {
        "rough": _rough_pairs(sets),
        "post_edit": _post_edit_pairs(sets),
        "rule": _rule_pairs(sets),
        "round_trip": _round_trip_pairs(clean, sets.rng),
        "calque": _calque_pairs(clean, sets.rng),
        "kept_clean": _kept_pairs("kept_clean", clean),
        "kept_machine": _kept_pairs("kept_machine", _machine_sentences(sets)),
        "kept_line": _kept_pairs(
            "kept_line",
            _shuffled(sets, (line for row in sets.articles() for line in kept_lines(row))),
        ),
    }
    seen: set[str] = set()
    chosen: list[list[Pair]] = []
    for kind, share in SHARES.items():
        fresh = (pair for pair in makers[kind] if _keeps_signs(pair) and _is_fresh(pair, seen))
        wanted = islice(fresh, round(share * pairs))
        chosen.append([_with_marks(pair, sets.rng) for pair in wanted])
    return _interleave(chosen, sets.rng)


def _keeps_signs(pair: Pair) -> bool:
    """Return whether both sides have as many negations, per cent signs and dashes.

    Rules and post-editors turn "no longer" into "not any more" and the like: often right, but a
    writer that learns to touch negations flips some.
    """
    return _signs(pair.source) == _signs(pair.target)


def _signs(text: str) -> tuple[int, int, int]:
    return len(_NEGATION.findall(text)), text.count("%"), text.count("\u2014")


def _shuffled(sets: Sets, lines: Iterable[str]) -> list[str]:
    drawn = list(lines)
    sets.rng.shuffle(drawn)
    return drawn


def _is_fresh(pair: Pair, seen: set[str]) -> bool:
    """Return whether the answer is new and of a length to train on, and add it to ``seen``."""
    key = pair.target.lower()
    if key in seen or not _MIN_WORDS <= len(pair.target.split()) <= _MAX_WORDS:
        return False
    seen.add(key)
    return True


def _interleave(kinds: Iterable[Sequence[Pair]], rng: Random) -> list[Pair]:
    """Return the pairs of all kinds, each spread evenly over the whole."""
    placed = [
        ((index + rng.random()) / len(pairs), pair)
        for pairs in kinds
        for index, pair in enumerate(pairs)
    ]
    return [pair for _, pair in sorted(placed)]


def _with_marks(pair: Pair, rng: Random) -> Pair:
    """Give both sides the same quotation marks and dashes, and sometimes the same dateline."""
    dash = rng.choice(_DASHES) if rng.random() < _DASHED else " - "
    is_curly = rng.random() < _CURLY

    dateline = ""
    if pair.kind != "kept_line" and rng.random() < _DATED:
        place = rng.choice(_PLACES)
        dateline = rng.choice(_DATELINES).format(rng.choice((place, place.upper())))

    def mark(text: str) -> str:
        text = (dateline + text).replace(" - ", dash)
        return curl_quotes(text) if is_curly else text

    return Pair(mark(pair.source), mark(pair.target), pair.kind)


def _moves_an_owner(source: str, target: str) -> bool:
    before, after = Counter(words(source.lower())), Counter(words(target.lower()))
    changed = [*(before - after).elements(), *(after - before).elements()]
    return "'s" in changed and len(changed) <= _OWNING_WORDS and _OWNING.issuperset(changed)


def _faulty_pair(
    kind: str, good: str, roughs: Iterable[str], others: Sequence[str], rng: Random
) -> Iterator[Pair]:
    """Yield the pair of the good sentence and the faultiest of its mendable versions, if any."""
    versions = dict.fromkeys(faulty_version(good, rough, others) for rough in roughs)
    worth = [version for version in versions if version and is_worth_learning(version, good, rng)]
    if worth:
        yield Pair(max(worth, key=lambda version: edit_rate(version, good)), good, kind)


def _round_trip_pairs(sentences: Iterator[str], rng: Random) -> Iterator[Pair]:
    while batch := list(islice(sentences, _BATCH)):
        versions: dict[str, list[str]] = {sentence: [] for sentence in batch}
        for language in LANGUAGES:
            for sentence, rough in round_trips(batch, language):
                versions[sentence].append(rough)
        for sentence, roughs in versions.items():
            yield from _faulty_pair("round_trip", sentence, roughs, (), rng)


def _rough_pairs(sets: Sets) -> Iterator[Pair]:
    rows = sets.rows("repair/train_rough_wmt2018", "repair/train_rough_wmt2013")
    return _reference_pairs("rough", rows, sets.rng)


def _post_edit_pairs(sets: Sets) -> Iterator[Pair]:
    """Yield pairs of post-edits, where people changed little, and of newer engines' news."""
    for row in sets.rows("repair/train_mlqe", "repair/train_accept", "repair/train_wmt21_news"):
        if "reference" in row:
            yield from _reference_pairs("post_edit", [row], sets.rng)
        elif "hter" in row:
            # The Russian part is from a web forum.
            if _MIN_RATE <= row["hter"] <= _MAX_HTER and "ru-en" not in row["origin"]:
                yield from _edited_pair(row["source"], row["target"], sets.rng)
        elif len({*row["targets"]}) == 1:
            yield from _edited_pair(row["source"], row["targets"][0], sets.rng)


def _edited_pair(source: str, target: str, rng: Random) -> Iterator[Pair]:
    good = level_typography(target)
    # Who did it and to whom, a post-editor takes from the source text: "rescuing", "rescued by".
    if is_clean(good) and words(source.lower()).count("by") == words(good.lower()).count("by"):
        yield from _faulty_pair("post_edit", good, [source], (), rng)


def _reference_pairs(kind: str, rows: Iterable[Row], rng: Random) -> Iterator[Pair]:
    """Yield pairs of an engine's version and the human one, or else the nearest good engine's.

    What several of the other versions have in common with the rough one is no fault.
    """
    for row in rows:
        # The engines of 2013 are no example of good English.
        is_recent = row.get("english_original") is not None
        for version in (row["reference"], row["target"]) if is_recent else (row["reference"],):
            good = level_typography(version)
            others = [other for other in row["targets"] if other != version]
            pair = next(_faulty_pair(kind, good, [row["source"]], others, rng), None)
            if pair is not None and is_clean(good):
                yield pair
                break


def _calque_pairs(sentences: Iterable[str], rng: Random) -> Iterator[Pair]:
    for sentence in sentences:
        damaged = damage_by_calques(sentence, rng)
        if damaged is None:
            continue
        in_order = word_order.KINDS.keys().isdisjoint(damaged[1])
        is_slight = in_order and len(damaged[1]) == 1 and rng.random() >= _LOW_SHARE
        if not is_slight and edit_rate(damaged[0], sentence) <= _MAX_RATE:
            yield Pair(damaged[0], sentence, "calque")


def _rule_pairs(sets: Sets) -> Iterator[Pair]:
    for row in sets.rows("repair/train_demetr", "repair/train_harper_rules"):
        good, bad = level_typography(row["good"]), level_typography(row["bad"] or "")
        kind = row.get("kind", "")
        if not bad or bad == good or not is_clean(good):
            continue
        if kind and not kind.startswith(_REPAIRABLE):
            continue
        if kind.startswith(_REPEATED) or says_the_same(correct_spelling(bad, good), good):
            yield Pair(bad, good, "rule")


def _machine_sentences(sets: Sets) -> Iterator[str]:
    return machine_sentences(sets.rows("quality/train_mqm20", "quality/train_mqm21"))


def _kept_pairs(kind: str, sentences: Collection[str] | Iterator[str]) -> Iterator[Pair]:
    return (Pair(sentence, sentence, kind) for sentence in sentences)
