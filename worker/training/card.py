"""What a trained adapter comes with: a model card, and its loss as a picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from worker.training.lora import LOSSES

__all__ = ["draw_losses", "write_card"]

#: Steps whose mean is one point of the curve: a batch's own loss jumps.
_SMOOTHED = 10

_CARD = """# {name}

A LoRA adapter that mends one sentence of news, trained by `copydesk learn repair`. It goes with the
prompt and the base model that it was trained with.

## Data

{files}

Fill in: whose post-edits these are, and under which licence they may be used.

## Pairs

| Kind | Pairs |
|---|---:|
{pairs}

## Run

{steps} steps, {tokens} tokens, {minutes:.0f} minutes; loss on held-out pairs {before:.3f} before,
{after:.3f} after, in nats per answer token. ![loss](loss.svg)

## On rows set aside

{n} sentences: {changed:.1%} changed, {closer} closer, {farther} farther, {invented} with something
invented, {lost} with something lost. The acceptor is {acceptor}.

## Known harm

An article, a tense or a preposition may be changed wrongly and pass the checks. Look at
`work/report.json`, and at the changes in the results of a job, before it is used on everything.
"""


def write_card(folder: Path, files: Sequence[Path], told: Mapping[str, Any]) -> None:
    """Write ``model_card.md`` and ``loss.svg`` into ``folder``."""
    draw_losses(folder / "work" / LOSSES, folder / "loss.svg")
    run, measured = told["run"], told["measured"]
    text = _CARD.format(
        name=folder.name,
        files="\n".join(f"- `{file.name}`" for file in files),
        pairs="\n".join(f"| `{kind}` | {count} |" for kind, count in sorted(told["pairs"].items())),
        steps=run["steps"],
        tokens=run["tokens"],
        minutes=run["minutes"],
        before=run["loss_before"],
        after=run["loss_after"],
        n=measured["n"],
        changed=measured["changed_share"],
        closer=measured["closer"],
        farther=measured["farther"],
        invented=measured["invented"],
        lost=measured["lost"],
        acceptor=told["acceptor"],
    )
    (folder / "model_card.md").write_text(text, encoding="utf-8")


def draw_losses(log: Path, picture: Path) -> None:
    """Draw the smoothed loss of each step as a curve."""
    # Imported here: only a training draws, and it takes a second.
    from matplotlib.figure import Figure  # noqa: PLC0415

    steps: dict[int, float] = {}
    for line in log.read_text(encoding="utf-8").splitlines():
        said = json.loads(line)
        steps[said["step"]] = said["loss"]
    order = sorted(steps)
    smooth = [
        sum(steps[step] for step in part) / len(part)
        for at in range(len(order))
        for part in [order[max(0, at - _SMOOTHED + 1) : at + 1]]
    ]
    figure = Figure(figsize=(6, 3), layout="constrained")
    axes = figure.subplots()
    axes.plot(order, smooth)
    axes.set(xlabel="step", ylabel="loss, nats per answer token", ylim=(0, None))
    figure.savefig(picture)
