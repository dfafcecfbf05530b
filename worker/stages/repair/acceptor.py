"""Stage 5, accept: decides whether a change is more likely to help a reader than to harm.

A logistic regression estimates the probability that a change helps. Its features include how much
the change raises the sentence's likelihood under the proposing model and under the base model, the
kind of change, and how many other changes the proposal makes. It was fitted on the model's own
proposals for training sentences, each labelled by whether it brings the sentence closer to other
versions of the sentence (``worker.training.acceptor``).

How often a change helps depends on the article: four times in five in rough copy, one in four in
clean copy. So the more the rest of the article needs repair, the more readily a change is accepted.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, model_validator

from worker.config.weights import acceptor_file
from worker.stages.repair.changes import Change, ChangeKind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from worker.config.restraint import Restraint

__all__ = ["Acceptor", "ModelScores", "features", "load_acceptor"]

#: Gains are clipped to this range; otherwise a few long changes would dominate the fit.
_MIN_GAIN_NATS, _MAX_GAIN_NATS = -6.0, 12.0

#: Expected helpful changes per sentence of good machine-translated news (WMT22: .031). Rough copy
#: has ten times as many (JFLEG: .31).
_PRIOR_SHARE = 0.03

#: Weight of `_PRIOR_SHARE`, as a number of sentences added to the article's sentences.
_PRIOR_SENTENCES = 30

#: Nats of log-odds per e-fold of the article's share of helpful changes. A higher value repairs
#: more of rough copy and risks more harmful changes (docs/decisions/021).
_ROUGHNESS_NATS = 0.7


@dataclass(frozen=True, slots=True)
class ModelScores:
    """Two models' scores for a change that is made alone in its sentence."""

    gain_nats: float
    """Nats by which the changed sentence is a more likely repair than the unchanged sentence."""
    fluency_nats: float
    """Nats by which the base model, which is not given the source, finds the changed sentence more
    likely: how much better it reads as news. 0 without an acceptor, which alone weighs it."""
    source_nats: float
    """Mean surprisal per token of the unchanged sentence as its own repair."""
    words: int
    """Number of words in the sentence."""
    changes: int
    """Number of changes in the proposal that pass the checks."""
    same_probability: float | None = None
    """The judge's probability that the whole proposal says the same; ``None`` if it was not asked,
    or for a change alone."""


class Acceptor(BaseModel):
    """Feature weights, and the probability of helping that each restraint requires."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    intercept: float
    weights: dict[str, float]
    """One weight per name that ``features`` returns; 0 for kinds absent from the training data."""
    least_probability: dict[str, float]
    """Minimum accepted probability, by restraint."""

    @model_validator(mode="after")
    def _check_weights(self) -> Self:
        mismatched = _FEATURE_NAMES ^ self.weights.keys()
        if mismatched:
            raise ValueError(f"weights missing or unknown: {', '.join(sorted(mismatched))}")
        return self

    def accepts(self, probability: float, restraint: Restraint) -> bool:
        """Return whether to make a change that has this probability of helping."""
        return probability >= self.least_probability[restraint]

    def probabilities(
        self, changes: Sequence[tuple[Change, ModelScores]], *, sentences: int
    ) -> list[float]:
        """Return the probability (0-1) that each change in an article of ``sentences`` helps.

        The number of other helpful changes expected in the article shows how rough the article is:
        the same change is more likely to help in rough copy than in a good article.
        """
        log_odds = [self._log_odds(change, scores) for change, scores in changes]
        expected = sum(map(_probability, log_odds))
        return [
            _probability(alone + _roughness_nats(expected - _probability(alone), sentences - 1))
            for alone in log_odds
        ]

    def _log_odds(self, change: Change, scores: ModelScores) -> float:
        values = features(change, scores)
        return self.intercept + sum(self.weights[name] * value for name, value in values.items())


def features(change: Change, scores: ModelScores) -> Mapping[str, float]:
    """Return the acceptor's features of a change, by name."""
    gain, fluency = _clip(scores.gain_nats), _clip(scores.fluency_nats)
    removed = sum(len(edit.removed) for edit in change.edits)
    added = sum(len(edit.added) for edit in change.edits)
    return {
        "gain": gain,
        "fluency": fluency,
        "both": min(gain, fluency),
        "source_nats": min(scores.source_nats, 1.0),
        "log_words": math.log(max(1, scores.words)),
        "other_changes": min(scores.changes - 1, 4),
        "words_changed": min(removed + added, 6),
        "shorter": max(-3, min(3, removed - added)),
        **{f"kind_{kind}": float(change.kind is kind) for kind in ChangeKind},
    }


def _roughness_nats(expected: float, sentences: int) -> float:
    """Return the log-odds to add if ``sentences`` hold ``expected`` other helpful changes."""
    share = (expected + _PRIOR_SENTENCES * _PRIOR_SHARE) / (sentences + _PRIOR_SENTENCES)
    return _ROUGHNESS_NATS * math.log(share / _PRIOR_SHARE)


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _clip(nats: float) -> float:
    return max(_MIN_GAIN_NATS, min(_MAX_GAIN_NATS, nats))


_FEATURE_NAMES = frozenset(
    features(Change((), ChangeKind.WORDING), ModelScores(0.0, 0.0, 0.0, 1, 1))
)


@lru_cache(maxsize=4)
def load_acceptor(adapter: str) -> Acceptor | None:
    """Return the acceptor fitted on the proposals of ``adapter``, or ``None`` if it has none."""
    path = acceptor_file(adapter) if adapter else None
    if path is None or not path.is_file():
        return None
    return Acceptor(**json.loads(path.read_text(encoding="utf-8")))
