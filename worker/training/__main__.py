"""Train the shipped adapters and what decides with them: ``python -m worker.training``."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from worker.config.settings import load_profile, load_settings
from worker.errors import CopydeskError


def _build_parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m worker.training", description=__doc__)
    tasks = parser.add_subparsers(required=True, metavar="TASK", dest="task")
    repair = tasks.add_parser("repair", help="the adapter of the repair task")
    acceptor = tasks.add_parser(
        "acceptor", help="the acceptor of a profile's adapter: which proposals are made"
    )
    estimator = tasks.add_parser(
        "estimator", help="the estimator of a profile's adapter: which sentences need their source"
    )
    summary = tasks.add_parser("summary", help="the adapter of the summary task")
    material = tasks.add_parser(
        "material", help="pairs to train a larger model with: rough sentences and good ones"
    )
    material.add_argument("--data", type=Path, required=True, help="folder with the training sets")
    material.add_argument(
        "--out", type=Path, required=True, help="folder for pairs.jsonl and held.jsonl"
    )
    material.add_argument(
        "--pairs", type=int, default=6000, help="about how many pairs (default 6000)"
    )
    material.add_argument("--seed", type=int, default=7, help="seed of the draw (default 7)")
    meaning = tasks.add_parser("meaning", help="the judge of meaning: does a rewrite say the same?")
    meaning.add_argument("--name", default="meaning.v1", help="of the judge (default meaning.v1)")
    writer = tasks.add_parser("writer", help="the adapter of a larger model's repair task")
    writer.add_argument(
        "--material", type=Path, required=True, help="folder with pairs.jsonl and held.jsonl"
    )
    writer.add_argument(
        "--pairs", type=int, default=1500, help="how many of the pairs (default 1500)"
    )
    for task in (repair, acceptor, estimator, summary, meaning):
        task.add_argument("--data", type=Path, required=True, help="folder with the training sets")
    for task in (repair, acceptor, estimator, summary, meaning, writer):
        task.add_argument(
            "--work", type=Path, required=True, help="folder for pairs, checkpoints and reports"
        )
    for task in (repair, summary, writer):
        task.add_argument("--model", type=Path, required=True, help="folder of the base model")
        task.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    summary.add_argument("--prompts", type=Path, required=True, help="folder of the prompts")
    for task in (repair, writer):
        task.add_argument("--prompt", type=Path, required=True, help="prompt file to train with")
    repair.add_argument(
        "--pairs", type=int, default=8000, help="about how many pairs (default 8000)"
    )
    repair.add_argument(
        "--start", type=Path, help="folder of the first training's adapter, for the second training"
    )
    for task in (acceptor, estimator):
        task.add_argument("--profile", default="small", help="whose adapter (default small)")
    return parser


def main() -> None:
    """Train what the command line asks for."""
    arguments = vars(_build_parser().parse_args())
    task = arguments.pop("task")
    if task == "repair":
        from worker.training.repair import make_repair_adapter  # noqa: PLC0415 - peft, and slow

        make_repair_adapter(**arguments)
        return
    if task == "summary":
        from worker.training.summary import make_summary_adapter  # noqa: PLC0415

        make_summary_adapter(**arguments)
        return
    if task == "writer":
        from worker.training.writer import make_writer  # noqa: PLC0415

        make_writer(**arguments)
        return
    if task == "meaning":
        from worker.training.meaning import make_meaning_judge  # noqa: PLC0415 - scikit-learn

        make_meaning_judge(**arguments)
        return
    if task == "material":
        _make_material(**arguments)
        return
    from worker.training.acceptor import make_acceptor  # noqa: PLC0415 - scikit-learn
    from worker.training.estimator import make_estimator  # noqa: PLC0415

    settings = load_settings(profile=arguments.pop("profile"))
    make = make_acceptor if task == "acceptor" else make_estimator
    make(profile=load_profile(settings), settings=settings, **arguments)


def _make_material(*, data: Path, out: Path, pairs: int, seed: int) -> None:
    """Draw the material, write it, and count its kinds on stderr."""
    from worker.training.material.mixture import draw_material, write_material  # noqa: PLC0415 - slow
    from worker.training.pair import count_kinds  # noqa: PLC0415

    try:
        material = draw_material(data, pairs=pairs, seed=seed)
    except CopydeskError as error:
        hint = f"\nhint: {error.hint}" if error.hint else ""
        sys.exit(f"error: {error.message}{hint}")
    write_material(material, out)
    sys.stderr.write(f"pairs: {count_kinds(material.pairs)}\n")


if __name__ == "__main__":
    main()
