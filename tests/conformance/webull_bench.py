"""Webull at its venue: options, and shares."""

from engine.brokers.webull import Webull
from engine.domain.instrument import Instrument, stock
from tests.conformance.broker_bench import CALL, HIGH_CALL
from tests.conformance.venue_bench import VenueBench
from tests.venues.webull import APP_KEY, APP_SECRET, NUMBERS, WebullVenue


def bench(it: Instrument = CALL, it2: Instrument = HIGH_CALL) -> VenueBench:
    """Accounts are named by their numbers, requests by their ids."""
    return VenueBench(
        adapter=Webull,
        venue_type=WebullVenue,
        settings=lambda url, _: Webull.Settings(rest_url=url),
        secrets={"app_key": APP_KEY, "app_secret": APP_SECRET},
        numbers=NUMBERS,
        it=it,
        it2=it2,
    )


def stocks() -> VenueBench:
    return bench(stock("F"), stock("T"))
