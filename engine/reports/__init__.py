"""Reports: the single source of every figure on every surface.

One file per report: pure functions from records (and marks) to a frozen report. Cards, commands,
charts, the copilot and CSV read the same report and only format it. A figure that is not known is
:class:`Missing` with its reason, never 0.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Missing:
    """A figure that is not known, and why; shown as ``n/a (reason)``."""

    reason: str

    def __str__(self) -> str:
        return f"n/a ({self.reason})"
