"""Writes a trained adapter's model card and draws its curves."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from worker.training.lora import LOSSES

__all__ = ["REPAIR_CARD", "SUMMARY_CARD", "CardText", "draw_curve", "draw_losses", "write_card"]

#: Steps averaged for each point of the loss curve, because the loss of single batches jumps.
_SMOOTHED_STEPS = 10

_CARD = """# {name}

{purpose} Use it with the prompts and the base model that it was trained with.

## Data

{files}

Fill in: whose texts these are, and under which licence.

## Pairs

| Kind | Pairs |
|---|---:|
{pairs}

## Run

{steps} steps, {tokens} tokens, {minutes:.0f} minutes; loss on held-out pairs {loss_before:.3f}
before, {loss_after:.3f} after, in nats per answer token. ![loss](loss.svg)

## On rows set aside

{outcome}

## Known harm

{harm}
"""


class CardText(NamedTuple):
    """The parts of a card that depend on the task."""

    purpose: str
    outcome: str
    """A format string for the evaluation's figures."""
    harm: str


REPAIR_CARD = CardText(
    "A LoRA adapter that repairs one sentence of news, trained by `copydesk learn repair`.",
    """{n} sentences: {changed_share:.1%} changed, {closer} closer, {farther} farther, {invented}
with an invented fact, {lost} with a lost one. Acceptor: {acceptor}.""",
    """An article, a tense or a preposition may be changed wrongly and pass the checks. Look at
`work/report.json`, and at the changes in the results of a job, before you use it on everything.""",
)
SUMMARY_CARD = CardText(
    "A LoRA adapter that shortens sentences of news and writes titles, trained by `copydesk learn "
    "summary`.",
    """{n} articles: ROUGE-1 {rouge1:.1f} (the first three sentences: {lead3_rouge1:.1f}),
{words_mean:.0f} words, {extractive_share:.0%} wholly the article's own sentences,
{titled_share:.0%} with a title by the model, {invented} with a number or name that the article
lacks, {flipped} turned negations.""",
    """A clause may be left out that others need. Look at `work/report.json`, and at summaries of a
job beside their evidence, before you use it on everything.""",
)


def write_card(
    folder: Path, files: Sequence[Path], record: Mapping[str, Any], card: CardText
) -> None:
    """Write ``model_card.md``, ``loss.svg`` and ``work/report.json`` into ``folder``.

    Args:
        folder: the adapter's folder, which contains ``work``.
        files: the files that the adapter was trained on.
        record: the record of the run, with ``pairs``, ``run`` and ``measured``.
        card: the card text for the task.
    """
    report = json.dumps(record, indent=2) + "\n"
    (folder / "work" / "report.json").write_text(report, encoding="utf-8")
    draw_losses(folder / "work" / LOSSES, folder / "loss.svg")
    text = _CARD.format(
        name=folder.name,
        purpose=card.purpose,
        files="\n".join(f"- `{file.name}`" for file in files),
        pairs="\n".join(
            f"| `{kind}` | {count} |" for kind, count in sorted(record["pairs"].items())
        ),
        outcome=card.outcome.format(**{**record, **record["measured"]}),
        harm=card.harm,
        **record["run"],
    )
    (folder / "model_card.md").write_text(text, encoding="utf-8")


def draw_curve(report: Mapping[str, Any], picture: Path) -> None:
    """Plot an acceptor's precision against its recall, and mark each restraint.

    ``report`` comes from ``worker.training.acceptor``.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load

    points = {
        point["probability"]: (
            point["closer"] / report["closer"],
            point["closer"] / (point["closer"] + point["farther"]),
        )
        for point in report["curve"]
        if point["closer"] + point["farther"]
    }
    figure = Figure(figsize=(6, 4), layout="constrained")
    axes = figure.subplots()
    axes.plot(*zip(*points.values(), strict=True))
    for restraint, probability in report["least_probability"].items():
        if probability in points:
            axes.plot(*points[probability], "o")
            axes.annotate(f"{restraint}, {probability:.2f}", points[probability])
    axes.set(xlabel="of the changes that help, made", ylabel="of the changes made, those that help")
    axes.set(xlim=(0, 1), ylim=(0, 1))
    figure.savefig(picture, metadata={"Date": None})


def draw_losses(log: Path, picture: Path) -> None:
    """Plot the smoothed loss by step."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - slow to load

    steps: dict[int, float] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        entry = json.loads(line)
        steps[entry["step"]] = entry["loss"]
    order = sorted(steps)
    smooth = [
        sum(steps[step] for step in part) / len(part)
        for end in range(1, len(order) + 1)
        for part in [order[max(0, end - _SMOOTHED_STEPS) : end]]
    ]
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(order, smooth)
    axes.set(xlabel="step", ylabel="loss, nats per answer token", ylim=(0, None))
    figure.savefig(picture)
