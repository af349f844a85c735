"""Correlation, beta, VaR and the sector table, against pandas on real and made-up closes."""

import csv
import gzip
import random
from datetime import date, timedelta
from decimal import Decimal
from math import exp
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.domain.instrument import FUTURES, crypto, future, option, stock
from engine.portfolio import Unknown
from engine.portfolio.beta import beta
from engine.portfolio.closes import Closes, common_days
from engine.portfolio.correlation import correlation, diversification, matrix
from engine.portfolio.greeks import LINEAR
from engine.portfolio.lines import Line
from engine.portfolio.sectors import BROAD, NAMES, UNKNOWN, reference_of, sector_of
from engine.portfolio.var import quantile, value_at_risk

SHARED = Path(__file__).resolve().parents[4] / "shared" / "data" / "market"
DAY0 = date(2025, 1, 1)


def walk(symbol: str, n: int = 120, seed: int = 1, *, skip: int = 0, like: float = 0.0) -> Closes:
    """A made-up series; ``like``: share of a common tide, ``skip``: every so many days missing."""
    own, tide = random.Random(f"{symbol}{seed}"), random.Random(f"tide{seed}")
    price, days, prices = 100.0, [], []
    for i in range(n):
        price *= exp(0.01 * (like * tide.gauss(0, 1) + (1 - like) * own.gauss(0, 1)))
        if not skip or i % skip:
            days.append(DAY0 + timedelta(days=i))
            prices.append(price)
    return Closes(symbol=symbol, days=tuple(days), prices=tuple(prices))


def frame(*series: Closes) -> pd.DataFrame:
    """The same closes as pandas would hold them: days on which all of them closed."""
    columns = {s.symbol: pd.Series(s.prices, index=list(s.days)) for s in series}
    return pd.DataFrame(columns).dropna()


def returns(*series: Closes, n: int) -> pd.DataFrame:
    return np.log(frame(*series).tail(n + 1)).diff().dropna()


def share_of(symbol: str, qty: float, price: float = 100.0, **more) -> Line:
    return Line(
        trade_id=f"T-{symbol}",
        symbol=symbol,
        label=symbol,
        reference=symbol,
        sector="Technology",
        qty=qty,
        multiplier=1.0,
        mark=price,
        spot=price,
        greeks=LINEAR,
        **more,
    )


@settings(max_examples=40, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    like=st.floats(0, 1),
    skip=st.sampled_from([0, 3, 7]),
    n=st.integers(80, 200),
)
def test_correlation_and_beta_are_those_of_pandas(seed, like, skip, n):
    a, b = walk("A", n, seed, like=like), walk("B", n, seed, skip=skip, like=like)
    ours = correlation(a, b)
    assert not isinstance(ours, Unknown)
    both = returns(a, b, n=60)
    assert ours == pytest.approx(both["A"].corr(both["B"]), abs=1e-9)
    whole = returns(a, b, n=250)
    if len(whole) >= 60:
        theirs = whole["A"].cov(whole["B"]) / whole["B"].var()
        assert beta(a, b) == pytest.approx(theirs, abs=1e-9)


def test_days_that_only_one_of_them_has_are_left_out():
    a, b = walk("A", 100), walk("B", 100, skip=2)
    days = common_days((a, b), 30)
    assert len(days) == 31
    assert set(days) <= set(b.days)


def test_too_few_common_days_are_unknown_and_say_how_many():
    short = correlation(walk("A", 200), walk("B", 30))
    assert isinstance(short, Unknown)
    assert short.reason == "A and B have 29 common days of 40"
    still = Closes(symbol="S", days=walk("A").days, prices=(5.0,) * 120)
    assert isinstance(correlation(walk("A"), still), Unknown)
    assert isinstance(beta(walk("A", 30), walk("SPY", 30)), Unknown)
    assert isinstance(beta(walk("A"), still), Unknown)


@pytest.mark.parametrize(
    ("days", "prices"),
    [
        ((DAY0,), (1.0, 2.0)),
        ((DAY0, DAY0), (1.0, 2.0)),
        ((DAY0,), (0.0,)),
        ((DAY0,), (float("nan"),)),
    ],
)
def test_closes_that_are_none_are_refused(days, prices):
    with pytest.raises(ValueError, match="closes of X"):
        Closes(symbol="X", days=days, prices=prices)


def test_a_matrix_has_every_pair_once_and_its_score_knows_shorts():
    series = {n: walk(n, like=0.9) for n in ("A", "B", "C")}
    pairs = matrix(series)
    assert sorted(pairs) == [("A", "B"), ("A", "C"), ("B", "C")]
    long = diversification({"A": 1, "B": 1, "C": 1}, pairs)
    hedged = diversification({"A": 1, "B": -1, "C": 0}, pairs)
    assert not isinstance(long, Unknown)
    assert not isinstance(hedged, Unknown)
    assert long < 0.2
    assert hedged > 1.8
    assert isinstance(diversification({"A": 1}, {}), Unknown)


