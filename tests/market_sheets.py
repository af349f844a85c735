"""Charts of the market, made up: for the contact sheet, the golden pictures and the bench."""

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from engine.domain.candle import LENGTH, Candle, Candles, Timeframe, no_candles
from engine.domain.instrument import Instrument, stock
from engine.domain.quote import Leg
from engine.domain.trade import StopPlan, TradeState
from engine.portfolio.sectors import SECTOR_FUNDS
from engine.quality import Grade
from engine.quality import Report as Graded
from engine.reports import (
    analysis,
    chart,
    compare,
    data,
    exposure,
    market_summary,
    metrics,
    payoff,
    sectors,
    watchlist,
)
from engine.sizing import SizingSettings
from engine.symbols import instrument_named
from tests.unit.reports.examples import (
    AAPL,
    CREDIT_SPREAD,
    LONG_PUT,
    MES,
    NOW,
    SHORT_PUT,
    SPY_CALL,
    D,
    frame,
    quote,
    trade,
)

FOUR = ("sma20", "ema9", "bollinger", "rsi", "macd", "volume")


def candles(
    instrument: Instrument,
    timeframe: Timeframe,
    n: int,
    *,
    seed: int = 4,
    price: float = 185.0,
    has_volume: bool = True,
    is_synthetic: bool = False,
) -> Candles:
    """A walk of so many candles up to now."""
    rng = random.Random(seed)
    length = LENGTH[timeframe]
    sigma = 0.2 * math.sqrt(length / timedelta(days=365))
    made: list[Candle] = []
    at = NOW - n * length
    for _ in range(n):
        opened = price
        looks = [price := price * math.exp(rng.gauss(0.02 * sigma, sigma)) for _ in range(4)]
        made.append(_candle(at, [opened, *looks], instrument.tick, rng, has_volume))
        at += length
    return Candles(
        instrument=instrument,
        timeframe=timeframe,
        candles=tuple(made),
        source="alpaca",
        as_of=NOW,
        is_synthetic=is_synthetic,
    )


def _candle(
    at: datetime, looks: list[float], tick: Decimal, rng: random.Random, has_volume: bool
) -> Candle:
    def on_tick(value: float) -> Decimal:
        return (Decimal(repr(value)) / tick).quantize(Decimal(1)) * tick

    moved = abs(looks[-1] / looks[0] - 1)
    return Candle(
        at=at,
        open=on_tick(looks[0]),
        high=on_tick(max(looks)),
        low=on_tick(min(looks)),
        close=on_tick(looks[-1]),
        volume=D(round(rng.uniform(400, 900) * (1 + 400 * moved))) if has_volume else None,
    )


