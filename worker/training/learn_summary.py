"""Trains a newsroom's own summary adapter on its articles (``copydesk learn summary``).

The adapter learns to shorten sentences and to write titles as the newsroom does. It learns from
summary sentences that shorten a single sentence of their article, and from titles that add nothing
to their summary; both must pass the checks. The shipped adapter still judges whether evidence
supports a sentence.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from worker.engine.opening import open_engine
from worker.english.facts import words
from worker.errors import UsageError
from worker.evaluation.rows import SummaryRow, read_summary_rows
from worker.evaluation.summary import SummaryReport, evaluate_summary
from worker.pipeline import process
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.support import check_summary_sentence, check_title
from worker.training.card import SUMMARY_CARD
from worker.training.lora import Recipe
from worker.training.pair import Pair, is_set_aside, is_trainable
from worker.training.run import (
    Learned,
    Lesson,
    Task,
    describe_adapter,
    require_pairs,
    train_own_adapter,
)

if TYPE_CHECKING:
    from worker.config.profile import CheckSettings, Profile
    from worker.config.settings import Settings

__all__ = ["learn_summary"]

#: Maximum share of sentence pairs that copy a whole sentence, as in the shipped mixture.
_COPIED_SHARE = 0.35

#: Weight of a title's tokens in the loss, as in the shipped adapter.
_TITLE_WEIGHT = 2.0

#: Maximum number of set-aside articles that the result is measured on; each takes four seconds.
_MEASURED_ARTICLES = 100


def learn_summary(
    files: Sequence[Path], *, out: Path, profile: Profile, settings: Settings
) -> Learned[SummaryReport]:
    """Train an adapter on ``files`` and write it with a model card to ``out``.

    Checkpoints are kept in ``out/work``; a stopped run resumes from there.

    Raises:
        UsageError: a file cannot be read, there are too few pairs to learn from, or the profile
            has no prompt that shortens sentences.
        ModelMissingError, EngineError: the profile's model cannot be loaded.
    """
    if not profile.summary.shorten_prompt:
        raise UsageError(
            "the profile has no shorten_prompt: its model writes summaries as a whole",
            code="nothing_to_learn",
            hint="name a profile whose [summary] has one, such as small",
        )
    recipe = Recipe()
    rows = [row for file in files for row in read_summary_rows(file)]
    aside = [row for row in rows if is_set_aside({"source": row.text})]
    training_rows = [row for row in rows if not is_set_aside({"source": row.text})]
    lessons = _draw_lessons(training_rows, profile, Random(recipe.seed))  # noqa: S311 - not a secret
    require_pairs(
        f"{len(lessons)} sentences and titles of {len(rows)} rows",
        len(lessons),
        aside,
        hint="a summary sentence is learned when it shortens one sentence of its article",
    )
    shuffled = [*lessons]
    Random(recipe.seed).shuffle(shuffled)  # noqa: S311
    report = train_own_adapter(
        shuffled, _tasks(profile, recipe), recipe, out=out, profile=profile, settings=settings
    )
    prompts = [profile.summary.shorten_prompt, profile.summary.title_prompt]
    adapted = profile.with_adapter(out, prompts)
    measured = _measure(aside[:_MEASURED_ARTICLES], adapted, settings)
    return describe_adapter(files, lessons, recipe, report, measured, out=out, card=SUMMARY_CARD)


def _tasks(profile: Profile, recipe: Recipe) -> dict[str, Task]:
    shorten, title = profile.summary.shorten_prompt, profile.summary.title_prompt
    tasks = {shorten: Task(profile.prompts[shorten].instruction, edit_weight=recipe.edit_weight)}
    if title:
        tasks[title] = Task(profile.prompts[title].instruction, weight=_TITLE_WEIGHT)
    return tasks


def _draw_lessons(rows: Sequence[SummaryRow], profile: Profile, rng: Random) -> list[Lesson]:
    """Draw sentence pairs and, if the profile has a title prompt, titles."""
    sentence_pairs = [pair for row in rows for pair in _sentence_pairs(row, profile.checks)]
    shortened = [pair for pair in sentence_pairs if pair.kind == "shortened"]
    copied = [pair for pair in sentence_pairs if pair.kind == "short"]
    rng.shuffle(copied)
    copies = round(len(shortened) * _COPIED_SHARE / (1 - _COPIED_SHARE))
    name = profile.summary.shorten_prompt
    lessons = [Lesson(name, pair) for pair in (*shortened, *copied[:copies])]
    if profile.summary.title_prompt:
        lessons += [Lesson(profile.summary.title_prompt, pair) for pair in _title_pairs(rows)]
    return lessons


def _sentence_pairs(row: SummaryRow, checks: CheckSettings) -> Iterator[Pair]:
    """Pair each summary sentence with the article sentence that supports it on its own, if any."""
    article = [sentence for line in row.text.splitlines() for sentence in split_sentences(line)]
    for sentence in split_sentences(row.summary):
        support = check_summary_sentence(sentence, article, checks)
        if not support.check.accepted or not support.evidence:
            continue
        source = article[support.evidence[0]]
        by_itself = check_summary_sentence(sentence, [source], checks)
        if not is_trainable(source) or not by_itself.check.accepted:
            continue
        if words(source) == words(sentence):
            yield Pair(source, source, "short")
        elif len(sentence.split()) < len(source.split()):
            yield Pair(source, sentence, "shortened")


def _title_pairs(rows: Sequence[SummaryRow]) -> Iterator[Pair]:
    for row in rows:
        title = row.title.strip().removesuffix(".")
        if title and check_title(title, split_sentences(row.summary)).accepted:
            yield Pair(" ".join(row.summary.split()), title, "title")


def _measure(rows: Sequence[SummaryRow], profile: Profile, settings: Settings) -> SummaryReport:
    engine = open_engine(profile.model, settings)
    sys.stderr.write(f"measuring on {len(rows)} articles set aside\n")
    return evaluate_summary(
        rows,
        lambda articles: [
            processed.result for processed in process(articles, lambda: engine, profile)
        ],
    )
