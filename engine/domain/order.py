"""Orders and their life: one table of legal moves, nothing outside it."""

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import ClassVar, Literal

from engine.domain.errors import InvariantError
from engine.domain.quote import Leg, UnitQuote
from engine.domain.record import Record


class Side(StrEnum):
    """Buy or sell the unit."""

    BUY = "buy"
    SELL = "sell"

    @property
    def sign(self) -> int:
        """+1 to buy, -1 to sell."""
        return 1 if self is Side.BUY else -1

    @property
    def opposite(self) -> "Side":
        """The side that undoes this one."""
        return Side.SELL if self is Side.BUY else Side.BUY


class OrderType(StrEnum):
    """How the price is decided."""

    MARKET = "market"
    LIMIT = "limit"
    STOP = "stop"
    STOP_LIMIT = "stop_limit"
    TRAILING = "trailing"


class Tif(StrEnum):
    """How long an order works."""

    DAY = "day"
    GTC = "gtc"


class Purpose(StrEnum):
    """Why the order exists: only entries add exposure."""

    ENTRY = "entry"
    CLOSE = "close"
    STOP = "stop"


class OrderState(StrEnum):
    """Where an order stands; see faults.md, Order states."""

    DRAFT = "DRAFT"
    PENDING_APPROVAL = "PENDING_APPROVAL"
    APPROVED = "APPROVED"
    INTENT = "INTENT"
    SUBMITTING = "SUBMITTING"
    ACCEPTED = "ACCEPTED"
    UNKNOWN = "UNKNOWN"
    PARTIAL = "PARTIAL"
    PENDING_CANCEL = "PENDING_CANCEL"
    PENDING_REPLACE = "PENDING_REPLACE"
    FILLED = "FILLED"
    CANCELED = "CANCELED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"
    REPLACED = "REPLACED"
    DENIED = "DENIED"
    VOID = "VOID"

    @property
    def is_terminal(self) -> bool:
        """Nothing but a late fill or a bust can follow."""
        return self in TERMINAL

    @property
    def is_at_broker(self) -> bool:
        """The broker may hold a live order: count it at worst case."""
        return self in AT_BROKER


TERMINAL = frozenset(
    {
        OrderState.FILLED,
        OrderState.CANCELED,
        OrderState.EXPIRED,
        OrderState.REJECTED,
        OrderState.REPLACED,
        OrderState.DENIED,
        OrderState.VOID,
    }
)
AT_BROKER = frozenset(
    {
        OrderState.SUBMITTING,
        OrderState.ACCEPTED,
        OrderState.UNKNOWN,
        OrderState.PARTIAL,
        OrderState.PENDING_CANCEL,
        OrderState.PENDING_REPLACE,
    }
)


UNANSWERED = (OrderState.SUBMITTING, OrderState.UNKNOWN)
WORKING = (OrderState.ACCEPTED, OrderState.PARTIAL)
"""Its broker has answered, and nothing is asked of it."""


class Trigger(StrEnum):
    """What moves an order from one state to the next."""

    ASK = "ask"
    APPROVE = "approve"
    DENY = "deny"
    VOID = "void"
    MINT = "mint"
    SEND = "send"
    ACCEPT = "accept"
    REJECT = "reject"
    NO_ANSWER = "no_answer"
    ABSENT = "absent"
    """Evidence that the broker never had it."""
    FILL = "fill"
    FILL_ALL = "fill_all"
    ASK_CANCEL = "ask_cancel"
    CANCEL = "cancel"
    REFUSE_CANCEL = "refuse_cancel"
    ASK_REPLACE = "ask_replace"
    REPLACE = "replace"
    REFUSE_REPLACE = "refuse_replace"
    EXPIRE = "expire"


