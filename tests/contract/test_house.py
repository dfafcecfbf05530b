"""The program's layout: small folders, short modules, no import cycle, plain English."""

from __future__ import annotations

import re
from graphlib import TopologicalSorter
from pathlib import Path
from statistics import median

import pytest

from tests.support.house import folders, import_graph, modules

MAX_MODULES_OF_A_FOLDER = 15
MAX_LINES = 400
MEDIAN_LINES = 130

#: Fragments of sentences that a reader had to read twice, and words that were given up.
RETIRED_PHRASES = (
    "what ran together",
    "a full stop or the end of a line being lost",
    "where it reads better whole",
    "how a title begins that has not",
    "has not what its sentence begins with",
    "a saying of the evidence",
    "in another order than by moving one run",
    "runs that no longer run of a higher sum holds",
    "of which nobody can say what they mean",
    "is not for us to count",
    "is for others to say",
    "so it did if none is",
    "against the law",
    "of the other side of the ocean",
    "share its eyes with",
    "beside good news",
    "doorbell",
    "bells",
)

_LINE_END = re.compile(r"\s*\n[\s#:-]*")


def read_as_one_line(path: Path) -> str:
    """The file in small letters, with the phrases that lines or comments break rejoined."""
    return _LINE_END.sub(" ", path.read_text(encoding="utf-8")).casefold()


def test_a_folder_holds_few_modules() -> None:
    # The command line's own folder has one module per command.
    large = {
        folder.name: folder.modules
        for folder in folders(import_graph())
        if folder.name != "cli" and folder.modules > MAX_MODULES_OF_A_FOLDER
    }

    assert large == {}


def test_a_module_is_short() -> None:
    long = {module.name: module.lines for module in modules() if module.lines > MAX_LINES}

    assert long == {}


def test_the_median_module_is_short() -> None:
    assert median(module.lines for module in modules() if not module.is_package) < MEDIAN_LINES


def test_no_modules_import_each_other_in_a_cycle() -> None:
    TopologicalSorter(import_graph()).prepare()


@pytest.mark.parametrize("suffix", [".py", ".lua"])
def test_retired_phrases_do_not_return(suffix: str) -> None:
    paths = [path for package in ("worker", "cli") for path in Path(package).rglob(f"*{suffix}")]
    texts = {path: read_as_one_line(path) for path in paths}
    phrases = [
        f"{path}: {phrase}"
        for path, text in texts.items()
        for phrase in RETIRED_PHRASES
        if re.search(rf"\b{re.escape(phrase)}\b", text)
    ]

    assert texts
    assert phrases == []
