"""The books of a desk and of its venue side by side, after the last of many deaths."""

import json
import sqlite3
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bot.config import load
from engine.clock import SystemClock
from engine.domain.desk import Intake
from engine.domain.order import Order, OrderState, Purpose
from engine.domain.trade import Execution, Position, Trade, TradeState
from storage.codec import shape_of
from storage.sql import SqlStore
from tests import truth
from tests.chaos.campaign import AUTO

if TYPE_CHECKING:
    from tests.chaos.abroad import Abroad

NAKED_S = 5.0
AT_VENUE = "P-"
"""Before our id it is the number of an order in the venue's own books, where it was told our id."""
DOUBTFUL = (OrderState.UNKNOWN, OrderState.SUBMITTING)


@dataclass
class Bare:
    """How long an entry's units were held without a working stop or close on a ready desk."""

    longest_s: float = 0.0
    worst: str = ""
    """Of what, and until when by the wall clock."""
    since: dict[tuple[str, str], float] = field(default_factory=dict)
    looked_at: float = 0.0

    def look(self, bare: set[tuple[str, str]], excused: set[str], now: float, clock: str) -> None:
        """One look; of an instrument that is excused the time stands still."""
        for of in self.since:
            if of[0] in excused:
                self.since[of] += now - self.looked_at
        self.looked_at = now
        still = {of: at for of, at in self.since.items() if of[0] in excused}
        live = {of for of in bare if of[0] not in excused}
        self.since = still | {of: self.since.get(of, now) for of in live}
        for (key, entry), at in self.since.items():
            if now - at > self.longest_s:
                self.longest_s, self.worst = now - at, f"{key} {entry} until {clock}"

    def forget(self) -> None:
        """The desk is not ready, or another one is."""
        self.since.clear()


class Disk:
    """The desk's tables as they lie on the disk, while it lives."""

    def __init__(self, file: Path) -> None:
        self._address = f"file:{file}?mode=ro"

    def _rows(self, query: str, *values: str) -> list[Any]:
        with closing(sqlite3.connect(self._address, uri=True)) as db:
            return db.execute(query, values).fetchall()

    def n_taken(self) -> int:
        """Alerts."""
        found: int = self._rows("SELECT count(*) FROM intake")[0][0]
        return found

    def orders(self, *states: OrderState) -> list[dict[str, Any]]:
        """Whole records, all or of these states."""
        marks = ",".join("?" * len(states))
        which = f" WHERE state IN ({marks})" if states else ""
        found = self._rows(f"SELECT doc FROM orders{which}", *(s.value for s in states))  # noqa: S608
        return [json.loads(doc) for (doc,) in found]

    def trades(self) -> list[Trade]:
        """Those that are open."""
        found = self._rows("SELECT doc FROM trades WHERE state = ?", TradeState.OPEN.value)
        return [shape_of(Trade).decode(doc) for (doc,) in found]

    def fresh_orders(self, numbers: Iterable[str]) -> list[Order]:
        """Those of open trades, the newest, and those of these numbers at the venue."""
        found = self._rows(
            "SELECT doc FROM orders WHERE trade_id IN (SELECT key FROM trades WHERE state = ?) "
            "OR born IN (SELECT born FROM orders ORDER BY born DESC LIMIT 200) "
            "OR ? || key IN (SELECT value FROM json_each(?)) "
            "OR json_extract(doc, '$.broker_id') IN (SELECT value FROM json_each(?))",
            TradeState.OPEN.value,
            AT_VENUE,
            *(json.dumps(list(numbers)),) * 2,
        )
        return [shape_of(Order).decode(doc) for (doc,) in found]

    def was_told(self, order_id: str) -> bool:
        """Whether the admins were called about it."""
        return bool(self._rows("SELECT 1 FROM outbox WHERE key = ?", f"note:unknown-{order_id}"))


async def audited(it: "Abroad") -> str:
    """Our books against the venue's own; one line of figures."""
    config = load(it.folder / "config.yaml")
    store = SqlStore(config.database_url(), config.audit_key(), SystemClock())
    await store.open()
    try:
        return await _compared(it, store)
    finally:
        await store.close()


async def _compared(it: "Abroad", store: SqlStore) -> str:
    chain = await store.verify()
    assert chain.is_ok, chain
    taken = Counter(i.message_id for i in await store.find(Intake))
    assert not [m for m, n in taken.items() if n > 1], "a message was taken in twice"
    lost = it.tally.posted - set(taken)
    assert not lost, f"{len(lost)} alerts lost"
    await truth.positions_are_sums_of_fills(store)
    await truth.orders_have_a_mandate(store, AUTO)
    orders = await store.find(Order)
    open_ends = (*DOUBTFUL, OrderState.INTENT)
    doubts = [(o.order_id, o.reason) for o in orders if o.state in open_ends]
    assert not doubts, f"never resolved: {doubts}"
    start = min((o.created_at for o in orders), default=SystemClock().now())
    books = await it.venue.books(it.number, start)
    sent = [o for o in orders if o.sent_at is not None]
    chained = {o.replaces for o in sent if o.replaces}  # changed in place: one number for all
    named = [o.broker_id for o in sent if o.broker_id and o.order_id not in chained]
    assert len(named) == len(set(named)), "two of our orders claim one of the broker's"
    n_known = sum(bool(o.broker_id) for o in sent)  # each life of one that was changed counts
    n_there = len(books.orders)
    assert n_there == n_known, f"{n_there} orders there, {n_known} known to us"
    executions = await store.find(Execution)
    there, ours = Counter[str](), Counter[str]()
    for key, qty in books.fills:
        there[key] += int(qty)
    for done in executions:
        ours[done.instrument.key] += int(done.qty * done.side.sign)
    assert +there == +ours, f"filled there {there}, booked here {ours}"
    assert -there == -ours, f"filled there {there}, booked here {ours}"
    n_filled = sum(abs(qty) for _, qty in books.fills)
    assert n_filled == sum(e.qty for e in executions), "a fill booked twice"
    held: dict[str, Decimal] = {}
    for position in await store.find(Position):
        if position.qty:
            key = position.instrument.key
            held[key] = held.get(key, Decimal(0)) + position.qty
    assert held == books.held, (held, books.held)
    assert not books.violations, books.violations
    assert it.bare.longest_s <= NAKED_S, f"{it.bare.longest_s:.1f} s bare: {it.bare.worst}"
    naked = [t for t in await store.find(Trade) if t.is_unprotected_since and t.stop]
    assert not naked, f"left without a stop: {[t.trade_id for t in naked]}"
    assert books.fills or it.tally.kills < 6, "nothing was traded at all"
    exits = [o for o in orders if o.purpose is not Purpose.ENTRY and o.filled]
    return (
        f"{it.tally.kills} kills ({it.n_venue_kills} by the venue within an order, "
        f"{it.tally.kills_while_starting} while starting), "
        f"{len(it.tally.posted)} alerts, {n_there} orders at the broker, "
        f"{len(exits)} exits filled, {len(books.fills)} fills; "
        f"0 lost, 0 doubled, holdings equal, {it.n_decided} decided by a person, "
        f"longest without a working stop {it.bare.longest_s:.1f} s ({it.bare.worst}), "
        f"{books.n_checked} requests checked, audit chain ok ({chain.n_events} rows)"
    )
