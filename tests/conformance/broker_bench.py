"""A broker and the world around it: what each adapter must offer to run the conformance suite."""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
from importlib import import_module
from itertools import count
from typing import Any

import pytest

from engine.brokers import (
    Broker,
    BrokerEvent,
    BrokerFill,
    BrokerOrder,
    Filled,
    OrderRequest,
    OrderSeen,
    Seen,
)
from engine.brokers.paper import Hours, PaperBroker, PaperSettings
from engine.clock import ManualClock
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import Instrument, future, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg, Quote
from engine.feeds import QuoteBoard
from engine.sizing import FUTURES_MARGIN_USD
from engine.store import Vault

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)  # a Wednesday, 10:00 in New York
SPY = stock("SPY")
CALL = option("SPY", date(2026, 11, 20), D(600), "C")
HIGH_CALL = option("SPY", date(2026, 11, 20), D(605), "C")
MES = future("MES", date(2026, 12, 1))


class MemoryVault:
    """The vault contract on a dict; can be told to fail, and counts its saves."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}
        self.n_saves = 0
        self.failures: list[BaseException] = []
        self.late_failures: list[BaseException] = []
        self.gate: asyncio.Event | None = None

    async def load(self) -> dict[str, str]:
        return dict(self.kept)

    async def save(self, puts: Mapping[str, str | None]) -> None:
        if self.gate is not None:
            await self.gate.wait()
        if self.failures:
            raise self.failures.pop(0)
        self.n_saves += 1
        for key, text in puts.items():
            if text is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = text
        if self.late_failures:
            raise self.late_failures.pop(0)


async def breathe(times: int = 12) -> None:
    for _ in range(times):
        await asyncio.sleep(0)


@dataclass
class Bench:
    """One broker on one clock and one board. ``make`` builds it anew over what is durable.

    The cases trade ``it`` and ``it2``: contracts of a kind that this broker has. They are written
    in cents around 2.00; what trades in other steps is given prices as many ticks away.
    """

    make: Callable[["Bench"], Broker]
    vault: Vault
    account: str = "main"
    other: str | None = "other"
    """A second account of the same login; None where a login reaches only one."""
    it: Instrument = CALL
    it2: Instrument = HIGH_CALL
    latency_s: Decimal = Decimal("0.1")
    slip_ticks: int = 1
    cash: Decimal = Decimal(100_000)
    clock: ManualClock = field(default_factory=lambda: ManualClock(START))
    board: QuoteBoard = field(default_factory=QuoteBoard)
    broker: Any = None
    told: list[BrokerEvent] = field(default_factory=list)
    _reader: asyncio.Task[None] | None = None
    _ids: Any = field(default_factory=lambda: count(1))

    # -- life

    async def start(self) -> "Bench":
        self.broker = self.make(self)
        await self.broker.connect()
        self._reader = asyncio.create_task(self._read(self.broker))
        await breathe()
        return self

    async def _read(self, broker: Broker) -> None:
        async for event in broker.events():
            self.told.append(event)

    async def crash(self) -> None:
        """Forget the process without telling the broker anything, as kill -9 does."""
        assert self._reader is not None
        self._reader.cancel()
        old, self.board = self.broker, QuoteBoard()
        self.broker = None
        await old.close()  # only so that its tasks do not linger: nothing is saved by closing

    async def restart(self) -> None:
        await self.crash()
        self.told = []
        await self.start()

    async def stop(self) -> None:
        if self.broker is not None:
            await self.broker.close()
        if self._reader is not None:
            await asyncio.wait_for(asyncio.gather(self._reader, return_exceptions=True), 20)

    # -- world

    async def quote(
        self,
        instrument: Instrument,
        bid: str | Decimal,
        ask: str | Decimal,
        sizes: tuple[int, int] | None = None,
    ) -> Quote:
        """Show a price to the market and let everything come of it that comes of it."""
        quote = self.quote_of(instrument, bid, ask, sizes)
        self.board.put(quote)
        await self.settle()
        await self.look()
        return quote

    async def look(self) -> None:
        """Poll as the desk does where nothing is told; some brokers tell sums only when asked."""
        if self.broker is not None and not self.broker.caps.has_stream:
            with suppress(BrokerUnavailable):
                await self.broker.fills_since(self.account, START)

    def quote_of(
        self,
        instrument: Instrument,
        bid: str | Decimal,
        ask: str | Decimal,
        sizes: tuple[int, int] | None = None,
    ) -> Quote:
        return Quote(
            instrument=instrument,
            bid=self.px(bid, instrument),
            ask=self.px(ask, instrument),
            bid_size=None if sizes is None else D(sizes[0]),
            ask_size=None if sizes is None else D(sizes[1]),
            exchange_at=self.clock.now(),
            received_at=self.clock.now(),
            source="bench",
        )

    def px(self, price: str | Decimal, instrument: Instrument | None = None) -> Decimal:
        """A price of the cases as one of the instrument's."""
        price, instrument = D(price), instrument or self.it
        if instrument.kind != "future" or not (price.is_finite() and D("0.1") <= price <= 1000):
            return price
        return D(6700) + self.steps(price - 2, instrument)

    def steps(self, distance: str | Decimal, instrument: Instrument | None = None) -> Decimal:
        """So many cents of the cases as so many ticks."""
        return D(distance) * 100 * (instrument or self.it).tick

    async def wait(self, seconds: float | Decimal) -> None:
        self.clock.advance(float(seconds))
        await breathe()
        await self.settle()
        await self.look()

    async def pass_latency(self) -> None:
        await self.wait(self.latency_s + D("0.001"))

    async def settle(self) -> None:
        await breathe()

    # -- orders

    def id(self) -> str:
        return f"TS{next(self._ids):018d}"

    def request(
        self,
        side: Side = Side.BUY,
        qty: str | int | Decimal = 1,
        type: OrderType = OrderType.MARKET,  # noqa: A002
        instrument: Instrument | None = None,
        *,
        limit: str | Decimal | None = None,
        stop: str | Decimal | None = None,
        trail: str | Decimal | None = None,
        legs: tuple[Leg, ...] | None = None,
        **more: Any,
    ) -> OrderRequest:
        more.setdefault("client_order_id", self.id())
        more.setdefault("account", self.account)
        legs = legs or (Leg(instrument=instrument or self.it),)
        thing = legs[0].instrument
        return OrderRequest(
            side=side,
            legs=legs,
            qty=D(qty),
            type=type,
            limit=None if limit is None else self.px(limit, thing),
            stop=None if stop is None else self.px(stop, thing),
            trail=None if trail is None else self.steps(trail, thing),
            **more,
        )

    async def submit(self, *args: Any, **more: Any) -> BrokerOrder:
        order: BrokerOrder = await self.broker.submit(self.request(*args, **more))
        return order

    async def hold(self, qty: int, instrument: Instrument | None = None, at: str = "2.00") -> None:
        """Open a position: long when qty > 0."""
        instrument = instrument or self.it
        await self.quote(instrument, at, at)
        side = Side.BUY if qty > 0 else Side.SELL
        order = await self.submit(side, abs(qty), OrderType.LIMIT, instrument, limit=at)
        await self.pass_latency()
        assert (await self.seen(order)).state == "filled"

    def affordable(self, limit: str = "2.00") -> int:
        """So many of ``it`` that twice as many are too many for the account's money."""
        price = self.px(limit)
        each = {
            "option": price * 100 + 6,
            "future": FUTURES_MARGIN_USD.get(self.it.symbol, D(0)) + 5,
        }.get(self.it.kind, price * D("1.03"))
        return int(self.cash / each)

    def needs(self, kind: str | None = None, **wanted: Any) -> None:
        """Skip the case when the broker's caps do not promise it; ``kind``: of ``it``."""
        kind = kind or self.it.kind
        caps = self.broker.caps.by_kind.get(kind)
        if caps is None:
            pytest.skip(f"{self.broker.name} does not trade {kind}")
        if wanted.pop("type", OrderType.LIMIT) not in caps.order_types:
            pytest.skip(f"{self.broker.name} lacks that order type for {kind}")
        if wanted.pop("tif", Tif.DAY) not in caps.tifs:
            pytest.skip(f"{self.broker.name} lacks that time in force for {kind}")
        for name, value in wanted.items():
            if getattr(caps, name) != value:
                pytest.skip(f"{self.broker.name} for {kind}: {name} is not {value}")

    def promises(self, **wanted: Any) -> None:
        """Skip the case when the broker as a whole does not promise it."""
        for name, value in wanted.items():
            if getattr(self.broker.caps, name) != value:
                pytest.skip(f"{self.broker.name}: {name} is not {value}")

    def second_account(self) -> str:
        """Another account of the login."""
        if self.other is None:
            pytest.skip(f"a login of {self.broker.name} reaches one account")
        return self.other

    # -- reading

    async def seen(self, order: BrokerOrder | OrderRequest | str) -> BrokerOrder:
        key = order if isinstance(order, str) else order.client_order_id
        if not self.broker.caps.finds_by_client_id and isinstance(order, BrokerOrder):
            listed = await self.broker.orders_since(self.account, START)
            return one(o for o in listed if o.broker_id == order.broker_id)
        found = await self.broker.find(self.account, key)
        assert isinstance(found, Seen), found
        return found.order

    async def fills(self, order: BrokerOrder | OrderRequest | None = None) -> list[BrokerFill]:
        fills: list[BrokerFill] = await self.broker.fills_since(self.account, START)
        if order is None:
            return fills
        return [f for f in fills if f.client_order_id == order.client_order_id]

    async def position(self, instrument: Instrument | None = None) -> Decimal:
        instrument = instrument or self.it
        held = await self.broker.positions(self.account)
        return sum((p.qty for p in held if p.instrument == instrument), D(0))

    async def cash_now(self) -> Decimal:
        balance = await self.broker.balance(self.account)
        assert balance.cash_usd is not None
        return D(balance.cash_usd)

    def told_fills(self) -> list[BrokerFill]:
        return [e.fill for e in self.told if isinstance(e, Filled)]

    def told_states(self, order: BrokerOrder | OrderRequest) -> list[str]:
        """The states that were told of it, one after the other; the same again is no news."""
        states = [e.order.state for e in self.told if isinstance(e, OrderSeen) and is_of(e, order)]
        return [state for n, state in enumerate(states) if n == 0 or states[n - 1] != state]


