"""Indicators against an independent recomputation with pandas."""

import math
import random
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pandas as pd
import pytest

from engine import indicators as ind
from engine.domain.candle import Candle

D = Decimal
START = datetime(2026, 11, 18, 14, 30, tzinfo=UTC)


def candles(n: int, seed: int = 1, *, every_min: int = 5) -> list[Candle]:
    rng = random.Random(seed)
    found, price = [], 100.0
    for k in range(n):
        opened = price
        price *= math.exp(rng.gauss(0, 0.01))
        found.append(
            Candle(
                at=START + timedelta(minutes=every_min * k),
                open=D(f"{opened:.4f}"),
                high=D(f"{max(opened, price) * (1 + rng.random() / 200):.4f}"),
                low=D(f"{min(opened, price) * (1 - rng.random() / 200):.4f}"),
                close=D(f"{price:.4f}"),
                volume=D(rng.randint(0, 5_000)),
            )
        )
    return found


def frame(made: list[Candle]) -> pd.DataFrame:
    names = ("open", "high", "low", "close", "volume")
    return pd.DataFrame({n: [float(getattr(c, n)) for c in made] for n in names})


def same(found: ind.Line, wanted: pd.Series, first: int) -> None:
    assert len(found) == len(wanted)
    assert all(v is None for v in found[:first])
    for i in range(first, len(found)):
        assert found[i] == pytest.approx(wanted.iloc[i], rel=1e-9, abs=1e-9), i


def seeded_ema(series: pd.Series, n: int, weight: float) -> pd.Series:
    """pandas' recursion, begun with the mean of the first ``n``."""
    seeded = series.copy()
    seeded.iloc[: n - 1] = float("nan")
    seeded.iloc[n - 1] = series.iloc[:n].mean()
    return seeded.ewm(alpha=weight, adjust=False, ignore_na=True).mean()


@pytest.mark.parametrize("seed", range(5))
def test_averages_and_bands_are_what_pandas_says(seed: int) -> None:
    made = candles(300, seed)
    closes = frame(made)["close"]
    plain = list(closes)
    same(ind.sma(plain, 20), closes.rolling(20).mean(), 19)
    same(ind.ema(plain, 21), seeded_ema(closes, 21, 2 / 22), 20)
    bands = ind.bollinger(plain, 20, 2)
    spread = 2 * closes.rolling(20).std(ddof=0)
    same(bands.upper, closes.rolling(20).mean() + spread, 19)
    same(bands.lower, closes.rolling(20).mean() - spread, 19)


@pytest.mark.parametrize("seed", range(5))
def test_rsi_and_atr_are_wilders(seed: int) -> None:
    made = candles(200, seed)
    table = frame(made)
    moves = table["close"].diff().iloc[1:].reset_index(drop=True)
    up = seeded_ema(moves.clip(lower=0), 14, 1 / 14)
    down = seeded_ema((-moves).clip(lower=0), 14, 1 / 14)
    wanted = pd.concat([pd.Series([math.nan]), 100 - 100 / (1 + up / down)], ignore_index=True)
    same(ind.rsi(list(table["close"])), wanted, 14)
    before = table["close"].shift()
    reach = pd.concat(
        [
            table["high"] - table["low"],
            (table["high"] - before).abs(),
            (table["low"] - before).abs(),
        ],
        axis=1,
    ).max(axis=1)
    true_ranges = reach.iloc[1:].reset_index(drop=True)
    smooth = seeded_ema(true_ranges, 14, 1 / 14)
    same(ind.atr(made), pd.concat([pd.Series([math.nan]), smooth], ignore_index=True), 14)


@pytest.mark.parametrize("seed", range(3))
def test_macd_is_the_distance_of_two_averages_and_its_own_average(seed: int) -> None:
    closes = frame(candles(200, seed))["close"]
    found = ind.macd(list(closes))
    line = seeded_ema(closes, 12, 2 / 13) - seeded_ema(closes, 26, 2 / 27)
    same(found.line, line, 25)
    signal = seeded_ema(line.iloc[25:].reset_index(drop=True), 9, 2 / 10)
    signal = pd.concat([pd.Series([math.nan] * 25), signal], ignore_index=True)
    same(found.signal, signal, 33)
    same(found.histogram, line - signal, 33)


@pytest.mark.parametrize("seed", range(3))
def test_adx_is_wilders(seed: int) -> None:
    made = candles(160, seed)
    table = frame(made)
    rise, fall = table["high"].diff(), -table["low"].diff()
    before = table["close"].shift()
    reach = pd.concat([table["high"], before], axis=1).max(axis=1) - pd.concat(
        [table["low"], before], axis=1
    ).min(axis=1)

    def smooth(series: pd.Series, n: int = 14) -> pd.Series:
        return seeded_ema(series.iloc[1:].reset_index(drop=True), n, 1 / n)

    up = smooth(rise.where((rise > fall) & (rise > 0), 0.0)) / smooth(reach)
    down = smooth(fall.where((fall > rise) & (fall > 0), 0.0)) / smooth(reach)
    index = 100 * (up - down).abs() / (up + down)
    trend = seeded_ema(index.iloc[13:].reset_index(drop=True), 14, 1 / 14)
    wanted = pd.concat([pd.Series([math.nan] * 14), trend], ignore_index=True)
    same(ind.adx(made), wanted, 27)


def test_vwap_begins_anew_each_day_and_knows_nothing_without_volume() -> None:
    made = candles(200, every_min=15)
    table = frame(made)
    table["on"] = [c.on for c in made]
    typical = (table["high"] + table["low"] + table["close"]) / 3
    paid = (typical * table["volume"]).groupby(table["on"]).cumsum()
    wanted = paid / table["volume"].groupby(table["on"]).cumsum()
    assert table["on"].nunique() >= 3
    for found, known in zip(ind.vwap(made), wanted, strict=True):
        assert found is None if math.isnan(known) else found == pytest.approx(known)
    blind = [Candle(at=c.at, open=c.open, high=c.high, low=c.low, close=c.close) for c in made]
    assert set(ind.vwap(blind)) == {None}


def test_too_little_is_none_and_what_stands_still_is_in_the_middle() -> None:
    assert ind.sma([1.0, 2.0], 3) == [None, None]
    assert ind.ema([], 3) == []
    assert ind.rsi([1.0] * 14) == [None] * 14
    assert ind.rsi([1.0] * 16)[14:] == [50.0, 50.0]
    assert ind.rsi([float(n) for n in range(16)])[15] == 100
    assert ind.atr(candles(14)) == [None] * 14
    assert set(ind.macd([1.0] * 30).signal) == {None}
