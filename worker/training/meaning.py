"""Fits the judge of meaning on rewrites that were read and marked "same" or "differs"."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import GradientBoostingClassifier
from sklearn.metrics import roc_auc_score

from worker.config.restraint import Restraint
from worker.config.weights import meaning_file
from worker.stages.meaning import MeaningJudge, Steps, meaning_features
from worker.training.pair import Row, read_rows

__all__ = ["fit_meaning_judge", "make_meaning_judge"]

#: The stumps. Eightfold cross-validation on train_read and AUC on dev_read: 60 stumps .692, .813;
#: 100 .708, .812; 200 .709, .807; trees of depth two are no better.
_STUMPS, _RATE, _LEAST_ROWS = 100, 0.05, 12

#: Minimum probabilities, chosen on dev_read among rewrites that keep the facts: at .65, 13 % of
#: those accepted differ, and 66 % of those that say the same are accepted; at .7, 11 % and 58 %; at
#: .5, 18 % and 76 %.
_LEAST_PROBABILITY: dict[Restraint, float] = {"careful": 0.65, "bold": 0.5}


def make_meaning_judge(*, data: Path, name: str, work: Path) -> None:
    """Fit the judge ``name``, write it to its folder, and write a report to ``work``."""
    rows = list(read_rows(data / "repair" / "train_read.jsonl.gz"))
    judge = fit_meaning_judge(rows)
    path = meaning_file(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(judge.model_dump_json(indent=1) + "\n", encoding="utf-8")
    report = _report(judge, list(read_rows(data / "repair" / "dev_read.jsonl.gz")))
    work.mkdir(parents=True, exist_ok=True)
    (work / "meaning.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    sys.stderr.write(json.dumps(report) + "\n")


def fit_meaning_judge(rows: Sequence[Row]) -> MeaningJudge:
    """Return a judge fitted on rows with ``source``, ``proposal`` and ``meaning``."""
    names = list(meaning_features("a", "a"))
    same = _are_same(rows)
    model = _fit_stumps(_table(rows), same)
    return MeaningJudge(
        intercept=round(float(np.log(same.mean() / (1 - same.mean()))), 4),
        steps=_steps(model, names),
        least_probability=_LEAST_PROBABILITY,
    )


def _are_same(rows: Sequence[Row]) -> Any:
    return np.array([row["meaning"] == "same" for row in rows])


def _table(rows: Sequence[Row]) -> Any:
    features = (meaning_features(row["source"], row["proposal"]) for row in rows)
    return np.array([list(values.values()) for values in features])


def _fit_stumps(table: Any, same: Any) -> Any:
    model = GradientBoostingClassifier(
        max_depth=1,
        n_estimators=_STUMPS,
        learning_rate=_RATE,
        min_samples_leaf=_LEAST_ROWS,
        subsample=0.7,
        max_features=0.5,
        random_state=0,
    )
    return model.fit(table, same)


def _steps(model: Any, names: Sequence[str]) -> dict[str, Steps]:
    """Add up the stumps of each feature."""
    stumps: dict[str, list[tuple[float, float, float]]] = {}
    for (regressor,) in model.estimators_:
        tree = regressor.tree_
        if tree.node_count == 1:
            continue
        below, above = (_RATE * float(tree.value[node][0][0]) for node in (1, 2))
        stumps.setdefault(names[tree.feature[0]], []).append(
            (float(tree.threshold[0]), below, above)
        )
    steps: dict[str, Steps] = {}
    for name, parts in sorted(stumps.items()):
        bounds = sorted({round(bound, 4) for bound, _, _ in parts})
        # A value between two bounds is above the lower one, and above all before it.
        middles = [
            bounds[0] - 1,
            *((low + high) / 2 for low, high in pairwise(bounds)),
            bounds[-1] + 1,
        ]
        scores = [
            sum(below if middle <= bound else above for bound, below, above in parts)
            for middle in middles
        ]
        steps[name] = Steps(bounds=tuple(bounds), scores=tuple(round(score, 4) for score in scores))
    return steps


def _report(judge: MeaningJudge, rows: Sequence[Row]) -> dict[str, Any]:
    """Measure the judge on rows that it was not fitted on."""
    same = _are_same(rows)
    found = np.array([judge.probability(row["source"], row["proposal"]) for row in rows])
    curve = [
        {
            "probability": percent / 100,
            "differs_passed": round(float((found[~same] >= percent / 100).mean()), 4),
            "same_refused": round(float((found[same] < percent / 100).mean()), 4),
        }
        for percent in range(30, 91, 5)
    ]
    return {"rows": len(rows), "auc": round(float(roc_auc_score(same, found)), 4), "curve": curve}
