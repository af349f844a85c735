"""The paper broker's book, and a draft of changes that becomes true all at once or not at all."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from operator import attrgetter

from engine.brokers import BrokerEvent, BrokerFill, Filled, OrderSeen
from engine.brokers.paper.match import Mark
from engine.brokers.paper.orders import PaperOrder, fill_of, fill_text, order_of, order_text, stamp
from engine.domain.copying import replace
from engine.domain.instrument import Instrument, parse_key
from engine.domain.money import ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """What an account holds of one instrument; ``qty`` signed."""

    instrument: Instrument
    qty: Decimal
    cost: Decimal
    """Sum of quantity x price still held, signed like ``qty``; kept exact, never averaged."""

    @property
    def avg_price(self) -> Decimal | None:
        """Average price of what is held; None when flat."""
        return self.cost / self.qty if self.qty else None


Timer = tuple[datetime, str, str]
"""When, what (``cancel``, ``contract``, ``expire``, ``ready``), and whose id.

At one and the same moment ends come first, then a new quote, then orders that get ready.
"""


_by_seq = attrgetter("seq")
_FINE = Decimal("1e-10")
"""Shares of a cost are cut here, so that the parts always add up to the whole."""


def traded(held: Holding, signed: Decimal, price: Decimal) -> tuple[Holding, Decimal]:
    """The holding after a trade, and the points it realised (quantity x price, no multiplier)."""
    before = held.qty
    if before * signed >= 0:
        return replace(held, qty=before + signed, cost=held.cost + signed * price), ZERO
    closed = min(abs(before), abs(signed)) * (1 if before > 0 else -1)
    part = held.cost if closed == before else (held.cost * closed / before).quantize(_FINE)
    opened = signed + closed
    after = replace(held, qty=before + signed, cost=held.cost - part + opened * price)
    return after, price * closed - part


class Book:
    """Committed truth in memory. Orders that are over stay as text until somebody asks."""

    def __init__(self, start_cash: Mapping[str, Decimal]) -> None:
        self.live: dict[str, PaperOrder] = {}
        self.done: dict[str, str] = {}
        self.fills: dict[str, str] = {}
        self.cash: dict[str, Decimal] = dict(start_cash)
        self.holdings: dict[str, dict[str, Holding]] = {account: {} for account in start_cash}
        self.groups_over: set[str] = set()
        self.marks: dict[str, Mark] = {}
        self.by_instrument: dict[str, set[str]] = {}
        self.by_account: dict[str, set[str]] = {account: set() for account in start_cash}
        self.by_group: dict[str, set[str]] = {}
        self.by_parent: dict[str, set[str]] = {}
        self.n_seen = 0

    def load(self, entries: Mapping[str, str]) -> None:
        """Take the vault's entries in."""
        for key, text in entries.items():
            kind, _, name = key.partition("/")
            if kind == "done":
                self.done[name] = text
            elif kind == "fill":
                self.fills[name] = text
            elif kind == "live":
                order = order_of(text)
                self._index(order)
                self.n_seen = max(self.n_seen, order.seq)
            elif kind == "cash":
                self.cash[name] = Decimal(text)
            elif kind == "over":
                self.groups_over.add(name)
            elif kind == "hold":
                account, _, instrument = name.partition("|")
                qty, cost = text.split(" ")
                self.holdings.setdefault(account, {})[instrument] = Holding(
                    instrument=parse_key(instrument), qty=Decimal(qty), cost=Decimal(cost)
                )

    def last_at(self) -> datetime | None:
        """When the book last changed; None when it is new."""
        stamps = [text[:32] for text in (*self.done.values(), *self.fills.values())]
        stamps += [stamp(order.updated_at) for order in self.live.values()]
        return datetime.fromisoformat(max(stamps)) if stamps else None

    def apply(self, draft: "Draft") -> None:
        """Make a saved draft true."""
        for order in draft.orders.values():
            if order.is_live:
                self._index(order)
            else:
                self._drop(order)
        self.fills.update(draft.fill_texts)
        self.cash.update(draft.cash_after)
        for (account, key), held in draft.held_after.items():
            if held.qty:
                self.holdings.setdefault(account, {})[key] = held
            else:
                self.holdings.get(account, {}).pop(key, None)
        self.marks.update(draft.marks_after)
        self.groups_over |= draft.groups_over
        self.n_seen += draft.n_new

    def _index(self, order: PaperOrder) -> None:
        self.live[order.id] = order
        for index, key in self._places(order):
            index.setdefault(key, set()).add(order.id)

    def _drop(self, order: PaperOrder) -> None:
        self.done[order.id] = order_text(order)
        self.live.pop(order.id, None)
        for index, key in self._places(order):
            ids = index.get(key, set())
            ids.discard(order.id)
            if not ids and index is not self.by_account:
                index.pop(key, None)

    def _places(self, order: PaperOrder) -> Iterator[tuple[dict[str, set[str]], str]]:
        request = order.request
        yield self.by_account, request.account
        for leg in request.legs:
            yield self.by_instrument, leg.instrument.key
        if request.oco_group is not None:
            yield self.by_group, group_key(request.account, request.oco_group)
        if order.parent:
            yield self.by_parent, order.parent


