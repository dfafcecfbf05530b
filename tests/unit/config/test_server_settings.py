"""The settings of a model behind a server, and the key that it may ask for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from worker.config.catalogue import in_catalogue
from worker.config.profile import ModelSettings, Profile, PromptTemplate
from worker.config.settings import Settings, load_profile, load_settings, profile_names
from worker.errors import ConfigError

# A model behind a server ---------------------------------------------------------------------

SERVER = {
    "kind": "server",
    "name": "someone/something",
    "revision": "abc",
    "url": "http://127.0.0.1:8000/v1",
}


def write_model(configs: Path, **said: str) -> None:
    lines = [f"{key} = '{value}'" for key, value in said.items()]
    text = "\n".join(["[model]", *lines])
    (configs / "profiles" / "mine.toml").write_text(text, encoding="utf-8")


@pytest.mark.parametrize(
    ("change", "said", "hint"),
    [
        ({"url": ""}, "a server needs a url", 'set url, such as "http://127.0.0.1:8000/v1"'),
        ({"url": "127.0.0.1:8000"}, "a server needs a url", "set url, such as"),
        ({"url": "ftp://desk/v1"}, "a server needs a url", "set url, such as"),
        ({"url": "http:///v1"}, "a server needs a url", "set url, such as"),
        ({"url": "http://a..b/v1"}, "a server needs a url", "set url, such as"),
        ({"url": "http://desk:port/v1"}, "a server needs a url", "set url, such as"),
        ({"url": "http://me:hush@desk/v1"}, "no more in it than an address", "COPYDESK_API_KEY"),
        ({"url": "http://desk/v1?key=hush"}, "no more in it than an address", "COPYDESK_API_KEY"),
        ({"kind": "local"}, "a url is given, and the model is local", 'set kind = "server"'),
    ],
    ids=str,
)
def test_half_a_server_is_refused(
    change: dict[str, str], said: str, hint: str, configs: Path
) -> None:
    write_model(configs, **{**SERVER, **change})

    with pytest.raises(ConfigError, match=said) as raised:
        load_profile(load_settings(), "mine")

    assert raised.value.code == "config_invalid"
    assert r"mine.toml: model: " in raised.value.message
    assert hint in str(raised.value.hint)
    assert "hush" not in f"{raised.value.message} {raised.value.hint}"


def test_a_server_needs_a_name(configs: Path) -> None:
    write_model(configs, **{key: value for key, value in SERVER.items() if key != "name"})

    with pytest.raises(ConfigError, match="a server needs the name") as raised:
        load_profile(load_settings(), "mine")

    assert "set name" in str(raised.value.hint)


def test_the_old_name_of_the_small_model_names_the_new_one(configs: Path) -> None:
    write_model(configs, name="embedded")

    with pytest.raises(ConfigError, match='no model "embedded" any more') as raised:
        load_profile(load_settings(), "mine")

    assert raised.value.hint == 'set name = "smollm2-135m"'


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:8000/v1/",
        "https://desk.example",
        "http://[::1]:8000/v1",
        "http://model-server:8000/v1",
        "HTTP://desk/a/b/v1",
    ],
)
def test_a_server_may_be_anywhere(url: str, configs: Path) -> None:
    write_model(configs, **{**SERVER, "url": url})

    assert load_profile(load_settings(), "mine").model.url == url.rstrip("/")


@pytest.mark.parametrize(
    ("key", "value"), [("in_flight", "0"), ("in_flight", "5000"), ("timeout_seconds", "0")]
)
def test_how_a_server_is_asked_has_bounds(key: str, value: str, configs: Path) -> None:
    write_model(configs, **SERVER, **{key: value})

    with pytest.raises(ConfigError, match=f"model.{key}: "):
        load_profile(load_settings(), "mine")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"url": "https://elsewhere/v1"}, True),
        ({"in_flight": 4}, True),
        ({"timeout_seconds": 20.0}, True),
        ({"name": "someone/other"}, False),
        ({"revision": "abd"}, False),
        ({"window": 2048}, False),
    ],
    ids=str,
)
def test_where_a_server_is_and_how_fast_it_is_asked_is_not_in_the_digest(
    change: dict[str, Any], same: bool, profile: Profile
) -> None:
    digests = {
        profile.model_copy(update={"model": ModelSettings(**said)}).digest
        for said in (SERVER, {**SERVER, **change})
    }

    assert (len(digests) == 1) is same


def test_a_servers_address_survives_the_wire(profile: Profile) -> None:
    mine = profile.model_copy(update={"model": ModelSettings(**SERVER, in_flight=4)})

    assert Profile.model_validate_json(mine.model_dump_json()).model == mine.model


def test_every_shipped_profile_is_whole(settings: Settings) -> None:
    profiles = [load_profile(settings, name) for name in profile_names(settings)]

    assert [profile.name for profile in profiles] == ["hub", "small", "standard", "vllm"]
    for profile in profiles:
        assert profile.description
        assert in_catalogue(profile.model.name) or len(profile.model.revision) == 40


def test_a_chat_ends_with_the_text() -> None:
    template = PromptTemplate(instruction="Mend it.", examples=(("It are.", "It is."),))

    assert template.messages("It were.") == [
        {"role": "system", "content": "Mend it."},
        {"role": "user", "content": "It are."},
        {"role": "assistant", "content": "It is."},
        {"role": "user", "content": "It were."},
    ]


# The key -------------------------------------------------------------------------------------


def test_the_key_comes_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().api_key.get_secret_value() == ""
    monkeypatch.setenv("COPYDESK_API_KEY", " sk-1234\n")
    assert load_settings().api_key.get_secret_value() == "sk-1234"


def test_the_key_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_API_KEY", "sk-1234")

    found = load_settings()

    shown = f"{found!r} {found} {found.api_key!r} {found.model_dump()} {found.model_dump_json()}"
    assert "sk-1234" not in shown
    assert "api_key" not in found.model_dump()


def test_a_key_in_the_file_is_refused(configs: Path) -> None:
    (configs / "copydesk.toml").write_text('api_key = "sk-1234"\n', encoding="utf-8")

    with pytest.raises(ConfigError, match=r"copydesk\.toml may not hold api_key") as raised:
        load_settings()

    assert raised.value.code == "config_secret"
    assert raised.value.hint == "set COPYDESK_API_KEY in the environment instead"
    assert "sk-1234" not in raised.value.message


def test_the_file_is_not_told_of_the_key(configs: Path) -> None:
    (configs / "copydesk.toml").write_text("xyzzy = 2\n", encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        load_settings()

    assert "api_key" not in str(raised.value.hint)


@pytest.mark.parametrize("key", ["sk-1234\nX-Other: 1", "sk-1234\u00e9"])
def test_a_key_that_no_header_can_carry_is_refused_unshown(
    key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COPYDESK_API_KEY", key)

    with pytest.raises(ConfigError, match=r": api_key: .*characters that no key has") as raised:
        load_settings()

    assert "1234" not in f"{raised.value.message} {raised.value.hint}"