def candles_report(
    range_: chart.Range = "5d",
    timeframe: Timeframe | None = None,
    *indicators: str,
    n: int | None = None,
    n_shown: int | None = None,
    is_synthetic: bool = False,
) -> chart.ChartReport:
    """A window of Apple with a trade that was closed and one that is open."""
    view = chart.view_of(range_, timeframe)
    view = view if n_shown is None else replace(view, n=n_shown)
    total = view.n + chart.WARM_UP if n is None else n
    series = candles(AAPL, view.timeframe, total, is_synthetic=is_synthetic)
    shown = series.candles[-view.n :]
    early, late = shown[len(shown) // 5], shown[len(shown) // 2]
    over, since = shown[len(shown) // 3], shown[len(shown) * 3 // 4]
    common = {"symbol": "AAPL", "asset": "stock", "legs": (Leg(instrument=AAPL),), "targets": ()}
    was = trade(
        **common,
        trade_id="T-8",
        state=TradeState.CLOSED,
        qty_open=D(0),
        entry_price=early.close,
        exit_price=over.close,
        opened_at=early.at,
        closed_at=over.at,
    )
    held = trade(
        **common,
        trade_id="T-9",
        entry_price=since.close,
        stop=StopPlan(price=(late.low * D("0.995")).quantize(D("0.01"))),
        opened_at=since.at,
    )
    return chart.build(
        frame(is_synthetic=is_synthetic),
        series,
        view,
        indicators=indicators,
        trades=[was, held],
        overlays=("trades", "levels"),
    )


def compare_report(n: int = 4) -> compare.CompareReport:
    """Some of them against each other over three months; one has no history."""
    names = ("AAPL", "MSFT", "SPY", "TSLA")[:n]
    view = chart.view_of("3m")
    series = [candles(stock(s), "1d", 80, seed=k, price=100.0 + k) for k, s in enumerate(names)]
    none = no_candles(stock("NONE"), "1d", "alpaca", NOW, "alpaca has no candles of NONE")
    return compare.build(frame(is_synthetic=True), [*series, none], view)


def payoff_report(kind: str = "spread") -> payoff.PayoffReport:
    """A long call, or a put spread that was sold."""
    spy = quote(stock("SPY"), "601.10", "601.14")
    if kind == "call":
        return payoff.build(frame(spy, quote(SPY_CALL, "2.40", "2.44")), trade())
    sold = trade(
        legs=CREDIT_SPREAD, direction=-1, entry_price=D("1.60"), qty_open=D(3), qty_opened=D(3)
    )
    quotes = (quote(SHORT_PUT, "9.10", "9.20"), quote(LONG_PUT, "7.20", "7.30"))
    return payoff.build(frame(spy, *quotes, is_synthetic=True), sold)


def days(*symbols: str, n: int = 260) -> dict[str, Candles]:
    """A year of daily candles of each, by symbol; they differ."""
    return {
        s: candles(stock(s), "1d", n, seed=k + 11, price=60.0 + 37 * k)
        for k, s in enumerate(symbols)
    }


def sector_report(period: sectors.Period = "1m", *, is_mine: bool = True) -> sectors.SectorReport:
    """All eleven; the desk has something in two of them."""
    history = days("SPY", *list(SECTOR_FUNDS.values())[:-1])
    mine = None
    if is_mine:
        stakes = exposure_report()
        rows = (
            exposure.Row(
                name="Technology",
                n=2,
                gross_usd=D(9_000),
                net_usd=D(9_000),
                pct=D(18),
                limit_pct=D(40),
            ),
            exposure.Row(
                name="Energy",
                n=1,
                gross_usd=D(22_000),
                net_usd=D(22_000),
                pct=D(44),
                limit_pct=D(40),
            ),
        )
        mine = replace(stakes, rows=rows)
    return sectors.build(frame(), history, period, exposure=mine)


def exposure_report() -> exposure.ExposureReport:
    """Nothing at stake."""
    return exposure.build(frame(), trades=[], positions=[], accounts=[])


def summary_report(*, knows: bool = True) -> market_summary.SummaryReport:
    """A market that is known, or one that nobody can say anything about."""
    names = (*market_summary.INDEXES, *SECTOR_FUNDS.values(), "TSLA", "NVDA")
    history = days(*names) if knows else {}
    lines = [
        watchlist.Line(
            symbol=s,
            instrument=stock(s),
            is_pinned=s == "SPY",
            source="default",
            is_held=s == "TSLA",
        )
        for s in ("SPY", "TSLA", "NVDA", "QQQ", "NONE")
    ]
    listed = watchlist.build(frame(), lines, history)
    if knows:
        history["VIX"] = candles(stock("VIX"), "1d", 260, price=18.0, seed=2)
    return market_summary.build(frame(), history, listed, beta_usd=D(41_000) if knows else None)


def watchlist_report() -> watchlist.WatchlistReport:
    """Thirty symbols, one of them unknown."""
    names = ["SPY", "TSLA", "NVDA", *(f"A{chr(65 + n)}" for n in range(26)), "BTC/USD"]
    of = {s: instrument_named(s, NOW.date()) for s in names}
    history = {i.key: candles(i, "1d", 60, seed=k) for k, i in enumerate(of.values())}
    del history["AZ"]
    lines = [
        watchlist.Line(
            symbol=s, instrument=i, is_pinned=s == "SPY", source="manual", is_held=s == "TSLA"
        )
        for s, i in of.items()
    ]
    return watchlist.build(frame(), lines, history)


def analysis_report(*symbols: str, is_full: bool = False) -> analysis.AnalysisReport:
    """From a year of candles each; the last one has none."""
    history = days("SPY", *symbols[:2])
    return analysis.build(
        frame(),
        [stock(s) for s in symbols],
        history,
        depth="full" if is_full else "quick",
        equity_usd=D(100_000),
        sizing=SizingSettings(),
    )


def metrics_report(n: int = 600, *, is_ill: bool = False) -> metrics.MetricsReport:
    """Two and a half hours of a process; it may be late just now."""
    rng = random.Random(8)
    samples = [
        metrics.Sample(
            at=NOW - timedelta(seconds=15 * (n - k)),
            rss_mb=88 + k / n * 9 + rng.random(),
            cpu_pct=rng.expovariate(1 / 6),
            lag_ms=rng.expovariate(1 / 4) + (900 if is_ill and k > n - 6 else 0),
            store_ms=0.4 + rng.expovariate(1 / 0.8),
            n_threads=14,
        )
        for k in range(n)
    ]
    return metrics.build(frame(), samples, up_since=NOW - timedelta(hours=9), every_s=15)


def quality_report(n: int = 120) -> data.DataReport:
    """A symbol whose quotes were poor for a while."""
    rng = random.Random(3)
    scores = [
        max(0.0, min(100.0, 96 - (45 if n * 0.5 < k < n * 0.62 else 0) + rng.gauss(0, 1.5)))
        for k in range(n)
    ]
    parts = {"freshness": 1.0, "completeness": 0.9, "agreement": None, "range": 1, "uptime": 0.8}
    graded = Graded(
        grade=Grade.B,
        score=88.0,
        parts=parts,
        sources=("alpaca",),
        is_quarantined=False,
        is_halted=False,
    )
    at = tuple(NOW - timedelta(minutes=3 * (n - k)) for k in range(n))
    row = data.Row(label="SPY", graded=graded, trend=tuple(scores), trend_at=at)
    return data.DataReport(stamp=frame().stamp("data"), rows=(row,), sources=())


def sheets() -> Iterator[tuple[str, str, object]]:
    """(file stem, chart, report) of everything worth a look."""
    yield "candles-plain", "candles", candles_report("1d", None, "volume", n=140)
    yield "candles-four", "candles", candles_report("5d", None, *FOUR, is_synthetic=True)
    yield "candles-year", "candles", candles_report("1y", None, "sma20", "sma50", "rsi", "volume")
    yield "candles-500", "candles", candles_report("1y", "1h", *FOUR)
    view = chart.view_of("3m")
    none = Candles(
        instrument=MES,
        timeframe="1d",
        candles=(),
        source="topstepx",
        as_of=NOW,
        missing="topstepx is down",
    )
    yield "candles-nothing", "candles", chart.build(frame(), none, view)
    short = candles(MES, "1d", 3, price=6700.0)
    yield "candles-short", "candles", chart.build(frame(), short, view, indicators=FOUR)
    yield "compare-four", "compare", compare_report()
    none = no_candles(AAPL, "1d", "alpaca", NOW, "alpaca is down")
    yield "compare-nothing", "compare", compare.build(frame(), [none], view)
    yield "payoff-call", "payoff", payoff_report("call")
    yield "payoff-spread", "payoff", payoff_report()
    yield "sectors-mine", "sectors", sector_report()
    yield "sectors-day", "sectors", sector_report("1d", is_mine=False)
    nothing = sectors.build(frame(), {}, "1d", exposure=None)
    yield "sectors-nothing", "sectors", nothing
    yield "metrics", "metrics", metrics_report()
    yield "metrics-ill", "metrics", metrics_report(is_ill=True)
    yield "metrics-empty", "metrics", metrics_report(0)
    yield "quality", "quality", quality_report()
