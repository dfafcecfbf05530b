"""Translates clean sentences there and back by rules, which makes machine English of them."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence

from worker.errors import UsageError

__all__ = ["LANGUAGES", "round_trips"]

#: Each language's two modes of apertium. Spanish and Catalan give the roughest word order; with
#: Serbo-Croatian too much is lost ("Free" for "it").
LANGUAGES = {
    "spa": ("eng-spa", "spa-eng"),
    "cat": ("eng-cat", "cat-eng"),
    "glg": ("en-gl", "gl-en"),
    "epo": ("en-eo", "eo-en"),
}

_BREAK = "\n\n"
_PACKAGES = "apertium-eng-spa apertium-eng-cat apertium-en-gl apertium-eo-en"

#: Marks of words that apertium does not know or cannot inflect.
_UNKNOWN = re.compile(r"[*#@]")


def round_trips(sentences: Sequence[str], language: str) -> Iterator[tuple[str, str]]:
    """Yield each sentence that survives the way to ``language`` and back, with what came back.

    Raises:
        UsageError: apertium or the language is not installed.
    """
    there, back = LANGUAGES[language]
    translated = _translate(_translate(sentences, there), back)
    for sentence, rough in zip(sentences, translated, strict=True):
        if rough and rough != sentence and not _UNKNOWN.search(rough):
            yield sentence, rough


def _translate(sentences: Sequence[str], mode: str) -> list[str]:
    """Return the sentences as ``mode`` translates them, line by line."""
    if shutil.which("apertium") is None:
        raise UsageError(
            "apertium is not installed; it makes the round trips.",
            code="apertium_missing",
            hint=f"apt-get install {_PACKAGES}",
        )
    done = subprocess.run(  # noqa: S603 - a fixed command
        ["apertium", mode],  # noqa: S607
        # Empty lines keep sentences apart. The format for lines starts a process for each.
        input=_BREAK.join(sentences) + _BREAK,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.rstrip().split(_BREAK)
    if done.returncode or len(lines) != len(sentences):
        raise UsageError(
            f"apertium cannot translate with the mode {mode}.",
            code="apertium_missing",
            hint=f"apt-get install {_PACKAGES}",
        )
    return [line.strip() for line in lines]
