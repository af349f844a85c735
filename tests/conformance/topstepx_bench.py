"""TopStepX for the conformance suite: futures, day orders, two accounts of one login."""

from dataclasses import dataclass
from datetime import date
from typing import Any

from engine.brokers.topstepx import Topstepx
from engine.brokers.topstepx.settings import TopstepSettings
from engine.domain.instrument import future
from tests.conformance.broker_bench import MES
from tests.conformance.venue_bench import VenueBench
from tests.venues.topstepx import TopstepxVenue
from tests.venues.venue import Venue


@dataclass(kw_only=True)
class TopstepBench(VenueBench):
    """With what only this venue can be told."""

    venue: Any = None

    async def open_venue(self) -> Venue:
        """Its market has traded lately: there is a price to be asked for."""
        opened = await super().open_venue()
        now = self.clock.now().isoformat()
        self.venue.bars = [{"t": now, "o": 6700, "h": 6700, "l": 6700, "c": 6700, "v": 1}]
        return opened


def settings(url: str, ws_url: str, **more: object) -> TopstepSettings:
    """Everything on loopback, on the trader's own machine."""
    return TopstepSettings.model_validate(
        {
            "own_machine": True,
            "rest_url": url,
            "user_hub_url": f"{ws_url}/hubs/user",
        }
        | more
    )


def bench() -> "TopstepBench":
    """One adapter at one venue."""
    return TopstepBench(
        adapter=Topstepx,
        venue_type=TopstepxVenue,
        settings=settings,
        secrets={"user": TopstepxVenue.user, "key": TopstepxVenue.key},
        numbers={"main": "41001", "other": "41002"},
        it=MES,
        it2=future("MNQ", date(2026, 12, 1)),
    )
