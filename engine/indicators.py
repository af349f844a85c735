"""Indicators over closes or candles, oldest first; pure. Floats: for looking, never for money.

Each answer is as long as what went in; None where there is not yet enough before it.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

from engine.domain.candle import Candle

Line = list[float | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Macd:
    """Distance of two averages, the average of that, and their difference (Appel)."""

    line: Line
    signal: Line
    histogram: Line


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """Average and so many deviations about it (Bollinger)."""

    middle: Line
    upper: Line
    lower: Line


def sma(values: Sequence[float], n: int) -> Line:
    """Mean of the newest ``n`` (>= 1) values."""
    found: Line = [None] * len(values)
    total = 0.0
    for i, value in enumerate(values):
        total += value
        if i >= n:
            total -= values[i - n]
        if i >= n - 1:
            found[i] = total / n
    return found


def ema(values: Sequence[float], n: int) -> Line:
    """Exponential mean of span ``n``; begins with the mean of the first ``n`` values."""
    found: Line = [None] * len(values)
    if len(values) < n:
        return found
    weight = 2 / (n + 1)
    level = sum(values[:n]) / n
    found[n - 1] = level
    for i in range(n, len(values)):
        level += weight * (values[i] - level)
        found[i] = level
    return found


def rsi(closes: Sequence[float], n: int = 14) -> Line:
    """Relative strength index, 0-100 (Wilder 1978); 50 where nothing moved at all."""
    found: Line = [None] * len(closes)
    if len(closes) <= n:
        return found
    moves = [b - a for a, b in pairwise(closes)]
    up = sum(max(m, 0.0) for m in moves[:n]) / n
    down = sum(max(-m, 0.0) for m in moves[:n]) / n
    found[n] = _strength(up, down)
    for i, move in enumerate(moves[n:], start=n + 1):
        up += (max(move, 0.0) - up) / n
        down += (max(-move, 0.0) - down) / n
        found[i] = _strength(up, down)
    return found


def _strength(up: float, down: float) -> float:
    return 50.0 if up + down == 0 else 100 * up / (up + down)


def macd(closes: Sequence[float], fast: int = 12, slow: int = 26, signal: int = 9) -> Macd:
    """EMA ``fast`` less EMA ``slow``, its EMA ``signal``, and their difference."""
    near, far = ema(closes, fast), ema(closes, slow)
    line: Line = [None if a is None or b is None else a - b for a, b in zip(near, far, strict=True)]
    known = [v for v in line if v is not None]
    n_before = len(line) - len(known)
    smooth: Line = [*(None for _ in range(n_before)), *ema(known, signal)]
    rest: Line = [
        None if a is None or b is None else a - b for a, b in zip(line, smooth, strict=True)
    ]
    return Macd(line=line, signal=smooth, histogram=rest)


def bollinger(closes: Sequence[float], n: int = 20, width: float = 2.0) -> Bands:
    """Mean of ``n`` closes and ``width`` population deviations above and below it."""
    middle = sma(closes, n)
    upper: Line = [None] * len(closes)
    lower: Line = [None] * len(closes)
    for i, mean in enumerate(middle):
        if mean is not None:
            window = closes[i - n + 1 : i + 1]
            reach = width * math.sqrt(sum((v - mean) ** 2 for v in window) / n)
            upper[i], lower[i] = mean + reach, mean - reach
    return Bands(middle=middle, upper=upper, lower=lower)


def atr(candles: Sequence[Candle], n: int = 14) -> Line:
    """Average true range in price units (Wilder 1978)."""
    found: Line = [None] * len(candles)
    if len(candles) <= n:
        return found
    ranges = [
        float(max(now.high, before.close) - min(now.low, before.close))
        for before, now in pairwise(candles)
    ]
    level = sum(ranges[:n]) / n
    found[n] = level
    for i, true_range in enumerate(ranges[n:], start=n + 1):
        level += (true_range - level) / n
        found[i] = level
    return found


def vwap(candles: Sequence[Candle]) -> Line:
    """Mean of the typical price by volume, since the day began in New York; intraday candles.

    None from the first candle on whose volume is not known, and while nothing was traded.
    """
    found: Line = []
    day: date | None = None
    paid = volume = 0.0
    is_known = True
    for candle in candles:
        if candle.on != day:
            day, paid, volume, is_known = candle.on, 0.0, 0.0, True
        if candle.volume is None:
            is_known = False
        else:
            typical = float(candle.high + candle.low + candle.close) / 3
            paid += typical * float(candle.volume)
            volume += float(candle.volume)
        found.append(paid / volume if is_known and volume > 0 else None)
    return found


def adx(candles: Sequence[Candle], n: int = 14) -> Line:
    """Average directional index, 0-100: how strong a trend is, whichever way (Wilder 1978)."""
    found: Line = [None] * len(candles)
    if len(candles) < 2 * n:
        return found
    reach = up = down = level = 0.0
    strengths: list[float] = []
    for i in range(1, len(candles)):
        before, now = candles[i - 1], candles[i]
        rise, fall = float(now.high - before.high), float(before.low - now.low)
        true_range = float(max(now.high, before.close) - min(now.low, before.close))
        keep = 0.0 if i <= n else 1 / n
        reach += true_range - reach * keep
        up += (rise if rise > fall and rise > 0 else 0.0) - up * keep
        down += (fall if fall > rise and fall > 0 else 0.0) - down * keep
        if i >= n:
            strengths.append(0.0 if up + down == 0 else 100 * abs(up - down) / (up + down))
        if len(strengths) == n:
            level = sum(strengths) / n
        elif len(strengths) > n:
            level += (strengths[-1] - level) / n
        if len(strengths) >= n:
            found[i] = level
    return found
