"""Schwab for the conformance suite; its owner let us in when the venue opened."""

from dataclasses import dataclass
from functools import partial
from typing import Any

from engine.brokers.schwab import Schwab
from engine.domain.instrument import stock
from tests.conformance.broker_bench import SPY
from tests.conformance.venue_bench import VenueBench
from tests.venues.schwab import KEY, SECRET, SchwabVenue
from tests.venues.venue import Venue


@dataclass(kw_only=True)
class SchwabBench(VenueBench):
    """The token file is written as ``broker connect`` would."""

    async def open_venue(self) -> Venue:
        venue = await super().open_venue()
        assert isinstance(venue, SchwabVenue)
        self.tokens.kept["schwab"] = venue.mint()
        return venue


def bench(kind: str = "option", **more: Any) -> SchwabBench:
    things = {"stock": {"it": SPY, "it2": stock("QQQ")}}.get(kind, {})
    return SchwabBench(
        adapter=Schwab,
        venue_type=SchwabVenue,
        settings=lambda url, ws: Schwab.Settings(
            rest_url=url,
            token_url=url,
            authorize_url=f"{url}/authorize",
            stream_url=f"{ws}/ws" if ws else "",
            fee_per_option_contract_usd="0",
        ),
        secrets={"key": KEY, "secret": SECRET},
        numbers={"main": "63184290", "other": "63184291"},
        **{**things, **more},
    )


stocks = partial(bench, "stock")
