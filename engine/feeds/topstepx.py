"""Futures quotes of TopStepX: the market hub, and the contract that a root means today.

The hub tells what changed, so bid and ask come together here. It has no list of last quotes: the
first one of an instrument comes when its market moves, which in session is at once.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

from engine.brokers._wire.address import Address
from engine.brokers.topstepx.api import Api
from engine.brokers.topstepx.contracts import Contracts
from engine.brokers.topstepx.settings import MARKET_HUB, REST, check_machine
from engine.brokers.topstepx.signalr import Call, Hub, hub_url, unwrapped
from engine.brokers.topstepx.translate import Contract, Odd, moment
from engine.domain.candle import Candle, Candles, Timeframe, began_at, no_candles
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, OrderRejected
from engine.domain.instrument import Instrument, Kind
from engine.domain.money import exact
from engine.domain.quote import Quote
from engine.feeds import FeedAdapter, FeedSetup
from engine.feeds._past import reaching_back, told
from engine.market import CME

log = logging.getLogger(__name__)

_AGAIN_S = 3.0
"""What could not be looked up is looked up again so soon: nobody else would ask for it."""
_MUTE_S = 40.0
"""A hub that stands and tells nothing for so long, while its market trades, is in trouble."""
_STANDS = timedelta(seconds=2)
"""So often a frame that names no side, of a trade alone, tells that the last quote stands."""
_FIRST_S = 0.8
"""How long a question waits for an instrument's first quote; below the desk's own wait."""


_UNITS: Mapping[Timeframe, tuple[int, int]] = {
    "1m": (2, 1),
    "5m": (2, 5),
    "15m": (2, 15),
    "1h": (3, 1),
    "1d": (4, 1),
}
"""ProjectX's unit of time, and how many of it."""


@dataclass(slots=True)
class _Top:
    """The best prices as they were told last."""

    bid: Decimal | None = None
    ask: Decimal | None = None
    at: datetime | None = None
    """Of the newest word; outlives the connection."""


