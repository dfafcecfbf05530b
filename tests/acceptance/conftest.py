"""Fixtures: a running desk that tests share, and desks of their own for tests that stop it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from tests.acceptance.desk import Desk
from worker.runtime.embedded_valkey import EmbeddedBroker


@pytest.fixture(scope="session")
def running_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose broker and worker run for the whole session."""
    desk = Desk(tmp_path_factory.mktemp("desk"))
    desk.gate.open()
    try:
        ran = desk.run("up")
        assert ran.code == 0, ran
        yield desk
    finally:
        desk.run("down")


@pytest.fixture
def desk(running_desk: Desk) -> Desk:
    """The running desk, without the files of earlier tests."""
    for folder in (running_desk.files, running_desk.out):
        shutil.rmtree(folder, ignore_errors=True)
    running_desk.files.mkdir()
    return running_desk


@pytest.fixture
def own_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk that is not running; stopped at the end."""
    desk = Desk(tmp_path_factory.mktemp("own"))
    try:
        yield desk
    finally:
        desk.gate.open()
        desk.run("down")


@pytest.fixture
def bare_desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk without a model, which never starts."""
    desk = Desk(tmp_path_factory.mktemp("bare"), model=False)
    yield desk
    EmbeddedBroker(desk.home).stop()
