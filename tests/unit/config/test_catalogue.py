"""The catalogue of models: what an entry holds, and which file is read."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from tests.support.tiny_catalogue import CONTENT, FILE, NAME, write_catalogue
from worker.config.catalogue import (
    HubSource,
    PackageSource,
    catalogue,
    catalogue_model,
    in_catalogue,
)
from worker.config.profile import DEFAULT_MODEL
from worker.config.settings import load_settings
from worker.errors import ConfigError, ExitCode


def test_the_shipped_models_are_complete() -> None:
    models = catalogue()

    assert list(models) == ["smollm2-135m", "qwen2.5-coder-0.5b", "qwen2.5-coder-1.5b"]
    for name, model in models.items():
        assert (model.name, model.licence) == (name, "Apache-2.0")
        # Two bytes a weight, and at most a third more for an output layer of its own.
        assert 2.0 < model.prepared_bytes / model.parameters < 2.7
        assert model.bytes < model.parameters
        assert model.packages


@pytest.mark.parametrize(("name", "parts"), [("qwen2.5-coder-0.5b", 6), ("qwen2.5-coder-1.5b", 22)])
def test_qwen_comes_from_the_hub_and_then_in_parts(name: str, parts: int) -> None:
    hub, packages = catalogue_model(name).sources

    assert isinstance(hub, HubSource)
    assert isinstance(packages, PackageSource)
    assert hub.file == catalogue_model(name).file
    assert len(packages.packages) == parts
    for number, package in enumerate(packages.packages, 1):
        assert package.name.endswith(f"-part{number}")
        assert package.member.endswith(f"/data/part{number:02d}.bin")
        assert package.requirement == f"{package.name}=={package.version}"


@pytest.mark.parametrize("name", list(catalogue()))
def test_the_pieces_are_the_file(name: str) -> None:
    model = catalogue_model(name)

    assert model.pieces[0].start == 0
    assert model.pieces[-1].end == model.bytes
    assert all(left.end == right.start for left, right in pairwise(model.pieces))


def test_a_model_without_packages_is_one_piece(configs: Path) -> None:
    write_catalogue(configs, parts=False)
    model = catalogue_model(NAME)

    assert model.pieces == ((FILE, 0, len(CONTENT), model.sha256),)


def test_the_catalogue_beside_the_settings_is_read(configs: Path) -> None:
    write_catalogue(configs)

    assert list(catalogue()) == [NAME]
    assert not in_catalogue(DEFAULT_MODEL)


def test_settings_without_a_catalogue_have_the_programs_own(configs: Path) -> None:
    (configs / "models.toml").unlink()

    assert in_catalogue(DEFAULT_MODEL)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("qwen-coder-1.5b", "did you mean qwen2.5-coder-1.5b?"),
        ("smolm2-135m", "did you mean smollm2-135m?"),
        ("gpt", "models: smollm2-135m, qwen2.5-coder-0.5b, qwen2.5-coder-1.5b"),
    ],
)
def test_an_unknown_model_names_the_nearest(name: str, hint: str) -> None:
    with pytest.raises(ConfigError, match="there is no model") as raised:
        catalogue_model(name)

    assert (raised.value.code, raised.value.hint) == ("model_unknown", hint)
    assert raised.value.exit_code is ExitCode.USAGE


@pytest.mark.parametrize(
    ("old", "new", "why"),
    [
        (f'name = "{NAME}"', 'name = "../up"', "model.0.name"),
        (f'name = "{NAME}"', 'name = "Some/Hub"', "model.0.name"),
        (f'file = "{FILE}"', 'file = "../up.gguf"', "model.0.file"),
        ("bytes = 2500", "bytes = 2501", "its parts have 2500 bytes, not 2501"),
        ('sha256 = "', 'sha256 = "x', "model.0"),
        ('kind = "hub"', 'kind = "ftp"', "sources.0"),
        ('revision = "c0ffee', 'revision = "main', "revision"),
        ("licence =", "license =", "model.0.licence"),
        ("[[model]]", "[[model", "cannot be read"),
    ],
)
def test_an_incomplete_entry_is_refused(configs: Path, old: str, new: str, why: str) -> None:
    path = write_catalogue(configs)
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")

    with pytest.raises(ConfigError, match=r"models\.toml") as raised:
        catalogue()

    assert why in raised.value.message


def test_two_models_of_one_name_are_refused(configs: Path) -> None:
    path = write_catalogue(configs)
    path.write_text(path.read_text(encoding="utf-8") * 2, encoding="utf-8")

    with pytest.raises(ConfigError, match=f"two models are called {NAME}"):
        catalogue()


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        ("http://desk/models/", "http://desk/models"),
        ("https://me:hush@desk:8443/m", "https://me:hush@desk:8443/m"),
        ("/srv/models", "/srv/models"),
        ("~/models", "~/models"),
        ("", ""),
    ],
)
def test_a_mirror_is_an_address_or_a_folder(
    value: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPYDESK_MODEL_MIRROR", value)

    assert load_settings().model_mirror == kept


@pytest.mark.parametrize("value", ["ftp://desk/models", "http://", "file:///srv"])
def test_another_address_is_no_mirror(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_MODEL_MIRROR", value)

    with pytest.raises(ConfigError, match="model_mirror: "):
        load_settings()
