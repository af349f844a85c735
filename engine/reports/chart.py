"""A window of the past: candles, indicators, and the desk's own trades and levels on it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, get_args

from engine import indicators as ind
from engine.domain.candle import LENGTH, Candle, Candles, Timeframe
from engine.domain.instrument import Instrument
from engine.domain.trade import Trade
from engine.market import Market
from engine.reports import Figure, Frame, Missing, Stamp
from engine.reports._moves import change_pct, market_stamp

Range = Literal["1d", "5d", "1m", "3m", "6m", "1y"]
Indicator = Literal["sma20", "sma50", "ema9", "ema21", "bollinger", "vwap", "volume", "rsi", "macd"]

INDICATORS: tuple[Indicator, ...] = get_args(Indicator)
USUAL: Mapping[Range, Timeframe] = {
    "1d": "5m",
    "5d": "15m",
    "1m": "1h",
    "3m": "1d",
    "6m": "1d",
    "1y": "1d",
}
"""Candles that show a range best."""
_TRADING_DAYS: Mapping[Range, int] = {"1d": 1, "5d": 5, "1m": 21, "3m": 63, "6m": 126, "1y": 252}
_ALL_DAYS: Mapping[Range, int] = {"1d": 1, "5d": 5, "1m": 30, "3m": 91, "6m": 182, "1y": 365}
_OPEN: Mapping[Market, timedelta] = {
    Market.NYSE: timedelta(hours=6, minutes=30),
    Market.CME: timedelta(hours=23),
    Market.ALWAYS: timedelta(hours=24),
}
"""How long a day of trading is."""
MOST = 500
"""Candles of one picture; more are merged, so that no high or low is lost."""
MOST_ASKED = 2_000
WARM_UP = 60
"""Candles before the window that indicators need."""


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """Which window somebody wants to see."""

    timeframe: Timeframe
    range: Range
    shift: int = 0
    """Windows back from now."""
    n: int
    """Candles in the window."""
    note: str = ""
    """What was changed about the wish, for the person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """One of the desk's own entries or exits; ``place``: index of its candle."""

    place: int
    price: Decimal
    is_buy: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price that matters to an open trade."""

    kind: Literal["entry", "stop", "target"]
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartReport:
    """What is drawn, and said beside it."""

    stamp: Stamp
    instrument: Instrument
    view: View
    candles: tuple[Candle, ...]
    per_candle: int
    """Candles of the source in one of these: above 1 where they were merged."""
    lines: Mapping[str, ind.Line]
    """``SMA 20``, ``BB up`` ... on the price's scale, as long as ``candles``."""
    rsi: ind.Line
    macd: ind.Macd | None
    has_volume: bool
    marks: tuple[Mark, ...]
    levels: tuple[Level, ...]
    last: Figure
    change_pct: Figure
    """Over the window, from its first open."""
    high: Figure
    low: Figure
    source: str
    grade: str
    """Of the newest quotes, A to F; empty when none were heard."""
    missing: str
    """Why there is nothing; empty when there is something."""


def view_of(
    range_: Range,
    timeframe: Timeframe | None = None,
    shift: int = 0,
    market: Market = Market.NYSE,
) -> View:
    """The window of a range; a timeframe too fine for it becomes the finest that can be had.

    ``market``: whose days are counted. A share has 7 candles of an hour in a day, a coin 24.
    """
    wanted = timeframe or USUAL[range_]
    frames: Sequence[Timeframe] = tuple(LENGTH)
    fitting = wanted
    while _n(range_, fitting, market) + WARM_UP > MOST_ASKED:
        fitting = frames[frames.index(fitting) + 1]
    note = "" if fitting == wanted else f"{wanted} is too fine for {range_}: shown as {fitting}"
    n = max(_n(range_, fitting, market), 2)
    return View(timeframe=fitting, range=range_, shift=shift, n=n, note=note)


