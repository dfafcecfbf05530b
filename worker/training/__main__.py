"""``python -m worker.training repair``: make the repair adapter again."""

from __future__ import annotations

import argparse
from pathlib import Path

from worker.training.repair import make_adapter


def main() -> None:
    """Read the command line and train."""
    parser = argparse.ArgumentParser(prog="python -m worker.training", description=__doc__)
    tasks = parser.add_subparsers(required=True, metavar="TASK")
    repair = tasks.add_parser("repair", help="the adapter of the repair task")
    repair.add_argument("--data", type=Path, required=True, help="folder with repair/ and clean/")
    repair.add_argument("--model", type=Path, required=True, help="folder of the base model")
    repair.add_argument("--prompt", type=Path, required=True, help="the prompt it is trained with")
    repair.add_argument("--out", type=Path, required=True, help="folder for the adapter")
    repair.add_argument("--work", type=Path, required=True, help="folder for pairs and checkpoint")
    repair.add_argument("--pairs", type=int, default=9300, help="how many, about (default 9300)")
    make_adapter(**vars(parser.parse_args()))


if __name__ == "__main__":
    main()
