"""Benches of tastytrade: options, shares and futures, each at its venue."""

from datetime import date
from functools import partial

from engine.brokers.tastytrade import Tastytrade
from engine.domain.instrument import future, stock
from tests.conformance.broker_bench import CALL, HIGH_CALL, MES, SPY
from tests.conformance.venue_bench import VenueBench
from tests.venues.tastytrade import REFRESH, SECRET, TastytradeVenue

NUMBERS = {"main": "5WT00001", "other": "5WT00002"}


def settings(url: str, ws_url: str) -> Tastytrade.Settings:
    return Tastytrade.Settings(rest_url=url, token_url=url, stream_url=f"{ws_url}/stream")


def bench(kind: str = "option") -> VenueBench:
    it, it2 = {
        "option": (CALL, HIGH_CALL),
        "stock": (SPY, stock("QQQ")),
        "future": (MES, future("MNQ", date(2026, 12, 1))),
    }[kind]
    made = VenueBench(
        adapter=Tastytrade,
        venue_type=TastytradeVenue,
        settings=settings,
        secrets={"client_secret": SECRET, "refresh_token": REFRESH},
        numbers=NUMBERS,
        it=it,
        it2=it2,
    )
    # A busy machine may take longer than an entry waits in earnest.
    made._patches.setattr("engine.brokers.tastytrade.broker.DRY_RUN_S", 20.0)
    return made


stocks = partial(bench, "stock")
futures = partial(bench, "future")
