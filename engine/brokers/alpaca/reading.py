"""Out of Alpaca's words: orders, fills, holdings and money as the house knows them.

Numbers are Decimal, whatever JSON made of them; what cannot be read raises, nothing is guessed.
"""

import re
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any, Literal

from engine.brokers import (
    Balance,
    BrokerAccount,
    BrokerFill,
    BrokerOrder,
    BrokerPosition,
    LiveState,
)
from engine.brokers._wire.figures import ident, word
from engine.brokers.alpaca.translate import TYPE_OF, Body, instrument_of
from engine.domain.money import ZERO, exact
from engine.domain.order import Side
from engine.domain.quote import Leg
from engine.market import NEW_YORK, NYSE

FillKind = Literal["fill", "expiry", "exercise", "bust", "correct"]

OPTION_ENDS = {"OPEXP": "expiry", "OPASN": "exercise", "OPEXC": "exercise", "OPTRD": "exercise"}
"""Activities that end an option, and the shares that assignment or exercise moves."""

_LIVE = frozenset(
    {
        "new",
        "accepted",
        "pending_new",
        "accepted_for_bidding",
        "pending_review",
        "partially_filled",
        "done_for_day",  # of a GTC order: tomorrow it goes on
        "stopped",
        "suspended",
        "calculated",
        "held",
        "pending_cancel",
        "pending_replace",
    }
)
_OVER: dict[str, LiveState] = {
    "filled": "filled",
    "canceled": "canceled",
    "expired": "expired",
    "rejected": "rejected",
    "replaced": "replaced",
}
EVENTS = frozenset(
    {
        "accepted",
        "accepted_for_bidding",
        "calculated",
        "canceled",
        "done_for_day",
        "expired",
        "fill",
        "held",
        "new",
        "order_cancel_rejected",
        "order_replace_rejected",
        "partial_fill",
        "pending_cancel",
        "pending_new",
        "pending_replace",
        "pending_review",
        "rejected",
        "replaced",
        "restated",
        "stopped",
        "suspended",
        "trade_bust",
        "trade_correct",
    }
)
"""Kinds of trade updates that are understood; any other is told as odd."""

_OURS = re.compile(r"[A-Z0-9]{20}")


def client_id(text: Any) -> str:
    """The client order id when it is one of ours; Alpaca makes up its own for all others."""
    return text if isinstance(text, str) and _OURS.fullmatch(text) else ""


def order_of(
    body: Body,
    account: str,
    *,
    ours: str | None = None,
    unit: tuple[Side, tuple[Leg, ...]] | None = None,
    carried: Decimal = ZERO,
) -> BrokerOrder:
    """An order as Alpaca reports it.

    Args:
        body: Its JSON.
        account: Our name of the account.
        ours: Our client id where Alpaca gave the order one of its own (a bracket's child).
        unit: Side and legs as we asked for them: Alpaca knows a spread by its legs alone.
        carried: What the orders that it replaced had filled; Alpaca counts each from zero.

    Raises:
        ValueError, KeyError, TypeError: it is no order that can be read.
    """
    status = str(body["status"])
    filled = filled_of(body)
    qty = qty_of(body)
    if qty is None and _number(body.get("notional")) is None:
        raise ValueError("an order of neither a quantity nor dollars")
    kind = TYPE_OF[str(body.get("type") or body["order_type"])]
    side, legs = unit or unit_of(body)
    limit = _number(body.get("limit_price"))
    if limit is not None and len(legs) > 1:
        limit *= side.sign
    return BrokerOrder(
        client_order_id=client_id(body.get("client_order_id")) if ours is None else ours,
        broker_id=ident(body["id"]),
        account=account,
        state=state_of(status, filled),
        side=side,
        legs=legs,
        qty=(filled if qty is None else qty) + carried,
        filled=filled + carried,
        average=None if carried else _average(body),
        type=kind,
        limit=limit,
        stop=_number(body.get("stop_price")),
        reason="rejected by Alpaca or its venue" if status == "rejected" else "",
        updated_at=changed_at(body),
        raw_state=status,
    )


def state_of(status: str, filled: Decimal) -> LiveState:
    """Ours for one of Alpaca's; ``unknown`` for a word that is not in its list."""
    over = _OVER.get(status)
    if over is not None:
        return over
    if status not in _LIVE:
        return "unknown"
    return "partial" if filled > 0 else "accepted"


def changed_at(body: Body) -> datetime:
    """When an order changed last; unsaid it is the newest of what is said to have happened.

    Raises:
        ValueError, KeyError, TypeError: no time of it can be read.
    """
    with suppress(ValueError, TypeError):
        return moment(body.get("updated_at"))
    times = []
    for name in _HAPPENED:
        with suppress(ValueError, TypeError):
            times.append(moment(body.get(name)))
    return max(times) if times else moment(body["created_at"])


_HAPPENED = (
    "submitted_at",
    "filled_at",
    "canceled_at",
    "expired_at",
    "failed_at",
    "replaced_at",
)