def _n(range_: Range, timeframe: Timeframe, market: Market) -> int:
    """Candles of a range."""
    days = (_ALL_DAYS if market is Market.ALWAYS else _TRADING_DAYS)[range_]
    return days * (1 if timeframe == "1d" else -(-_OPEN[market] // LENGTH[timeframe]))


def length_of(report: "ChartReport") -> str:
    """How long one candle of the picture is: ``15m``, ``4h`` where four of an hour were merged."""
    of = report.view.timeframe
    number, unit = int(of[:-1]) * report.per_candle, of[-1]
    return f"{number // 60}h" if unit == "m" and number % 60 == 0 else f"{number}{unit}"


def window(series: Candles, view: View, n: int) -> Candles:
    """The newest ``n`` candles of the window that lies so many windows back; else why none."""
    end = len(series.candles) - view.shift * view.n
    kept = series.candles[max(0, end - n) : end] if end >= min(view.n, 2) else ()
    why = "" if kept else series.missing or "there is no history so far back"
    return replace(series, candles=kept, missing=why)


def build(
    frame: Frame,
    series: Candles,
    view: View,
    *,
    indicators: Collection[str] = (),
    trades: Iterable[Trade] = (),
    overlays: Collection[str] = (),
    grade: str = "",
) -> ChartReport:
    """``series``: the window's candles with those before it that indicators need.

    ``trades``: the desk's own in this instrument, each of a single leg.
    """
    whole = series.candles
    n_shown = min(view.n, len(whole))
    lines, rsi, macd = _computed(whole, indicators)
    shown = whole[len(whole) - n_shown :]
    per, ends = _merging(n_shown)
    cut = len(whole) - n_shown
    picked = [cut + end for end in ends]
    candles = merged(shown, per)
    own = [t for t in trades if _is_plain(t, series.instrument)]
    open_ones = [t for t in own if t.qty_open > 0]
    return ChartReport(
        stamp=market_stamp(frame, "chart", [series.instrument], [series]),
        instrument=series.instrument,
        view=view,
        candles=candles,
        per_candle=per,
        lines={name: [line[i] for i in picked] for name, line in lines.items()},
        rsi=[rsi[i] for i in picked] if rsi else [],
        macd=None
        if macd is None
        else ind.Macd(
            line=[macd.line[i] for i in picked],
            signal=[macd.signal[i] for i in picked],
            histogram=[macd.histogram[i] for i in picked],
        ),
        has_volume="volume" in indicators and any(c.volume for c in candles),
        marks=tuple(_marks(own, candles)) if "trades" in overlays else (),
        levels=tuple(_levels(open_ones)) if "levels" in overlays else (),
        last=candles[-1].close if candles else Missing(series.missing),
        change_pct=change_pct(candles[-1].close, candles[0].open)
        if candles
        else Missing(series.missing),
        high=max((c.high for c in candles), default=Missing(series.missing)),
        low=min((c.low for c in candles), default=Missing(series.missing)),
        source=series.source,
        grade=grade,
        missing="" if candles else series.missing or "no history",
    )


def merged(candles: Sequence[Candle], per: int) -> tuple[Candle, ...]:
    """So many in a row as one: nothing between its high and low is lost."""
    if per <= 1:
        return tuple(candles)
    groups = [candles[i : i + per] for i in range(0, len(candles), per)]
    return tuple(
        Candle(
            at=group[0].at,
            open=group[0].open,
            high=max(c.high for c in group),
            low=min(c.low for c in group),
            close=group[-1].close,
            volume=None
            if any(c.volume is None for c in group)
            else sum((c.volume for c in group if c.volume is not None), Decimal(0)),
        )
        for group in groups
    )


def _merging(n: int) -> tuple[int, list[int]]:
    """How many candles become one, and at which of them each merged one ends."""
    per = -(-n // MOST) if n else 1
    return per, [min(start + per, n) - 1 for start in range(0, n, per)]


def _computed(
    candles: Sequence[Candle], wanted: Collection[str]
) -> tuple[dict[str, ind.Line], ind.Line, ind.Macd | None]:
    closes = [float(c.close) for c in candles]
    lines: dict[str, ind.Line] = {}
    for name, make, n in (
        ("sma20", ind.sma, 20),
        ("sma50", ind.sma, 50),
        ("ema9", ind.ema, 9),
        ("ema21", ind.ema, 21),
    ):
        if name in wanted:
            lines[f"{name[:3].upper()} {n}"] = make(closes, n)
    if "bollinger" in wanted:
        bands = ind.bollinger(closes)
        lines |= {"BB up": bands.upper, "BB low": bands.lower}
    if "vwap" in wanted:
        lines["VWAP"] = ind.vwap(candles)
    rsi = ind.rsi(closes) if "rsi" in wanted else []
    return lines, rsi, ind.macd(closes) if "macd" in wanted else None


def _is_plain(trade: Trade, instrument: Instrument) -> bool:
    return len(trade.legs) == 1 and trade.legs[0].instrument == instrument


def _marks(trades: Iterable[Trade], candles: Sequence[Candle]) -> Iterable[Mark]:
    for trade in trades:
        pairs = (
            (trade.opened_at, trade.entry_price, trade.direction > 0),
            (trade.closed_at, trade.exit_price, trade.direction < 0),
        )
        for at, price, is_buy in pairs:
            place = None if at is None else _place(at, candles)
            if place is not None and price is not None:
                yield Mark(place=place, price=price, is_buy=is_buy)


def _place(at: datetime, candles: Sequence[Candle]) -> int | None:
    if not candles or at < candles[0].at:
        return None
    place = max(i for i, c in enumerate(candles) if c.at <= at)
    if place == len(candles) - 1 and len(candles) > 1:
        length = candles[-1].at - candles[-2].at
        if at >= candles[-1].at + length:
            return None
    return place


def _levels(trades: Iterable[Trade]) -> Iterable[Level]:
    for trade in trades:
        if trade.entry_price is not None:
            yield Level(kind="entry", price=trade.entry_price)
        if trade.stop is not None:
            yield Level(kind="stop", price=trade.stop.price)
        for target in trade.targets:
            if not target.is_hit:
                yield Level(kind="target", price=target.price)
