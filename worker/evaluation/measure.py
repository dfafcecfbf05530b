"""Runs the evaluations of ``copydesk evaluate`` on the stages, with a given profile."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING

from worker.engine.opening import open_engine
from worker.evaluation.damage import DamageReport, evaluate_damage
from worker.evaluation.furniture import FurnitureReport, evaluate_furniture
from worker.evaluation.meaning import JudgedRewrite, MeaningReport, evaluate_meaning
from worker.evaluation.repair import RepairReport, evaluate_repair
from worker.evaluation.rows import (
    MeaningRow,
    SupportRow,
    read_meaning_rows,
    read_page_rows,
    read_repair_rows,
    read_spotting_rows,
    read_summary_rows,
    read_support_rows,
    read_text_rows,
)
from worker.evaluation.spotting import SpottingReport, evaluate_spotting
from worker.evaluation.summary import SummaryReport, evaluate_summary
from worker.evaluation.support import JudgedClaim, SupportReport, evaluate_support
from worker.pipeline import clean_texts, process, repair_texts
from worker.records.article import Article
from worker.records.result import Result
from worker.stages.clean.furniture import remove_furniture
from worker.stages.repair.needs_source import estimate_edit_rates
from worker.stages.repair.rewrite import check_rewrite, same_probability
from worker.stages.repair.spotting import spot_sentences
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.entailment import support_probabilities, support_score
from worker.stages.summarise.support import check_summary_sentence

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.config.profile import Profile
    from worker.config.settings import Settings
    from worker.engine.protocol import Engine

__all__ = ["Task", "measure"]

_Report = (
    RepairReport
    | SummaryReport
    | FurnitureReport
    | DamageReport
    | SupportReport
    | SpottingReport
    | MeaningReport
)


class Task(StrEnum):
    """An evaluation."""

    REPAIR = "repair"
    SUMMARY = "summary"
    FURNITURE = "furniture"
    DAMAGE = "damage"
    SUPPORT = "support"
    SPOTTING = "spotting"
    MEANING = "meaning"


def measure(
    task: Task,
    path: Path,
    profile: Profile,
    settings: Settings,
    *,
    limit: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> _Report:
    """Measure ``profile`` on the first ``limit`` rows (all by default) of ``path``.

    Raises:
        UsageError: the file is missing, or a row lacks the keys of the task.
        ModelMissingError, EngineError: the engine cannot be opened.
    """
    if task is Task.FURNITURE:
        pages = read_page_rows(path, limit)
        return evaluate_furniture(pages, _strip, on_progress=on_progress)
    if task is Task.MEANING:
        rewrites = read_meaning_rows(path, limit)
        return evaluate_meaning(
            rewrites, partial(_judge_meaning, profile=profile), on_progress=on_progress
        )
    return _measure_model(task, path, profile, settings, limit=limit, on_progress=on_progress)


def _measure_model(
    task: Task,
    path: Path,
    profile: Profile,
    settings: Settings,
    *,
    limit: int | None,
    on_progress: Callable[[int, int], None] | None,
) -> _Report:
    """Measure a stage that needs the model, which is opened once the rows are read."""
    if task is Task.REPAIR:
        pairs = read_repair_rows(path, limit)
        engine = open_engine(profile.model, settings)
        repair = partial(repair_texts, engine=engine, profile=profile)
        estimate = partial(estimate_edit_rates, engine=engine, profile=profile)
        return evaluate_repair(pairs, repair, estimate=estimate, on_progress=on_progress)
    if task is Task.DAMAGE:
        texts = read_text_rows(path, limit)
        engine = open_engine(profile.model, settings)
        clean = partial(clean_texts, engine=engine, profile=profile)
        return evaluate_damage(texts, clean, on_progress=on_progress)
    if task is Task.SUPPORT:
        claims = read_support_rows(path, limit)
        engine = open_engine(profile.model, settings)
        judge = partial(_judge, engine=engine, profile=profile)
        return evaluate_support(claims, judge, on_progress=on_progress)
    if task is Task.SPOTTING:
        judged = read_spotting_rows(path, limit)
        engine = open_engine(profile.model, settings)
        spot = partial(spot_sentences, engine=engine, profile=profile)
        return evaluate_spotting(judged, spot, on_progress=on_progress)
    stories = read_summary_rows(path, limit)
    engine = open_engine(profile.model, settings)
    summarise = partial(_summarise, engine=engine, profile=profile)
    return evaluate_summary(stories, summarise, on_progress=on_progress)


def _strip(article: Article) -> list[str]:
    stripped = remove_furniture(article)
    return [stripped.title, *stripped.paragraphs] if stripped.title else [*stripped.paragraphs]


def _judge_meaning(rows: Sequence[MeaningRow], profile: Profile) -> list[JudgedRewrite]:
    """Check each rewrite, and ask the judge alone how sure it is."""
    return [
        JudgedRewrite(same_probability(*texts, profile), check_rewrite(*texts, profile).accepted)
        for texts in ((row.source, row.proposal) for row in rows)
    ]


def _judge(rows: Sequence[SupportRow], engine: Engine, profile: Profile) -> list[JudgedClaim]:
    """Judge the claim of each row, sentence by sentence."""
    claims = [
        (number, sentence, article)
        for number, row in enumerate(rows)
        for article in [_sentences(row.article)]
        for sentence in _sentences(" ".join(row.claim.split()))
    ]
    checked = [
        check_summary_sentence(sentence, article, profile.checks) for _, sentence, article in claims
    ]
    evidence = [
        ([article[index] for index in sorted(support.evidence)], sentence)
        for (_, sentence, article), support in zip(claims, checked, strict=True)
    ]
    probabilities = support_probabilities(evidence, engine, profile)
    judged: list[list[JudgedClaim]] = [[] for _ in rows]
    for (number, _, _), support, probability in zip(claims, checked, probabilities, strict=True):
        accepted = support.check.accepted and bool(support.evidence)
        is_sure = probability >= profile.checks.min_support_probability
        judged[number].append(
            JudgedClaim(support_score(support, probability), accepted and is_sure)
        )
    return [
        JudgedClaim(
            _summary_score([sentence.score for sentence in sentences]),
            all(sentence.accepted for sentence in sentences),
        )
        for sentences in judged
    ]


def _summary_score(scores: Sequence[float]) -> float:
    """Return the mean of the worst sentence's score and the average over all sentences."""
    return (min(scores) + fmean(scores)) / 2


def _sentences(text: str) -> list[str]:
    lines = [line for line in text.splitlines() if line.strip()]
    return [sentence for line in lines for sentence in split_sentences(line)]


def _summarise(
    articles: Sequence[Article], engine: Engine, profile: Profile
) -> list[Result | None]:
    return [processed.result for processed in process(articles, lambda: engine, profile)]