def _moves() -> dict[tuple[OrderState, Trigger], OrderState]:
    s, t = OrderState, Trigger
    table = {
        (s.DRAFT, t.ASK): s.PENDING_APPROVAL,
        (s.DRAFT, t.APPROVE): s.APPROVED,
        (s.DRAFT, t.DENY): s.DENIED,
        (s.DRAFT, t.VOID): s.VOID,
        (s.PENDING_APPROVAL, t.APPROVE): s.APPROVED,
        (s.PENDING_APPROVAL, t.DENY): s.DENIED,
        (s.PENDING_APPROVAL, t.VOID): s.VOID,
        (s.APPROVED, t.MINT): s.INTENT,
        (s.APPROVED, t.DENY): s.DENIED,
        (s.APPROVED, t.VOID): s.VOID,
        (s.INTENT, t.SEND): s.SUBMITTING,
        (s.INTENT, t.VOID): s.VOID,
        (s.SUBMITTING, t.NO_ANSWER): s.UNKNOWN,
        (s.UNKNOWN, t.NO_ANSWER): s.UNKNOWN,
        (s.UNKNOWN, t.ABSENT): s.REJECTED,
        (s.UNKNOWN, t.SEND): s.SUBMITTING,
        (s.ACCEPTED, t.ASK_CANCEL): s.PENDING_CANCEL,
        (s.PARTIAL, t.ASK_CANCEL): s.PENDING_CANCEL,
        (s.PENDING_REPLACE, t.ASK_CANCEL): s.PENDING_CANCEL,
        (s.UNKNOWN, t.ASK_CANCEL): s.PENDING_CANCEL,
        (s.PENDING_CANCEL, t.ABSENT): s.REJECTED,
        (s.ACCEPTED, t.ASK_REPLACE): s.PENDING_REPLACE,
        (s.PARTIAL, t.ASK_REPLACE): s.PENDING_REPLACE,
        (s.PENDING_CANCEL, t.REFUSE_CANCEL): s.ACCEPTED,
        (s.PENDING_REPLACE, t.REFUSE_REPLACE): s.ACCEPTED,
        (s.ACCEPTED, t.ACCEPT): s.ACCEPTED,
        (s.PARTIAL, t.ACCEPT): s.PARTIAL,
        (s.PENDING_CANCEL, t.ACCEPT): s.PENDING_CANCEL,
        (s.PENDING_REPLACE, t.ACCEPT): s.PENDING_REPLACE,
        (s.PENDING_CANCEL, t.FILL): s.PENDING_CANCEL,
        (s.PENDING_REPLACE, t.FILL): s.PENDING_REPLACE,
    }
    for early in (s.SUBMITTING, s.UNKNOWN):
        table[early, t.ACCEPT] = s.ACCEPTED
        table[early, t.REJECT] = s.REJECTED
    for live in (s.SUBMITTING, s.UNKNOWN, s.ACCEPTED, s.PARTIAL):
        table[live, t.FILL] = s.PARTIAL
    for live in AT_BROKER:
        table[live, t.FILL_ALL] = s.FILLED
        table[live, t.CANCEL] = s.CANCELED
        table[live, t.EXPIRE] = s.EXPIRED
        table[live, t.REPLACE] = s.REPLACED
        table.setdefault((live, t.REJECT), s.REJECTED)
    for done in TERMINAL:
        for late in (t.FILL, t.ACCEPT, t.CANCEL, t.EXPIRE, t.REJECT, t.REPLACE):
            table[done, late] = done  # terminal states absorb; fills are booked all the same
        was_sent = done not in (s.DENIED, s.VOID)
        table[done, t.FILL_ALL] = s.FILLED if was_sent else done  # whatever was said before
    return table


MOVES = _moves()
"""Every legal move; anything else is our own bug."""


def move(state: OrderState, trigger: Trigger) -> OrderState:
    """Next state.

    Raises:
        InvariantError: when the move is not in the table.
    """
    try:
        return MOVES[state, trigger]
    except KeyError:
        raise InvariantError(f"an order in {state} cannot {trigger}") from None


_OUR_ID = re.compile(r"TS[A-Z2-7]{18}")


def client_order_id(intent_id: str) -> str:
    """The id that a broker sees: 20 characters A-Z0-9, the same for ever for the same intent."""
    digest = hashlib.sha256(f"{intent_id}/0/0".encode()).digest()
    return "TS" + base64.b32encode(digest[:15]).decode()[:18]


