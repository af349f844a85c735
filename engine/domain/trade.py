"""Round trips and what the ledger knows of them: executions, lots, positions, accounts."""

from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from engine.domain.alert import Asset
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import PlannedTarget, Side
from engine.domain.quote import Leg
from engine.domain.record import Record

ExecutionKind = Literal["fill", "bust", "correct", "expiry", "exercise", "external", "split"]
"""``split``: no trade; so many shares more (or, sold, less) for the same money, at price 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution(Record):
    """One fact from a broker: so much of one instrument changed hands at one price.

    ``execution_id`` is unique for ever (broker and its own id): delivered twice, booked once.
    """

    TABLE: ClassVar[str] = "executions"
    COLUMNS: ClassVar[tuple[str, ...]] = ("order_id", "trade_id", "account", "executed_at")

    execution_id: str
    order_id: str
    trade_id: str
    account: str
    instrument: Instrument
    side: Side
    qty: Decimal
    """Contracts or shares, > 0."""
    price: Decimal
    fee_usd: Decimal
    executed_at: datetime
    kind: ExecutionKind = "fill"
    leg: int = 0
    """Which leg of the order it belongs to."""

    @property
    def key(self) -> str:
        """The execution's id."""
        return self.execution_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Lot:
    """What is left of one opening execution. ``qty`` signed: + long, - short."""

    execution_id: str
    qty: Decimal
    price: Decimal
    fee_usd: Decimal
    """Share of the opening fee that belongs to what is left."""
    opened_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Position(Record):
    """Open lots of one instrument within one trade, oldest first; flat when empty."""

    TABLE: ClassVar[str] = "positions"
    COLUMNS: ClassVar[tuple[str, ...]] = ("trade_id", "account")

    trade_id: str
    account: str
    instrument: Instrument
    lots: tuple[Lot, ...] = ()

    @property
    def key(self) -> str:
        """Trade and instrument."""
        return f"{self.trade_id}|{self.instrument.key}"

    @property
    def qty(self) -> Decimal:
        """Signed contracts or shares held."""
        return sum((lot.qty for lot in self.lots), ZERO)

    @property
    def avg_price(self) -> Decimal | None:
        """Average opening price of what is held; None when flat."""
        qty = self.qty
        if not self.lots or qty == 0:
            return None
        return sum((lot.qty * lot.price for lot in self.lots), ZERO) / qty


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerEntry(Record):
    """One booking: how an execution changed cash and realised P&L. Append-only."""

    TABLE: ClassVar[str] = "ledger"
    COLUMNS: ClassVar[tuple[str, ...]] = ("trade_id", "account", "booked_at")

    entry_id: str
    account: str
    trade_id: str
    """Empty for deposits."""
    execution_id: str
    instrument_key: str
    kind: ExecutionKind | Literal["deposit"]
    qty: Decimal
    """Signed change of the position."""
    price: Decimal
    cash_usd: Decimal
    """+ received, - paid, fee included."""
    fee_usd: Decimal
    realised_usd: Decimal
    """Closed lots, net of their opening and closing fees."""
    closed_qty: Decimal
    booked_at: datetime

    @property
    def key(self) -> str:
        """The entry's id, that of its execution."""
        return self.entry_id


@dataclass(frozen=True, slots=True, kw_only=True)
class BegunDay:
    """What one session day has come to so far."""

    on: date
    start_equity_usd: Decimal | None
    realised_usd: Decimal
    n_trades: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Account(Record):
    """Running totals of one account, all of them sums of ledger entries."""

    TABLE: ClassVar[str] = "accounts"
    COLUMNS: ClassVar[tuple[str, ...]] = ()

    name: str
    broker: str
    cash_usd: Decimal = ZERO
    deposits_usd: Decimal = ZERO
    realised_usd: Decimal = ZERO
    fees_usd: Decimal = ZERO
    n_closed: int = 0
    loss_streak: int = 0
    """Losing trades in a row, counted at each close; a win sets it to 0."""
    win_streak: int = 0
    session_on: date | None = None
    """Session day that the day figures below belong to."""
    day_start_equity_usd: Decimal | None = None
    realised_today_usd: Decimal = ZERO
    n_trades_today: int = 0
    """Entries sent today."""
    other_days: tuple[BegunDay, ...] = ()
    """The last ones before: a clock that was set over midnight and put right names one again."""
    peak_equity_usd: Decimal | None = None
    tripped_on: date | None = None
    """Session day on which the daily loss limit was reached: no entries for the rest of it."""

    @property
    def key(self) -> str:
        """The account's name."""
        return self.name


