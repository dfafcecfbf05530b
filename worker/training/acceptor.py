"""Fits an adapter's acceptor on changes proposed for sentences that the adapter never saw.

Each change that passes the checks is labelled by whether it brings the sentence closer to its five
nearest versions or takes it farther away; changes that do neither are left out. The figures come
from cross-validation over whole documents, so that no sentence is judged by a model fitted on it.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GroupKFold

from worker.config.profile import Profile
from worker.config.settings import Settings
from worker.config.weights import acceptor_file
from worker.engine.opening import open_engine
from worker.evaluation.metric import measure_distances
from worker.stages.repair.acceptor import Acceptor, features
from worker.stages.repair.repair import propose_repairs
from worker.training.card import draw_curve
from worker.training.mixture import clean_pairs
from worker.training.pair import (
    Row,
    distinct_versions,
    is_set_aside,
    is_trainable,
    read_rows,
    versions_as_sources,
)

__all__ = ["LabelledChange", "fit_acceptor", "label_changes", "make_acceptor"]

#: Number of sentences from each source. News is what the service processes; post-edits show what
#: people leave alone; forum posts show what a change is worth in rough copy.
_NEWS_ROWS, _POST_EDIT_ROWS, _FORUM_ROWS = 5200, 1200, 1200

#: Number of damaged and of unchanged clean sentences. Plain errors are rare in the other sets:
#: without these, the acceptor trusts a repair of "did not wanted" no more than a needless article.
_DAMAGED_ROWS, _CLEAN_ROWS = 900, 1400
#: Weight in the fit of changes to these sentences; others have 1. AUC on WMT22, JFLEG and damage by
#: weight: 0: .661, .715, .880; .25: .667, .744, .903; .5: .668, .755, .913; 1: .663, .765, .923.
_MADE_WEIGHT = 0.5

#: Maximum edit rate of the drawn rows. Above it, post-editors relied on the source text.
_MAX_HTER = 0.4

#: Inverse of the L2 penalty: of the values from .01 to 10, the one with the best AUC.
_INVERSE_PENALTY = 0.1

#: Minimum number of closer changes per farther change for each restraint, over the folds of real
#: sentences. The folds are optimistic: with 1.5, `careful` made 13 closer and 17 farther changes on
#: WMT22; with 8, it made 8 and 4.
_MIN_ODDS = {"careful": 8.0, "bold": 1.0}

#: Minimum odds to fall back on. If the folds never reach the required odds, as with a newsroom's
#: few post-edits, the threshold with the best odds is used, provided they are at least this high.
_FALLBACK_ODDS = 1.5

#: Minimum number of changes to compute odds from; odds over fewer changes are chance.
_MIN_CHANGES = 25

_FOLDS = 5
_SEED = 20
_SLICE = 512


@dataclass(frozen=True, slots=True)
class LabelledChange:
    """A proposed change and whether it helps."""

    features: dict[str, float]
    closer: bool
    document: str
    """Changes of one document are in the same fold."""
    is_made: bool = False
    """Whether the sentence comes from clean text; its changes are fitted on, but not measured."""


def make_acceptor(*, data: Path, profile: Profile, settings: Settings, work: Path) -> None:
    """Label the adapter's proposals, fit the acceptor, and write it beside the adapter.

    ``work`` receives the labelled changes and the report, ``acceptor.json``.
    """
    adapter = profile.prompts[profile.repair.prompt].adapter
    stored = work / "changes.jsonl"
    if not stored.exists():
        work.mkdir(parents=True, exist_ok=True)
        drawn = label_changes(_draw_rows(data), profile, settings)
        stored.write_text("".join(json.dumps(asdict(change)) + "\n" for change in drawn), "utf-8")
    lines = stored.read_text("utf-8").splitlines()
    acceptor, report = fit_acceptor([LabelledChange(**json.loads(line)) for line in lines])
    acceptor_file(adapter).write_text(acceptor.model_dump_json(indent=2) + "\n", "utf-8")
    draw_curve(report, acceptor_file(adapter).with_name("curve.svg"))
    (work / "acceptor.json").write_text(json.dumps(report, indent=2) + "\n", "utf-8")
    sys.stderr.write(json.dumps(report) + "\n")


def label_changes(
    rows: Sequence[Row], profile: Profile, settings: Settings
) -> Iterator[LabelledChange]:
    """Yield the labelled changes that are proposed for the rows' sources and pass the checks."""
    engine = open_engine(profile.model, settings)
    for start in range(0, len(rows), _SLICE):
        part = rows[start : start + _SLICE]
        sources = [row["source"].strip() for row in part]
        proposed = propose_repairs(sources, engine, profile, as_whole=False)
        for row, repaired in zip(part, proposed, strict=True):
            versions = _versions(row)
            for decision in repaired.decisions:
                if decision.model_scores is None:
                    continue
                saved = measure_distances(repaired.text, decision.text, versions).saved
                if saved:
                    values = dict(features(decision.change, decision.model_scores))
                    document = str(row.get("doc", row["source"]))
                    is_made = row.get("is_made", False)
                    yield LabelledChange(values, saved > 0, document, is_made)
        sys.stderr.write(f"{start + len(part)} of {len(rows)} sentences\n")