def filled_of(body: Body) -> Decimal:
    """What an order has filled by itself."""
    return _number(body.get("filled_qty")) or ZERO


def qty_of(body: Body) -> Decimal | None:
    """What an order is for by itself; None of one in dollars."""
    return _number(body.get("qty"))


def is_live(body: Body) -> bool:
    """Whether an order may still fill; an unknown status counts as live."""
    return str(body.get("status")) not in _OVER


def is_replaced(body: Body) -> bool:
    """Whether another order took its place."""
    return str(body.get("status")) == "replaced"


def is_idle(body: Body, now: datetime) -> bool:
    """Whether it lives and may not fill: suspended, held, or a status that nobody knows.

    One may be done for the day while the market is open. The exits that a bracket or pair brings
    along are held until their turn has come.
    """
    status = str(body.get("status"))
    if status == "done_for_day":
        return NYSE.is_open(now)
    if status == "held":
        return body.get("order_class") not in ("bracket", "oco", "oto")
    return status == "suspended" or state_of(status, ZERO) == "unknown"


def legs_of(body: Body) -> list[Body]:
    """What is rolled up below an order: children of a bracket, legs of a spread."""
    legs = body.get("legs")
    return [leg for leg in legs if isinstance(leg, dict)] if isinstance(legs, list) else []


def is_spread(body: Body) -> bool:
    """Whether it is a multi-leg order or one of its legs."""
    return body.get("order_class") == "mleg"


def unit_of(body: Body) -> tuple[Side, tuple[Leg, ...]]:
    """Side and legs as Alpaca tells them: a spread is bought, its legs have the signs.

    Raises:
        ValueError, KeyError, TypeError: it cannot be told.
    """
    if not is_spread(body) or body.get("symbol"):
        instrument = instrument_of(word(body["symbol"]), str(body.get("asset_class") or ""))
        return Side(body["side"]), (Leg(instrument=instrument),)
    legs = tuple(
        Leg(
            instrument=instrument_of(word(leg["symbol"])),
            ratio=int(exact(str(leg["ratio_qty"]))) * Side(leg["side"]).sign,
        )
        for leg in legs_of(body)
    )
    if not legs:
        raise ValueError("a spread without its legs")
    return Side.BUY, legs


_KINDS: dict[str, FillKind] = {
    "fill": "fill",
    "partial_fill": "fill",
    "trade_correct": "correct",
    "trade_bust": "bust",
}


def fill_of_update(data: Body, account: str, ours: str, leg: int) -> BrokerFill:
    """An execution out of a trade update of one of :data:`FILLS`.

    Raises:
        ValueError, KeyError, TypeError: it names no execution, price or quantity.
    """
    order, kind = data["order"], _KINDS[str(data["event"])]
    is_bust = kind == "bust"
    return BrokerFill(
        execution_id=_execution_id(data["execution_id"]),
        client_order_id=ours,
        broker_id=ident(order["id"]),
        account=account,
        instrument=instrument_of(word(order["symbol"]), str(order.get("asset_class") or "")),
        leg=leg,
        side=Side(order["side"]),
        qty=_above_zero(data["qty"]),
        price=(_number(data.get("price")) or ZERO) if is_bust else _needed(data["price"]),
        fee_usd=ZERO,
        executed_at=moment(data.get("timestamp") or order["filled_at"]),
        kind=kind,
        of="" if kind == "fill" else _execution_id(data["previous_execution_id"]),
    )


FILLS = frozenset(_KINDS)
"""Trade updates that tell of an execution."""


def fill_of_activity(body: Body, account: str, ours: str, leg: int) -> BrokerFill:
    """An execution out of a FILL activity; the same id as its trade update had.

    Raises:
        ValueError, KeyError, TypeError: it cannot be read.
    """
    return BrokerFill(
        execution_id=_execution_id(body["id"]),
        client_order_id=ours,
        broker_id=ident(body["order_id"]),
        account=account,
        instrument=instrument_of(word(body["symbol"]), _class_of(word(body["symbol"]))),
        leg=leg,
        side=Side.SELL if str(body["side"]).startswith("sell") else Side(body["side"]),
        qty=_above_zero(body["qty"]),
        price=_needed(body["price"]),
        fee_usd=ZERO,
        executed_at=moment(body["transaction_time"]),
    )


def end_of_activity(body: Body, account: str) -> BrokerFill | None:
    """Expiry, assignment or exercise; None when it moves nothing.

    Raises:
        ValueError, KeyError, TypeError: it cannot be read.
    """
    moved = _needed(body["qty"])
    if moved == 0:
        return None
    name = str(body["activity_type"])
    price = _number(body.get("price")) or ZERO
    return BrokerFill(
        execution_id=_execution_id(body["id"]),
        client_order_id="",
        broker_id=str(body.get("group_id") or body["id"]),
        account=account,
        instrument=instrument_of(word(body["symbol"])),
        leg=1 if name == "OPTRD" else 0,
        side=Side.BUY if moved > 0 else Side.SELL,
        qty=abs(moved),
        price=price if name == "OPTRD" else ZERO,
        fee_usd=ZERO,
        executed_at=_activity_at(body),
        kind="expiry" if OPTION_ENDS[name] == "expiry" else "exercise",
    )


