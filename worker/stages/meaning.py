"""Judges whether a rewritten sentence says the same as its source.

The judge is a generalised additive model: each feature of the two sentences adds a score that
changes in steps, and the sum is the log-odds of "says the same". It was fitted as boosted stumps
(Friedman 2001) on rewrites that were read blind (``worker.training.meaning``). Numbers, names and
other facts that rules can tell are not its business: ``worker.stages.repair.fidelity`` checks them.
"""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections import Counter
from difflib import SequenceMatcher
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, model_validator
from rapidfuzz.distance import JaroWinkler, LCSseq

from worker.config.restraint import Restraint
from worker.config.weights import meaning_file
from worker.english.lexicon import CONJUNCTIONS, DETERMINERS, PREPOSITIONS, PRONOUNS
from worker.english.sentence_view import SentenceView, pair_related_words
from worker.english.spelling import correct_spelling

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

__all__ = ["MeaningJudge", "Steps", "load_meaning_judge", "meaning_features"]

#: Jaro-Winkler similarity (0-1) from which a lost word and an added one may be one word, spelt or
#: formed differently: "propagateur" and "propagator", "ship" and "shipping".
_ALIKE = 0.8

#: Counts are clipped here: a sentence with more lost words is no worse than lost.
_MOST_WORDS, _MOST_OF_A_CLASS = 6, 3

#: Classes of function words, whose losses and additions are counted apart: an article matters less
#: than a preposition, which tells who does what to whom.
_CLASSES = {
    "prepositions": frozenset(PREPOSITIONS),
    "pronouns": frozenset(PRONOUNS),
    "conjunctions": frozenset(CONJUNCTIONS),
    "determiners": frozenset(DETERMINERS),
}


class Steps(BaseModel):
    """What one feature adds to the log-odds."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    bounds: tuple[float, ...]
    """Values at which the score changes, rising; a value on a bound is still below it."""
    scores: tuple[float, ...]
    """The score below the first bound, between two bounds, and above the last."""

    @model_validator(mode="after")
    def _check_sizes(self) -> Self:
        if len(self.scores) != len(self.bounds) + 1 or list(self.bounds) != sorted(self.bounds):
            raise ValueError("scores need one value more than bounds, and bounds must rise")
        return self

    def score(self, value: float) -> float:
        """Return the score of a value of the feature."""
        return self.scores[bisect_right(self.bounds, value - 1e-9)]


class MeaningJudge(BaseModel):
    """The steps of each feature, and the probability of "the same" that each restraint requires."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    intercept: float
    steps: dict[str, Steps]
    """Steps by the names of ``meaning_features``; a feature without steps adds nothing."""
    least_probability: dict[Restraint, float]
    """Minimum accepted probability, by restraint."""

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        unknown = self.steps.keys() - meaning_features("a", "a").keys()
        if unknown:
            raise ValueError(f"unknown features: {', '.join(sorted(unknown))}")
        return self

    def probability(self, source: str, rewrite: str) -> float:
        """Return the probability (0-1) that the rewrite says what the source says."""
        values = meaning_features(source, rewrite)
        log_odds = self.intercept + sum(
            steps.score(values[name]) for name, steps in self.steps.items()
        )
        return 1 / (1 + math.exp(-log_odds))

    def accepts(self, probability: float, restraint: Restraint) -> bool:
        """Return whether a rewrite with this probability of saying the same may be used."""
        return probability >= self.least_probability[restraint]


def meaning_features(source: str, rewrite: str) -> Mapping[str, float]:
    """Return the judge's features of a rewrite, by name: what is lost, added and moved."""
    before, after = SentenceView(correct_spelling(source, rewrite)), SentenceView(rewrite)
    return {
        **_content_features(before, after),
        **_size_features(before.words, after.words),
        **_class_features(before.words, after.words),
    }


def _content_features(before: SentenceView, after: SentenceView) -> dict[str, float]:
    """Count the content words without a relative in the other sentence."""
    pairs = pair_related_words(before, after)
    left, right = {index for index, _ in pairs}, {index for _, index in pairs}
    lost = [word for index, (word, _) in enumerate(before.content) if index not in left]
    added = [word for index, (word, _) in enumerate(after.content) if index not in right]
    return {
        "lost": min(len(lost), _MOST_WORDS),
        "lost_unlike": _count_unlike(lost, added),
        "added_unlike": _count_unlike(added, lost),
        "fewer": max(-4, min(4, len(lost) - len(added))),
    }


def _count_unlike(words: Sequence[str], others: Sequence[str]) -> int:
    """Count the words that are neither spelt nor formed like any of the others."""
    return sum(
        all(JaroWinkler.similarity(word, other) < _ALIKE for other in others) for word in words
    )


def _size_features(before: Sequence[str], after: Sequence[str]) -> dict[str, float]:
    """Compare the sentences' lengths, and how much of one is in the other."""
    growth = math.log(max(1, len(after)) / max(1, len(before)))
    common = sum((Counter(before) & Counter(after)).values())
    edits = [
        max(end - begin, new_end - new_begin)
        for kind, begin, end, new_begin, new_end in SequenceMatcher(
            None, before, after, autojunk=False
        ).get_opcodes()
        if kind != "equal"
    ]
    return {
        "log_words": math.log(len(before) + 1),
        "growth": growth,
        "size_change": abs(growth),
        "shared": common / max(1, len(before), len(after)),
        "in_order": LCSseq.normalized_similarity(before, after),
        "edits": min(len(edits), 8),
        "longest_edit": max(edits, default=0),
    }


def _class_features(before: Sequence[str], after: Sequence[str]) -> dict[str, float]:
    """Count the function words of each class that are lost and added."""
    was, became = Counter(before), Counter(after)
    features: dict[str, float] = {}
    for name, members in _CLASSES.items():
        for side, words in (("lost", was - became), ("added", became - was)):
            count = sum(count for word, count in words.items() if word in members)
            features[f"{name}_{side}"] = min(count, _MOST_OF_A_CLASS)
    return features


@lru_cache(maxsize=2)
def load_meaning_judge(name: str) -> MeaningJudge:
    """Return the judge ``name``, which the project fitted and ships."""
    return MeaningJudge(**json.loads(meaning_file(name).read_text(encoding="utf-8")))
