"""``copydesk model``: list, pull, path, verify and rm, with a tiny model from a folder."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.run_cli import Ran
from tests.support.small import SMALL_MODEL, SMALL_PROFILE
from tests.support.tiny_catalogue import CONTENT, FILE, NAME, write_catalogue
from worker.config.settings import load_settings

Model = Callable[..., Ran]


@pytest.fixture
def model(tmp_path: Path, home: Path) -> Model:
    """Runs ``copydesk model``, whose conversion is a stand-in, with a catalogue of one model."""
    configs = tmp_path / "configs"
    shutil.copytree(load_settings().configs, configs)
    write_catalogue(configs)
    profile = configs / "profiles" / "small.toml"
    text = profile.read_text(encoding="utf-8")
    profile.write_text(text.replace(f'"{SMALL_MODEL}"', f'"{NAME}"'), encoding="utf-8")
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        "COPYDESK_HOME": str(home),
        "COPYDESK_CONFIGS": str(configs),
        "COPYDESK_PROFILE": SMALL_PROFILE,
        "HF_HUB_OFFLINE": "1",
    }

    def run(*arguments: str | Path, **variables: str) -> Ran:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "tests.support.tiny_catalogue", "model"]
            + [str(argument) for argument in arguments],
            env={**environment, **variables},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def stick(tmp_path: Path) -> Path:
    """A folder with the model's file."""
    folder = tmp_path / "stick"
    folder.mkdir()
    (folder / FILE).write_bytes(CONTENT)
    return folder


def test_from_a_folder_to_the_last_byte(model: Model, stick: Path) -> None:
    assert row(model) == {"pulled": False, "begun_bytes": 0, "folder": None, "of_profile": True}

    pulled = model("pull", "--from", stick)
    assert pulled.code == 0, pulled
    folder = Path(pulled.out.strip())
    assert f"fetching {NAME}, 0 MB, from the folder {stick}" in pulled.err
    assert "checked its SHA-256" in pulled.err

    assert row(model)["folder"] == str(folder)
    assert model("path").out == model("path", NAME).out == pulled.out
    verified = model("verify", "--json")
    assert (verified.data["files"], verified.data["bytes"]) == (2, 2_502)

    (folder / "config.json").write_text("{ }", encoding="utf-8")
    damaged = model("verify", "--json")
    assert (damaged.code, damaged.codes) == (1, ["model_damaged"])
    assert "config.json has changed" in damaged.data["errors"][0]["message"]

    removed = model("rm", NAME, "--yes", "--json")
    assert removed.data["freed_bytes"] > 2_500
    assert not folder.exists()
    assert (model("path", "--json").codes, model("verify").code) == (["model_missing"], 2)


def row(model: Model) -> dict[str, Any]:
    (only,) = model("list", "--json").data["models"]
    assert isinstance(only, dict)
    return {key: only[key] for key in ("pulled", "begun_bytes", "folder", "of_profile")}


def test_the_list_says_what_each_model_is(model: Model, stick: Path) -> None:
    first, last = model("list").out.splitlines()
    assert first.split() == ["*", NAME, *["Apache-2.0", "1e-06", "B", "0", "MB", "not", "pulled"]]
    assert last == "* the model of the profile small"

    folder = model("pull", "--from", stick).out.strip()
    assert model("list").out.splitlines()[0].endswith(f"in {folder}")


def test_a_removal_asks_first(model: Model, stick: Path) -> None:
    folder = Path(model("pull", "--from", stick).out.strip())

    ran = model("rm", NAME, "--json")

    assert (ran.code, ran.codes) == (2, ["usage"])
    assert "--yes" in ran.data["errors"][0]["hint"]
    assert folder.is_dir()


@pytest.mark.parametrize("command", ["pull", "path", "verify", "rm"])
def test_an_unknown_model_names_the_nearest(model: Model, command: str) -> None:
    ran = model(command, "tiny-lb", "--json")

    assert (ran.code, ran.codes) == (2, ["model_unknown"])
    assert ran.data["errors"][0]["hint"] == f"did you mean {NAME}?"


def test_a_folder_without_the_file_names_what_is_missing(model: Model, tmp_path: Path) -> None:
    ran = model("pull", "--from", tmp_path, "--json")

    assert (ran.code, ran.codes) == (2, ["model_not_in_folder"])


def test_a_folder_that_is_not_there(model: Model, tmp_path: Path) -> None:
    ran = model("pull", "--from", tmp_path / "nowhere", "--json")

    assert (ran.code, ran.codes) == (2, ["usage"])


@pytest.mark.parametrize("profile", ["vllm", "hub"])
def test_a_model_from_elsewhere_needs_no_pull(model: Model, profile: str) -> None:
    pulled = model("pull", COPYDESK_PROFILE=profile)
    verified = model("verify", "--json", COPYDESK_PROFILE=profile)

    assert (pulled.code, pulled.out) == (0, "")
    assert f"the profile {profile} needs no pull" in pulled.err
    assert verified.codes == ["model_not_in_catalogue"]