class Topstepx(FeedAdapter):
    """Quotes of futures from the firm's market hub, on the trader's own machine."""

    class Settings(FeedAdapter.Settings):
        """Terms and addresses."""

        own_machine: bool = False
        """That this machine stands at the trader's own: the firm forbids servers, VPS and VPN."""
        rest_url: Address = ""
        market_hub_url: Address = ""
        live_data: bool = False
        """Which contract list to ask: true only with the firm's subscription of live data."""

    secrets: ClassVar[tuple[str, ...]] = ("user", "key")
    kinds: ClassVar[frozenset[Kind]] = frozenset({"future"})

    def __init__(self, settings: "Topstepx.Settings", setup: FeedSetup) -> None:
        """Nothing is connected.

        Raises:
            ConfigError: the firm's rule about machines is not confirmed.
        """
        super().__init__(settings, setup)
        check_machine(f"feed.live.{setup.name}", is_own=settings.own_machine)
        self._is_live_data = settings.live_data
        self._hub_url = hub_url(settings.market_hub_url or MARKET_HUB)
        self._api = Api(
            setup.name,
            settings.rest_url or REST,
            setup.clock,
            setup.secrets["user"],
            setup.secrets["key"],
        )
        self.usage = self._api.wire.usage
        self.contracts = Contracts(self._api, setup.clock, is_live_data=settings.live_data)
        self.unquoted: dict[str, str] = {}
        """Instrument that is watched in vain -> why."""
        self._watched: dict[str, Instrument] = {}
        self._asked: set[str] = set()
        """Of those, the ones that the hub was asked for, or the broker does not list."""
        self._of_contract: dict[str, Instrument] = {}
        self._tops: dict[str, _Top] = {}
        self._last: dict[str, Quote] = {}
        self._heard_at = 0.0
        """Monotonic time of the last quote, or of the connection."""
        self._moved = asyncio.Condition()
        self._queue: asyncio.Queue[Quote | None] = asyncio.Queue()
        self._hub: Hub | None = None
        self._tasks: list[asyncio.Task[None]] = []

    # -- life -----------------------------------------------------------------------------------

    async def connect(self) -> None:
        """Log in, read the contracts, open the hub, ask for what is watched.

        Raises:
            BrokerAuthError, BrokerUnavailable.
        """
        await self._stop()
        self._queue = asyncio.Queue()
        for top in self._tops.values():
            top.bid = top.ask = None  # what was told before the gap is no market any more
        self._last.clear()
        await self._api.start()
        with suppress(BrokerUnavailable):
            await self.contracts.load()
        hub = Hub(self._api.wire.session(), self._hub_url, self.clock)
        try:
            await hub.open(self._api.token)
        except (BrokerAuthError, BrokerUnavailable):
            await hub.close()
            raise
        self._hub, self._heard_at = hub, self.clock.monotonic()
        self._of_contract.clear()
        self._asked.clear()
        await self._subscribe_all(hub)
        self._tasks = [
            asyncio.create_task(self._listen(hub), name=f"quotes {self.name}"),
            asyncio.create_task(self._ask_again(hub), name=f"contracts {self.name}"),
        ]

    async def close(self) -> None:
        """Stop delivering."""
        await self._stop()
        await self._api.close()
        self._queue.put_nowait(None)

    async def _stop(self) -> None:
        tasks, self._tasks = self._tasks, []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._hub is not None:
            await self._hub.close()
            self._hub = None

    @property
    def trouble(self) -> str:
        """That the hub keeps alive and tells nothing: nobody else would miss its quotes."""
        is_due = self._hub is not None and self._of_contract and CME.is_open(self.clock.now())
        is_mute = self.clock.monotonic() - self._heard_at >= _MUTE_S
        return "the hub stands, and tells no quotes" if is_due and is_mute else ""

    # -- contract -------------------------------------------------------------------------------

    async def front(self, root: str) -> Instrument:
        """The month that a root means today: the broker's own active contract.

        Raises:
            OrderRejected: with the reason, when that is not one for sure. BrokerUnavailable.
        """
        return (await self.contracts.front(root)).instrument

    async def quote(self, instrument: Instrument) -> Quote | None:
        """The newest quote; waits a moment for the first one, None when it does not come."""
        if instrument.kind not in self.kinds:
            return None
        if instrument.key not in self._last:
            await self.watch([instrument])
            with suppress(TimeoutError):
                async with asyncio.timeout(_FIRST_S), self._moved:
                    await self._moved.wait_for(lambda: instrument.key in self._last)
        return self._last.get(instrument.key)

    async def watch(self, instruments: Iterable[Instrument]) -> None:
        """Stream these from now on; one that the broker does not list is noted and left out."""
        self._watched |= {i.key: i for i in instruments if i.kind in self.kinds}
        if self._hub is not None:
            await self._subscribe_all(self._hub)

    async def stream(self) -> AsyncIterator[Quote]:
        """Quotes of everything watched, until closed or the hub is lost."""
        queue = self._queue
        while (quote := await queue.get()) is not None:
            yield quote

    async def bars(
        self, instrument: Instrument, timeframe: Timeframe, n: int, until: datetime | None = None
    ) -> Candles:
        """The contract's own trades; a contract has no past before it was listed.

        Raises:
            BrokerUnavailable, RateLimited, BrokerAuthError.
        """
        now = self.clock.now()
        if instrument.kind not in self.kinds:
            why = f"{self.name} has futures alone"
            return no_candles(instrument, timeframe, self.name, now, why)
        try:
            contract = await self.contracts.of(instrument)
        except OrderRejected as error:
            return no_candles(instrument, timeframe, self.name, now, str(error))
        unit, per = _UNITS[timeframe]
        end = until or now
        body = {
            "contractId": contract.id,
            "live": self._is_live_data,
            "startTime": _iso(reaching_back(end, timeframe, n)),
            "endTime": _iso(end),
            "unit": unit,
            "unitNumber": per,
            "limit": n,
            "includePartialBar": True,
        }
        rows = await self._api.rows("/api/History/retrieveBars", body, "bars")
        found = []
        for row in rows:
            try:
                found.append(_candle(row, timeframe))
            except (Odd, ValueError, TypeError, KeyError) as error:
                log.info("%s: a candle that is none: %s", self.name, error)
        return told(found, instrument, timeframe, n, until, self.name, now)

    # -- the hub --------------------------------------------------------------------------------

    async def _subscribe_all(self, hub: Hub) -> None:
        """Ask for what is watched and was not asked for: one that fails keeps no other waiting."""
        for instrument in list(self._watched.values()):
            if instrument.key in self._asked:
                continue
            self._asked.add(instrument.key)
            try:
                await self._subscribe(hub, instrument)
            except OrderRejected as error:
                self._unquoted(instrument, error)
            except BrokerUnavailable as error:
                self._unquoted(instrument, error)
                self._asked.discard(instrument.key)
            except BaseException:  # cut short: it was not asked for
                self._asked.discard(instrument.key)
                raise

    def _unquoted(self, instrument: Instrument, error: Exception) -> None:
        self.unquoted[instrument.key] = str(error)
        log.warning("%s has no quotes of %s: %s", self.name, instrument.key, error)

    async def _subscribe(self, hub: Hub, instrument: Instrument) -> None:
        contract: Contract = await self.contracts.of(instrument)
        self._of_contract[contract.id] = instrument
        await hub.tell("SubscribeContractQuotes", contract.id)
        self.unquoted.pop(instrument.key, None)

    async def _ask_again(self, hub: Hub) -> None:
        while True:
            await self.clock.sleep(_AGAIN_S)
            with suppress(BrokerAuthError):  # the next login says so
                await self._subscribe_all(hub)

    async def _listen(self, hub: Hub) -> None:
        queue = self._queue
        try:
            async for call in hub.calls():
                if isinstance(call, Call) and call.target == "GatewayQuote":
                    await self._heard(call)
        finally:
            queue.put_nowait(None)

    async def _heard(self, call: Call) -> None:
        if len(call.arguments) < 2:
            return
        instrument = self._of_contract.get(str(call.arguments[0]))
        if instrument is None:
            return
        for row, _ in unwrapped(call.arguments[1]):
            try:
                quote = self._quote(instrument, row)
            except (Odd, ValueError, TypeError) as error:
                log.info("%s: a quote of %s that is none: %s", self.name, instrument.key, error)
                continue
            if quote is not None:
                self._heard_at = self.clock.monotonic()
                self._last[instrument.key] = quote
                self._queue.put_nowait(quote)
                async with self._moved:
                    self._moved.notify_all()

    def _quote(self, instrument: Instrument, row: Mapping[str, Any]) -> Quote | None:
        """What was told, laid over what was told before; None until both sides are known.

        A hub that tells old frames again tells nothing: their sides must not stand beside new ones.
        """
        now, top = self.clock.now(), self._tops.setdefault(instrument.key, _Top())
        at = _made_at(row)
        if top.at is not None and at < top.at:
            return None
        top.at = min(at, now)
        last = self._last.get(instrument.key)
        if not _has_side(row) and last is not None and abs(now - last.received_at) < _STANDS:
            return None  # it would pass for a second quote that confirms the one before
        if row.get("bestBid") is not None:
            top.bid = exact(row["bestBid"])
        if row.get("bestAsk") is not None:
            top.ask = exact(row["bestAsk"])
        if top.bid is None or top.ask is None:
            return None
        return Quote(
            instrument=instrument,
            bid=top.bid,
            ask=top.ask,
            exchange_at=top.at,  # what lies before us is now, whatever their clock says
            received_at=now,
            source=self.name,
        )


def _has_side(row: Mapping[str, Any]) -> bool:
    return row.get("bestBid") is not None or row.get("bestAsk") is not None


def _made_at(row: Mapping[str, Any]) -> datetime:
    """When the exchange made it, by its own clock."""
    return moment(row.get("timestamp") or row.get("lastUpdated"), "timestamp")


def _candle(row: Mapping[str, Any], timeframe: Timeframe) -> Candle:
    at = moment(row.get("t"), "time of a candle")
    if timeframe == "1d":  # stamped with the evening before, when its session opens
        at = began_at(at + timedelta(hours=6), "1d")
    return Candle(
        at=at,
        open=exact(row["o"]),
        high=exact(row["h"]),
        low=exact(row["l"]),
        close=exact(row["c"]),
        volume=None if row.get("v") is None else exact(row["v"]),
    )


def _iso(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