def is_of(event: OrderSeen, order: BrokerOrder | OrderRequest) -> bool:
    if event.order.client_order_id:
        return event.order.client_order_id == order.client_order_id
    return isinstance(order, BrokerOrder) and event.order.broker_id == order.broker_id


def one(orders: Iterable[BrokerOrder]) -> BrokerOrder:
    """The only one."""
    (order,) = orders
    return order


def gist(fill: BrokerFill) -> tuple[object, ...]:
    """What must be the same of a fill wherever it is read: stream, list, after a restart."""
    return (
        fill.execution_id,
        fill.account,
        fill.instrument,
        fill.side,
        fill.qty,
        fill.price,
        fill.kind,
    )


PAPER = PaperSettings(
    start_cash_usd={"main": D(100_000), "other": D(50_000)},
    latency_ms=100,
    slippage_ticks=1,
    fee_per_option_contract_usd=D("0.65"),
    fee_per_future_contract_usd=D("1.25"),
    fee_per_share_usd=D("0.005"),
)


class PaperBench(Bench):
    """The paper broker needs no server: the bench's own board and clock are its market."""

    async def settle(self) -> None:
        await breathe()
        if self.broker is not None:
            await self.broker.settle()
        await breathe()


def paper(
    settings: PaperSettings = PAPER, hours: Hours | None = None, vault: Vault | None = None
) -> PaperBench:
    def make(bench: Bench) -> PaperBroker:
        return PaperBroker(
            clock=bench.clock,
            board=bench.board,
            vault=bench.vault,
            settings=settings,
            hours=hours,
        )

    return PaperBench(
        make=make,
        vault=vault if vault is not None else MemoryVault(),
        latency_s=D(settings.latency_ms) / 1000,
        slip_ticks=settings.slippage_ticks,
    )


