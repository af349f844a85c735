"""Executions where a broker tells only sums: what of an order is filled, and its average price.

What each look finds beyond the one before is one execution. It is written down, durable, before
anybody hears of it: after a restart the same sums give the same executions under the same ids.
"""

import asyncio
import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from engine.brokers import BrokerFill, BrokerOrder
from engine.brokers._wire.less import Less
from engine.clock import Clock
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.store import Tokens

_MICRO = Decimal("0.000001")
_KEPT = timedelta(days=100)
_LAG = timedelta(hours=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One execution of an order of one leg; figures as text, as they are kept."""

    execution_id: str
    qty: str
    price: str
    fee: str
    at: str
    kind: Literal["fill", "bust"] = "fill"
    of: str = ""


class Sums:
    """The executions of one connection, by account and the broker's order id."""

    def __init__(self, name: str, tokens: Tokens, clock: Clock) -> None:
        self._key, self._tokens, self._clock = f"{name}-fills", tokens, clock
        self._parts: dict[str, tuple[Part, ...]] = {}
        self._less = Less(clock)
        self._lock = asyncio.Lock()
        self._is_changed = False

    async def load(self) -> None:
        """Read back what was told before, without what is long over."""
        text = await self._tokens.load(self._key)
        rows = json.loads(text) if text else {}
        since = self._clock.now() - _KEPT
        self._parts = {}
        for key, parts in rows.items():
            kept = tuple(Part(**part) for part in parts)
            if kept and datetime.fromisoformat(kept[-1].at) >= since:
                self._parts[key] = kept

    def saw(
        self,
        order: BrokerOrder,
        average: Decimal | None,
        fee_usd: Decimal,
        at: datetime,
        *,
        may_lag: bool = False,
    ) -> None:
        """What the broker says now: ``order.filled`` at ``average``, all fees so far.

        ``may_lag``: in a list that need not know yet what was told elsewhere a while ago.
        """
        known = self._parts.get(_key(order), ())
        told = _qty(known)
        if may_lag and order.filled < told and self._is_of_late(known[-1]):
            return
        if self._less.is_sure(_key(order), order.filled, told):
            known = self._taken_back(order, known, at)
        elif order.filled < told:
            return
        more = order.filled - _qty(known)
        if more > 0 and average:  # unsaid, for which some write 0, the next look has it
            price = (order.filled * average - _cost(known)) / more
            part = Part(
                execution_id=f"{order.broker_id}-{len(known) + 1}",
                qty=f"{more:f}",
                price=_text(price),
                fee=_text(max(fee_usd - _fees(known), ZERO)),
                at=at.isoformat(),
            )
            self._put(order, (*known, part))

    def _is_of_late(self, part: Part) -> bool:
        return self._clock.now() - datetime.fromisoformat(part.at) < _LAG

    async def keep(self) -> None:
        """Make it durable, before anything of it is told."""
        async with self._lock:
            if not self._is_changed:
                return
            self._is_changed = False
            rows = {key: [asdict(part) for part in of] for key, of in self._parts.items()}
            try:
                await self._tokens.save(self._key, json.dumps(rows))
            except BaseException:
                self._is_changed = True
                raise

    def told(self, order: BrokerOrder) -> BrokerOrder:
        """The order with all of its executions."""
        leg = order.legs[0]
        is_buy = order.side.sign * leg.ratio > 0
        fills = tuple(
            BrokerFill(
                execution_id=part.execution_id,
                client_order_id=order.client_order_id,
                broker_id=order.broker_id,
                account=order.account,
                instrument=leg.instrument,
                leg=0,
                side=Side.BUY if is_buy else Side.SELL,
                qty=Decimal(part.qty),
                price=Decimal(part.price),
                fee_usd=Decimal(part.fee),
                executed_at=datetime.fromisoformat(part.at),
                kind=part.kind,
                of=part.of,
            )
            for part in self._parts.get(_key(order), ())
        )
        return replace(order, fills=fills)

    def _taken_back(
        self, order: BrokerOrder, known: tuple[Part, ...], at: datetime
    ) -> tuple[Part, ...]:
        """Less is filled than was told: the newest are busted until no more than that stands."""
        for part in reversed(_standing(known)):
            if _qty(known) <= order.filled:
                break
            bust = Part(
                execution_id=f"{part.execution_id}-bust",
                qty=part.qty,
                price=part.price,
                fee=part.fee,
                at=at.isoformat(),
                kind="bust",
                of=part.execution_id,
            )
            known = (*known, bust)
        self._put(order, known)
        return known

    def _put(self, order: BrokerOrder, parts: tuple[Part, ...]) -> None:
        self._parts[_key(order)] = parts
        self._is_changed = True


def _key(order: BrokerOrder) -> str:
    return f"{order.account}/{order.broker_id}"


def _standing(parts: tuple[Part, ...]) -> list[Part]:
    busted = {part.of for part in parts if part.kind == "bust"}
    return [p for p in parts if p.kind == "fill" and p.execution_id not in busted]


def _qty(parts: tuple[Part, ...]) -> Decimal:
    return sum((Decimal(part.qty) for part in _standing(parts)), ZERO)


def _cost(parts: tuple[Part, ...]) -> Decimal:
    return sum((Decimal(p.qty) * Decimal(p.price) for p in _standing(parts)), ZERO)


def _fees(parts: tuple[Part, ...]) -> Decimal:
    return sum((Decimal(part.fee) for part in _standing(parts)), ZERO)


def _text(value: Decimal) -> str:
    return f"{value.quantize(_MICRO).normalize():f}"
