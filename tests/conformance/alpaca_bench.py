"""Alpaca for the conformance suite: options, or shares, of one paper account."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.brokers.alpaca import Alpaca
from engine.domain.instrument import stock
from tests.conformance.broker_bench import SPY
from tests.conformance.venue_bench import VenueBench
from tests.venues.alpaca import KEY, SECRET, AlpacaVenue


@dataclass(kw_only=True)
class AlpacaBench(VenueBench):
    """A little more patient: its answers pass through threads, which a busy machine delays."""

    def impatient(self, seconds: float = 0.4) -> None:
        super().impatient(max(seconds, 1.0))

    @asynccontextmanager
    async def out_of_patience(self) -> AsyncIterator[None]:
        """Its threads wait in real time: they are given less of it."""
        transport = self.broker._rest._client._session.get_adapter("http://")
        patient = transport._timeouts
        transport._timeouts = (patient[0], 0.6)
        try:
            yield
        finally:
            transport._timeouts = patient

    async def settle(self) -> None:
        """What went out on the stream came through the adapter's thread as well."""
        await super().settle()
        if self.broker is not None and isinstance(self.venue, AlpacaVenue):
            sent = self.venue.sent_fills
            await self.until(lambda: sent <= {f.execution_id for f in self.told_fills()}, 1.0)


def bench(kind: str = "option", **more: Any) -> AlpacaBench:
    things = {"stock": {"it": SPY, "it2": stock("QQQ")}}.get(kind, {})
    return AlpacaBench(
        adapter=Alpaca,
        venue_type=AlpacaVenue,
        settings=lambda url, ws_url: Alpaca.Settings(
            rest_url=url, stream_url=f"{ws_url}/stream", quotes_url=url
        ),
        numbers={"main": "PA3CANARY001"},
        timeouts=("engine.brokers.alpaca.rest.READ_S",),
        **{"secrets": {"key": KEY, "secret": SECRET}, **things, **more},
    )


stocks = partial(bench, "stock")
