"""Settings of an installation and the named profiles: frozen, and an unknown key is an error.

Order of precedence: flag > ``COPYDESK_*`` environment > ``configs/copydesk.toml`` > default.
A *profile* is all that can change an output; its digest names results in the store.
"""

from __future__ import annotations

import difflib
import hashlib
import os
import re
import tomllib
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import platformdirs
from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    TomlConfigSettingsSource,
)

from worker.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

__all__ = [
    "PIPELINE_VERSION",
    "CheckSettings",
    "ModelSettings",
    "Profile",
    "PromptTemplate",
    "RepairSettings",
    "Settings",
    "SpottingSettings",
    "SummarySettings",
    "load_profile",
    "load_settings",
    "profile_names",
]

#: Raised by every change to a stage that can change an output; part of each profile's digest.
PIPELINE_VERSION = 2

_ENV_PREFIX = "COPYDESK_"

#: Where a server may be: neither a login nor a query, which would be shown and stored.
_SERVER_URL = re.compile(
    r"https?://([\w-]+(\.[\w-]+)*|\[[\da-f:]+\])(:\d{1,5})?(/[^\s?#@]*)?", re.ASCII | re.IGNORECASE
)

#: Settings that no file may hold.
_SECRETS = frozenset({"api_key"})


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class ModelSettings(_Section):
    """Which weights turn prompts into text, and in which numerics."""

    kind: Literal["local", "server"] = "local"
    """In the worker's own process, or behind an OpenAI-compatible server."""
    name: str = "embedded"
    """``embedded``, a local folder, or a hub id; of a server, the name it serves the model by."""
    revision: str = ""
    """Commit or tag of a hub model or of what the server serves; required for both, since results
    are found again by it."""
    dtype: Literal["bfloat16", "float32"] = "bfloat16"
    batch_tokens: int = Field(default=2048, ge=256)
    """Tokens of prompts and drafts in one pass; 1,024 to 2,048 were the fastest of 512 to 4,096. It
    changes ties in bfloat16, so it counts."""
    url: Annotated[str, AfterValidator(lambda url: url.rstrip("/"))] = ""
    """Where the server is, its ``/v1`` included, such as ``http://127.0.0.1:8000/v1``. A key that
    it asks for comes from ``COPYDESK_API_KEY``, never from here."""
    in_flight: int = Field(default=32, ge=1, le=1024)
    """Most requests of one worker to the server at once. Eight workers of 32 fill the 256 sequences
    that vLLM takes into one batch by default; a server that answers one by one needs no more
    than 4."""
    timeout_seconds: float = Field(default=300.0, gt=0, le=3600)
    """How long an answer of the server may take. A chunk ends after 840 s, so that a request that
    the server has lost is made a second time within it."""
    window: int = Field(default=4096, ge=512)
    """Tokens of prompt and answer together that the server takes; a local model says so itself."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.kind == "local":
            if self.url:
                raise _wrong("a url is given, and the model is local", 'set kind = "server"')
            return self
        if self.name == "embedded":
            raise _wrong(
                "a server needs the name that it serves the model by",
                "set name; vLLM and transformers serve use the hub id",
            )
        if not _SERVER_URL.fullmatch(self.url):
            raise _wrong(
                "a server needs a url, with no more in it than an address",
                'set url, such as "http://127.0.0.1:8000/v1"; a key is set as COPYDESK_API_KEY',
            )
        return self


class SpottingSettings(_Section):
    """Which sentences read badly, whatever is proposed for them."""

    surprisal_nats: float = 1.0
    """Mean nats per token of a sentence as its own repair, above which it reads badly; see
    worker/spotting.py."""


class RepairSettings(_Section):
    """How proposals are asked for."""

    prompt: str = "repair.v1.toml"
    """A file of ``configs/prompts``; its content is part of the digest."""
    keep_bias_nats: float = Field(default=1.0, ge=0)
    """The engine leaves the sentence only where another token is so much more likely than the
    sentence's own (tau). At 0 it writes what it likes best."""
    max_growth: float = 1.3
    """Answer budget in tokens, as a multiple of the sentence's own."""


