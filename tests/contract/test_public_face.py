"""What ``import worker`` gives a Python user, and what it costs."""

from __future__ import annotations

import json
import pkgutil
import subprocess
import sys

import pytest

import worker
from worker.pipeline import process
from worker.records.article import Article
from worker.records.result import Result


def test_the_public_names_are_those_of_their_homes() -> None:
    assert (worker.process, worker.Article, worker.Result) == (process, Article, Result)
    assert set(worker.__all__) == {"Article", "Result", "__version__", "process"}


def test_no_room_hides_a_public_name() -> None:
    """A sub-package is an attribute of its package once it is imported, and would win."""
    rooms = {module.name for module in pkgutil.iter_modules(worker.__path__)}

    assert rooms.isdisjoint(worker.__all__)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'proces'"):
        _ = worker.proces


def test_importing_the_package_loads_none_of_its_rooms() -> None:
    program = "import json, sys, worker; print(json.dumps(sorted(sys.modules)))"
    command = [sys.executable, "-P", "-c", program]
    done = subprocess.run(command, capture_output=True, timeout=60, check=True)

    assert not [name for name in json.loads(done.stdout) if name.startswith("worker.")]