def group_key(account: str, group: str) -> str:
    """An OCO group's name across accounts."""
    return f"{account}|{group}"


class Draft:
    """Changes on top of the book: read through it, save ``puts()``, then apply."""

    def __init__(self, book: Book) -> None:
        self.book = book
        self.orders: dict[str, PaperOrder] = {}
        self.fill_texts: dict[str, str] = {}
        self.cash_after: dict[str, Decimal] = {}
        self.held_after: dict[tuple[str, str], Holding] = {}
        self.marks_after: dict[str, Mark] = {}
        self.groups_over: set[str] = set()
        self.events: list[BrokerEvent] = []
        self.timers: list[Timer] = []
        self.n_new = 0
        self._fresh: list[PaperOrder] = []
        self._opened: list[tuple[str, str]] = []

    # -- orders -------------------------------------------------------------------------------

    def find(self, client_order_id: str) -> PaperOrder | None:
        """An order, live or over."""
        order = self.orders.get(client_order_id) or self.book.live.get(client_order_id)
        if order is None and client_order_id in self.book.done:
            order = order_of(self.book.done[client_order_id])
        return order

    def knows(self, client_order_id: str) -> bool:
        """Whether this id was ever used."""
        return (
            client_order_id in self.orders
            or client_order_id in self.book.live
            or client_order_id in self.book.done
        )

    def next_seq(self) -> int:
        """A number after those of all live orders."""
        self.n_new += 1
        return self.book.n_seen + self.n_new

    def put(self, order: PaperOrder, *, is_news: bool = True) -> PaperOrder:
        """Note an order as it is now; ``is_news``: people outside are told."""
        if not self.knows(order.id):
            self._fresh.append(order)
        self.orders[order.id] = order
        if is_news:
            self.events.append(OrderSeen(order=order.report()))
        return order

    def on_instrument(self, key: str) -> list[PaperOrder]:
        """Live orders with a leg in this instrument, first accepted first."""
        fresh = (
            o.id for o in self._fresh if any(leg.instrument.key == key for leg in o.request.legs)
        )
        return self._live({*self.book.by_instrument.get(key, ()), *fresh})

    def of_account(self, account: str) -> list[PaperOrder]:
        """Live orders of an account, first accepted first."""
        return sorted(self.working(account), key=_by_seq)

    def working(self, account: str) -> Iterator[PaperOrder]:
        """The same in any order."""
        fresh = {o.id for o in self._fresh if o.request.account == account}
        return self._alive(self.book.by_account.get(account, set()) | fresh)

    def of_group(self, account: str, group: str) -> list[PaperOrder]:
        """Live orders of one OCO group."""
        fresh = (
            o.id
            for o in self._fresh
            if (o.request.account, o.request.oco_group) == (account, group)
        )
        return self._live({*self.book.by_group.get(group_key(account, group), ()), *fresh})

    def children(self, parent: str) -> list[PaperOrder]:
        """Live bracket children of an order."""
        moved = (o.id for o in self.orders.values() if o.parent == parent)
        ids = {*self.book.by_parent.get(parent, ()), *moved}
        return [order for order in self._live(ids) if order.parent == parent]

    def _live(self, ids: Iterable[str]) -> list[PaperOrder]:
        return sorted(self._alive(ids), key=_by_seq)

    def _alive(self, ids: Iterable[str]) -> Iterator[PaperOrder]:
        drafted, live = self.orders, self.book.live
        for client_order_id in ids:
            order = drafted.get(client_order_id) or live.get(client_order_id)
            if order is not None and order.is_live:
                yield order

    # -- money and holdings ---------------------------------------------------------------------

    def cash(self, account: str) -> Decimal:
        """Dollars, after this draft."""
        return self.cash_after.get(account, self.book.cash[account])

    def holding(self, account: str, instrument: Instrument) -> Holding:
        """What is held of one instrument; qty 0 when nothing is."""
        key = instrument.key
        drafted = self.held_after.get((account, key))
        if drafted is not None:
            return drafted
        known = self.book.holdings.get(account, {}).get(key)
        return known or Holding(instrument=instrument, qty=ZERO, cost=ZERO)

    def holdings(self, account: str) -> list[Holding]:
        """Everything held, after this draft."""
        merged = dict(self.book.holdings.get(account, {}))
        merged.update({key: h for (name, key), h in self.held_after.items() if name == account})
        return [held for held in merged.values() if held.qty]

    def book_fill(self, fill: BrokerFill) -> None:
        """Book one execution: holding, cash, journal, event.

        Futures move only what they realise; everything else is paid for in full.
        """
        signed = fill.qty * fill.side.sign
        before = self.holding(fill.account, fill.instrument)
        after, realised = traded(before, signed, fill.price)
        points = realised if fill.instrument.kind == "future" else -signed * fill.price
        self.held_after[fill.account, fill.instrument.key] = after
        if not before.qty and fill.instrument.kind == "option":
            self._opened.append((fill.account, fill.instrument.key))
        self.cash_after[fill.account] = (
            self.cash(fill.account) + points * fill.instrument.multiplier - fill.fee_usd
        )
        n = len(self.book.fills) + len(self.fill_texts)
        self.fill_texts[fill.execution_id] = fill_text(fill, n)
        self.events.append(Filled(fill=fill))

    def new_holdings(self) -> list[tuple[str, str]]:
        """Account and key of options held since this was asked last."""
        opened, self._opened = self._opened, []
        return opened

    # -- quotes ---------------------------------------------------------------------------------

    def mark(self, key: str) -> Mark | None:
        """The standing quote."""
        return self.marks_after.get(key) or self.book.marks.get(key)

    # -- saving ---------------------------------------------------------------------------------

    def puts(self) -> dict[str, str | None]:
        """What the vault must keep for this draft; empty when nothing durable changed."""
        puts: dict[str, str | None] = {}
        for order in self.orders.values():
            if order.is_live:
                puts[f"live/{order.id}"] = order_text(order)
            else:
                puts[f"live/{order.id}"] = None
                puts[f"done/{order.id}"] = order_text(order)
        for name, text in self.fill_texts.items():
            puts[f"fill/{name}"] = text
        for account, cash in self.cash_after.items():
            puts[f"cash/{account}"] = str(cash)
        for (account, key), held in self.held_after.items():
            name = f"hold/{account}|{key}"
            puts[name] = f"{held.qty} {held.cost}" if held.qty else None
        for group in self.groups_over:
            puts[f"over/{group}"] = ""
        return puts


def fills_since(book: Book, account: str, since: datetime) -> list[BrokerFill]:
    """Executions at or after ``since``, oldest first."""
    return [fill_of(text) for text in _texts_since(book.fills.values(), account, since)]


def orders_since(book: Book, account: str, since: datetime) -> list[PaperOrder]:
    """Orders changed at or after ``since``, live or over, oldest change first."""
    over = [order_of(text) for text in _texts_since(book.done.values(), account, since)]
    live = [
        order
        for order in book.live.values()
        if order.request.account == account and order.updated_at >= since
    ]
    return sorted([*over, *live], key=lambda order: (order.updated_at, order.seq))


def _texts_since(texts: Iterable[str], account: str, since: datetime) -> list[str]:
    least, wanted = stamp(since), f"|{account}|"
    return sorted(t for t in texts if t[:32] >= least and t.startswith(wanted, 32))