def is_our_id(client_order_id: str) -> bool:
    """Whether an id that a broker tells was made by :func:`client_order_id`."""
    return _OUR_ID.fullmatch(client_order_id) is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What one check said about an intent; kept and shown, passed or not."""

    check: str
    is_ok: bool
    code: str = ""
    """``<check>.<reason>`` when denied, ``<check>.near`` when passed close to its limit."""
    detail: str = ""
    """One plain sentence with the figures; empty when passed with room to spare."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedTarget:
    """A profit target: take ``qty`` units off at ``price``, then perhaps move the stop."""

    price: Decimal
    qty: Decimal
    then_stop: Literal["keep", "entry"] = "keep"
    is_hit: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Intent(Record):
    """What we want to do and why, fixed before anything is sent. Never changed afterwards."""

    TABLE: ClassVar[str] = "intents"
    COLUMNS: ClassVar[tuple[str, ...]] = ("alert_id", "trade_id", "account", "created_at")

    intent_id: str
    alert_id: str
    """Correlation id of the story: an alert, or the command that asked for it."""
    trade_id: str
    account: str
    broker: str
    source: str
    author_id: int | None
    requested_by: int | None = None
    """Discord user who asked for it by command or modal; None when it came from an alert."""
    purpose: Purpose
    symbol: str
    side: Side
    legs: tuple[Leg, ...]
    qty: Decimal
    type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    """Protective stop of the unit price planned for an entry; trigger price of a stop order."""
    targets: tuple[PlannedTarget, ...] = ()
    trail: str | None = None
    alerted_price: Decimal | None = None
    quote: UnitQuote | None = None
    """What could really be had at receipt; None when no quote was there."""
    risk_usd: Decimal | None = None
    """Dollars lost if the stop fills at its price; frozen as 1R."""
    notional_usd: Decimal | None = None
    sizing: str = ""
    """How the quantity came about, in one sentence."""
    guard: str = ""
    """What the price guard said, in one sentence."""
    verdicts: tuple[Verdict, ...] = ()
    created_at: datetime

    @property
    def key(self) -> str:
        """The intent's id."""
        return self.intent_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Order(Record):
    """One order for one account; its id is the client id that the broker sees.

    A unit is one contract, one share or one spread. ``limit`` and ``stop`` are prices of the unit
    as quoted; buying pays ``limit``, selling receives it.
    """

    TABLE: ClassVar[str] = "orders"
    COLUMNS: ClassVar[tuple[str, ...]] = (
        "alert_id",
        "intent_id",
        "trade_id",
        "account",
        "state",
        "purpose",
        "created_at",
    )

    order_id: str
    intent_id: str
    alert_id: str
    trade_id: str
    account: str
    broker: str
    purpose: Purpose
    side: Side
    legs: tuple[Leg, ...]
    qty: Decimal
    type: OrderType
    limit: Decimal | None = None
    stop: Decimal | None = None
    tif: Tif = Tif.DAY
    state: OrderState = OrderState.DRAFT
    attempt: int = 0
    replaces: str | None = None
    broker_id: str | None = None
    leg_filled: tuple[Decimal, ...] = ()
    """Contracts filled per leg, absolute; empty before the first fill."""
    leg_cost: tuple[Decimal, ...] = ()
    """Sum of price x contracts per leg; the same in whatever order fills arrive."""
    avg_price: Decimal | None = None
    """Average unit price of what was filled."""
    carried: Decimal = Decimal(0)
    """Units that the orders it replaced had filled: ``qty`` is the total of the whole line."""
    reported: Decimal = Decimal(0)
    """Most units that the broker has said are filled, of the whole line."""
    ended: OrderState | None = None
    """How the broker said it ended, while executions of it are still to come."""
    request_id: str = ""
    """The close request that it works for."""
    reason: str = ""
    """Why it exists (exits) or why it ended (rejected, void)."""
    is_flagged: bool = False
    """Needs a person's eye: overfill, late fill, unknown too long."""
    created_at: datetime
    sent_at: datetime | None = None
    accepted_at: datetime | None = None
    updated_at: datetime

    @property
    def key(self) -> str:
        """The client order id."""
        return self.order_id

    @property
    def is_in_doubt(self) -> bool:
        """Nobody has said yet whether the broker has it; asking to cancel it ends no doubt."""
        was_never_seen = self.broker_id is None and self.accepted_at is None
        is_asked_back = self.state is OrderState.PENDING_CANCEL and was_never_seen
        return self.state in UNANSWERED or is_asked_back

    @property
    def in_doubt_since(self) -> datetime:
        """When that began."""
        sent_at = self.sent_at if self.state is OrderState.PENDING_CANCEL else None
        return sent_at or self.updated_at

    @property
    def filled(self) -> Decimal:
        """Whole units filled: the slowest leg decides."""
        if not self.leg_filled:
            return Decimal(0)
        return min(
            done / abs(leg.ratio) for done, leg in zip(self.leg_filled, self.legs, strict=True)
        )

    @property
    def leaves(self) -> Decimal:
        """Units that may still fill or are filled and not booked; 0 once it is over."""
        if self.state.is_terminal:
            return Decimal(0)
        total = self.qty if self.ended is None else self.reported
        return max(total - self.carried - self.filled, Decimal(0))
