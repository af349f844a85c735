"""The exit contract: what must happen to an open trade now, decided without any I/O.

``rules`` (one file each here) look at a trade and a quote and ask for a change: close some units,
or tighten the stop. ``plan`` then compares what is wanted with the orders that live at the broker
and names the next steps. It is the one writer of stops: nothing else makes, moves or cancels a
protective order. Running it again after a crash or a repeated event changes nothing.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

from pydantic import BaseModel, ConfigDict

from engine.domain.order import Order, OrderType
from engine.domain.quote import UnitQuote
from engine.domain.trade import StopPlan, Trade


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """What an exit rule may look at."""

    now: datetime
    quote: UnitQuote | None
    """None when the legs have no fresh, sane quote: price rules then say nothing."""
    is_leap: bool = False
    """The quote has just leapt and nothing confirms it yet: a stop acts on it, a gain does not."""
    mark: Decimal | None = None
    """The broker's own price of the unit, while quotes are doubted or missing; else None."""
    atr: Decimal | None = None
    """ATR(14) of the unit's trading timeframe; None when too few bars are known."""
    minutes_to_close: int | None = None
    """Of the trade's market; None when it is closed."""
    has_stop_at_broker: bool = False
    """A working stop at the broker covers what is held; see ``plan.has_stop_at_broker``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a rule asks for: units to close, or a tighter stop (never a looser one)."""

    rule: str
    close_qty: Decimal | None = None
    limit: Decimal | None = None
    """Worst unit price for the close; None: at market."""
    stop: StopPlan | None = None
    target_no: int | None = None
    """Which planned target was reached, to be marked hit."""
    detail: str = ""


class ExitRule(ABC):
    """One reason to leave or to tighten. One file each; the file name is its key in config.yaml."""

    class Settings(BaseModel):
        """Figures of this rule as written in config.yaml under ``exits.<file name>``."""

        model_config = ConfigDict(extra="forbid", frozen=True)

    @abstractmethod
    def look(self, trade: Trade, view: View) -> Wish | None:
        """Judge one open trade at one moment."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """Next step: send a new exit order (reduce-only) for so many units."""

    purpose: Literal["close", "stop"]
    qty: Decimal
    type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    reason: str = ""
    request_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Next step: cancel this order."""

    order: Order
    reason: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Next step: swap the protective stop for one with this quantity and price."""

    order: Order
    qty: Decimal
    """Total of the line as ``Broker.replace`` wants it: what shall work plus what filled."""
    carried: Decimal = Decimal(0)
    """Units of it that filled already: the new order's ``carried``."""
    stop: Decimal
    reason: str = ""


Step = Submit | Cancel | Replace
