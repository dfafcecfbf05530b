"""Which setting wins, what a wrong one says, and what a profile's digest covers."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from worker.config import profile as profile_module
from worker.config.numerics import concrete_numerics
from worker.config.profile import (
    DEFAULT_MODEL,
    CheckSettings,
    ModelSettings,
    Profile,
    PromptTemplate,
    RepairSettings,
    SpottingSettings,
    SummarySettings,
)
from worker.config.settings import Settings, load_profile, load_settings, profile_names
from worker.errors import ConfigError, ExitCode


def write_profile(configs: Path, text: str, name: str = "mine") -> Path:
    path = configs / "profiles" / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


# Precedence ----------------------------------------------------------------------------------


def test_a_flag_beats_the_environment_beats_the_file_beats_the_default(
    configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_settings().chunk_articles == Settings.model_fields["chunk_articles"].default
    (configs / "copydesk.toml").write_text("chunk_articles = 7\n", encoding="utf-8")
    assert load_settings().chunk_articles == 7
    monkeypatch.setenv("COPYDESK_CHUNK_ARTICLES", "8")
    assert load_settings().chunk_articles == 8
    assert load_settings(chunk_articles=9).chunk_articles == 9


def test_a_flag_that_was_not_given_decides_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_PROFILE", "other")

    assert load_settings(profile=None).profile == "other"


def test_the_environment_names_the_folder_of_the_file(configs: Path) -> None:
    (configs / "copydesk.toml").write_text('job_ttl = "P2D"\n', encoding="utf-8")

    found = load_settings()

    assert found.configs == configs
    assert found.job_ttl == timedelta(days=2)


def test_home_is_what_the_environment_says(home: Path) -> None:
    assert load_settings().home == home


def test_settings_are_frozen() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        load_settings().threads = 3  # type: ignore[misc]


# Wrong settings ------------------------------------------------------------------------------


def test_an_unknown_variable_names_the_nearest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_CHUNK_ARTICELS", "8")

    with pytest.raises(ConfigError, match="COPYDESK_CHUNK_ARTICELS") as raised:
        load_settings()

    assert raised.value.code == "config_unknown_key"
    assert raised.value.hint == "did you mean COPYDESK_CHUNK_ARTICLES?"
    assert raised.value.exit_code is ExitCode.USAGE


def test_an_unknown_key_of_the_file_names_the_nearest(configs: Path) -> None:
    (configs / "copydesk.toml").write_text("thread = 2\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"unknown key thread in .*copydesk\.toml") as raised:
        load_settings()

    assert raised.value.code == "config_unknown_key"
    assert raised.value.hint == "did you mean threads?"


def test_an_unknown_key_that_is_near_to_none_lists_them(configs: Path) -> None:
    (configs / "copydesk.toml").write_text("xyzzy = 2\n", encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        load_settings()

    assert str(raised.value.hint).startswith("known keys: broker_memory_mb, broker_url, ")


@pytest.mark.parametrize(
    ("variable", "value", "key"),
    [
        ("COPYDESK_CHUNK_ARTICLES", "0", "chunk_articles"),
        ("COPYDESK_CHUNK_ARTICLES", "many", "chunk_articles"),
        ("COPYDESK_JOB_TTL", "soon", "job_ttl"),
        ("COPYDESK_THREADS", "-1", "threads"),
    ],
)
def test_a_value_of_the_wrong_kind_names_its_key(
    variable: str, value: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, value)

    with pytest.raises(ConfigError, match=f": {key}: ") as raised:
        load_settings()

    assert raised.value.code == "config_invalid"


@pytest.mark.parametrize("content", [b"threads = = 2", b"\xff\xfe"])
def test_a_file_that_is_no_toml_is_named(configs: Path, content: bytes) -> None:
    (configs / "copydesk.toml").write_bytes(content)

    with pytest.raises(ConfigError, match=r"copydesk\.toml cannot be read") as raised:
        load_settings()

    assert raised.value.code == "config_invalid"


# Profiles ------------------------------------------------------------------------------------


def test_the_shipped_profile_has_its_prompts(settings: Settings) -> None:
    profile = load_profile(settings)

    assert profile.name == "small"
    repair, summary = profile.repair, profile.summary
    named = {repair.prompt, repair.fluency_prompt, summary.prompt}
    named |= {summary.shorten_prompt, summary.title_prompt, summary.support_prompt}
    assert set(profile.prompts) == named
    assert all(template.instruction for template in profile.prompts.values())


def test_profiles_are_found_by_their_files(configs: Path) -> None:
    write_profile(configs, "", name="zeta")
    write_profile(configs, "", name="alpha")

    assert profile_names(load_settings()) == [
        *("alpha", "hub", "small", "standard", "vllm", "zeta")
    ]


def test_a_profile_takes_defaults_and_its_files_name(configs: Path) -> None:
    write_profile(configs, "[checks]\nmin_support = 0.9\n")

    profile = load_profile(load_settings(), "mine")

    assert profile.name == "mine"
    assert profile.checks == CheckSettings(min_support=0.9)
    assert profile.model == ModelSettings(dtype=concrete_numerics("auto", int8=False))


def test_the_settings_profile_is_the_default(configs: Path) -> None:
    write_profile(configs, "")

    assert load_profile(load_settings(profile="mine")).name == "mine"


def test_an_unknown_profile_names_the_nearest(configs: Path) -> None:
    del configs
    with pytest.raises(ConfigError, match="'smal'") as raised:
        load_profile(load_settings(), "smal")

    assert raised.value.code == "profile_unknown"
    assert raised.value.hint == "did you mean small?"


@pytest.mark.parametrize("retired", [("embedded", "--profile small"), ("bold", "--restraint bold")])
@pytest.mark.parametrize("source", ["flag", "environment", "file"])
def test_a_retired_profile_names_the_new_way(
    retired: tuple[str, str], source: str, configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, new = retired
    monkeypatch.delenv("COPYDESK_PROFILE")
    if source == "environment":
        monkeypatch.setenv("COPYDESK_PROFILE", name)
    if source == "file":
        (configs / "copydesk.toml").write_text(f'profile = "{name}"\n', encoding="utf-8")
    settings = load_settings(profile=name if source == "flag" else None)

    with pytest.raises(ConfigError, match=f"no profile '{name}' any more") as raised:
        load_profile(settings)

    assert raised.value.code == "profile_retired"
    assert f"use {new}" in str(raised.value.hint)


def test_a_profile_of_ones_own_may_have_a_retired_name(configs: Path) -> None:
    write_profile(configs, "", name="bold")

    assert load_profile(load_settings(), "bold").name == "bold"


def test_the_default_is_the_standard_profile_with_the_default_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("COPYDESK_PROFILE")

    profile = load_profile(load_settings())

    assert profile.name == Settings.model_fields["profile"].default == "standard"
    assert profile.model.name == DEFAULT_MODEL
    assert {template.adapter for template in profile.prompts.values()} == {"", "repair.v4"}
    assert profile.checks.meaning_judge == "meaning.v1"


# Restraint -----------------------------------------------------------------------------------


def test_a_profiles_restraint_holds_unless_another_is_asked_for(
    configs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_profile(configs, '[repair]\nrestraint = "bold"\n')

    assert load_profile(load_settings(), "small").repair.restraint == "careful"
    assert load_profile(load_settings(), "mine").repair.restraint == "bold"
    (configs / "copydesk.toml").write_text('restraint = "bold"\n', encoding="utf-8")
    assert load_profile(load_settings(), "small").repair.restraint == "bold"
    monkeypatch.setenv("COPYDESK_RESTRAINT", "careful")
    assert load_profile(load_settings(), "mine").repair.restraint == "careful"
    assert load_profile(load_settings(restraint="bold"), "mine").repair.restraint == "bold"


def test_an_unknown_restraint_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_RESTRAINT", "reckless")

    with pytest.raises(ConfigError, match=r"restraint: .*'careful' or 'bold'") as raised:
        load_settings()

    assert raised.value.code == "config_invalid"


def test_the_digest_changes_with_the_restraint(settings: Settings) -> None:
    bold = load_profile(load_settings(restraint="bold"))

    assert bold.digest != load_profile(settings).digest


def test_a_profile_is_a_name_and_no_path(configs: Path) -> None:
    (configs / "secret.toml").write_text("", encoding="utf-8")

    with pytest.raises(ConfigError) as raised:
        load_profile(load_settings(), "../secret")

    assert raised.value.code == "profile_unknown"
    assert raised.value.hint == "profiles: hub, small, standard, vllm"


@pytest.mark.parametrize(
    ("text", "said", "nearest"),
    [
        ("[modle]\n", r"unknown key modle in .*mine\.toml$", "model"),
        ("[checks]\nmin_suport = 1\n", r"unknown key min_suport in .* \[checks\]", "min_support"),
        ("[model]\ndtyp = 'float32'\n", r"unknown key dtyp in .* \[model\]", "dtype"),
    ],
)
def test_an_unknown_key_of_a_profile_names_the_nearest(
    text: str, said: str, nearest: str, configs: Path
) -> None:
    write_profile(configs, text)

    with pytest.raises(ConfigError, match=said) as raised:
        load_profile(load_settings(), "mine")

    assert raised.value.code == "config_unknown_key"
    assert raised.value.hint == f"did you mean {nearest}?"


def test_a_wrong_value_of_a_profile_is_named_with_its_section(configs: Path) -> None:
    write_profile(configs, "[model]\ndtype = 'float8'\n")

    with pytest.raises(ConfigError, match=r"mine\.toml: model\.dtype: ") as raised:
        load_profile(load_settings(), "mine")

    assert raised.value.code == "config_invalid"


def test_a_missing_prompt_is_named(configs: Path) -> None:
    write_profile(configs, "[repair]\nprompt = 'nowhere.toml'\n")

    with pytest.raises(ConfigError, match=r"nowhere\.toml cannot be read") as raised:
        load_profile(load_settings(), "mine")

    assert raised.value.code == "config_invalid"
    assert raised.value.hint == "a profile's prompt names a file of configs/prompts"


@pytest.mark.parametrize(
    ("prompt", "code", "said"),
    [
        ('instructions = "Mend it."', "config_invalid", r"p\.toml: instruction: "),
        (
            'instruction = "Mend it."\nexamplse = []',
            "config_unknown_key",
            "unknown key examplse in",
        ),
        ('instruction = "Mend it."\nexamples = [["a"]]', "config_invalid", r"p\.toml: examples"),
        ("Mend it.", "config_invalid", r"p\.toml cannot be read"),
    ],
)
def test_a_wrong_prompt_is_named(prompt: str, code: str, said: str, configs: Path) -> None:
    write_profile(configs, "[repair]\nprompt = 'p.toml'\n")
    (configs / "prompts" / "p.toml").write_text(prompt, encoding="utf-8")

    with pytest.raises(ConfigError, match=said) as raised:
        load_profile(load_settings(), "mine")

    assert raised.value.code == code


def test_a_profile_is_frozen_in_every_section(profile: Profile) -> None:
    with pytest.raises(ValidationError, match="frozen"):
        profile.name = "other"  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        profile.checks.min_support = 0.1  # type: ignore[misc]


# Digest --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "change",
    [
        {"checks": CheckSettings(min_support=0.95)},
        {"checks": CheckSettings(min_gain_nats=3.0)},
        {"spotting": SpottingSettings(surprisal_nats=4.5)},
        {"repair": RepairSettings(max_growth=1.5)},
        {"repair": RepairSettings(keep_bias_nats=0.0)},
        {"summary": SummarySettings(max_words=60)},
        {"model": ModelSettings(name="some/where")},
        {"model": ModelSettings(batch_tokens=1024)},
        {"model": ModelSettings(batch_tokens=4096)},
        {"model_digest": "other weights"},
        {"prompts": {"repair.v1.toml": PromptTemplate(instruction="Mend it.")}},
    ],
    ids=str,
)
def test_the_digest_changes_with_whatever_can_change_a_result(
    change: dict[str, Any], profile: Profile
) -> None:
    assert profile.model_copy(update=change).digest != Profile(**profile.model_dump()).digest


@pytest.mark.parametrize(
    "prompt",
    [
        'instruction = "Mend it"',
        'instruction = "Mend it."\nexamples = [["It are.", "It is."]]',
    ],
)
def test_the_digest_changes_with_every_word_of_a_prompt(prompt: str, configs: Path) -> None:
    path = configs / "prompts" / "mine.toml"
    write_profile(configs, "[repair]\nprompt = 'mine.toml'\n")
    path.write_text('instruction = "Mend it."', encoding="utf-8")
    before = load_profile(load_settings(), "mine").digest
    path.write_text(prompt, encoding="utf-8")

    assert load_profile(load_settings(), "mine").digest != before


def test_the_digest_changes_with_the_pipeline(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = load_profile(settings).digest
    monkeypatch.setattr(profile_module, "PIPELINE_VERSION", profile_module.PIPELINE_VERSION + 1)

    assert load_profile(settings).digest != before


def test_the_digest_is_not_the_profiles_name(profile: Profile) -> None:
    renamed = Profile(**{**profile.model_dump(), "name": "other", "description": "another"})

    assert renamed.digest == profile.digest
    assert len(profile.digest) == 32
    assert set(profile.digest) <= set("0123456789abcdef")


def test_a_profile_survives_the_wire(profile: Profile) -> None:
    assert Profile.model_validate_json(profile.model_dump_json()).digest == profile.digest


def test_the_prefix_that_all_variables_share_makes_none_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("COPYDESK_XYZZY", "1")
    with pytest.raises(ConfigError) as caught:
        load_settings()
    assert caught.value.hint is not None
    assert caught.value.hint.startswith("known keys: COPYDESK_API_KEY, COPYDESK_BROKER_MEMORY_MB, ")
