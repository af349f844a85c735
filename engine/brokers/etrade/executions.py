"""Executions where the broker tells only sums: what was filled so far, and its average price.

What each look finds beyond the one before is one execution. They are written down, durable, before
anybody hears of them: after a restart the same sums give the same executions under the same ids.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from engine.brokers import BrokerFill, BrokerOrder, Tokens
from engine.brokers._wire.figures import Json, maybe, number
from engine.brokers._wire.less import Less
from engine.brokers.etrade.translate import instrument_of, many, moment
from engine.clock import Clock
from engine.domain.order import Side

_MICRO = Decimal("0.000001")
_KEPT = timedelta(days=100)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One execution of one leg."""

    execution_id: str
    leg: int
    qty: str
    price: str
    fee: str
    at: str
    kind: Literal["fill", "bust", "correct"] = "fill"
    of: str = ""


class Executions:
    """The executions of one connection, by account and order."""

    def __init__(self, name: str, tokens: Tokens, clock: Clock) -> None:
        self._key, self._tokens, self._clock = f"{name}-fills", tokens, clock
        self._parts: dict[str, list[Part]] = {}
        self._less = Less(clock)
        self._lock = asyncio.Lock()
        self._is_changed = False

    async def load(self) -> None:
        """Read back what was told before."""
        text = await self._tokens.load(self._key)
        rows: Mapping[str, list[dict[str, Any]]] = json.loads(text) if text else {}
        since = (self._clock.now() - _KEPT).isoformat()
        kept = {key: [Part(**row) for row in parts] for key, parts in rows.items()}
        self._parts = {k: parts for k, parts in kept.items() if parts[-1].at >= since}

    def look(self, order: BrokerOrder, row: Json) -> None:
        """Take in what the broker says now; ``row`` is the order as it lists it."""
        (detail, *_) = many(row.get("OrderDetail"))
        places = {leg.instrument: n for n, leg in enumerate(order.legs)}
        for one in many(detail.get("Instrument")):
            n = places[instrument_of(one["Product"])]
            filled = number(one.get("filledQuantity") or 0)
            price = maybe(one.get("averageExecutionPrice"))
            known = self._parts.get(_key(order), [])
            held, cost = _sum(known, n)
            if filled > 0 and not price:
                continue  # not yet said (0 is written where there is none): the next look has it
            at = _at(detail, self._clock.now())
            if self._less.is_sure((_key(order), n), filled, held):
                self._bust(order, n, at, filled)
                held, cost = _sum(self._parts[_key(order)], n)
            if filled > held:
                each = (filled * (price or Decimal(0)) - cost) / (filled - held)
                fee = _fees(one) * (filled - held)
                self._add(order, n, filled - held, each.quantize(_MICRO), fee, at)

    async def keep(self) -> None:
        """Durable, before anything of it is told."""
        async with self._lock:
            if not self._is_changed:
                return
            rows = {key: [asdict(p) for p in parts] for key, parts in self._parts.items()}
            await self._tokens.save(self._key, json.dumps(rows))
            self._is_changed = False

    def told(self, order: BrokerOrder) -> BrokerOrder:
        """The order with all of its executions; their legs are ours where the order is."""
        fills = tuple(_fill(order, part) for part in self._parts.get(_key(order), []))
        return replace(order, fills=fills)

    def _bust(self, order: BrokerOrder, leg: int, at: datetime, filled: Decimal) -> None:
        """Less is filled than was told: the newest are taken back until the rest fits."""
        parts = self._parts[_key(order)]
        undone = {p.of for p in parts if p.kind == "bust"}
        for part in reversed([p for p in parts if p.leg == leg and p.kind == "fill"]):
            if _sum(parts, leg)[0] <= filled:
                return
            if part.execution_id not in undone:
                self._put(order, part, at)

    def _put(self, order: BrokerOrder, undone: Part, at: datetime) -> None:
        parts = self._parts[_key(order)]
        parts.append(
            Part(
                execution_id=f"{undone.execution_id}-bust",
                leg=undone.leg,
                qty=undone.qty,
                price=undone.price,
                fee=undone.fee,
                at=at.isoformat(),
                kind="bust",
                of=undone.execution_id,
            )
        )
        self._is_changed = True

    def _add(
        self,
        order: BrokerOrder,
        leg: int,
        qty: Decimal,
        price: Decimal,
        fee: Decimal,
        at: datetime,
    ) -> None:
        parts = self._parts.setdefault(_key(order), [])
        count = sum(p.leg == leg for p in parts) + 1
        parts.append(
            Part(
                execution_id=f"{order.broker_id}-{leg}-{count}",
                leg=leg,
                qty=f"{qty:f}",
                price=f"{price.normalize():f}",
                fee=f"{fee:f}",
                at=at.isoformat(),
            )
        )
        self._is_changed = True


def _key(order: BrokerOrder) -> str:
    return f"{order.account}/{order.broker_id}"


def _sum(parts: list[Part], leg: int) -> tuple[Decimal, Decimal]:
    """Quantity and cost of what stands."""
    undone = {p.of for p in parts if p.kind == "bust"}
    stands = [
        p for p in parts if p.leg == leg and p.kind == "fill" and p.execution_id not in undone
    ]
    qty = sum((Decimal(p.qty) for p in stands), Decimal(0))
    return qty, sum((Decimal(p.qty) * Decimal(p.price) for p in stands), Decimal(0))


def _fees(row: Json) -> Decimal:
    """Per contract or share, as E*TRADE estimates them with the order."""
    total = number(row.get("estimatedCommission") or 0) + number(row.get("estimatedFees") or 0)
    return (total / number(row["orderedQuantity"])).quantize(_MICRO)


def _at(detail: Json, now: datetime) -> datetime:
    """When it was executed, where E*TRADE says so; else when we saw it."""
    executed, placed = maybe(detail.get("executedTime")), number(detail["placedTime"])
    return now if executed is None or executed < placed else moment(executed)


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