@settings(max_examples=25, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    qty=st.lists(st.integers(-200, 200).filter(bool), min_size=1, max_size=4),
)
def test_var_is_the_quantile_that_pandas_finds(seed, qty):
    names = "ABCD"[: len(qty)]
    series = {n: walk(n, 200, seed) for n in names}
    lines = [share_of(n, q) for n, q in zip(names, qty, strict=True)]
    risk = value_at_risk(lines, series)
    assert not isinstance(risk, Unknown)
    simple = frame(*series.values()).pct_change().dropna().tail(250)
    days = sum(simple[n] * q * 100.0 for n, q in zip(names, qty, strict=True))
    cut = days.quantile(0.05)
    assert risk.var_usd == pytest.approx(max(-cut, 0.0), abs=1e-6)
    assert risk.shortfall_usd == pytest.approx(-days[days <= cut].mean(), abs=1e-6)


def test_var_without_history_says_whose_is_missing():
    assert value_at_risk([], {}) == Unknown("nothing is held")
    assert value_at_risk([share_of("A", 1)], {}) == Unknown("no daily closes of A")
    short = value_at_risk([share_of("A", 1)], {"A": walk("A", 20)})
    assert short == Unknown("19 common days of 60")


def test_quantile_interpolates_as_pandas_does():
    values = [3.0, -1.0, 4.0, 1.5, -9.0]
    for share in (0.0, 0.05, 0.5, 0.77, 1.0):
        assert quantile(values, share) == pytest.approx(pd.Series(values).quantile(share))


# -- sectors ------------------------------------------------------------------------------------


def test_sectors_of_shares_futures_coins_and_indices():
    assert sector_of("AAPL", "stock") == "Technology"
    assert sector_of("SPXW", "option") == BROAD
    assert sector_of("MES", "future") == BROAD
    assert sector_of("BTC/USD", "crypto") == "Crypto"
    assert sector_of("GOLDX", "stock") == UNKNOWN
    assert sector_of("GOLDX", "stock", {"GOLDX": "Materials"}) == "Materials"
    assert sector_of("AAPL", "stock", {"AAPL": "Consumer Discretionary"}).startswith("Consumer")
    # a share of the same name as a futures root is no future
    assert sector_of("ES", "stock") == "Utilities"
    assert {sector_of(root, "future") for root in FUTURES} <= set(NAMES) - {UNKNOWN}


def test_whose_closes_stand_for_what():
    friday = date(2026, 1, 30)
    assert reference_of(stock("AAPL")) == "AAPL"
    assert reference_of(option("SPXW", friday, Decimal(6000), "C")) == "SPY"
    assert reference_of(future("MNQ", friday)) == "QQQ"
    assert reference_of(future("MCL", friday)) == "USO"
    assert reference_of(stock("ES")) == "ES"
    assert reference_of(crypto("BTC")) == "BTC/USD"


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared market data")
def test_the_sector_table_agrees_with_the_index_makers_list():
    with (SHARED / "sp500_constituents.csv").open() as file:
        rows = list(csv.DictReader(file))
    same = {"Information Technology": "Technology"}
    wrong = {
        r["symbol"]: (sector_of(r["symbol"], "stock"), r["gics_sector"])
        for r in rows
        if sector_of(r["symbol"], "stock") != same.get(r["gics_sector"], r["gics_sector"])
    }
    assert not wrong


@pytest.mark.skipif(not SHARED.exists(), reason="needs the shared market data")
def test_real_closes_give_what_pandas_gives():
    with gzip.open(SHARED / "daily_panel_2012_2016.csv.gz", "rt") as file:
        panel = pd.read_csv(file)
    wide = panel.pivot_table(index="date", columns="symbol", values="close").dropna(axis=1)
    names = ["SPY", "AAPL", "MSFT", "XOM", "JPM", "KO"]
    days = tuple(date.fromisoformat(d) for d in wide.index)
    series = {n: Closes(symbol=n, days=days, prices=tuple(wide[n])) for n in names}
    logs = np.log(wide[names]).diff()
    theirs = logs.tail(60).corr()
    for (a, b), ours in matrix(series).items():
        assert ours == pytest.approx(theirs.loc[a, b], abs=1e-9)
    last = logs.tail(250)
    for name in names[1:]:
        expected = last[name].cov(last["SPY"]) / last["SPY"].var()
        assert beta(series[name], series["SPY"]) == pytest.approx(expected, abs=1e-9)


def test_the_quick_way_over_one_calendar_says_what_the_long_way_says():
    a, b = walk("A", 200, like=0.6), walk("B", 200, like=0.6)
    longer = Closes(symbol="B", days=(DAY0 - timedelta(days=9), *b.days), prices=(1.0, *b.prices))
    gone = Closes(symbol="B", days=b.days[:-1], prices=b.prices[:-1])
    quick = correlation(a, b)
    assert correlation(a, longer) == pytest.approx(quick, abs=1e-12)
    both = returns(a, gone, n=60)
    assert correlation(a, gone) == pytest.approx(both["A"].corr(both["B"]), abs=1e-9)
    assert correlation(b, a) == quick
