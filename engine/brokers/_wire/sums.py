"""Executions where a broker tells only sums: what of an order is filled, and its average price.

What each look finds beyond the one before is one execution; less is a bust, another average of the
same a correction. It is written down, durable, before anybody hears of it: after a restart the same
sums give the same executions under the same ids.
"""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from engine.brokers import BrokerFill, BrokerOrder
from engine.brokers._wire.lasting import Lasting
from engine.brokers._wire.lines import Lines
from engine.clock import Clock
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.store import Tokens

_MICRO = Decimal("0.000001")
_KEPT = timedelta(days=100)
_LAG = timedelta(hours=1)
_ROUNDED = Decimal("0.0005")
"""Averages that differ by less are the same one, rounded."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One execution of one leg; figures as text, as they are kept."""

    execution_id: str
    leg: int = 0
    qty: str
    price: str
    fee: str
    at: str
    kind: Literal["fill", "bust", "correct"] = "fill"
    of: str = ""
    client_id: str = ""
    """Of its order: where a broker counts anew, its number is one of another order too."""


class Sums:
    """The executions of one connection, by account and the broker's order id."""

    def __init__(self, name: str, tokens: Tokens, clock: Clock) -> None:
        self._lines, self._clock = Lines(f"{name}-fills", tokens), clock
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._less, self._other = Lasting(clock), Lasting(clock)
        self._was: dict[tuple[str, int], tuple[Decimal, float]] = {}
        """Order and leg -> what it cost before its last correction, and when that was made."""

    async def load(self) -> None:
        """Read back what was told before, without what is long over."""
        rows = {key: of for row in await self._lines.load() for key, of in row.items()}
        since = self._clock.now() - _KEPT
        self._parts = {}
        for key, parts in rows.items():
            kept = tuple(Part(**part) for part in parts)
            if kept and datetime.fromisoformat(kept[-1].at) >= since:
                self._parts[key] = kept
        await self._lines.tidy({key: _rows(of)} for key, of in self._parts.items())

    def saw(
        self,
        order: BrokerOrder,
        average: Decimal | None,
        fee_usd: Decimal,
        at: datetime,
        *,
        leg: int = 0,
        filled: Decimal | None = None,
        may_lag: bool = False,
    ) -> None:
        """What the broker says now: ``filled`` of a leg at ``average``, all its fees so far.

        ``filled``: None where it is the order's. ``may_lag``: in a list that need not know yet what
        was told elsewhere a while ago.
        """
        filled = order.filled if filled is None else filled
        what = (_key(order), leg)
        known = self._of(order, leg)
        told = _qty(known)
        if may_lag and filled < told and self._is_of_late(known[-1]):
            return
        is_less = self._less.is_sure(what, filled if filled < told else None)
        if not average or filled < told:  # unsaid, for which some write 0: the next look has it
            self._other.is_sure(what, None)
        if is_less:
            self._take_back(order, leg, filled, at)
            known = self._of(order, leg)
        elif filled < told:
            return
        more = filled - _qty(known)
        if not average:
            return
        cost = average * filled
        if more > 0:
            price = (cost - _cost(known)) / more
            price = price if price > 0 else average  # the next looks correct what was before
            fee = max(fee_usd - _fees(known), ZERO)
            self._add(order, leg, qty=more, price=price, fee=_text(fee), at=at.isoformat())
        is_other = more == 0 < filled and not _is_same(cost, _cost(known), filled)
        if is_other and may_lag and self._is_of_before(what, cost, filled):
            return
        if self._other.is_sure(what, average if is_other else None):
            self._was[what] = (_cost(known), self._clock.monotonic())
            self._correct(order, leg, average, cost - _cost(known))

    def _is_of_before(self, what: tuple[str, int], cost: Decimal, filled: Decimal) -> bool:
        """Whether it is what was corrected of late."""
        was, at = self._was.get(what, (ZERO, 0.0))
        is_of_late = self._clock.monotonic() - at < _LAG.total_seconds()
        return what in self._was and is_of_late and _is_same(cost, was, filled)

    def _is_of_late(self, part: Part) -> bool:
        return self._clock.now() - datetime.fromisoformat(part.at) < _LAG

    async def keep(self) -> None:
        """Make it durable, before anything of it is told."""
        await self._lines.keep()

    def told(self, order: BrokerOrder) -> BrokerOrder:
        """The order with all of its executions."""
        fills = tuple(_fill(order, part) for part in self._all(order))
        legs = [(_key(order), n) for n in range(len(order.legs))]
        is_changing = any(self._less.is_said(leg) or self._other.is_said(leg) for leg in legs)
        return replace(order, fills=fills, is_changing=is_changing)

    def _all(self, order: BrokerOrder) -> list[Part]:
        """Its own; one that names no order of ours is of whatever bears that number."""
        known = self._parts.get(_key(order), ())
        mine = ("", order.client_order_id)
        return [p for p in known if not order.client_order_id or p.client_id in mine]

    def _of(self, order: BrokerOrder, leg: int) -> list[Part]:
        return [part for part in self._all(order) if part.leg == leg]

    def _take_back(self, order: BrokerOrder, leg: int, filled: Decimal, at: datetime) -> None:
        """Less is filled than was told: the newest are busted until no more than that stands."""
        for part in reversed(_standing(self._of(order, leg))):
            if _qty(self._of(order, leg)) <= filled:
                break
            of = part.execution_id
            bust = replace(part, execution_id=f"{of}-bust", at=at.isoformat(), kind="bust", of=of)
            self._put(order, bust)

    def _correct(self, order: BrokerOrder, leg: int, average: Decimal, missing: Decimal) -> None:
        """The same at another price: what cannot be told apart is put on the largest part.

        Where no price of one part explains it, all of them have cost the average.
        """
        parts = _standing(self._of(order, leg))
        largest = max(parts, key=lambda part: Decimal(part.qty))
        price = Decimal(largest.price) + missing / Decimal(largest.qty)
        wrong = [part for part in parts if Decimal(part.price) != average]
        right = [(largest, price)] if price > 0 else [(part, average) for part in wrong]
        for part, price in right:
            self._add(
                order,
                leg,
                qty=Decimal(part.qty),
                price=price,
                fee=part.fee,
                at=part.at,
                kind="correct",
                of=part.execution_id,
            )

    def _add(
        self, order: BrokerOrder, leg: int, *, qty: Decimal, price: Decimal, **more: Any
    ) -> None:
        n = sum(part.leg == leg for part in self._parts.get(_key(order), ())) + 1
        name, whose = f"{order.broker_id}-{leg}-{n}", order.client_order_id
        part = Part(
            execution_id=name,
            leg=leg,
            qty=f"{qty:f}",
            price=_text(price),
            client_id=whose,
            **more,
        )
        self._put(order, part)

    def _put(self, order: BrokerOrder, part: Part) -> None:
        key = _key(order)
        self._parts[key] = (*self._parts.get(key, ()), part)
        self._lines.note(key, {key: _rows(self._parts[key])})


