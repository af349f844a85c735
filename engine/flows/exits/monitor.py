"""Watch open trades: every quote asks the exit rules what to do."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.domain.order import Order
from engine.domain.quote import Quote
from engine.domain.record import Event
from engine.domain.trade import Trade, TradeState
from engine.flows.exits import settle
from engine.flows.holdings import water

log = logging.getLogger(__name__)


class Monitor:
    """Wakes on quotes of held instruments; one look per trade at a time, newest price wins.

    Trades are looked at side by side: one whose broker does not answer holds no other up.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._moved: set[str] = set()
        self._looking: set[str] = set()
        self._wake = asyncio.Event()
        self._trades_of: dict[str, dict[str, None]] = {}
        """Instrument -> live trades that have a leg in it, oldest first."""
        self._indexed: set[str] = set()
        desk.bus.listen(self._on_events)
        desk.board.listen(self._on_quote)

    def _on_events(self, events: Sequence[Event]) -> None:
        """What changed is looked at with fresh eyes."""
        bands, trades = self._desk.bands, self._desk.book.trades
        for event in events:
            for put in event.puts:
                if isinstance(put, Trade):
                    bands.drop(put.trade_id)
                    (self._index if put.trade_id in trades else self._forget)(put)
                elif isinstance(put, Order):
                    bands.drop(put.trade_id)

    def _index(self, trade: Trade) -> None:
        self._indexed.add(trade.trade_id)
        for leg in trade.legs:
            self._trades_of.setdefault(leg.instrument.key, {})[trade.trade_id] = None

    def _forget(self, trade: Trade) -> None:
        self._indexed.discard(trade.trade_id)
        for leg in trade.legs:
            known = self._trades_of.get(leg.instrument.key, {})
            known.pop(trade.trade_id, None)
            if not known:
                self._trades_of.pop(leg.instrument.key, None)

    def _in(self, key: str) -> list[Trade]:
        """Open trades with a leg in this instrument."""
        trades = self._desk.book.trades
        if len(trades) != len(self._indexed):  # loaded from the store, not heard of
            self._trades_of, self._indexed = {}, set()
            for trade in trades.values():
                self._index(trade)
        found = (trades.get(trade_id) for trade_id in self._trades_of.get(key, ()))
        return [t for t in found if t is not None and t.state is TradeState.OPEN]

    def _on_quote(self, quote: Quote) -> None:
        key = quote.instrument.key
        desk = self._desk
        desk.bars.add(key, quote.mid, quote.received_at)
        held = self._in(key)
        if not held:
            return
        now, bid, ask = desk.clock.monotonic(), float(quote.bid), float(quote.ask)
        for trade in held:
            touch = bid if trade.direction > 0 else ask
            if desk.bands.is_quiet(trade.trade_id, touch, now):
                _note_extreme(desk, trade, quote)
                continue
            if len(trade.legs) > 1 and (unit := desk.board.unit(trade.legs)) is not None:
                desk.bars.add(trade.trade_id, unit.mid, quote.received_at)
            water.note(desk, trade, desk.quote(trade.legs))
            self._moved.add(trade.trade_id)
        if self._moved - self._looking:
            self._wake.set()

    async def run(self) -> None:
        """Judge trades whose price moved, for ever."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            for trade_id in self._due():
                self._desk.spawn(self._look(trade_id), f"look {trade_id}")

    async def catch_up(self) -> None:
        """Judge every trade whose price moved since the last pass."""
        while due := self._due():
            await asyncio.gather(*(self._look(trade_id) for trade_id in due))

    def _due(self) -> list[str]:
        due = sorted(self._moved - self._looking)
        self._moved -= set(due)
        self._looking |= set(due)
        return due

    async def _look(self, trade_id: str) -> None:
        try:
            await guarded(
                self._desk, f"look {trade_id}", partial(settle.look, self._desk, trade_id)
            )
        finally:
            self._looking.discard(trade_id)
            if trade_id in self._moved:
                self._wake.set()


def _note_extreme(desk: Desk, trade: Trade, quote: Quote) -> None:
    """A quiet price may still be the best or the worst since entry."""
    last = quote.bid if trade.direction > 0 else quote.ask
    seen = desk.waters.get(trade.trade_id)
    if seen is None or not min(seen) <= last <= max(seen):
        water.note(desk, trade, desk.quote(trade.legs))


async def guarded(desk: Desk, part: str, work: Callable[[], Awaitable[None]]) -> None:
    """One piece of a round: its failure is shown, told in the log, and tried again next round."""
    try:
        await work()
    except TradeStreamError as error:
        desk.health[part] = str(error)
    except Exception as error:  # our own bug with one trade must not blind the others
        log.exception("%s failed", part)
        desk.health[part] = f"{type(error).__name__}: {error}"
    else:
        desk.health.pop(part, None)
