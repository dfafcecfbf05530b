"""Fits an adapter's estimator on post-edits by people who had the source text."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from sklearn.linear_model import Ridge
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from worker.config.profile import Profile
from worker.config.settings import Settings
from worker.config.weights import estimator_file
from worker.engine.opening import open_engine
from worker.engine.protocol import Prompt
from worker.stages.repair.needs_source import Estimator
from worker.training.pair import read_rows

__all__ = ["make_estimator"]

#: The model layer (of 30) that is read, and the ridge penalty. AUC on dev_mlqe (edit rates from .5)
#: and dev_invent (from .6): layer 8 .751, .639; 15 .795, .690; 19 .803, .690; 24 .793, .667;
#: 29 .764, .658. Support vector regression over four layers: .801, .694.
_LAYER, _PENALTY = 19, 1000.0

#: Minimum edit rate of a sentence that counts as beyond repair without its source text.
_BEYOND_REPAIR = 0.5

#: Number of rows drawn that are not beyond repair; all rows beyond repair are used.
_OTHER_ROWS = 6000

#: Share of good sentences that may be flagged: an editor looks at one in a hundred needlessly.
_FALSE_ALARMS = 0.01
#: Maximum edit rate of a good sentence.
_GOOD = 0.1

_SEED = 23
_SLICE = 512


def make_estimator(*, data: Path, profile: Profile, settings: Settings, work: Path) -> None:
    """Fit the estimator, write it beside its adapter, and write a report to ``work``."""
    template = profile.prompts[profile.repair.prompt]
    rows = list(read_rows(data / "repair" / "train_mlqe.jsonl.gz"))
    Random(_SEED).shuffle(rows)  # noqa: S311 - not a secret
    chosen = [row for row in rows if row["hter"] >= _BEYOND_REPAIR]
    chosen += [row for row in rows if row["hter"] < _BEYOND_REPAIR][:_OTHER_ROWS]
    Random(_SEED).shuffle(chosen)  # noqa: S311
    engine = open_engine(profile.model, settings)
    states: list[tuple[float, ...]] = []
    for start in range(0, len(chosen), _SLICE):
        sources = [row["source"].strip() for row in chosen[start : start + _SLICE]]
        prompts = [
            Prompt(template, source, 1, draft=source, state_layer=_LAYER) for source in sources
        ]
        states += [answer.draft_state for answer in engine.generate(prompts)]
        sys.stderr.write(f"{len(states)} of {len(chosen)} sentences\n")
    estimator, report = _fit(np.array(states), np.array([row["hter"] for row in chosen]))
    path = estimator_file(template.adapter)
    path.write_text(estimator.model_dump_json() + "\n", encoding="utf-8")
    work.mkdir(parents=True, exist_ok=True)
    (work / "estimator.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.stderr.write(json.dumps(report) + "\n")


def _fit(states: Any, rates: Any) -> tuple[Estimator, dict[str, float]]:
    """Fit an estimator on all rows, and measure one fitted without a held-out fifth of them."""
    train = len(rates) * 4 // 5
    model = make_pipeline(StandardScaler(), Ridge(alpha=_PENALTY))
    model.fit(states[:train], rates[:train])
    unseen, truth = model.predict(states[train:]), rates[train:]
    limit = float(np.quantile(unseen[truth <= _GOOD], 1 - _FALSE_ALARMS))
    flagged = unseen >= limit
    report = {
        "sentences": len(rates),
        "auc": round(float(roc_auc_score(truth >= _BEYOND_REPAIR, unseen)), 4),
        "needs_source_from": round(limit, 4),
        "found": round(float(flagged[truth >= _BEYOND_REPAIR].mean()), 4),
        "right": round(float((truth[flagged] >= _BEYOND_REPAIR).mean()), 4),
    }
    model.fit(states, rates)
    scale, ridge = model[0], model[1]
    weights = ridge.coef_ / scale.scale_
    return (
        Estimator(
            layer=_LAYER,
            intercept=round(float(ridge.intercept_ - weights @ scale.mean_), 5),
            weights=tuple(round(float(weight), 5) for weight in weights),
            needs_source_from=round(limit, 4),
        ),
        report,
    )
