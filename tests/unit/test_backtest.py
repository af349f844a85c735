"""What candles stand for when a room is played again, and what is needed to do it."""

from datetime import timedelta
from decimal import Decimal

import pytest
from pydantic import TypeAdapter

from engine.backtest import COSTS, needed, tape
from engine.domain.candle import Candle, Candles
from engine.domain.instrument import option, stock
from engine.reports.backtest import BacktestReport
from tests.contact_sheet import backtest_report
from tests.rig import OPTIONS, RHEA, START, d, start

AAPL = stock("AAPL")


def series(*candles, of=AAPL):
    made = tuple(
        Candle(at=START + timedelta(minutes=n), open=d(o), high=d(h), low=d(low), close=d(c))
        for n, (o, h, low, c) in enumerate(candles)
    )
    return Candles(instrument=of, timeframe="1m", candles=made, source="past", as_of=START)


@pytest.mark.parametrize(
    ("direction", "path"),
    [
        (1, ["10", "9", "8", "10", "12", "11.5", "11"]),
        (-1, ["10", "11", "12", "10", "8", "9.5", "11"]),
    ],
)
def test_a_minute_goes_first_where_it_hurts_who_opened(direction, path):
    quotes = tape(series((10, 12, 8, 11)), direction, COSTS["zero"])
    assert [q.bid for q in quotes] == [q.ask for q in quotes] == [d(p) for p in path]
    assert [(q.exchange_at - START).total_seconds() for q in quotes] == [0, 8, 17, 25, 34, 42, 51]


def test_costs_widen_the_market_outward_to_whole_ticks():
    flat = series((200, 200, 200, 200))
    (usual,) = tape(flat, 1, COSTS["default"])
    assert (usual.bid, usual.ask) == (d("199.98"), d("200.02"))
    (stress,) = tape(flat, 1, COSTS["stress"])
    assert (stress.bid, stress.ask) == (d("199.94"), d("200.06"))
    call = option("SPY", START.date(), d(603), "C")
    (dear,) = tape(series(("2.15",) * 4, of=call), 1, COSTS["default"])
    assert (dear.bid, dear.ask) == (d("2.12"), d("2.18"))


def test_nothing_is_made_up_for_a_silent_minute_nor_for_a_mad_one():
    whole = series((10, 10, 10, 10), (10, 9, 11, 10), (10, 10, 10, 10))
    quotes = tape(whole, 1, COSTS["zero"])
    assert [q.exchange_at - START for q in quotes] == [timedelta(0), timedelta(minutes=2)]
    cheap = series(("0.01",) * 4, of=option("SPY", START.date(), d(603), "C"))
    assert not [q for q in tape(cheap, 1, COSTS["default"]) if q.bid <= 0]


async def test_prices_are_needed_of_what_was_opened_from_its_first_alert_on():
    rig = await start()
    profile = rig.desk.source_of(OPTIONS)
    said = (
        "BTO SPY 603C 1/31 @ 2.15",
        "good morning all",
        "BTO SPY 603C 1/31 @ 2.20",
        "STC SPY 603C 1/31 @ 3.00",
        "BTO SPY 605C @ 2",
    )
    messages = [rig.message(OPTIONS, RHEA, text) for text in said]
    (one,) = needed(messages, profile)
    await rig.close()
    assert one.instrument.label == "SPY 603C 1/31"
    assert (one.since, one.direction) == (messages[0].posted_at, 1)


def test_a_report_is_read_back_as_it_was_filed():
    filed: TypeAdapter[BacktestReport] = TypeAdapter(BacktestReport)
    made = backtest_report(12)
    assert filed.validate_json(filed.dump_json(made)) == made
    assert made.earlier.n + made.later.n == made.performance.n_closed == 12
    assert made.earlier.net_usd + made.later.net_usd == made.net_usd
    assert made.return_pct == made.net_usd / Decimal(250)
