"""``copydesk learn summary``: an adapter of a newsroom's own, from its articles and summaries.

It shortens sentences and writes titles the way the newsroom does. Only what the checks would let
pass is learned: a sentence of a summary that shortens one of its article, and a title that has
nothing beyond its summary. The judge of the summaries stays the shipped one.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from worker.config.weights import locate
from worker.english.facts import words
from worker.errors import UsageError
from worker.evaluation.rows import SummaryRow, read_summary_rows
from worker.evaluation.summary import SummaryReport, evaluate_summary
from worker.stages.split.sentences import split_sentences
from worker.stages.summarise.support import check_summary_sentence, check_title
from worker.training.card import SUMMARY_CARD, write_card
from worker.training.lora import Recipe, Report, encode, end_token, hold_out, load_base, train
from worker.training.pair import Pair, is_fit, is_set_aside

if TYPE_CHECKING:
    from worker.config.profile import CheckSettings, Profile
    from worker.config.settings import Settings

__all__ = ["LEAST_PAIRS", "LearnedSummary", "learn_summary"]

#: With fewer pairs an adapter learns the words of its sentences and not what to leave out.
LEAST_PAIRS = 200

#: Of the sentences, those that are taken over whole, at most: the shipped mixture.
_SHORT_SHARE = 0.35

#: Weight of a title's tokens in the loss, as in the shipped adapter.
_TITLE_WEIGHT = 2.0

#: Articles of those set aside that the outcome is measured on: four seconds each.
_MEASURED = 100


@dataclass(frozen=True, slots=True)
class LearnedSummary:
    """What came of it."""

    folder: Path
    pairs: dict[str, int]
    report: Report
    measured: SummaryReport


def learn_summary(
    files: Sequence[Path], *, out: Path, profile: Profile, settings: Settings
) -> LearnedSummary:
    """Train an adapter on ``files`` and write it with a model card to ``out``.

    What is underway stands in ``out/work``; a run that was stopped goes on from there.

    Raises:
        UsageError: a file cannot be read, they have too few pairs to learn from, or the profile
            has no prompt that shortens sentences.
        ModelMissingError, EngineError: the profile's model cannot be had.
    """
    if not profile.summary.shorten_prompt:
        raise UsageError(
            "the profile has no shorten_prompt: its model writes summaries as a whole",
            code="nothing_to_learn",
            hint="name a profile whose [summary] has one, such as embedded",
        )
    recipe = Recipe()
    rows = [row for file in files for row in read_summary_rows(file)]
    aside = [row for row in rows if is_set_aside({"source": row.text})]
    taught = [row for row in rows if not is_set_aside({"source": row.text})]
    tasks = _tasks(taught, profile, Random(recipe.seed))  # noqa: S311 - no secret
    count = sum(map(len, tasks.values()))
    if count < LEAST_PAIRS or not aside:
        raise UsageError(
            f"{count} sentences and titles of {len(rows)} rows can be learned from; "
            f"{LEAST_PAIRS} are needed",
            code="too_few_pairs",
            hint="a summary sentence is learned when it shortens one sentence of its article",
        )
    report = _train(tasks, out, profile, settings, recipe)
    own = profile.with_adapter(out, [profile.summary.shorten_prompt, profile.summary.title_prompt])
    measured = _measure(aside[:_MEASURED], own, settings)
    counts = dict(Counter(pair.kind for pairs in tasks.values() for pair in pairs))
    told: dict[str, Any] = {"pairs": counts, "recipe": asdict(recipe), "run": asdict(report)}
    told["measured"] = measured.model_dump()
    write_card(out, files, told, SUMMARY_CARD)
    return LearnedSummary(out, counts, report, measured)


def _tasks(rows: Sequence[SummaryRow], profile: Profile, rng: Random) -> dict[str, list[Pair]]:
    """Pairs by the prompt that they are for."""
    found = [pair for row in rows for pair in _shortened(row, profile.checks)]
    shortened = [pair for pair in found if pair.kind == "shortened"]
    short = [pair for pair in found if pair.kind == "short"]
    rng.shuffle(short)
    most = round(len(shortened) * _SHORT_SHARE / (1 - _SHORT_SHARE))
    tasks = {profile.summary.shorten_prompt: [*shortened, *short[:most]]}
    if profile.summary.title_prompt:
        tasks[profile.summary.title_prompt] = list(_titles(rows))
    return tasks


def _shortened(row: SummaryRow, checks: CheckSettings) -> Iterator[Pair]:
    article = [one for line in row.text.splitlines() for one in split_sentences(line)]
    for sentence in split_sentences(row.summary):
        found = check_summary_sentence(sentence, article, checks)
        if not found.verdict.accepted or not found.evidence:
            continue
        source = article[found.evidence[0]]
        alone = check_summary_sentence(sentence, [source], checks)
        if not is_fit(source) or not alone.verdict.accepted:
            continue
        if words(source) == words(sentence):
            yield Pair(source, source, "short")
        elif len(sentence.split()) < len(source.split()):
            yield Pair(source, sentence, "shortened")


def _titles(rows: Sequence[SummaryRow]) -> Iterator[Pair]:
    for row in rows:
        title = row.title.strip().removesuffix(".")
        if title and check_title(title, split_sentences(row.summary)).accepted:
            yield Pair(" ".join(row.summary.split()), title, "title")


def _train(
    tasks: dict[str, list[Pair]], out: Path, profile: Profile, settings: Settings, recipe: Recipe
) -> Report:
    base, tokenizer = load_base(Path(locate(profile.model, settings.home)))
    examples = []
    for name, pairs in tasks.items():
        shortens = name == profile.summary.shorten_prompt
        examples += encode(
            tokenizer,
            end_token(base),
            profile.prompts[name].instruction,
            pairs,
            edit_weight=recipe.edit_weight if shortens else 1.0,
            weight=1.0 if shortens else _TITLE_WEIGHT,
        )
    Random(recipe.seed).shuffle(examples)  # noqa: S311
    taught, held_out = hold_out(examples)
    return train(
        base,
        taught,
        held_out,
        recipe,
        out=out,
        work=out / "work",
        base_name=profile.model.name,
    )


def _measure(rows: Sequence[SummaryRow], profile: Profile, settings: Settings) -> SummaryReport:
    # Imported here: they would load torch for a command that only names them.
    from worker.engine.opening import open_engine  # noqa: PLC0415
    from worker.pipeline import process  # noqa: PLC0415

    engine = open_engine(profile.model, settings)
    sys.stderr.write(f"measuring on {len(rows)} articles set aside\n")
    return evaluate_summary(
        rows,
        lambda articles: [one.result for one in process(articles, lambda: engine, profile)],
    )
