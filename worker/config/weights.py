"""Where weights are, and how a digest names them. Imports nothing heavy.

``worker.engine.pull`` fills ``$COPYDESK_HOME/models``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from worker.config.catalogue import catalogue_model, in_catalogue
from worker.errors import ConfigError, ModelMissingError

if TYPE_CHECKING:
    from worker.config.profile import ModelSettings, Profile
    from worker.config.settings import Settings

__all__ = [
    "acceptor_file",
    "adapter_folder",
    "estimator_file",
    "fingerprint",
    "is_local",
    "locate",
    "meaning_file",
    "model_folder",
    "sha256_of",
    "with_digest",
]


#: Digits of the file's hash in a folder's name: another file gets another folder.
_FOLDER_DIGITS = 8


def adapter_folder(name: str) -> Path:
    """Return the folder of the adapter ``name``, which the project trained and ships."""
    return Path(__file__).parents[1] / "weights" / name


def acceptor_file(adapter: str) -> Path:
    """Return the file of the acceptor that was fitted on the adapter's proposals."""
    return adapter_folder(adapter) / "acceptor.json"


def estimator_file(adapter: str) -> Path:
    """Return the file of the estimator that was fitted on the adapter's hidden states."""
    return adapter_folder(adapter) / "estimator.json"


def meaning_file(judge: str) -> Path:
    """Return the file of the judge of meaning ``judge``."""
    return adapter_folder(judge) / "judge.json"


def model_folder(name: str, home: Path) -> Path:
    """Return the folder of the catalogue's model ``name``, whether it was pulled or not.

    Raises:
        ConfigError: ``model_unknown``.
    """
    return home / "models" / f"{name}-{catalogue_model(name).sha256[:_FOLDER_DIGITS]}"


def is_local(model: ModelSettings) -> bool:
    """Return whether ``model`` names files on this machine, not a hub id or a server's model."""
    if model.kind == "server":
        return False
    return in_catalogue(model.name) or Path(model.name).expanduser().is_dir()


def locate(model: ModelSettings, home: Path) -> str:
    """Return what the loader takes: a folder, a hub id, or a server's URL.

    Raises:
        ConfigError: ``model_unknown``.
        ModelMissingError: the model was not pulled, or a folder is missing.
    """
    if model.kind == "server":
        return model.url
    if in_catalogue(model.name):
        folder = model_folder(model.name, home)
        if not folder.is_dir():
            raise ModelMissingError(
                f"the model {model.name} is not in {folder.parent}",
                hint=f"run: copydesk model pull {model.name}",
            )
        return str(folder)
    if is_local(model):
        return str(Path(model.name).expanduser().resolve())
    if model.name.startswith((".", "/", "~")):
        raise ModelMissingError(
            f"there is no model folder {model.name}",
            hint="name a folder with config.json and model.safetensors, or a hub id",
        )
    if "/" not in model.name:
        # A hub id has an owner: this is a misspelt name, and the error names the nearest one.
        catalogue_model(model.name)
    return model.name


def fingerprint(model: ModelSettings, home: Path) -> str:
    """Return a name for the weights that changes when they do.

    A model of the catalogue is named by its file's hash, a hub model by revision, a folder by the
    content of its files. A server cannot be asked for its weights: the profile's revision names
    them.

    Raises:
        ConfigError: a hub id or a server's model has no revision, or see ``locate``.
        ModelMissingError: see ``locate``.
    """
    if model.kind == "server":
        if not model.revision:
            raise ConfigError(
                f"the model {model.name} of the server {model.url} needs a revision",
                hint="set revision under [model] to what the server was started with",
            )
        return f"server:{model.name}@{model.revision}"
    if in_catalogue(model.name):
        return f"{model.name}:{catalogue_model(model.name).sha256}"
    place = locate(model, home)
    if not is_local(model):
        if not model.revision:
            raise ConfigError(
                f"the hub model {model.name} needs a revision",
                hint="set revision under [model]: results are found again by it",
            )
        return f"hub:{model.name}@{model.revision}"
    digest = hashlib.sha256()
    for path in sorted(Path(place).rglob("*")):
        if path.is_file():
            digest.update(path.relative_to(place).as_posix().encode() + b"\0")
            digest.update(sha256_of(path).encode())
    return f"folder:{digest.hexdigest()}"


def with_digest(profile: Profile, settings: Settings) -> Profile:
    """Return ``profile`` with ``model_digest`` filled in, so that its digest covers the weights.

    Adapters are named by their files here, for a server too: it is to serve the same ones.
    A model folder is made absolute, since workers run in other folders.

    Raises:
        ConfigError: see ``fingerprint``.
        ModelMissingError: see ``locate``; or a prompt's adapter is missing.
    """
    model = profile.model
    if is_local(model) and not in_catalogue(model.name):
        model = model.model_copy(update={"name": locate(model, settings.home)})
    adapters = sorted({prompt.adapter for prompt in profile.prompts.values()} - {""})
    judge = profile.checks.meaning_judge
    digest = "+".join(
        [
            fingerprint(model, settings.home),
            *(_adapter_digest(name) for name in adapters),
            *([f"{judge}:{sha256_of(meaning_file(judge))}"] if judge else []),
        ]
    )
    return profile.model_copy(update={"model": model, "model_digest": digest})


def _adapter_digest(name: str) -> str:
    weights = adapter_folder(name) / "adapter_model.safetensors"
    if not weights.is_file():
        raise ModelMissingError(
            f"there is no adapter {name} in {weights.parent.parent}",
            hint="a prompt's adapter names a folder there",
        )
    files = (weights, acceptor_file(name), estimator_file(name))
    return ":".join([name, *(sha256_of(file) for file in files if file.is_file())])


def sha256_of(path: Path) -> str:
    """Return the hex digest of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