class CheckSettings(_Section):
    """Limits of the checks on proposals and summary sentences; see worker/checks.py."""

    min_length_ratio: float = 0.75
    max_length_ratio: float = 1.3
    min_similarity: float = 0.7
    """Least share of words, in order, that a proposal keeps of its source (0-1)."""
    min_gain_nats: float = 2.0
    """How much more likely than its source a proposal must be, as the repair of it, to count as
    better: log P(proposal) - log P(source), summed over the tokens."""
    min_support: float = 0.8
    """Least mean of two shares of a summary sentence's words and word pairs: what its best
    article sentence holds, and what the best two hold together (0-1). Measured on
    QAGS-CNN/DM at .8 (at .6): 31 % (52 %) of unsupported sentences pass, 17 % (12 %) of supported
    ones are refused."""


class SummarySettings(_Section):
    """Length and prompt of the summary."""

    prompt: str = "summary.v1.toml"
    min_words: int = Field(default=50, ge=5)
    """Own sentences are added up to here. ROUGE-1 over four dev sets is 36.6 at 30 words, 38.5 at
    40, 39.1 at 50 and at 60."""
    max_words: int = Field(default=80, ge=20)
    source_tokens: int = Field(default=700, ge=100)
    """Tokens of chosen sentences that go into the prompt."""


class PromptTemplate(_Section):
    """What the engine is told before the text, from a file of ``configs/prompts``."""

    instruction: str
    adapter: str = ""
    """The folder of ``worker/weights`` that was trained on this very prompt; none: the base model
    answers."""
    examples: tuple[tuple[str, str], ...] = ()
    """Texts with the answers that were wanted; examples keep a small model to its task."""

    def messages(self, text: str) -> list[dict[str, str]]:
        """The chat that asks for an answer to ``text``: examples are turns before it."""
        turns = [("system", self.instruction)]
        for given, wanted in self.examples:
            turns += [("user", given), ("assistant", wanted)]
        turns.append(("user", text))
        return [{"role": role, "content": content} for role, content in turns]


class Profile(_Section):
    """A named, frozen set of all that can change an output."""

    name: str
    description: str = ""
    model: ModelSettings = ModelSettings()
    spotting: SpottingSettings = SpottingSettings()
    repair: RepairSettings = RepairSettings()
    checks: CheckSettings = CheckSettings()
    summary: SummarySettings = SummarySettings()
    prompts: dict[str, PromptTemplate] = {}
    """Each prompt file that the profile names; filled in by ``load_profile``."""
    model_digest: str = ""
    """What the weights are: filled in by ``load_profile``."""

    def model_copy(self, *, update: Mapping[str, Any] | None = None, deep: bool = False) -> Self:
        """A copy whose digest is its own: pydantic carries one along that was read before."""
        copied = super().model_copy(update=update, deep=deep)
        copied.__dict__.pop("digest", None)
        return copied

    @cached_property
    def digest(self) -> str:
        """32 hex digits over models, prompts, thresholds and the pipeline's version.

        Where a server is and how fast it is asked decide nothing about an answer.
        """
        aside = {"url", "in_flight", "timeout_seconds"}
        said = self.model_dump_json(exclude={"name": True, "description": True, "model": aside})
        return hashlib.sha256(f"{PIPELINE_VERSION}\x00{said}".encode()).hexdigest()[:32]


def _plain_key(key: SecretStr) -> SecretStr:
    """The key without blanks around it; one that no header can carry is not shown, but refused."""
    plain = key.get_secret_value().strip()
    if not (plain.isascii() and plain.isprintable()):
        raise ValueError("it holds characters that no key has")
    return SecretStr(plain)


def _default_configs() -> Path:
    packaged = Path(__file__).parent / "configs"
    return packaged if packaged.is_dir() else Path(__file__).parent.parent / "configs"