def fit_acceptor(changes: Sequence[LabelledChange]) -> tuple[Acceptor, dict[str, Any]]:
    """Fit an acceptor, and return it with its figures on held-out documents."""
    names = list(changes[0].features)
    table = np.array([[change.features[name] for name in names] for change in changes])
    closer = np.array([change.closer for change in changes])
    weights = np.array([_MADE_WEIGHT if change.is_made else 1.0 for change in changes])
    model: Any = LogisticRegression(C=_INVERSE_PENALTY, max_iter=5_000)
    unseen = np.zeros(len(changes))
    folds = GroupKFold(_FOLDS, shuffle=True, random_state=_SEED)
    documents = [change.document for change in changes]
    for fitted, held_out in folds.split(table, groups=documents):
        model.fit(table[fitted], closer[fitted], sample_weight=weights[fitted])
        unseen[held_out] = model.predict_proba(table[held_out])[:, 1]
    model.fit(table, closer, sample_weight=weights)
    real = [index for index, change in enumerate(changes) if not change.is_made]
    unseen, closer = unseen[real], closer[real]
    curve = _curve(unseen, closer)
    least = {restraint: _least_probability(curve, odds) for restraint, odds in _MIN_ODDS.items()}
    acceptor = Acceptor(
        intercept=round(float(model.intercept_[0]), 4),
        weights={
            name: round(float(weight), 4)
            for name, weight in zip(names, model.coef_[0], strict=True)
        },
        least_probability=least,
    )
    report = {
        "changes": len(real),
        "closer": int(closer.sum()),
        "auc": round(float(roc_auc_score(closer, unseen)), 4),
        "least_probability": least,
        "curve": curve,
    }
    return acceptor, report


def _least_probability(curve: Sequence[dict[str, Any]], odds: float) -> float:
    """Return the lowest probability at which closer changes reach ``odds`` to farther, or 1."""
    points = [point for point in curve if point["closer"] + point["farther"] >= _MIN_CHANGES]
    reached = [point for point in points if point["closer"] >= odds * point["farther"]]
    if not reached:
        best = max(
            points, key=lambda point: point["closer"] / (point["farther"] or 1), default=None
        )
        if best and best["closer"] >= _FALLBACK_ODDS * best["farther"]:
            reached = [best]
    return float(min((point["probability"] for point in reached), default=1.0))


def _curve(probabilities: Any, closer: Any) -> list[dict[str, Any]]:
    """Count the closer and the farther changes accepted at each probability threshold."""
    points = []
    for percent in range(30, 91, 2):
        accepted = closer[probabilities >= percent / 100]
        count = int(accepted.sum())
        points.append(
            {"probability": percent / 100, "closer": count, "farther": len(accepted) - count}
        )
    return points


def _versions(row: Row) -> Sequence[str]:
    if "reference" in row:
        return distinct_versions(row)
    return row["targets"] if "targets" in row else [row["target"]]


def _draw_rows(data: Path) -> list[Row]:
    """Draw rows that the adapter was not trained on."""
    sets = data / "repair"
    news = _read_set_aside(sets / "train_wmt21_news.jsonl.gz")
    return [
        *_draw([*news, *versions_as_sources(news)], _NEWS_ROWS),
        *_draw(_read_set_aside(sets / "train_mlqe.jsonl.gz"), _POST_EDIT_ROWS),
        *_draw(_read_set_aside(sets / "train_accept.jsonl.gz"), _FORUM_ROWS),
        *_draw_clean(_read_set_aside(data / "clean" / "bbc.jsonl.gz")),
    ]


def _draw_clean(articles: Sequence[Row]) -> list[Row]:
    """Draw sentences of clean articles, some of them damaged."""
    rng = Random(_SEED)  # noqa: S311 - not a secret
    shuffled = rng.sample(articles, len(articles))
    drawn = ((row, pair) for row in shuffled for pair in clean_pairs([row], rng))
    room = {"damage": _DAMAGED_ROWS, "clean_kept": _CLEAN_ROWS}
    rows: list[Row] = []
    for row, pair in drawn:
        if room[pair.kind]:
            room[pair.kind] -= 1
            document = row["text"]
            rows.append(
                {"source": pair.source, "target": pair.target, "doc": document, "is_made": True}
            )
        elif not any(room.values()):
            break
    return rows


def _read_set_aside(path: Path) -> list[Row]:
    return [row for row in read_rows(path) if is_set_aside(row)]


def _draw(rows: Sequence[Row], count: int) -> list[Row]:
    usable = [
        row
        for row in rows
        if is_trainable(row["source"].strip()) and row.get("hter", 0.0) <= _MAX_HTER
    ]
    Random(_SEED).shuffle(usable)  # noqa: S311 - not a secret
    return usable[:count]
