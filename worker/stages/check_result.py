"""The result of checking a proposal, a summary sentence or a title."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from worker.records.reason import Reason

__all__ = ["CheckResult"]


@dataclass(frozen=True, slots=True)
class CheckResult:
    """The outcome of a check: accepted, or refused with a reason."""

    reason: Reason | None
    detail: str = ""
    """What differs between the texts, such as a number."""
    scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def accepted(self) -> bool:
        """Whether the checked text may be used."""
        return self.reason is None
