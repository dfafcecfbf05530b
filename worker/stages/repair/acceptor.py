"""Stage 5, accept: whether a change is more likely to help a reader than to harm.

A logistic regression over what is known of one change: how much likelier it makes the sentence
to the model that proposed it and to the model that was never trained on repairs, what kind of
change it is, and how much else the proposal changes. It was fitted on the model's own proposals
for training sentences, each labelled by whether it brings the sentence nearer to the way others
word it (``worker.training.acceptor``), so its answer is a probability.

How often a change helps depends on the article: four in five in rough copy, one in four in good
news. So a change is believed the more, the more there is to mend in the article's other sentences.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict, model_validator

from worker.config.weights import acceptor_file
from worker.errors import ModelMissingError
from worker.stages.repair.changes import Change, Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Self

    from worker.config.profile import Restraint

__all__ = ["Acceptor", "ModelScores", "features", "load_acceptor"]

#: Gains beyond these say no more: a few long changes would outweigh all others in the fit.
_LEAST_NATS, _MOST_NATS = -6.0, 12.0

#: Helpful changes that may be expected in a sentence of good machine-translated news; in rough copy
#: there are ten times as many. WMT22: .031; JFLEG: .31.
_USUAL_SHARE = 0.03

#: Sentences as which the usual share counts beside an article's own.
_USUAL_SENTENCES = 30

#: Nats of the log-odds for each e-fold of the article's share. Changes closer and farther at .80
#: with 0, .5 and .7: of WMT22 7, 4; 8, 5; 8, 4; of JFLEG, by twelve sentences, 72, 3; 114, 9; 136,
#: 18; changes made in the rough copy of seeds/: 10, 33, 42.
_ROUGHNESS_NATS = 0.7


@dataclass(frozen=True, slots=True)
class ModelScores:
    """What two models say of a change, made alone in its sentence."""

    gain_nats: float
    """How much likelier the sentence with it is than without, as the repair of the sentence."""
    fluency_nats: float
    """The same to the model without its adapter, which does not see the source: how much better it
    reads as a sentence of news."""
    source_nats: float
    """Mean surprise per token at the unchanged sentence as its own repair."""
    words: int
    """Of the sentence."""
    changes: int
    """That the whole proposal makes."""


class Acceptor(BaseModel):
    """Weights of the features, and how probable a help must be under each restraint."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    intercept: float
    weights: dict[str, float]
    """One for each name that ``features`` gives; of the kinds never met, 0."""
    least_probability: dict[str, float]
    """By restraint."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        missing = _NAMES ^ self.weights.keys()
        if missing:
            raise ValueError(f"weights missing or unknown: {', '.join(sorted(missing))}")
        return self

    def accepts(self, probability: float, restraint: Restraint) -> bool:
        """Whether a change that helps so probably is to be made."""
        return probability >= self.least_probability[restraint]

    def probabilities(
        self, changes: Sequence[tuple[Change, ModelScores]], *, sentences: int
    ) -> list[float]:
        """That each of an article's changes is nearer to good wordings, not farther (0-1).

        The article has so many ``sentences``. What the other changes promise says how rough it is:
        a change in rough copy is believed more than the same one in a good article.
        """
        alone = [self._log_odds(change, evidence) for change, evidence in changes]
        promised = sum(map(_probability, alone))
        return [
            _probability(one + _roughness_nats(promised - _probability(one), sentences - 1))
            for one in alone
        ]

    def _log_odds(self, change: Change, evidence: ModelScores) -> float:
        found = features(change, evidence)
        return self.intercept + sum(self.weights[name] * value for name, value in found.items())


def features(change: Change, evidence: ModelScores) -> Mapping[str, float]:
    """What the acceptor knows of a change, by name."""
    gain, fluency = _clipped(evidence.gain_nats), _clipped(evidence.fluency_nats)
    lost = sum(len(edit.lost) for edit in change.edits)
    won = sum(len(edit.won) for edit in change.edits)
    return {
        "gain": gain,
        "fluency": fluency,
        "both": min(gain, fluency),
        "source_nats": min(evidence.source_nats, 1.0),
        "log_words": math.log(max(1, evidence.words)),
        "other_changes": min(evidence.changes - 1, 4),
        "words_changed": min(lost + won, 6),
        "shorter": max(-3, min(3, lost - won)),
        **{f"kind_{kind}": float(change.kind is kind) for kind in Kind},
    }


def _roughness_nats(promised: float, sentences: int) -> float:
    """How much likelier a change helps where so many helpful ones are promised in the others."""
    share = (promised + _USUAL_SENTENCES * _USUAL_SHARE) / (sentences + _USUAL_SENTENCES)
    return _ROUGHNESS_NATS * math.log(share / _USUAL_SHARE)


def _probability(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds))


def _clipped(nats: float) -> float:
    return max(_LEAST_NATS, min(_MOST_NATS, nats))


#: What ``features`` knows of any change.
_NAMES = frozenset(features(Change((), Kind.WORDING), ModelScores(0.0, 0.0, 0.0, 1, 1)))


@lru_cache(maxsize=4)
def load_acceptor(adapter: str) -> Acceptor:
    """The acceptor that was fitted on the proposals of ``adapter``.

    Raises:
        ModelMissingError: the adapter has none.
    """
    path = acceptor_file(adapter)
    if not path.is_file():
        raise ModelMissingError(
            f"the adapter {adapter} has no acceptor in {path.parent}",
            hint="python -m worker.training acceptor makes one",
        )
    return Acceptor(**json.loads(path.read_text(encoding="utf-8")))
