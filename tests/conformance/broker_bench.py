"""A broker and the world around it: what each adapter must offer to run the conformance suite."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import Decimal
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
from engine.domain.instrument import Instrument, future, option, stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg, Quote
from engine.feeds import QuoteBoard
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
    """One broker on one clock and one board. ``make`` builds it anew over what is durable."""

    make: Callable[["Bench"], Broker]
    vault: Vault
    account: str = "main"
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
            await asyncio.wait_for(asyncio.gather(self._reader, return_exceptions=True), 1)

    # -- world

    async def quote(
        self,
        instrument: Instrument,
        bid: str | Decimal,
        ask: str | Decimal,
        sizes: tuple[int, int] | None = None,
    ) -> Quote:
        quote = self.quote_of(instrument, bid, ask, sizes)
        self.board.put(quote)
        await self.settle()
        return quote

    def quote_of(
        self,
        instrument: Instrument,
        bid: str | Decimal,
        ask: str | Decimal,
        sizes: tuple[int, int] | None = None,
    ) -> Quote:
        return Quote(
            instrument=instrument,
            bid=D(bid),
            ask=D(ask),
            bid_size=None if sizes is None else D(sizes[0]),
            ask_size=None if sizes is None else D(sizes[1]),
            exchange_at=self.clock.now(),
            received_at=self.clock.now(),
            source="bench",
        )

    async def wait(self, seconds: float | Decimal) -> None:
        self.clock.advance(float(seconds))
        await breathe()
        await self.settle()

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
        instrument: Instrument = CALL,
        *,
        limit: str | Decimal | None = None,
        stop: str | Decimal | None = None,
        trail: str | Decimal | None = None,
        legs: tuple[Leg, ...] | None = None,
        **more: Any,
    ) -> OrderRequest:
        more.setdefault("client_order_id", self.id())
        more.setdefault("account", self.account)
        return OrderRequest(
            side=side,
            legs=legs or (Leg(instrument=instrument),),
            qty=D(qty),
            type=type,
            limit=None if limit is None else D(limit),
            stop=None if stop is None else D(stop),
            trail=None if trail is None else D(trail),
            **more,
        )

    async def submit(self, *args: Any, **more: Any) -> BrokerOrder:
        order: BrokerOrder = await self.broker.submit(self.request(*args, **more))
        return order

    async def hold(self, qty: int, instrument: Instrument = CALL, at: str = "2.00") -> None:
        """Open a position: long when qty > 0."""
        price = D(at)
        await self.quote(instrument, price, price)
        side = Side.BUY if qty > 0 else Side.SELL
        order = await self.submit(side, abs(qty), OrderType.LIMIT, instrument, limit=price)
        await self.pass_latency()
        assert (await self.seen(order)).state == "filled"

    def needs(self, kind: str = "option", **wanted: Any) -> None:
        """Skip the case when the broker's caps do not promise it."""
        caps = self.broker.caps.by_kind.get(kind)
        if caps is None:
            pytest.skip(f"{self.broker.name} does not trade {kind}")
        if wanted.pop("type", OrderType.MARKET) not in caps.order_types:
            pytest.skip(f"{self.broker.name} lacks that order type for {kind}")
        for name, value in wanted.items():
            if getattr(caps, name) != value:
                pytest.skip(f"{self.broker.name} for {kind}: {name} is not {value}")

    # -- reading

    async def seen(self, order: BrokerOrder | OrderRequest | str) -> BrokerOrder:
        key = order if isinstance(order, str) else order.client_order_id
        found = await self.broker.find(self.account, key)
        assert isinstance(found, Seen), found
        return found.order

    async def fills(self, order: BrokerOrder | OrderRequest | None = None) -> list[BrokerFill]:
        fills: list[BrokerFill] = await self.broker.fills_since(self.account, START)
        if order is None:
            return fills
        return [f for f in fills if f.client_order_id == order.client_order_id]

    async def position(self, instrument: Instrument = CALL) -> Decimal:
        held = await self.broker.positions(self.account)
        return sum((p.qty for p in held if p.instrument == instrument), D(0))

    async def cash_now(self) -> Decimal:
        balance = await self.broker.balance(self.account)
        assert balance.cash_usd is not None
        return D(balance.cash_usd)

    def told_fills(self) -> list[BrokerFill]:
        return [e.fill for e in self.told if isinstance(e, Filled)]

    def told_states(self, order: BrokerOrder | OrderRequest) -> list[str]:
        return [
            e.order.state
            for e in self.told
            if isinstance(e, OrderSeen) and e.order.client_order_id == order.client_order_id
        ]


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


Factory = Callable[[], Bench]
BROKERS: dict[str, Factory] = {"paper": paper}
"""Every adapter that can run the suite against a world of its own."""
