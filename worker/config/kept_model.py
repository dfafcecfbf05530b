"""A catalogue model on this disk: its folder, manifest and lock, and any unfinished pull.

``worker.engine.pull`` writes the manifest into the prepared folder before the folder appears.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
from contextlib import contextmanager
from typing import TYPE_CHECKING, NamedTuple

from worker.config.weights import model_folder
from worker.errors import EngineError, ModelMissingError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from contextlib import AbstractContextManager
    from pathlib import Path
    from typing import BinaryIO

    from worker.config.catalogue import CatalogueModel

    #: Shows bytes done and in total, under a heading, while the context is open.
    Bar = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]

__all__ = ["Bar", "KeptModel", "sha256_of_range"]

#: Name of the manifest in a prepared folder.
_MANIFEST = "copydesk.json"

#: Bytes hashed at a time, so that progress shows.
_BLOCK_BYTES = 4 * 1024**2


class _File(NamedTuple):
    size: int
    sha256: str


class KeptModel:
    """The files of one model in ``$COPYDESK_HOME/models``."""

    def __init__(self, model: CatalogueModel, home: Path) -> None:
        self.model = model
        self.folder = model_folder(model.name, home)
        """The prepared model. It appears by one rename, so it is complete if it exists."""
        self.scratch = self.folder.with_name(f".pull-{model.name}")
        """Working folder of a pull, kept until the prepared model is in place."""
        self.file = self.scratch / model.file
        """The GGUF file as far as it has been downloaded."""
        self._lock = self.folder.with_name(f".{model.name}.lock")

    @property
    def pulled(self) -> bool:
        """Whether the model is ready for use."""
        return self.folder.is_dir()

    @property
    def begun_bytes(self) -> int:
        """Size of the file that an unfinished pull has left."""
        return self.file.stat().st_size if self.file.is_file() else 0

    @property
    def disk_bytes(self) -> int:
        """Bytes on disk, of the folder and of an unfinished pull."""
        return sum(_tree_bytes(folder) for folder in (self.folder, self.scratch))

    @contextmanager
    def locked(self, on_wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Hold the model's lock, which ends with its process.

        Args:
            on_wait: called before a wait for another holder; without it, nothing is waited for.

        Raises:
            EngineError: ``model_busy``, without ``on_wait``.
        """
        self._lock.parent.mkdir(parents=True, exist_ok=True)
        with self._lock.open("ab") as stream:
            try:
                fcntl.flock(stream.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                if on_wait is None:
                    raise EngineError(
                        f"a pull of {self.model.name} is running",
                        code="model_busy",
                        hint="wait until it has ended, or end it",
                    ) from error
                on_wait()
                fcntl.flock(stream.fileno(), fcntl.LOCK_EX)
            yield

    def write_manifest(self, folder: Path, bar: Bar) -> None:
        """Record size and hash of every file of ``folder``, a prepared model."""
        files = _files(folder)
        with bar("recording") as progress:
            entries = _hashed(files, progress)
        manifest = {
            "model": self.model.name,
            "file_sha256": self.model.sha256,
            "files": {name: entry._asdict() for name, entry in entries.items()},
        }
        text = json.dumps(manifest, indent=2) + "\n"
        (folder / _MANIFEST).write_text(text, encoding="utf-8")

    def verify(self, bar: Bar) -> tuple[int, int]:
        """Check every prepared file against the manifest; return their number and their bytes.

        Raises:
            ModelMissingError: the model was not pulled.
            EngineError: ``model_damaged``, with the names of the files.
        """
        if not self.pulled:
            raise ModelMissingError(
                f"the model {self.model.name} is not in {self.folder.parent}",
                hint=f"run: copydesk model pull {self.model.name}",
            )
        recorded = self._manifest()
        files = _files(self.folder)
        with bar("checking") as progress:
            actual = _hashed(files, progress)
        complaints = [
            *(f"{name} is missing" for name in recorded.keys() - actual.keys()),
            *(f"{name} is not of this model" for name in actual.keys() - recorded.keys()),
            *(
                f"{name} has changed: {_difference(recorded[name], actual[name])}"
                for name in recorded.keys() & actual.keys()
                if recorded[name] != actual[name]
            ),
        ]
        if complaints:
            raise self._damaged("; ".join(sorted(complaints)))
        return len(actual), sum(entry.size for entry in actual.values())

    def remove(self) -> int:
        """Remove the model with what an unfinished pull has left; return the bytes freed.

        Raises:
            ModelMissingError: there is nothing to remove.
            EngineError: ``model_busy``: a pull of it is running.
        """
        if not (self.folder.exists() or self.scratch.exists()):
            raise ModelMissingError(
                f"the model {self.model.name} is not in {self.folder.parent}",
                hint="copydesk model list says which ones are",
            )
        with self.locked():
            freed = self.disk_bytes
            self.scratch.mkdir(exist_ok=True)
            if self.folder.exists():
                # By one rename, since a folder that exists counts as complete.
                self.folder.rename(self.scratch / "removed")
            shutil.rmtree(self.scratch)
        return freed

    def _manifest(self) -> Mapping[str, _File]:
        try:
            manifest = json.loads((self.folder / _MANIFEST).read_text(encoding="utf-8"))
            recorded = {name: _File(**entry) for name, entry in manifest["files"].items()}
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise self._damaged(f"its manifest {_MANIFEST} cannot be read") from error
        if manifest.get("file_sha256") != self.model.sha256:
            raise self._damaged("its manifest is of another file")
        return recorded

    def _damaged(self, why: str) -> EngineError:
        name = self.model.name
        return EngineError(
            f"the model {name} in {self.folder} is damaged: {why}",
            code="model_damaged",
            hint=f"run: copydesk model rm {name} --yes, then copydesk model pull {name}",
        )


def _difference(recorded: _File, actual: _File) -> str:
    if recorded.size != actual.size:
        return f"{actual.size:,} bytes, recorded {recorded.size:,}"
    return f"SHA-256 {actual.sha256}, recorded {recorded.sha256}"


def _files(folder: Path) -> dict[str, Path]:
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    named = {path.relative_to(folder).as_posix(): path for path in paths}
    named.pop(_MANIFEST, None)
    return named


def _hashed(files: Mapping[str, Path], progress: Callable[[int, int], None]) -> dict[str, _File]:
    total, done = sum(path.stat().st_size for path in files.values()), 0
    entries = {}
    for name, path in files.items():
        size = path.stat().st_size
        with path.open("rb") as stream:
            digest = sha256_of_range(stream, 0, size, _shifted(progress, done, total))
        done += size
        entries[name] = _File(size, digest)
    return entries


def _shifted(
    progress: Callable[[int, int], None], before: int, total: int
) -> Callable[[int, int], None]:
    """Report one file's progress as part of ``total``, after ``before`` bytes of other files."""
    return lambda done, _total: progress(before + done, total)


def sha256_of_range(
    stream: BinaryIO,
    start: int,
    end: int,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> str:
    """Return the hex digest of the bytes from ``start`` to ``end``, reporting progress."""
    digest, position = hashlib.sha256(), stream.seek(start)
    while block := stream.read(min(_BLOCK_BYTES, end - position)):
        digest.update(block)
        position += len(block)
        progress(position - start, end - start)
    return digest.hexdigest()


def _tree_bytes(folder: Path) -> int:
    sizes = 0
    for parent, _, names in os.walk(folder):
        sizes += sum(os.lstat(os.path.join(parent, name)).st_size for name in names)  # noqa: PTH118
    return sizes
