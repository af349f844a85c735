"""No, as a value: what a decision answers when it does not go on."""

from dataclasses import dataclass
from decimal import Decimal
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Denial:
    """Why an intent may not be sent: ``code`` is ``<check>.<reason>``, ``detail`` a sentence."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """Why an alert cannot be carried out as written; ``reason`` is a sentence for its card."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """Where a limit stands: used and most, in the same unit. None means not known."""

    name: str
    now: Decimal | None
    limit: Decimal
    unit: Literal["$", "%", "n"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """A check has let an entry pass, and people should know what about it."""

    detail: str
    """One plain sentence."""