def at(module: str, name: str = "bench") -> "Factory":
    """A bench made by ``name`` of a module, which is imported when the bench is needed."""

    def make() -> Bench:
        bench: Bench = getattr(import_module(module), name)()
        return bench

    return make


Factory = Callable[[], Bench]
BROKERS: dict[str, Factory] = {
    "alpaca": at("tests.conformance.alpaca_bench"),
    "alpaca stock": at("tests.conformance.alpaca_bench", "stocks"),
    "etrade": at("tests.conformance.etrade_bench"),
    "etrade stock": at("tests.conformance.etrade_bench", "stocks"),
    "paper": paper,
    "schwab": at("tests.conformance.schwab_bench"),
    "schwab stock": at("tests.conformance.schwab_bench", "stocks"),
    "tastytrade": at("tests.conformance.tastytrade_bench"),
    "tastytrade future": at("tests.conformance.tastytrade_bench", "futures"),
    "tastytrade stock": at("tests.conformance.tastytrade_bench", "stocks"),
    "topstepx": at("tests.conformance.topstepx_bench"),
    "webull": at("tests.conformance.webull_bench"),
    "webull stock": at("tests.conformance.webull_bench", "stocks"),
}
"""Every adapter that can run the suite against a world of its own: ``broker`` or, where it trades
several kinds, ``broker kind`` each."""


def each(*, with_paper: bool = True) -> list[Any]:
    """Every bench as a parameter; a broker's further kinds of contract run with the campaigns."""
    return [
        pytest.param(name, marks=[pytest.mark.slow] if " " in name else [])
        for name in sorted(BROKERS)
        if with_paper or name != "paper"
    ]
