"""A home folder of Copydesk, used through the real command line."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tests.support.fake_worker import Gate
from tests.support.run_cli import Ran, run_cli
from tests.support.small import SMALL_MODEL
from worker.config.weights import model_folder

__all__ = ["Desk", "article_text", "read_rows"]


def article_text(name: str, *, word: str = "") -> str:
    """Return a short article in good English; ``word`` controls the fake engine."""
    return (
        f"The harbour board of Port Ellery agreed on Monday to rebuild pier {name} by the spring. "
        f"The chairwoman said {word or 'that'} the work would cost nine million pounds and take "
        "sixteen months. Fishermen will use the old quay until then.\n"
    )


def read_rows(out: Path) -> list[dict[str, Any]]:
    """Return the rows of ``results.jsonl`` in ``out``."""
    lines = (out / "results.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


class Desk:
    """One ``COPYDESK_HOME`` with a folder of input files."""

    def __init__(self, folder: Path, *, model: bool = True) -> None:
        self.home = folder / "home"
        self.files = folder / "files"
        self.out = folder / "out"
        self.home.mkdir()
        self.files.mkdir()
        if model:
            # The folder must exist; the fake engine never loads it.
            model_folder(SMALL_MODEL, self.home).mkdir(parents=True)

    @property
    def gate(self) -> Gate:
        """The gate at which the fake engine waits; open at first."""
        folder = self.home / "gate"
        folder.mkdir(exist_ok=True)
        return Gate(folder)

    def run(
        self,
        *arguments: str | Path,
        environment: Mapping[str, str] | None = None,
        stdin: bytes = b"",
        wrapper: Sequence[str] = (),
    ) -> Ran:
        """Run ``copydesk`` with these arguments and ``--json``."""
        return run_cli(
            *arguments,
            "--json",
            home=self.home,
            environment=environment,
            stdin=stdin,
            wrapper=wrapper,
        )

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file to submit."""
        path = self.files / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    def write_lines(self, name: str, records: Sequence[Mapping[str, object]]) -> Path:
        """Write a file of JSON Lines to submit."""
        return self.write(name, "".join(json.dumps(record) + "\n" for record in records))

    def submit(self, *inputs: str | Path) -> str:
        """Submit inputs that are all accepted and return the job's id."""
        ran = self.run("submit", *inputs)
        assert ran.code == 0, ran
        return str(ran.data["job"])

    def collect(self, job: str) -> dict[str, dict[str, Any]]:
        """Wait for the job, collect it and return the rows of ``results.jsonl`` by id."""
        assert self.run("watch", job, "--timeout", "60").code != 5
        self.run("collect", job, "-o", self.out)
        assert self.manifest["complete"]
        return self.rows

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """Rows of ``results.jsonl`` by id; each id occurs once."""
        rows = read_rows(self.out)
        rows_by_id = {row["id"]: row for row in rows}
        assert len(rows_by_id) == len(rows)
        return rows_by_id

    @property
    def manifest(self) -> dict[str, Any]:
        """``manifest.json``."""
        manifest = json.loads((self.out / "manifest.json").read_text(encoding="utf-8"))
        assert isinstance(manifest, dict)
        return manifest
