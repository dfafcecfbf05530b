"""Every test has a home of its own, no settings of the user's, and no network."""

from __future__ import annotations

import ipaddress
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.small import SMALL_MODEL, SMALL_PROFILE
from worker.config.settings import load_settings
from worker.config.weights import model_folder

#: Where the user's own models are; looked up before the environment is cleared.
_USERS_HOME = load_settings().home


@pytest.fixture(autouse=True)
def home(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty folder that ``COPYDESK_HOME`` names; no other setting comes from outside.

    The profile is the small one, except where a test says otherwise.
    """
    for variable in [name for name in os.environ if name.startswith("COPYDESK_")]:
        monkeypatch.delenv(variable)
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("COPYDESK_HOME", str(folder))
    monkeypatch.setenv("COPYDESK_PROFILE", SMALL_PROFILE)
    return folder


@pytest.fixture
def model_home(home: Path) -> Path:
    """``home`` with the user's models in it. In CI they must be there."""
    if not model_folder(SMALL_MODEL, _USERS_HOME).is_dir():
        hint = f"{SMALL_MODEL} is not on this machine; run: copydesk model pull {SMALL_MODEL}"
        if os.environ.get("CI"):
            pytest.fail(hint)
        pytest.skip(hint)
    (home / "models").symlink_to((_USERS_HOME / "models").resolve())
    return home


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Iterator[None]:
    """Refuse every connection of this process but to a Unix socket or to this machine."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("connect", "connect_ex"):
            patch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
        yield


def _guarded(connect: Callable[[socket.socket, Any], Any]) -> Callable[[socket.socket, Any], Any]:
    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family != socket.AF_UNIX and not _is_loopback(address[0]):
            # Not an OSError: the code under test would take it for a bad connection.
            pytest.fail(f"a test may not connect to {address}")
        return connect(self, address)

    return guarded


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
