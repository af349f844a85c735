"""What each of Alpaca's order ids stands for: ours, a child of ours, or one leg of a spread.

Alpaca gives the children of a bracket, and the legs of a spread, client ids of its own making;
and it counts the fills of a replacement from zero. All of that is put right by what is kept here.
"""

import json
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from engine.brokers import OrderRequest
from engine.brokers.alpaca.reading import (
    changed_at,
    client_id,
    filled_of,
    is_live,
    is_replaced,
    is_spread,
    legs_of,
    unit_of,
)
from engine.brokers.alpaca.translate import Body, children, instrument_of
from engine.domain.money import ZERO
from engine.domain.order import Side
from engine.domain.quote import Leg

T = TypeVar("T")

_MOST = 20_000
_MOST_CHILDREN = 1_000
LONGEST_CHAIN = 100

Unit = tuple[Side, tuple[Leg, ...]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """One order at Alpaca."""

    ours: str
    """Our client id; empty for somebody else's."""
    leg: int = 0
    spread: str = ""
    """Alpaca's id of the spread that it is a leg of."""
    replaces: str = ""
    filled: Decimal = ZERO
    is_live: bool = True
    is_replaced: bool = False
    changed_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """One order that an entry brought along, under an id of ours that Alpaca never hears."""

    parent: str
    is_stop: bool
    broker_id: str = ""


class Register:
    """Remembers orders as they are seen; children outlive the process as text."""

    def __init__(self) -> None:
        self._orders: dict[str, Known] = {}
        self._by_ours: dict[str, str] = {}
        self._units: dict[str, Unit] = {}
        self._children: dict[str, Child] = {}
        self._child_ids: dict[str, str] = {}
        """Alpaca's id of a child -> ours."""

    # -- what we ask for

    def expect(self, request: OrderRequest) -> bool:
        """An order is about to be sent; whether it brings children that must be kept."""
        if len(request.legs) > 1:
            _put(self._units, request.client_order_id, (request.side, request.legs))
        if not request.attached:
            return False
        _, stops = children(request)
        for child in request.attached:
            self._children[child.client_order_id] = Child(
                parent=request.client_order_id, is_stop=child in stops
            )
        while len(self._children) > _MOST_CHILDREN:
            del self._children[next(iter(self._children))]
        return True

    def recall(self, ours: str, order_id: str) -> None:
        """One of ours from before this login; Alpaca gives no id twice."""
        self._by_ours.setdefault(ours, order_id)

    def child(self, ours: str) -> Child | None:
        """What is known of a child by our id."""
        return self._children.get(ours)

    def dump(self) -> str:
        """The children as text."""
        return json.dumps(
            {name: [c.parent, c.is_stop, c.broker_id] for name, c in self._children.items()}
        )

    def load(self, text: str | None) -> None:
        """Read them back; a text that is none of ours is as good as none."""
        try:
            kept = json.loads(text or "{}")
            self._children = {
                str(name): Child(parent=str(parent), is_stop=bool(stop), broker_id=str(broker_id))
                for name, (parent, stop, broker_id) in kept.items()
            }
        except (ValueError, TypeError, AttributeError):
            self._children = {}
        self._child_ids = {c.broker_id: name for name, c in self._children.items() if c.broker_id}

    # -- what we see

    def note(self, body: Body) -> None:
        """Take in an order as Alpaca told it, and what is rolled up below it.

        Raises:
            KeyError, TypeError, ValueError: it cannot be read.
        """
        order_id = str(body["id"])
        ours = self.ours(body)
        known = self._orders.get(order_id)
        filled = max(filled_of(body), known.filled if known else ZERO)
        seen = Known(
            ours=ours or (known.ours if known else ""),
            leg=known.leg if known else 0,
            spread=known.spread if known else "",
            replaces=str(body.get("replaces") or (known.replaces if known else "")),
            filled=filled,
            is_live=is_live(body) and (known is None or known.is_live),
            is_replaced=is_replaced(body) or (known is not None and known.is_replaced),
            changed_at=changed_at(body),
        )
        self._keep(order_id, seen)
        if seen.ours and seen.ours not in self._units and is_spread(body) and legs_of(body):
            _put(self._units, seen.ours, unit_of(body))
        for n, leg in enumerate(legs_of(body)):
            if is_spread(body):
                self._note_leg(order_id, seen.ours, n, leg)
            else:
                self._note_child(seen.ours, leg)

    def _note_leg(self, spread: str, ours: str, n: int, leg: Body) -> None:
        unit = self._units.get(ours)
        if unit is not None:
            key = instrument_of(str(leg["symbol"])).key
            names = [asked.instrument.key for asked in unit[1]]
            n = names.index(key) if key in names else n
        self._keep(
            str(leg["id"]),
            Known(ours=ours, leg=n, spread=spread, filled=filled_of(leg), is_live=is_live(leg)),
        )

    def _note_child(self, parent: str, leg: Body) -> None:
        leg_id, is_stop = str(leg["id"]), "stop" in str(leg.get("type") or leg.get("order_type"))
        for name, child in self._children.items():
            if child.parent == parent and child.is_stop == is_stop and parent:
                if not child.broker_id:
                    self._children[name] = replace(child, broker_id=leg_id)
                if self._children[name].broker_id == leg_id:
                    self._child_ids[leg_id] = name
        self.note(leg)

    def _keep(self, order_id: str, known: Known) -> None:
        _put(self._orders, order_id, known)
        if known.ours and not known.spread:
            _put(self._by_ours, known.ours, order_id)

    # -- questions

    @property
    def is_new(self) -> bool:
        """No order was seen yet."""
        return not self._orders

    def get(self, order_id: str) -> Known | None:
        """What is known of one of Alpaca's ids."""
        return self._orders.get(order_id)

    def ours(self, body: Body) -> str:
        """Our client id of an order; empty when it is none of ours."""
        order_id = str(body.get("id"))
        own = client_id(body.get("client_order_id")) or self._child_ids.get(order_id, "")
        return own or self.owner(order_id) or self._before(body)

    def owner(self, order_id: str) -> str:
        """Our client id of one of Alpaca's; empty when it is none of ours."""
        known = self._orders.get(order_id)
        if known is None or known.ours:
            return known.ours if known is not None else ""
        return self._heir_of(known.replaces, is_at_work=known.filled > 0)

    def is_by_hand(self, body: Body) -> bool:
        """Whether it is what a person made of an order of ours."""
        before = self._before(body)
        return bool(before) and before == self.ours(body)

    def _before(self, body: Body) -> str:
        return self._heir_of(str(body.get("replaces") or ""), is_at_work=filled_of(body) > 0)

    def _heir_of(self, order_id: str, *, is_at_work: bool) -> str:
        """Ours of an order that a person changed in Alpaca's app: the changed one is new there.

        A change that was refused leaves the order as it was, and the new one is nobody's.
        """
        for _ in range(LONGEST_CHAIN):
            known = self._orders.get(order_id)
            if known is None or not (known.is_replaced or is_at_work):
                return ""
            if known.ours:
                return known.ours
            order_id, is_at_work = known.replaces, False
        return ""

    def broker_id(self, ours: str) -> str | None:
        """Alpaca's id of one of our orders, when it was seen."""
        child = self._children.get(ours)
        return self._by_ours.get(ours) or (child.broker_id or None if child else None)

    def unit(self, body: Body) -> Unit | None:
        """Side and legs of a spread as we asked for them."""
        return self._units.get(self.ours(body))

    def moving(self, since: datetime) -> list[str]:
        """Alpaca's ids of our orders that were alive when last seen, or changed since."""
        return [
            order_id
            for order_id, known in self._orders.items()
            if known.ours and not known.spread
            if known.is_live or (known.changed_at is not None and known.changed_at >= since)
        ]


def _put(table: dict[str, T], key: str, value: T) -> None:
    """Add, and forget the oldest: a day has a few thousand at most."""
    table[key] = value
    if len(table) > _MOST:
        del table[next(iter(table))]
