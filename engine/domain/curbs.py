"""What admins add to the limits for a while: freezes of entries, and overrides that expire."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

FreezeScope = Literal["all", "symbol", "strategy", "broker", "author"]
OverrideTarget = Literal["sizing", "sector", "correlation", "entry-window"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """No entries there until somebody takes it back; exits pass."""

    scope: FreezeScope
    name: str = ""
    """Symbol, strategy (room), broker or author's Discord id; empty for ``all``."""
    by: str
    at: datetime
    reason: str

    @property
    def words(self) -> str:
        """``all entries``, ``entries in TSLA``, ``entries of twi_options`` ..."""
        joint = {"symbol": "in", "broker": "at", "author": "of author"}.get(self.scope, "of")
        return "all entries" if self.scope == "all" else f"entries {joint} {self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """One soft limit does not bind for a while; hard caps always do."""

    target: OverrideTarget
    symbol: str = ""
    """Only this underlying; empty: all."""
    until: datetime
    by: str
    reason: str
    multiplier: Decimal | None = None
    """``sizing``: the multiplier in place of the computed one, inside its bounds."""

    def holds(self, target: str, symbol: str, now: datetime) -> bool:
        """Whether it is in force for this."""
        return target == self.target and self.symbol in ("", symbol) and now < self.until