def told_since(orders: Iterable[BrokerOrder], since: datetime) -> list[BrokerFill]:
    """Their executions since, oldest first; of corrections all, which bear the time of the fill."""
    fills = (f for order in orders for f in order.fills)
    found = [f for f in fills if f.executed_at >= since or f.kind == "correct"]
    return sorted(found, key=lambda f: (f.executed_at, f.execution_id))


def _fill(order: BrokerOrder, part: Part) -> BrokerFill:
    leg = order.legs[part.leg]
    is_buy = order.side.sign * leg.ratio > 0
    return BrokerFill(
        execution_id=part.execution_id,
        client_order_id=order.client_order_id,
        broker_id=order.broker_id,
        account=order.account,
        instrument=leg.instrument,
        leg=part.leg,
        side=Side.BUY if is_buy else Side.SELL,
        qty=Decimal(part.qty),
        price=Decimal(part.price),
        fee_usd=Decimal(part.fee),
        executed_at=datetime.fromisoformat(part.at),
        kind=part.kind,
        of=part.of,
    )


def _key(order: BrokerOrder) -> str:
    return f"{order.account}/{order.broker_id}"


def _rows(parts: Iterable[Part]) -> list[dict[str, Any]]:
    return [asdict(part) for part in parts]


def _standing(parts: list[Part]) -> list[Part]:
    undone = {part.of for part in parts}
    return [p for p in parts if p.kind != "bust" and p.execution_id not in undone]


def _qty(parts: list[Part]) -> Decimal:
    return sum((Decimal(part.qty) for part in _standing(parts)), ZERO)


def _cost(parts: list[Part]) -> Decimal:
    return sum((Decimal(p.qty) * Decimal(p.price) for p in _standing(parts)), ZERO)


def _is_same(cost: Decimal, known: Decimal, filled: Decimal) -> bool:
    return abs(cost - known) < _ROUNDED * filled


def _fees(parts: list[Part]) -> Decimal:
    return sum((Decimal(part.fee) for part in _standing(parts)), ZERO)


def _text(value: Decimal) -> str:
    return f"{value.quantize(_MICRO).normalize():f}"