class TradeState(StrEnum):
    """Life of a round trip."""

    PENDING = "PENDING"
    """Entry order exists, nothing filled."""
    OPEN = "OPEN"
    CLOSED = "CLOSED"
    VOID = "VOID"
    """Never filled: denied, rejected, expired, withdrawn."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopPlan:
    """Where the protective stop stands, in unit price. It only ever tightens by itself."""

    price: Decimal
    kind: Literal["fixed", "breakeven", "trailing"] = "fixed"
    trail_usd: Decimal | None = None
    """Distance of a trailing stop in unit price."""
    trail_pct: Decimal | None = None
    trail_atr: Decimal | None = None
    """Multiples of ATR(14) for an ATR trail."""
    moved_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseRequest:
    """A wish to take units off, kept until filled: exits survive crashes."""

    request_id: str
    qty: Decimal
    """Units still to be closed by this request."""
    reason: str
    """target, stop, trail, time, alert, user, flatten, expiry, breaker."""
    limit: Decimal | None = None
    asked_at: datetime
    alerted_price: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Trade(Record):
    """One round trip of one unit structure in one account, from alert to flat.

    ``direction`` +1: the unit was bought, -1: sold. P&L per unit is
    direction x (exit - entry) x multiplier. All P&L figures come from ledger entries.
    """

    TABLE: ClassVar[str] = "trades"
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "alert_id",
        "account",
        "source",
        "symbol",
        "state",
        "opened_at",
        "closed_at",
        "realised_usd",
    )

    trade_id: str
    alert_id: str
    account: str
    broker: str
    source: str
    """Alert source, ``manual`` or ``external``."""
    author_id: int | None = None
    symbol: str
    asset: Asset
    direction: Literal[1, -1]
    legs: tuple[Leg, ...]
    state: TradeState = TradeState.PENDING
    qty_wanted: Decimal
    qty_opened: Decimal = ZERO
    """Units ever opened (filled entries)."""
    qty_open: Decimal = ZERO
    """Units held now."""
    is_entry_over: bool = False
    """No entry order of it can fill any more (but for a late fill)."""
    entry_price: Decimal | None = None
    """Average unit price of all entry fills."""
    exit_price: Decimal | None = None
    """Average unit price of all exit fills."""
    alerted_price: Decimal | None = None
    achievable_price: Decimal | None = None
    """Touch at receipt of the entry alert."""
    alerted_exit: Decimal | None = None
    achievable_exit: Decimal | None = None
    initial_stop: Decimal | None = None
    risk_usd: Decimal | None = None
    """1R in dollars for the whole opened quantity; frozen at the entry fill."""
    stop: StopPlan | None = None
    targets: tuple[PlannedTarget, ...] = ()
    closes: tuple[CloseRequest, ...] = ()
    high_water: Decimal | None = None
    """Best unit price for us since entry."""
    low_water: Decimal | None = None
    """Worst unit price for us since entry."""
    realised_usd: Decimal = ZERO
    """Net of fees of what was closed."""
    fees_usd: Decimal = ZERO
    exit_seq: int = 0
    """Counts exit orders made, so that each has its own id."""
    flatten_at: datetime | None = None
    """Time exit."""
    opened_at: datetime | None = None
    closed_at: datetime | None = None
    close_reason: str = ""
    is_unprotected_since: datetime | None = None
    created_at: datetime

    @property
    def key(self) -> str:
        """The trade's id."""
        return self.trade_id

    @property
    def multiplier(self) -> Decimal:
        """Dollars per 1.00 of unit price."""
        return self.legs[0].instrument.multiplier

    @property
    def r_multiple(self) -> Decimal | None:
        """Realised P&L in units of the initial risk; None while no risk is known."""
        if self.risk_usd is None or self.risk_usd <= 0:
            return None
        return self.realised_usd / self.risk_usd
