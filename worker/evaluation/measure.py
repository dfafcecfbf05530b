"""What ``copydesk evaluate`` measures: the stages under a profile, put to the evaluations."""

from __future__ import annotations

from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING

from worker.engine import open_engine
from worker.evaluation.damage import DamageReport, evaluate_damage
from worker.evaluation.furniture import FurnitureReport, evaluate_furniture
from worker.evaluation.repair import RepairReport, evaluate_repair
from worker.evaluation.rows import (
    read_page_rows,
    read_repair_rows,
    read_summary_rows,
    read_text_rows,
)
from worker.evaluation.summary import SummaryReport, evaluate_summary
from worker.furniture import strip_furniture
from worker.pipeline import mend_texts, process, settle_texts
from worker.records import Article, Result

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from worker.engine import Engine
    from worker.profile import Profile
    from worker.settings import Settings

__all__ = ["Task", "measure"]


class Task(StrEnum):
    """What can be measured."""

    REPAIR = "repair"
    SUMMARY = "summary"
    FURNITURE = "furniture"
    DAMAGE = "damage"


def measure(
    task: Task,
    path: Path,
    profile: Profile,
    settings: Settings,
    *,
    limit: int | None = None,
    on_progress: Callable[[int, int], None] | None = None,
) -> RepairReport | SummaryReport | FurnitureReport | DamageReport:
    """The figures of ``profile`` on the rows of ``path``, the first ``limit`` of them.

    Raises:
        UsageError: the file is missing, or a row has not the keys of its task.
        ModelMissingError, EngineError: the engine cannot be had.
    """
    if task is Task.FURNITURE:
        pages = read_page_rows(path, limit)
        return evaluate_furniture(pages, _strip, on_progress=on_progress)
    if task is Task.REPAIR:
        pairs = read_repair_rows(path, limit)
        engine = open_engine(profile.model, settings)
        mend = partial(mend_texts, engine=engine, profile=profile)
        return evaluate_repair(pairs, mend, on_progress=on_progress)
    if task is Task.DAMAGE:
        texts = read_text_rows(path, limit)
        engine = open_engine(profile.model, settings)
        settle = partial(settle_texts, engine=engine, profile=profile)
        return evaluate_damage(texts, settle, on_progress=on_progress)
    stories = read_summary_rows(path, limit)
    engine = open_engine(profile.model, settings)
    summarise = partial(_summarise, engine=engine, profile=profile)
    return evaluate_summary(stories, summarise, on_progress=on_progress)


def _strip(article: Article) -> list[str]:
    stripped = strip_furniture(article)
    return [stripped.title, *stripped.paragraphs] if stripped.title else [*stripped.paragraphs]


def _summarise(
    articles: Sequence[Article], engine: Engine, profile: Profile
) -> list[Result | None]:
    return [item.result for item in process(articles, lambda: engine, profile)]
