"""The profile that tests run with: its model is a tenth of the default's, and loads in a second."""

from __future__ import annotations

__all__ = ["SMALL_MODEL", "SMALL_PROFILE"]

SMALL_PROFILE = "small"

#: The profile's model in the catalogue.
SMALL_MODEL = "smollm2-135m"
