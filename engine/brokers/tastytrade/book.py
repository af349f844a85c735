"""What one connection remembers of orders: ids both ways, lineage of replacements, what was told.

All of it can be forgotten: after a restart the broker is asked again.
"""

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Generic, TypeVar

from engine.brokers import BrokerOrder

OVER = frozenset({"filled", "canceled", "expired", "rejected", "replaced"})
"""States after which an order works no more."""
_MOST = 5_000

T = TypeVar("T")


class Recent(Generic[T]):
    """The last few thousand entries by key; asking for one keeps it."""

    def __init__(self, most: int = _MOST) -> None:
        self._kept: OrderedDict[str, T] = OrderedDict()
        self._most = most

    def put(self, key: str, value: T) -> None:
        """Keep it, and let the oldest go when there are too many."""
        self._kept[key] = value
        self._kept.move_to_end(key)
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def get(self, key: str) -> T | None:
        """What was kept; None when nothing was."""
        return self._kept.get(key)

    def values(self) -> list[T]:
        """All that is kept."""
        return list(self._kept.values())

    def __contains__(self, key: object) -> bool:
        return key in self._kept


@dataclass
class Memory:
    """Of one connection."""

    ids: Recent[tuple[str, str]] = field(default_factory=Recent)
    """Our client id -> account number and the broker's id."""
    orders: Recent[BrokerOrder] = field(default_factory=Recent)
    """Broker's id -> what was last known of the order."""
    expected: Recent[Decimal] = field(default_factory=Recent)
    """Our client id -> dollars per contract that the broker expects to take."""
    names: Recent[str] = field(default_factory=Recent)
    """Broker's id -> our client id, of orders from before this login."""
    numbers: Recent[str] = field(default_factory=Recent)
    """The other way round."""
    by_hand: set[str] = field(default_factory=set)
    """Broker's ids of orders that somebody made of ours in tastytrade's app."""
    changing: set[str] = field(default_factory=set)
    """Our client ids of orders that the desk itself is changing, or may have changed."""
    hides_names: bool = False
    """It took our last order, or lists one, without our id: a list without an id proves nothing."""
    told: Recent[Decimal] = field(default_factory=Recent)
    """Executions that the stream told of -> the fee that it told."""

    def note(self, number: str, order: BrokerOrder) -> None:
        """Remember an order that was just read; readings may come in any order."""
        if order.client_order_id:
            known = self.ids.get(order.client_order_id)
            # An id that was used twice belongs to the newest order of it.
            if known is None or int_or_0(known[1]) <= int_or_0(order.broker_id):
                self.ids.put(order.client_order_id, (number, order.broker_id))
        before = self.orders.get(order.broker_id)
        if (
            before is not None
            and order.client_order_id
            and before.client_order_id != order.client_order_id
        ):
            before = None  # the broker counts anew: what it was called before is gone
        if before is None or (before.state not in OVER and before.filled <= order.filled):
            self.orders.put(order.broker_id, order)

    def recall(self, client_order_id: str, broker_id: str) -> None:
        """An order of ours from before this login, as it was numbered then."""
        self.names.put(broker_id, client_order_id)
        self.numbers.put(client_order_id, broker_id)

    def inherit(self, name: str, heir: str, theirs: str) -> bool:
        """Whether ``heir`` is what somebody made of an order of ours; ``theirs``: its own name.

        The desk gives what it changes a name of its own.
        """
        theirs = theirs or self.name_of(heir)
        if not name or theirs not in ("", name) or name in self.changing:
            return False
        self.names.put(heir, name)
        self.by_hand.add(heir)
        return True

    def named(self, order: BrokerOrder) -> BrokerOrder:
        """The order under our id, should this message of it have left that out."""
        name = order.client_order_id or self.name_of(order.broker_id)
        return replace(order, client_order_id=name)

    def name_of(self, broker_id: str) -> str:
        """Our id of an order that is told without it; empty when it is none of ours."""
        known = self.orders.get(broker_id)
        name = known.client_order_id if known is not None else ""
        return name or self.names.get(broker_id) or ""

    def beside(self, broker_id: str, client_order_id: str) -> list[str]:
        """Broker's ids of other working orders under our id: the broker takes one twice."""
        return [
            order.broker_id
            for order in self.orders.values()
            if order.client_order_id == client_order_id
            and order.broker_id != broker_id
            and order.state not in OVER
        ]

    def by_client_id(self, number: str, client_order_id: str) -> str | None:
        """The broker's id of an order of ours in this account."""
        known = self.ids.get(client_order_id)
        if known is None or known[0] != number:
            return None
        order = self.orders.get(known[1])
        is_it = order is not None and order.client_order_id == client_order_id
        return known[1] if is_it else None


def int_or_0(text: str) -> int:
    """Broker ids are numbers that grow; anything else is older than any."""
    return int(text) if text.isdigit() else 0