def position_of(body: Body, account: str) -> BrokerPosition:
    """A holding.

    Raises:
        ValueError, KeyError, TypeError: it cannot be read.
    """
    qty, side = _needed(body["qty"]), body.get("side")
    if side not in (None, "long", "short") or (qty < 0 and side == "long"):
        raise ValueError("a holding that is neither long nor short")
    return BrokerPosition(
        account=account,
        instrument=instrument_of(word(body["symbol"]), str(body.get("asset_class") or "")),
        qty=-abs(qty) if side == "short" else qty,
        avg_price=_number(body.get("avg_entry_price")),
        mark=_number(body.get("current_price")),
    )


_FACTS = (
    "status",
    "crypto_status",
    "account_blocked",
    "trading_blocked",
    "trade_suspended_by_user",
    "shorting_enabled",
    "multiplier",
    "options_trading_level",
    "options_buying_power",
    "non_marginable_buying_power",
    "daytrade_count",
    "pattern_day_trader",
)


def balance_of(body: Body, account: str, now: datetime) -> Balance:
    """Money, and what else decides whether the account may trade.

    Raises:
        ValueError: its cash is missing, or a figure that is told is none.
    """
    return Balance(
        account=account,
        cash_usd=_needed(body.get("cash")),
        buying_power_usd=_told(body, "buying_power"),
        equity_usd=_told(body, "equity"),
        as_of=now,
        facts={name: str(body[name]) for name in _FACTS if body.get(name) is not None},
    )


def account_of(body: Body) -> BrokerAccount:
    """The account behind the keys.

    Raises:
        KeyError: it has no number.
    """
    blocks = ("account_blocked", "trading_blocked", "trade_suspended_by_user")
    margin = str(body.get("multiplier") or "1")
    number = str(body.get("account_number") or body["id"])
    return BrokerAccount(
        number=number,
        kind="cash" if margin == "1" else f"margin x{margin}",
        is_paper=is_paper_number(number),
        may_trade=body.get("status") == "ACTIVE" and not any(body.get(b) is True for b in blocks),
    )


def is_paper_number(number: str) -> bool | None:
    """Paper accounts are ``PA...``, live ones all digits; None for anything else."""
    if number.upper().startswith("PA"):
        return True
    return False if number.isdigit() else None


# -- small parts ------------------------------------------------------------------------------


def moment(value: Any) -> datetime:
    """A time of Alpaca's, nanoseconds cut off.

    Raises:
        ValueError, TypeError: it is none, or has no zone.
    """
    at = datetime.fromisoformat(value)
    if at.tzinfo is None:
        raise ValueError("a time without its zone")
    return at.astimezone(UTC)


def asked(at: datetime) -> str:
    """A time as Alpaca's queries take it."""
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def asked_s(at: datetime) -> str:
    """The same for queries that know whole seconds only; never later than ``at``."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _activity_at(body: Mapping[str, Any]) -> datetime:
    """Non-trade activities may tell the day only: it ended with the session's close."""
    stamped = body.get("transaction_time") or body.get("created_at")
    if stamped:
        return moment(stamped)
    day = date.fromisoformat(str(body["date"])[:10])
    return datetime.combine(day, time(16), NEW_YORK).astimezone(UTC)


def _execution_id(text: Any) -> str:
    """``20220202135509981::2d7be4ff-...`` and ``2d7be4ff-...`` are one execution."""
    name = str(text or "").rpartition("::")[2]
    if not name:
        raise ValueError("an execution without its id")
    return name


def _class_of(symbol: str) -> str:
    """Activities do not say: a pair without its slash is the only doubtful name."""
    is_pair = len(symbol) >= 6 and symbol.endswith(("USD", "USDT", "USDC"))
    return "crypto" if is_pair else ""


def _average(body: Body) -> Decimal | None:
    """What was paid; no order is lost because it cannot be read."""
    with suppress(ValueError, TypeError, ArithmeticError):
        return _number(body.get("filled_avg_price"))
    return None


def _number(value: Any) -> Decimal | None:
    if value is None or value == "":
        return None
    return exact(value if isinstance(value, (str, int, Decimal)) else repr(value))


def _needed(value: Any) -> Decimal:
    number = _number(value)
    if number is None:
        raise ValueError("a number is missing")
    return number


def _told(body: Body, name: str) -> Decimal | None:
    """A figure that need not be told; one that is told empty is refused."""
    return _needed(body[name]) if name in body else None


def _above_zero(value: Any) -> Decimal:
    number = _needed(value)
    if number <= 0:
        raise ValueError("a quantity that is not above zero")
    return number
