"""An order inside the paper broker, and its text form in the vault."""

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter
from typing import Any

from engine.brokers import BrokerFill, BrokerOrder, LiveState, OrderRequest
from engine.domain.copying import replace
from engine.domain.instrument import Instrument, parse_key
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

STOPS = frozenset({OrderType.STOP, OrderType.STOP_LIMIT, OrderType.TRAILING})
LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


@dataclass(frozen=True, slots=True, kw_only=True)
class PaperOrder:
    """One order and everything the fill model must remember about it."""

    request: OrderRequest
    """As asked, without its children: these are orders of their own."""
    broker_id: str
    seq: int
    """Order of acceptance; of two orders that one quote can fill, the lower goes first."""
    state: LiveState = "accepted"
    qty: Decimal
    """Units in total, cut down by OCO partners; includes what a replaced order had filled."""
    held: Decimal = ZERO
    """Units of a bracket child that wait for the parent's fill."""
    filled: Decimal = ZERO
    """Units, those of the orders it replaced included."""
    n_fills: int = 0
    """Own fills, for execution ids."""
    accepted_at: datetime
    eligible_at: datetime
    expires_at: datetime | None = None
    cancel_at: datetime | None = None
    """When an asked-for cancellation takes effect; fills may still come before."""
    updated_at: datetime
    is_triggered: bool = False
    is_resting: bool = False
    """Its limit was in the book before the quote that fills it."""
    best: Decimal | None = None
    """Best touch since acceptance, for trailing."""
    parent: str = ""
    """Client id of the order that this bracket child protects."""
    replaces: str = ""
    reserved_usd: Decimal | None = ZERO
    """Buying power set aside for the whole order; None when no price was known."""
    reason: str = ""

    @property
    def id(self) -> str:
        """Client order id."""
        return self.request.client_order_id

    @property
    def is_live(self) -> bool:
        """May still fill."""
        return self.state in ("accepted", "partial")

    @property
    def leaves(self) -> Decimal:
        """Units at work in the market now."""
        return max(self.qty - self.held - self.filled, ZERO) if self.is_live else ZERO

    @property
    def stop_level(self) -> Decimal | None:
        """Trigger as it stands now; of a trailing order it only ever tightens."""
        request = self.request
        if request.type is not OrderType.TRAILING:
            return request.stop
        if self.best is None or request.trail is None:
            return request.stop
        level = self.best + request.trail * request.side.sign
        if request.stop is None:
            return level
        return min(level, request.stop) if request.side is Side.BUY else max(level, request.stop)

    def report(self) -> BrokerOrder:
        """As the broker tells of it."""
        request = self.request
        return BrokerOrder(
            client_order_id=self.id,
            broker_id=self.broker_id,
            account=request.account,
            state=self.state,
            side=request.side,
            legs=request.legs,
            qty=self.qty,
            filled=self.filled,
            type=request.type,
            limit=request.limit,
            stop=self.stop_level,
            reason=self.reason,
            updated_at=self.updated_at,
            raw_state=self._raw_state(),
        )

    def _raw_state(self) -> str:
        if not self.is_live:
            return self.state
        if self.cancel_at is not None:
            return "pending_cancel"
        if self.leaves == 0:
            return "held"
        return "triggered" if self.is_triggered else self.state


# -- text form --------------------------------------------------------------------------------


def stamp(at: datetime) -> str:
    """A moment in UTC as text that sorts by time."""
    return at.isoformat(timespec="microseconds")


def order_text(order: PaperOrder) -> str:
    """One line: time of the last change, account, body."""
    body = dict(zip(_ORDER_FIELDS, _order_values(order), strict=True))
    body["request"] = _request_body(order.request)
    return f"{stamp(order.updated_at)}|{order.request.account}|{_encode(body)}"


def order_of(text: str) -> PaperOrder:
    """Read an order back."""
    body = json.loads(text.split("|", 2)[2])
    for name in ("qty", "held", "filled"):
        body[name] = Decimal(body[name])
    for name in ("best", "reserved_usd"):
        body[name] = _decimal(body[name])
    for name in ("accepted_at", "eligible_at", "expires_at", "cancel_at", "updated_at"):
        body[name] = None if body[name] is None else datetime.fromisoformat(body[name])
    body["request"] = _request_of(body["request"])
    return PaperOrder(**body)


def fill_text(fill: BrokerFill, n: int) -> str:
    """One line that sorts as things happened: time, account, running number, body."""
    body = dict(zip(_FILL_FIELDS, _fill_values(fill), strict=True))
    return f"{stamp(fill.executed_at)}|{fill.account}|{n:010d}|{_encode(body)}"


def fill_of(text: str) -> BrokerFill:
    """Read an execution back."""
    body = json.loads(text.split("|", 3)[3])
    for name in ("qty", "price", "fee_usd"):
        body[name] = Decimal(body[name])
    body["instrument"] = parse_key(body["instrument"])
    body["side"] = Side(body["side"])
    body["executed_at"] = datetime.fromisoformat(body["executed_at"])
    return BrokerFill(**body)


_ORDER_FIELDS = tuple(PaperOrder.__dataclass_fields__)
_FILL_FIELDS = tuple(BrokerFill.__dataclass_fields__)
_order_values = attrgetter(*_ORDER_FIELDS)
_fill_values = attrgetter(*_FILL_FIELDS)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, datetime):
        return stamp(value)
    if isinstance(value, Instrument):
        return value.key
    raise TypeError(f"{type(value).__name__} has no text form")


_encode = json.JSONEncoder(default=_plain).encode


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _request_body(request: OrderRequest) -> dict[str, Any]:
    return {
        "id": request.client_order_id,
        "account": request.account,
        "side": request.side,
        "legs": [[leg.instrument.key, leg.ratio] for leg in request.legs],
        "qty": request.qty,
        "type": request.type,
        "limit": request.limit,
        "stop": request.stop,
        "trail": request.trail,
        "tif": request.tif,
        "reduces": request.reduces,
        "oco": request.oco_group,
    }


def _request_of(body: dict[str, Any]) -> OrderRequest:
    return OrderRequest(
        client_order_id=body["id"],
        account=body["account"],
        side=Side(body["side"]),
        legs=tuple(Leg(instrument=parse_key(key), ratio=ratio) for key, ratio in body["legs"]),
        qty=Decimal(body["qty"]),
        type=OrderType(body["type"]),
        limit=_decimal(body["limit"]),
        stop=_decimal(body["stop"]),
        trail=_decimal(body["trail"]),
        tif=Tif(body["tif"]),
        reduces=body["reduces"],
        oco_group=body["oco"],
    )


def over(order: PaperOrder, state: LiveState, at: datetime, reason: str) -> PaperOrder:
    """The order after its end."""
    return replace(order, state=state, held=ZERO, updated_at=at, reason=reason, cancel_at=None)
