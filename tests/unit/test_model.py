"""Where weights are, and what names them in a digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from worker.errors import ConfigError, ExitCode, ModelMissingError
from worker.model import (
    EMBEDDED,
    embedded_folder,
    fingerprint,
    is_local,
    locate,
    sha256_of,
    with_digest,
)
from worker.settings import ModelSettings, Profile, Settings


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "sub" / "model.safetensors").write_bytes(b"\x00\x01")
    return folder


# Where ---------------------------------------------------------------------------------------


def test_the_embedded_folder_names_package_and_version(home: Path) -> None:
    assert embedded_folder(home).parent == home / "models"
    assert EMBEDDED.name in embedded_folder(home).name
    assert EMBEDDED.version in embedded_folder(home).name


def test_the_embedded_weights_are_found(home: Path) -> None:
    embedded_folder(home).mkdir(parents=True)

    assert locate(ModelSettings(), home) == str(embedded_folder(home))


def test_missing_embedded_weights_say_how_to_get_them(home: Path) -> None:
    with pytest.raises(ModelMissingError, match=str(home / "models")) as raised:
        locate(ModelSettings(), home)

    assert raised.value.code == "model_missing"
    assert raised.value.hint == "run: copydesk model pull"
    assert raised.value.exit_code is ExitCode.USAGE


def test_a_folder_is_found_by_its_full_path(
    weights: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    monkeypatch.setenv("HOME", str(weights.parent))

    for name in (str(weights), "weights", "./weights", "~/weights"):
        model = ModelSettings(name=name)
        assert is_local(model)
        assert locate(model, home) == str(weights)


@pytest.mark.parametrize("name", ["./nowhere", "/nowhere/at/all", "~/nowhere/at/all"])
def test_a_missing_folder_is_not_taken_for_a_hub_id(name: str, home: Path) -> None:
    with pytest.raises(ModelMissingError, match="there is no model folder"):
        locate(ModelSettings(name=name), home)


def test_a_hub_id_is_passed_on(home: Path) -> None:
    model = ModelSettings(name="someone/something")

    assert not is_local(model)
    assert locate(model, home) == "someone/something"


# What ----------------------------------------------------------------------------------------


def test_the_embedded_weights_are_pinned_by_checksum(home: Path) -> None:
    assert fingerprint(ModelSettings(), home) == (
        f"{EMBEDDED.name}=={EMBEDDED.version}:{EMBEDDED.sha256}"
    )
    assert len(EMBEDDED.sha256) == 64


def test_a_hub_model_is_pinned_by_its_revision(home: Path) -> None:
    model = ModelSettings(name="someone/something", revision="abc")

    assert fingerprint(model, home) == "hub:someone/something@abc"


def test_a_hub_model_without_a_revision_is_refused(home: Path) -> None:
    with pytest.raises(ConfigError, match="someone/something needs a revision") as raised:
        fingerprint(ModelSettings(name="someone/something"), home)

    assert raised.value.hint


def test_a_folder_is_pinned_by_its_content(weights: Path, home: Path) -> None:
    model = ModelSettings(name=str(weights))
    before = fingerprint(model, home)

    assert before.startswith("folder:")
    assert fingerprint(model, home) == before

    (weights / "sub" / "model.safetensors").write_bytes(b"\x00\x02")
    changed = fingerprint(model, home)
    (weights / "sub" / "model.safetensors").rename(weights / "model.safetensors")
    moved = fingerprint(model, home)
    (weights / "more.json").touch()

    assert len({before, changed, moved, fingerprint(model, home)}) == 4


def test_where_a_folder_is_does_not_matter(weights: Path, home: Path) -> None:
    before = fingerprint(ModelSettings(name=str(weights)), home)
    elsewhere = weights.rename(weights.parent / "elsewhere")

    assert fingerprint(ModelSettings(name=str(elsewhere)), home) == before


def test_a_missing_folder_has_no_fingerprint(home: Path) -> None:
    with pytest.raises(ModelMissingError):
        fingerprint(ModelSettings(name="./nowhere"), home)


def test_a_profiles_digest_covers_the_weights(
    weights: Path, profile: Profile, settings: Settings
) -> None:
    mine = profile.model_copy(update={"model": ModelSettings(name=str(weights))})
    before = with_digest(mine, settings)
    assert before.model_digest == fingerprint(mine.model, settings.home)
    (weights / "config.json").write_text("{ }", encoding="utf-8")
    after = with_digest(mine, settings)

    assert before.digest != after.digest


def test_a_digest_that_was_read_before_is_made_anew(profile: Profile, settings: Settings) -> None:
    unpinned = profile.digest

    assert with_digest(profile, settings).digest != unpinned


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some bytes" * 100_000)

    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()
