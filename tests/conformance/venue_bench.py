"""A bench whose broker is outside: an adapter, and the imitation of its broker on loopback.

The venue lives as long as the bench; the adapter may die and be made anew. Whatever the cases
wait for is a condition: the venue worked everything off, and the adapter told of it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
import stamina
from pydantic import SecretStr

from engine.brokers import (
    Adapter,
    Broker,
    BrokerEvent,
    BrokerOrder,
    Filled,
    OrderSeen,
    Setup,
    StreamUp,
)
from engine.brokers._wire.http import READ_S
from engine.brokers._wire.lanes import Window
from engine.brokers.paper import PaperSettings
from engine.clock import Clock
from tests.conformance.broker_bench import START, Bench, MemoryVault, breathe
from tests.venues.venue import Venue

PATIENCE_S = 10.0
"""Real seconds that a condition may take; what does not come by then does not come."""
LOOK_S, STILL = 0.005, 80
"""So many looks in a row that find nothing new told and nothing asked: it does not come. Venue and
adapter share a loop: a busy machine that holds up one of them holds up the looks as well."""

VENUE = PaperSettings(
    start_cash_usd={"main": Decimal(100_000), "other": Decimal(50_000)},
    latency_ms=100,
    slippage_ticks=1,
    fee_per_option_contract_usd=Decimal(0),
    fee_per_future_contract_usd=Decimal(0),
)
"""No fees: brokers differ in when they say them. Cash is by our account names here."""


class MemoryTokens:
    """Tokens that outlive an adapter, as files do."""

    def __init__(self, kept: Mapping[str, str] | None = None) -> None:
        self.kept = dict(kept or {})
        self.n_written = 0
        """Characters that were made durable."""

    async def load(self, name: str) -> str | None:
        return self.kept.get(name)

    async def save(self, name: str, text: str) -> None:
        self.n_written += len(text)
        self.kept[name] = text

    async def append(self, name: str, text: str) -> None:
        self.n_written += len(text)
        self.kept[name] = self.kept.get(name, "") + text


class NoWait(Window):
    """A window that never fills: these cases are not about pace."""

    def __init__(self, clock: Clock, calls: float, seconds: float) -> None:
        del calls
        super().__init__(clock, 1_000_000, seconds)


@dataclass(kw_only=True)
class VenueBench(Bench):
    """An adapter at its venue. Everything of a broker that the cases need is given here."""

    adapter: type[Adapter]
    venue_type: Callable[..., Venue]
    """Its class, or what makes one of the same arguments."""
    settings: Callable[[str, str], Adapter.Settings]
    """Of the venue's http and ws address, both without a trailing slash."""
    secrets: Mapping[str, str] = field(default_factory=dict)
    numbers: Mapping[str, str] = field(default_factory=dict)
    """Our account name -> the broker's number; the venue keeps its books by number."""
    terms: PaperSettings = VENUE
    tokens: MemoryTokens = field(default_factory=MemoryTokens)
    paced: tuple[str, ...] = ("engine.brokers._wire.lanes.Window",)
    """Limiters of real time, by dotted name; replaced while the bench stands."""
    timeouts: tuple[str, ...] = ("engine.brokers._wire.http.READ_S",)
    """Read time-outs in seconds, by dotted name; shortened by :meth:`impatient`."""
    connect_faults: Callable[[Venue], None] = lambda _: None
    """Called before each connection, to prepare the venue."""
    venue: Venue = None  # type: ignore[assignment] - opened by the start
    make: Callable[[Bench], Broker] = lambda bench: bench.broker
    vault: Any = field(default_factory=MemoryVault)
    _patches: pytest.MonkeyPatch = field(default_factory=pytest.MonkeyPatch)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _given_up: int = 0

    # -- life

    def __post_init__(self) -> None:
        self.numbers = self.numbers or {"main": "main", "other": "other"}
        self.other = "other" if "other" in self.numbers else None
        self.latency_s = Decimal(self.terms.latency_ms) / 1000
        self.slip_ticks = self.terms.slippage_ticks
        for name in self.paced:
            self._patches.setattr(name, NoWait)

    async def start(self) -> "VenueBench":
        if self.venue is None:
            await self.open_venue()
        assert self.venue is not None
        self.connect_faults(self.venue)
        self.broker = self.build(self.venue.url, self.venue.ws_url, self.clock)
        try:
            await self.broker.connect()
        except BaseException:
            await self.broker.close()
            raise
        self._given_up = len(self.venue.happened)
        self._reader = asyncio.create_task(self._read(self.broker))
        if self.broker.caps.has_stream and not self.venue.is_deaf:
            await self.until(lambda: any(isinstance(e, StreamUp) for e in self.told))
        return self

    async def open_venue(self) -> Venue:
        """The broker opens, whether anybody connects or not."""
        stamina.set_testing(True, attempts=3, cap=True)  # as often as ever, without the pauses
        cash = {number: self.terms.start_cash_usd[n] for n, number in self.numbers.items()}
        self.venue = self.venue_type(
            self.clock, self.vault, replace(self.terms, start_cash_usd=cash), board=self.board
        )
        await self.venue.start()
        return self.venue

    def build(self, url: str, ws_url: str, clock: Clock) -> Any:
        """A new adapter, as the desk makes it; nothing is connected."""
        setup = Setup(
            name=self.adapter.__name__.lower(),
            clock=clock,
            accounts=dict(self.numbers),
            secrets={name: SecretStr(text) for name, text in self.secrets.items()},
            tokens=self.tokens,
        )
        return self.adapter(self.settings(url, ws_url), setup)

    async def _read(self, broker: Broker) -> None:
        async for event in broker.events():
            self.told.append(event)
            self._news.set()

    async def crash(self) -> None:
        """The adapter dies; the venue lives on, and hears of nothing that acts on its way out."""
        assert self._reader is not None
        acts = self.venue.log.n_acts
        self._reader.cancel()
        old, self.broker = self.broker, None
        await old.close()
        await asyncio.gather(self._reader, return_exceptions=True)
        assert self.venue.log.n_acts == acts, "closing touched an order"

    async def stop(self) -> None:
        try:
            if self.broker is not None:
                await self.broker.close()
            if self._reader is not None:
                await asyncio.wait_for(asyncio.gather(self._reader, return_exceptions=True), 20)
        finally:
            if self.venue is not None:
                await self.venue.stop()
            self._patches.undo()
            stamina.set_testing(False)
        if self.venue is not None:
            assert self.venue.log.violations == []

    def impatient(self, seconds: float = 1.0) -> None:
        """Shorten the wait for answers, before the start of whoever is to feel it."""
        for name in self.timeouts:
            self._patches.setattr(name, seconds)

    @asynccontextmanager
    async def out_of_patience(self) -> AsyncIterator[None]:
        """An answer that the venue keeps back meanwhile is given up at once, not after seconds.

        The loop's own clock leaps over the read time-out, once the venue is seen to hang. Not so
        for an adapter that waits in threads: there the wait is a real one.
        """
        loop: Any = asyncio.get_running_loop()
        time = loop.time

        async def leap() -> None:
            await self.venue.faults.is_hanging.wait()
            loop.time = lambda: time() + READ_S

        task = asyncio.create_task(leap())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    @asynccontextmanager
    async def eager(self, every_s: float = 0.5) -> AsyncIterator[None]:
        """Let the manual clock run meanwhile, so that pauses of the adapter end."""

        async def run() -> None:
            while True:
                self.clock.advance(every_s)
                await asyncio.sleep(0.005)

        task = asyncio.create_task(run())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    # -- waiting for conditions

    async def until(self, is_so: Callable[[], bool], patience_s: float = PATIENCE_S) -> bool:
        """Wait for something that comes with what is told; whether it came."""
        loop = asyncio.get_running_loop()
        end = loop.time() + patience_s
        while not is_so():
            self._news.clear()
            left = end - loop.time()
            if left <= 0:
                return False
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), left)
        return True

    async def settle(self) -> None:
        """Everything due happened at the venue, and was told by an adapter that tells."""
        await breathe()
        if self.venue is None:
            return
        await self.venue.exchange.settle()
        await self.venue.quiet()
        if self.broker is None or not self.broker.caps.has_stream:
            return
        if not await self._comes():
            self._given_up = len(self.venue.happened)  # asked for no more
        await breathe()

    async def _comes(self) -> bool:
        """Whether everything is told; no more is to be expected once nothing has moved for long."""
        loop = asyncio.get_running_loop()
        end, n_still, before = loop.time() + PATIENCE_S, 0, (0, 0)
        while not self._is_all_told():
            if n_still > STILL or loop.time() > end:
                return False
            self._news.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._news.wait(), LOOK_S)
            now = (len(self.told), self.venue.log.n_checked)
            n_still, before = (n_still + 1 if now == before else 0), now
        return True

    def _is_all_told(self) -> bool:
        happened = self.venue.happened[self._given_up :]
        hides = not self.broker.caps.finds_by_client_id
        lacks = _ends(happened, hides_ids=hides) - _ends(self.told, hides_ids=hides)
        return not lacks and _n_fills(happened) <= _n_fills(self.told)

    async def at_venue(self) -> list[BrokerOrder]:
        """Every order that the venue ever accepted, over all accounts."""
        ask, before = self.venue.exchange.orders_since, START - timedelta(days=1)  # clocks jump
        return [o for n in self.numbers.values() for o in await ask(n, before)]


def _ends(events: list[BrokerEvent], *, hides_ids: bool) -> Counter[tuple[str, str, Decimal]]:
    """The last that was said of each order: state and filled quantity."""
    last = {
        e.order.broker_id if hides_ids else e.order.client_order_id: e.order
        for e in events
        if isinstance(e, OrderSeen)
    }
    return Counter(
        ("" if hides_ids else key, order.state, order.filled) for key, order in last.items()
    )


def _n_fills(events: list[BrokerEvent]) -> int:
    return len({e.fill.execution_id for e in events if isinstance(e, Filled)})
