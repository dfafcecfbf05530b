"""Where weights are, and what names them in a digest."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from worker.config import weights as model_module
from worker.config.catalogue import catalogue_model
from worker.config.profile import DEFAULT_MODEL, ModelSettings, Profile, PromptTemplate
from worker.config.settings import Settings, load_profile
from worker.config.weights import (
    adapter_folder,
    fingerprint,
    is_local,
    locate,
    model_folder,
    sha256_of,
    with_digest,
)
from worker.errors import ConfigError, ExitCode, ModelMissingError


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    folder = tmp_path / "weights"
    (folder / "sub").mkdir(parents=True)
    (folder / "config.json").write_text("{}", encoding="utf-8")
    (folder / "sub" / "model.safetensors").write_bytes(b"\x00\x01")
    return folder


# Where ---------------------------------------------------------------------------------------


def test_a_models_folder_names_the_model_and_its_file(home: Path) -> None:
    digits = catalogue_model(DEFAULT_MODEL).sha256[:8]

    assert model_folder(DEFAULT_MODEL, home) == home / "models" / f"{DEFAULT_MODEL}-{digits}"


def test_a_pulled_model_is_found(home: Path) -> None:
    model_folder("qwen2.5-coder-0.5b", home).mkdir(parents=True)

    place = locate(ModelSettings(name="qwen2.5-coder-0.5b"), home)

    assert place == str(model_folder("qwen2.5-coder-0.5b", home))


def test_a_folder_of_the_same_name_does_not_hide_a_model(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / DEFAULT_MODEL).mkdir()
    monkeypatch.chdir(tmp_path)
    model_folder(DEFAULT_MODEL, home).mkdir(parents=True)

    assert locate(ModelSettings(), home) == str(model_folder(DEFAULT_MODEL, home))


def test_a_model_that_was_not_pulled_says_how_to_get_it(home: Path) -> None:
    with pytest.raises(ModelMissingError, match=str(home / "models")) as raised:
        locate(ModelSettings(), home)

    assert raised.value.code == "model_missing"
    assert raised.value.hint == f"run: copydesk model pull {DEFAULT_MODEL}"
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


def test_a_misspelt_model_is_not_taken_for_a_hub_id(home: Path) -> None:
    for look_up in (locate, fingerprint):
        with pytest.raises(ConfigError, match=r"no model 'qwen2\.5-coder-05b'") as raised:
            look_up(ModelSettings(name="qwen2.5-coder-05b"), home)

        assert raised.value.code == "model_unknown"
        assert raised.value.hint == "did you mean qwen2.5-coder-0.5b?"


# What ----------------------------------------------------------------------------------------


def test_a_catalogue_model_is_pinned_by_its_files_hash(home: Path) -> None:
    assert fingerprint(ModelSettings(name="smollm2-135m"), home) == (
        "smollm2-135m:b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
    )


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
    model, bare = ModelSettings(name=str(weights)), PromptTemplate(instruction="Mend it.")
    mine = profile.model_copy(update={"model": model, "prompts": {"bare.toml": bare}})
    before = with_digest(mine, settings)
    assert before.model_digest == fingerprint(mine.model, settings.home)
    (weights / "config.json").write_text("{ }", encoding="utf-8")
    after = with_digest(mine, settings)

    assert before.digest != after.digest


def test_a_profiles_digest_covers_the_adapters(
    profile: Profile, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(model_module, "adapter_folder", lambda name: tmp_path / name)
    trained = PromptTemplate(instruction="Mend it.", adapter="mine")
    mine = profile.model_copy(update={"prompts": {"a.toml": trained, "b.toml": trained}})
    (tmp_path / "mine").mkdir()
    digests = []
    for weights in (b"one", b"other"):
        (tmp_path / "mine" / "adapter_model.safetensors").write_bytes(weights)
        digests.append(with_digest(mine, settings).model_digest)

    named = [f"+mine:{hashlib.sha256(weights).hexdigest()}" for weights in (b"one", b"other")]
    assert digests == [fingerprint(mine.model, settings.home) + name for name in named]


def test_an_adapter_that_is_not_here_is_missing(profile: Profile, settings: Settings) -> None:
    trained = PromptTemplate(instruction="Mend it.", adapter="nobody")
    mine = profile.model_copy(update={"prompts": {"a.toml": trained}})

    with pytest.raises(ModelMissingError, match="adapter nobody"):
        with_digest(mine, settings)


def test_a_digest_that_was_read_before_is_made_anew(profile: Profile, settings: Settings) -> None:
    unpinned = profile.digest

    assert with_digest(profile, settings).digest != unpinned


def test_sha256_of_a_file(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"some bytes" * 100_000)

    assert sha256_of(path) == hashlib.sha256(path.read_bytes()).hexdigest()


# A server ------------------------------------------------------------------------------------


def served(**said: str) -> ModelSettings:
    known = {"name": "someone/something", "revision": "abc", "url": "http://desk:8000/v1"}
    return ModelSettings.model_validate({"kind": "server", **known, **said})


def test_a_server_is_found_by_its_url(weights: Path, home: Path) -> None:
    # A server may name its model by a folder of its own machine, or of this one.
    for name in ("someone/something", str(weights), "/nowhere/at/all"):
        assert not is_local(served(name=name))
        assert locate(served(name=name), home) == "http://desk:8000/v1"


def test_a_servers_model_is_pinned_by_name_and_revision(weights: Path, home: Path) -> None:
    assert fingerprint(served(), home) == "server:someone/something@abc"
    assert fingerprint(served(url="https://elsewhere/v1"), home) == fingerprint(served(), home)
    assert fingerprint(served(name=str(weights)), home) == f"server:{weights}@abc"


def test_a_servers_model_without_a_revision_is_refused(home: Path) -> None:
    with pytest.raises(ConfigError, match="someone/something of the server") as raised:
        fingerprint(served(revision=""), home)

    assert "revision" in str(raised.value.hint)


def test_a_servers_profile_keeps_the_name_it_was_given(
    weights: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(weights.parent)
    mine = load_profile(settings, "vllm").model_copy(update={"model": served(name="weights")})

    pinned = with_digest(mine, settings)

    assert pinned.model == mine.model
    assert pinned.model_digest == "server:weights@abc"


def test_a_servers_adapters_are_pinned_as_local_ones(settings: Settings) -> None:
    profile = load_profile(settings, "vllm")
    prompts = {"mine.toml": PromptTemplate(instruction="Mend it.", adapter="repair.v2")}
    pinned = with_digest(profile.model_copy(update={"prompts": prompts}), settings)

    name, _, files = pinned.model_digest.partition("+repair.v2:")

    assert name == f"server:{profile.model.name}@{profile.model.revision}"
    folder = adapter_folder("repair.v2")
    assert files == ":".join(
        sha256_of(folder / file)
        for file in ("adapter_model.safetensors", "acceptor.json", "estimator.json")
    )
