"""The repair adapter, from the folder of data to the weights that are shipped."""

from __future__ import annotations

import json
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from worker.stages.repair.changes import find_changes
from worker.training.lora import BASE_NAME, Recipe, encode, end_token, load_base, surprisals, train
from worker.training.mixture import FIRST, SECOND, candidates, count_kinds, mix
from worker.training.pair import Pair

__all__ = ["make_adapter"]

#: Pairs of the mixture that are not trained on but measured before and after.
_HELD_OUT = 120

#: Nats by which the base model must find a mend likelier than the fault. What most versions or a
#: post-editor write need only be as likely: half of it, another article or another tense, is no
#: mend. Each made fault must show: an article lost where none is needed is none.
_LEAST_GAIN = 0.0
_LEAST_DAMAGE_GAIN = 2.0


#: The second training goes on gently: it is to learn which edits are wanted, not the language.
_SECOND_RECIPE = Recipe(learning_rate=3e-4, edit_weight=2.0)


def make_adapter(
    *, data: Path, model: Path, prompt: Path, out: Path, work: Path, pairs: int, start: Path | None
) -> None:
    """Draw the pairs, train, and write the adapter to ``out``.

    Without ``start`` it is the first training; with the adapter of that in ``start`` the second,
    on real edits alone.

    ``work`` takes the pairs, the checkpoint and ``report.json``; none of it belongs to the
    project, for it holds sentences of the data.
    """
    recipe, shares = (_SECOND_RECIPE, SECOND) if start else (Recipe(), FIRST)
    instruction = tomllib.loads(prompt.read_text(encoding="utf-8"))["instruction"]
    base, tokenizer = load_base(model)
    chosen = _stored(work / "pairs.jsonl")
    if not chosen:
        drawn = candidates(data, shares, pairs, recipe.seed)
        if not start:
            drawn = _clear(base, tokenizer, drawn)
        chosen = mix(drawn, shares, pairs, recipe.seed)
        _store(work / "pairs.jsonl", chosen)
    counts = count_kinds(chosen[_HELD_OUT:])
    sys.stderr.write(f"pairs: {counts}\n")
    examples = encode(
        tokenizer, end_token(base), instruction, chosen, edit_weight=recipe.edit_weight
    )
    report = train(
        base,
        examples[_HELD_OUT:],
        examples[:_HELD_OUT],
        recipe,
        out=out,
        work=work,
        base_name=BASE_NAME,
        start=start,
    )
    told = {"pairs": counts, "recipe": asdict(recipe), **asdict(report)}
    (work / "report.json").write_text(json.dumps(told, indent=2), encoding="utf-8")


def _clear(base: Any, tokenizer: Any, pairs: Sequence[Pair]) -> list[Pair]:
    """Without the mends that are a matter of taste, by what they gain.

    Half of a move shows there as well, and so does an article lost where none is needed.
    """
    mends = [pair for pair in pairs if not pair.kept]
    texts = [text for pair in mends for text in (pair.source, pair.target)]
    nats = surprisals(base, tokenizer, texts)
    gains = {
        pair: before - after
        for pair, before, after in zip(mends, nats[::2], nats[1::2], strict=True)
    }
    clear = {pair for pair in mends if gains[pair] >= _least_gain(pair)}
    sys.stderr.write(f"mends: {count_kinds(mends)}, clear: {count_kinds(list(clear))}\n")
    return [pair for pair in pairs if pair.kept or pair in clear]


def _least_gain(pair: Pair) -> float:
    if pair.kind != "damage":
        return _LEAST_GAIN
    return _LEAST_DAMAGE_GAIN * len(find_changes(pair.source, pair.target))


def _store(path: Path, pairs: Sequence[Pair]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(pair._asdict()) + "\n" for pair in pairs]
    path.write_text("".join(lines), encoding="utf-8")


def _stored(path: Path) -> list[Pair]:
    if not path.exists():
        return []
    lines = path.read_text(encoding="utf-8").splitlines()
    return [Pair(**json.loads(line)) for line in lines]
