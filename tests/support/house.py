"""Measures the folders of the program: modules, lines and imported folders.

``python -m tests.support.house`` prints them as a table.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import grimp

__all__ = ["PACKAGES", "Folder", "Module", "folders", "import_graph", "modules"]

PACKAGES = ("worker", "cli")

_ROOT = Path(__file__).parents[2]


class Module(NamedTuple):
    """One Python file."""

    name: str
    path: Path
    lines: int

    @property
    def folder(self) -> str:
        """Dotted name of the folder that the file lies in."""
        return ".".join(self.path.relative_to(_ROOT).parent.parts)

    @property
    def is_package(self) -> bool:
        """Whether the file is a folder's ``__init__.py``."""
        return self.path.stem == "__init__"


class Folder(NamedTuple):
    """A folder with the modules that lie in it directly, without ``__init__.py``."""

    name: str
    modules: int
    lines: int
    imports: tuple[str, ...]
    """Other folders that the modules import."""


def modules() -> Iterator[Module]:
    """Yield every module of the program, in order of paths."""
    for package in PACKAGES:
        for path in sorted((_ROOT / package).rglob("*.py")):
            parts = path.relative_to(_ROOT).with_suffix("").parts
            name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
            yield Module(name, path, len(path.read_text(encoding="utf-8").splitlines()))


def import_graph() -> dict[str, set[str]]:
    """Return for each module the modules that it imports, even where it imports them lazily."""
    graph = grimp.build_graph(*PACKAGES)
    return {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}


def folders(graph: Mapping[str, set[str]]) -> list[Folder]:
    """Return every folder with its modules, lines and imports."""
    all_modules = list(modules())
    folder_of = {module.name: module.folder for module in all_modules}
    measured = []
    for folder in dict.fromkeys(folder_of.values()):
        inside = [module for module in all_modules if module.folder == folder]
        imported = {folder_of[name] for module in inside for name in graph[module.name]}
        measured.append(
            Folder(
                name=folder,
                modules=sum(not module.is_package for module in inside),
                lines=sum(module.lines for module in inside if not module.is_package),
                imports=tuple(sorted(imported - {folder})),
            )
        )
    return measured


def _table() -> Iterator[str]:
    measured = folders(import_graph())
    width = max(len(folder.name) for folder in measured)
    yield f"{'folder':<{width}}  modules   lines  imports"
    for folder in measured:
        imports = " ".join(folder.imports)
        yield f"{folder.name:<{width}}  {folder.modules:>7}  {folder.lines:>6}  {imports}"


if __name__ == "__main__":
    sys.stdout.write("\n".join([*_table(), ""]))
