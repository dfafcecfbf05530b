"""How sure a repair has to be before it is made. Imports nothing heavy: ``--help`` reads it."""

from __future__ import annotations

from typing import Literal

__all__ = ["Restraint"]

#: ``careful`` changes little and is more often right. ``bold`` also makes changes of which as many
#: harm as help; docs/quality.md has the curve.
Restraint = Literal["careful", "bold"]
