"""TopStepX for the conformance suite: futures, day orders, two accounts of one login."""

from datetime import date

from engine.brokers.topstepx import Topstepx
from engine.brokers.topstepx.broker import TopstepSettings
from engine.domain.instrument import future
from tests.conformance.broker_bench import MES
from tests.conformance.venue_bench import VenueBench
from tests.venues.topstepx import TopstepxVenue


def settings(url: str, ws_url: str, **more: object) -> TopstepSettings:
    """Everything on loopback, on the trader's own machine."""
    return TopstepSettings.model_validate(
        {
            "own_machine": True,
            "rest_url": url,
            "user_hub_url": f"{ws_url}/hubs/user",
            "market_hub_url": f"{ws_url}/hubs/market",
        }
        | more
    )


def bench() -> VenueBench:
    """One adapter at one venue."""
    return VenueBench(
        adapter=Topstepx,
        venue_type=TopstepxVenue,
        settings=settings,
        secrets={"user": TopstepxVenue.user, "key": TopstepxVenue.key},
        numbers={"main": "41001", "other": "41002"},
        it=MES,
        it2=future("MNQ", date(2026, 12, 1)),
    )
