"""E*TRADE for the conformance suite; its owner connects anew every New York day."""

from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any
from zoneinfo import ZoneInfo

from engine.brokers.etrade import Etrade
from engine.domain.instrument import stock
from tests.conformance.broker_bench import SPY
from tests.conformance.venue_bench import VenueBench
from tests.venues.etrade import KEY, SECRET, EtradeVenue
from tests.venues.venue import Venue

ET = ZoneInfo("America/New_York")


@dataclass(kw_only=True)
class EtradeBench(VenueBench):
    """Reads and acts on loopback; the token file is written as ``broker connect`` would."""

    _tokens_made: Any = None

    async def open_venue(self) -> Venue:
        venue = await super().open_venue()
        self._tokens_made = count(1)
        self.connect_owner()
        return venue

    def connect_owner(self) -> None:
        assert isinstance(self.venue, EtradeVenue)
        self.tokens.kept["etrade"] = self.venue.mint(f"access-canary-{next(self._tokens_made)}")

    async def start(self) -> "EtradeBench":
        if self.venue is not None:
            self.connect_owner()
        await super().start()
        return self

    async def wait(self, seconds: float | Decimal) -> None:
        later = self.clock.now() + timedelta(seconds=float(seconds))
        is_next_day = later.astimezone(ET).date() != self.clock.now().astimezone(ET).date()
        self.clock.advance(float(seconds))
        if is_next_day:
            self.connect_owner()
        await super().wait(0)


def bench(kind: str = "option", **more: Any) -> EtradeBench:
    things = {"stock": {"it": SPY, "it2": stock("QQQ")}}.get(kind, {})
    return EtradeBench(
        adapter=Etrade,
        venue_type=EtradeVenue,
        settings=lambda url, _: Etrade.Settings(
            rest_url=url, token_url=url, authorize_url=f"{url}/authorize"
        ),
        secrets={"key": KEY, "secret": SECRET},
        numbers={"main": "84010429", "other": "84010430"},
        **{**things, **more},
    )


stocks = partial(bench, "stock")