class Settings(BaseSettings):
    """What this installation is set to."""

    model_config = SettingsConfigDict(
        env_prefix=_ENV_PREFIX, frozen=True, extra="forbid", use_attribute_docstrings=True
    )

    home: Path = Field(default_factory=lambda: platformdirs.user_cache_path("copydesk"))
    """Folder of models, the embedded broker's data, logs."""
    configs: Path = Field(default_factory=_default_configs)
    """Folder with ``copydesk.toml``, ``profiles/`` and ``prompts/``."""
    broker_url: str = ""
    """``redis://``, ``rediss://`` or ``redis+socket://``; empty: the embedded Valkey."""
    broker_memory_mb: Annotated[int, Field(ge=0)] = 0
    """Most memory of the embedded Valkey; 0: half of the machine's. A queued article of 2 KB takes
    1 KB, its result 1 KB more (measured)."""
    profile: str = "embedded"
    """The profile that ``submit`` and ``run`` use when none is named."""
    chunk_articles: Annotated[int, Field(ge=1, le=512)] = 16
    """Most articles of one Celery message. A chunk ends as ``too_slow`` after 840 s; 16 news
    articles took 90 to 290 s on two cores (measured), so a machine three times slower is safe."""
    chunk_chars: Annotated[int, Field(ge=1_000)] = 60_000
    """Most characters of one chunk, for the same reason; a longer article is a chunk alone."""
    max_article_chars: Annotated[int, Field(ge=1_000)] = 1_000_000
    """A longer text is refused as ``too_large``: a book, or a dump that was not split."""
    job_ttl: timedelta = timedelta(days=30)
    """How long a job and its results are kept."""
    threads: Annotated[int, Field(ge=0)] = 0
    """Threads of the engine; 0: all cores."""
    api_key: Annotated[SecretStr, AfterValidator(_plain_key)] = Field(SecretStr(""), exclude=True)
    """Sent as a bearer token to the server of a profile of kind ``server``. From the environment
    only: files are shared and shown."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Flag, environment, ``copydesk.toml``: the first that names a key wins."""
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


def load_settings(**flags: Any) -> Settings:
    """Settings in force; a flag that is ``None`` was not given.

    Raises:
        ConfigError: an unknown key (with the nearest known one), a value of the wrong kind, a
            file that is not TOML.
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
    """Names of the profiles in ``configs/profiles``, sorted."""
    return sorted(path.stem for path in (settings.configs / "profiles").glob("*.toml"))


def load_profile(settings: Settings, name: str | None = None) -> Profile:
    """The profile ``name`` (default: the settings' own) with its prompts read in.

    ``model_digest`` is left to ``worker.model.fingerprint``, which can see the weights.

    Raises:
        ConfigError: no such profile, an unknown key, a missing prompt file.
    """
    name = name or settings.profile
    path = settings.configs / "profiles" / f"{name}.toml"
    known = profile_names(settings)
    if name not in known:
        raise ConfigError(
            f"there is no profile {name!r} in {path.parent}",
            code="profile_unknown",
            hint=_nearest(name, known) or f"profiles: {', '.join(known) or 'none'}",
        )
    try:
        profile = Profile(**{"name": name, **tomllib.loads(path.read_text(encoding="utf-8"))})
    except ValidationError as error:
        raise _config_error(error, Profile, where=str(path)) from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    names = (profile.repair.prompt, profile.summary.prompt)
    prompts = {file: _read_prompt(settings.configs / "prompts" / file) for file in names}
    return profile.model_copy(update={"prompts": prompts})


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
    found = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean {spelled(found[0])}?" if found else ""


def _config_error(error: ValidationError, model: type[BaseModel], *, where: str) -> ConfigError:
    """The first complaint of ``error`` as one sentence with the key's path."""
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


def _wrong(message: str, hint: str) -> PydanticCustomError:
    """What is wrong with a section as a whole, with what to do about it."""
    return PydanticCustomError("section", message, {"hint": hint})
