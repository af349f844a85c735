"""Orders as rows: what is working, what has ended, what is in doubt."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.instrument import Instrument
from engine.domain.order import Order, OrderState, OrderType, Purpose, Side
from engine.reports import Figure, Frame, Missing, Stamp, unit_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One order."""

    order_id: str
    trade_id: str
    alert_id: str
    label: str
    price_of: Instrument
    purpose: Purpose
    side: Side
    type: OrderType
    state: OrderState
    qty: Decimal
    filled: Decimal
    avg_price: Figure
    """Of what was filled, as booked."""
    attempt: int
    """1 at first; each repeat under the same id counts."""
    price: Figure
    """Limit, or the trigger of a stop; missing for market orders."""
    account: str
    broker: str
    reason: str
    age: timedelta
    """Since it was made, or its whole life once it is over."""
    at: datetime
    """Of its last change."""
    next_look_at: datetime | None = None
    """In doubt: when the broker is asked about it next; None: with each comparison."""
    person_at: datetime | None = None
    """In doubt: when a person is called, or was."""

    @property
    def is_over(self) -> bool:
        """Nothing but a late fill can follow."""
        return self.state.is_terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class OrdersReport:
    """Orders, newest change first."""

    stamp: Stamp
    rows: tuple[Row, ...]
    n_in_all: int
    n_live: int
    n_unknown: int


def build(
    frame: Frame, *, orders: Iterable[Order], limit: int = 10, n_in_all: int | None = None
) -> OrdersReport:
    """The ``limit`` orders that changed last, those that only wait for a person after them."""
    wanted = sorted(
        orders,
        key=lambda o: (o.state is not OrderState.PENDING_APPROVAL, o.updated_at, o.order_id),
        reverse=True,
    )
    rows = tuple(row(order, frame) for order in wanted[:limit])
    return OrdersReport(
        stamp=frame.stamp("orders"),
        rows=rows,
        n_in_all=len(wanted) if n_in_all is None else n_in_all,
        n_live=sum(not o.state.is_terminal for o in wanted),
        n_unknown=sum(o.state is OrderState.UNKNOWN for o in wanted),
    )


def row(order: Order, frame: Frame, ladder_s: Sequence[float] = ()) -> Row:
    """One order in short; ``ladder_s``: when one in doubt is looked up, counted from then on."""
    price = order.limit if order.limit is not None else order.stop
    end = order.updated_at if order.state.is_terminal else frame.now
    is_looked_up = order.is_in_doubt and order.state is not OrderState.SUBMITTING
    looks = [order.in_doubt_since + timedelta(seconds=s) for s in ladder_s if is_looked_up]
    nothing = "its executions are not booked yet" if order.filled else "nothing was filled"
    return Row(
        order_id=order.order_id,
        trade_id=order.trade_id,
        alert_id=order.alert_id,
        label=unit_label(order.legs),
        price_of=order.legs[0].instrument,
        purpose=order.purpose,
        side=order.side,
        type=order.type,
        state=order.state,
        qty=order.qty,
        filled=order.filled,
        avg_price=Missing(nothing) if order.avg_price is None else order.avg_price,
        attempt=order.attempt + 1,
        price=Missing("at market") if price is None else price,
        account=order.account,
        broker=order.broker,
        reason=order.reason,
        age=max(end - order.created_at, timedelta(0)),
        at=order.updated_at,
        next_look_at=next((at for at in looks if at > frame.now), None),
        person_at=looks[-1] if looks else None,
    )
