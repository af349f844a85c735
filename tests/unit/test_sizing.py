"""How many: the smaller of what is wanted and what one trade may lose."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any, Literal

import pytest

from engine.domain.alert import Action, Signal
from engine.domain.instrument import crypto, future, option, stock
from engine.domain.order import Side
from engine.domain.quote import Leg
from engine.domain.source import SourceProfile
from engine.risk import Denial
from engine.sizing import (
    Sized,
    SizingSettings,
    exposure_usd,
    kelly_fraction,
    kelly_m,
    max_loss,
    multiplier,
    size,
    unit_risk,
)
from tests.unit.risk.facts import AAPL, BTC, CALL, FRIDAY, MES, PUT, PUT_SPREAD

D = Decimal
ROOM = SourceProfile(
    name="room",
    guild_id=1,
    channel_id=11,
    size_map={"A": D(1), "B": D(2), "C": D(3)},
)
DEFAULTS = SizingSettings()


def calls(*strikes: int, ratios: tuple[int, ...] = (), right: str = "C") -> tuple[Leg, ...]:
    side: Literal["C", "P"] = "C" if right == "C" else "P"
    given = ratios or (1, -1)
    return tuple(
        Leg(instrument=option("SPY", FRIDAY, D(strike), side), ratio=ratio)
        for strike, ratio in zip(strikes, given, strict=False)
    )


def signal(**more: Any) -> Signal:
    return Signal(**({"action": Action.BTO, "asset": "option", "symbol": "SPY"} | more))


def sized(said: Signal | None = None, **more: Any) -> Sized | Denial:
    """A SPY call at 2.00 with a stop at 1.00: 100 dollars at risk, in 100,000 dollars."""
    figures: dict[str, Any] = {
        "signal": said or signal(),
        "profile": ROOM,
        "entry": D("2.00"),
        "stop": D("1.00"),
        "legs": CALL,
        "direction": 1,
        "equity": D(100_000),
        "settings": DEFAULTS,
        "streaks": (0, 0),
    }
    return size(**(figures | more))


def qty(said: Signal | None = None, **more: Any) -> Decimal:
    found = sized(said, **more)
    assert isinstance(found, Sized), found
    return found.qty


def no(said: Signal | None = None, **more: Any) -> str:
    found = sized(said, **more)
    assert isinstance(found, Denial), found
    return found.code


# -- the rule ----------------------------------------------------------------------------------


def test_one_percent_of_equity_at_the_stop() -> None:
    found = sized()
    assert isinstance(found, Sized)
    assert (found.qty, found.risk_usd, found.notional_usd) == (D(10), D(1000), D(2000))
    assert found.note == ("10: $1,000.00 of risk is 1.0 % of $100,000.00, $100.00 a unit")


def test_a_stated_quantity_is_a_ceiling_not_an_order() -> None:
    assert qty(signal(quantity=D(3))) == 3
    found = sized(signal(quantity=D(30)))
    assert isinstance(found, Sized)
    assert found.qty == 10
    assert found.note.startswith("10 of 30 that the author says: $1,000.00 of risk")


def test_size_letters_come_from_the_rooms_map() -> None:
    for letter, expected in (("A", 1), ("B", 2), ("C", 3)):
        assert qty(signal(size_class=letter)) == expected
    assert no(signal(size_class="A"), profile=replace(ROOM, size_map={})) == "sizing.size_letter"


def test_size_words_that_the_room_does_not_map_scale_the_risk() -> None:
    assert qty(signal(size_class="lotto")) == 2
    assert qty(signal(size_class="half")) == 5
    assert qty(signal(size_class="full")) == 10
    mapped = replace(ROOM, size_map={"lotto": D(1)})
    assert qty(signal(size_class="lotto"), profile=mapped) == 1
    default = replace(ROOM, default_qty=D(1))
    assert qty(signal(size_class="lotto"), profile=default) == 1


def test_the_authors_quantity_outranks_the_letter_and_the_letter_the_default() -> None:
    room = replace(ROOM, default_qty=D(1))
    assert qty(signal(quantity=D(4), size_class="A"), profile=room) == 4
    assert qty(signal(size_class="C"), profile=room) == 3
    assert qty(profile=room) == 1


@pytest.mark.parametrize("bad", ["0", "-1", "NaN", "Infinity"])
def test_a_quantity_that_is_none_is_denied(bad: str) -> None:
    assert no(signal(quantity=D(bad))) == "sizing.quantity"


def test_a_gigantic_quantity_is_cut_not_crashed_on() -> None:
    """A-08."""
    for huge in (D("1e9"), D("1e400"), D("9" * 400)):
        found = sized(signal(quantity=huge))
        assert isinstance(found, Sized)
        assert found.qty == 10
        assert len(found.note) < 200


def test_parts_of_a_contract_are_cut_off() -> None:
    assert qty(signal(quantity=D("2.9"))) == 2
    assert no(signal(quantity=D("0.9"))) == "sizing.too_small"


def test_less_than_one_unit_is_denied_with_the_figures() -> None:
    found = sized(equity=D(9_999))
    assert isinstance(found, Denial)
    assert found.code == "sizing.too_small"
    assert "$100.00 at risk" in found.detail
    assert qty(equity=D(10_000)) == 1


@pytest.mark.parametrize("equity", [None, D("NaN"), D("Infinity"), D(0), D(-1)])
def test_unknown_equity_is_denied(equity: Decimal | None) -> None:
    assert no(equity=equity) == "sizing.equity_unknown"


@pytest.mark.parametrize("entry", ["0", "-1", "NaN", "Infinity"])
def test_an_entry_without_a_price_is_denied(entry: str) -> None:
    assert no(entry=D(entry)) == "sizing.price"


@pytest.mark.parametrize("stop", ["2.00", "2.50", "0", "-1", "NaN"])
def test_a_stop_that_limits_nothing_is_denied(stop: str) -> None:
    assert no(stop=D(stop)) == "sizing.stop"
    assert no(stop=D("1.00"), direction=-1) == "sizing.stop"


# -- multiplier --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("streaks", "expected"),
    [((0, 0), 10), ((2, 0), 10), ((3, 0), 5), ((9, 0), 5), ((0, 4), 10), ((0, 5), 15)],
)
def test_streaks_halve_and_raise(streaks: tuple[int, int], expected: int) -> None:
    free = SizingSettings(max_loss_pct=D(100))
    assert qty(streaks=streaks, settings=free) == expected


def wins(n: int, of: int, usd: str = "100", loss: str = "-100") -> list[Decimal]:
    return [D(usd)] * n + [D(loss)] * (of - n)


@pytest.mark.parametrize(
    ("results", "fraction", "factor"),
    [
        (wins(18, 29), None, "1"),
        (wins(18, 30), "0.2", "1"),  # 60 % at b = 1: the par
        (wins(24, 30), "0.6", "2.0"),
        (wins(15, 30), "0", "0.5"),
        (wins(9, 30), "-0.4", "0.5"),
        (wins(30, 30), "1", "2.0"),
        (wins(0, 30), "-1", "0.5"),
        (wins(15, 30, usd="150"), "0.1667", "0.8333"),
        (wins(18, 30) + [D("NaN")] * 5, "0.2", "1"),
    ],
)
def test_kelly_is_normalised_by_its_par(
    results: list[Decimal], fraction: str | None, factor: str
) -> None:
    got = kelly_fraction(results)
    assert (None if got is None else round(got, 4)) == (None if fraction is None else D(fraction))
    assert round(kelly_m(results, DEFAULTS), 4) == D(factor)


def test_kelly_looks_at_the_newest_hundred() -> None:
    assert kelly_fraction(wins(0, 100) + wins(500, 500)) == -1


def test_the_product_stays_within_a_half_and_two() -> None:
    assert multiplier((3, 0), wins(0, 30), DEFAULTS)[0] == D("0.5")
    assert multiplier((0, 5), wins(30, 30), DEFAULTS)[0] == D("2.0")
    m, why = multiplier((0, 5), wins(18, 30, usd="90"), DEFAULTS)
    assert D("0.5") < m < D("1.5")
    assert why.startswith(", Kelly ×0.")
    assert why.endswith("×1.5 after 5 wins")


# -- walls -------------------------------------------------------------------------------------


def test_the_hard_cap_holds_whatever_the_multiplier() -> None:
    wild = SizingSettings(risk_pct=D("1.5"), max_loss_pct=D(100))
    found = sized(settings=wild, streaks=(0, 5), results=wins(30, 30))
    assert isinstance(found, Sized)
    assert found.risk_usd == 2000
    assert "the hard cap 2.0 %" in found.note


def test_a_position_of_shares_is_ten_percent_of_equity() -> None:
    said = signal(asset="stock", symbol="AAPL")
    found = sized(said, legs=AAPL, entry=D(180), stop=D("178.20"))
    assert isinstance(found, Sized)
    assert (found.qty, found.notional_usd) == (D(55), D(9900))
    assert "at most 10 %" in found.note


def test_an_option_position_may_lose_two_percent_at_worst() -> None:
    found = sized(stop=D("1.90"))
    assert isinstance(found, Sized)
    assert found.qty == 10
    assert "at most 2.0 % in all" in found.note


def test_a_future_may_lose_a_hundred_dollars() -> None:
    said = signal(asset="future", symbol="MES", size_class="C")
    found = sized(said, legs=MES, entry=D(6326), stop=D(6316))
    assert isinstance(found, Sized)
    assert (found.qty, found.risk_usd, found.notional_usd) == (D(2), D(100), D(5000))
    assert found.note == "2 of 3 that size C says: $100.00 is the cap for a future, $50.00 a unit"
    es = (Leg(instrument=future("ES", date(2025, 3, 1))),)
    assert no(said, legs=es, entry=D(6326), stop=D(6316)) == "sizing.too_small"
    free = SizingSettings(futures_max_risk_usd=None)
    assert qty(said, legs=es, entry=D(6326), stop=D(6316), settings=free) == 2


def test_one_order_has_at_most_fifty_contracts() -> None:
    cheap: dict[str, Any] = {"entry": D("0.05"), "stop": D("0.02")}
    assert qty(**cheap) == 50
    assert qty(**cheap, settings=SizingSettings(max_contracts=None)) == 333
    assert no(**cheap, settings=SizingSettings(max_contracts=D(0))) == "sizing.too_small"


def test_a_limit_of_zero_is_a_limit() -> None:
    for key in ("risk_pct", "hard_cap_pct", "max_loss_pct"):
        assert no(settings=SizingSettings(**{key: D(0)})) == "sizing.too_small"


def test_without_a_stop_only_limited_losses_are_sized() -> None:
    assert qty(stop=None) == 5  # 200 of premium each
    credit: dict[str, Any] = {"legs": PUT_SPREAD, "direction": -1, "entry": D("0.62")}
    found = sized(stop=None, **credit)
    assert isinstance(found, Sized)
    assert (found.qty, found.risk_usd) == (D(2), D(876))  # width 5 less the credit
    for legs, entry in ((AAPL, "180"), (MES, "6326"), (BTC, "100000")):
        assert no(legs=legs, entry=D(entry), stop=None) == "sizing.no_stop"
    assert no(stop=None, direction=-1) == "sizing.no_stop"


def test_a_stop_beyond_the_width_risks_the_width() -> None:
    found = unit_risk(PUT_SPREAD, Side.SELL, D("0.62"), D("9.00"))
    assert found == D(438)


def test_an_entry_that_risks_nothing_was_misread() -> None:
    found = unit_risk(PUT_SPREAD, Side.SELL, D("5.00"), None)
    assert isinstance(found, Denial)
    assert found.code == "sizing.no_risk"


def test_coins_are_bought_in_parts() -> None:
    said = signal(asset="crypto", symbol="BTC")
    found = sized(said, legs=BTC, entry=D(97_123), stop=D(95_000))
    assert isinstance(found, Sized)
    assert found.qty == D("0.1029")
    assert found.notional_usd < 10_000


# -- worst cases -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("legs", "side", "price", "expected"),
    [
        (CALL, Side.BUY, "2.35", "2.35"),
        (CALL, Side.SELL, "2.35", None),
        (PUT, Side.SELL, "2.00", "588.00"),
        (calls(600, 605), Side.BUY, "2.10", "2.10"),
        (calls(600, 605), Side.SELL, "2.10", "2.90"),
        (PUT_SPREAD, Side.SELL, "0.62", "4.38"),
        # Iron condor, as the unit one buys back.
        (
            (*calls(610, 620), *calls(590, 580, right="P")),
            Side.SELL,
            "3.20",
            "6.80",
        ),
        (calls(590, 600, 610, ratios=(1, -2, 1)), Side.BUY, "2.50", "2.50"),
        (calls(600, 610, ratios=(1, -2)), Side.BUY, "1.00", None),
        (calls(600, 590, ratios=(2, -1)), Side.BUY, "1.00", "11.00"),
        ((*CALL, *PUT), Side.BUY, "5.00", "5.00"),
        ((*CALL, *PUT), Side.SELL, "5.00", None),
        (AAPL, Side.BUY, "180", None),
    ],
)
def test_max_loss(legs: tuple[Leg, ...], side: Side, price: str, expected: str | None) -> None:
    assert max_loss(legs, side, D(price)) == (None if expected is None else D(expected))


def test_max_loss_of_a_calendar_counts_the_longer_leg_at_its_intrinsic_value() -> None:
    near, far = option("SPY", FRIDAY, D(600), "C"), option("SPY", date(2025, 3, 21), D(600), "C")
    calendar = (Leg(instrument=far), Leg(instrument=near, ratio=-1))
    assert max_loss(calendar, Side.BUY, D("4.05")) == D("4.05")
    assert max_loss(calendar, Side.SELL, D("4.05")) is None


def test_max_loss_of_two_underlyings_is_not_known() -> None:
    mixed = (*CALL, Leg(instrument=option("QQQ", FRIDAY, D(500), "C"), ratio=-1))
    assert max_loss(mixed, Side.BUY, D(1)) is None


@pytest.mark.parametrize(
    ("legs", "side", "qty", "price", "expected"),
    [
        (CALL, Side.BUY, 2, "2.35", "470"),
        (CALL, True, 2, "2.35", "470"),
        (PUT_SPREAD, Side.SELL, 3, "0.62", "1314"),
        (PUT_SPREAD, False, 3, "0.62", "1314"),
        (PUT, Side.SELL, 1, "2.00", "58800"),  # cash-secured
        (CALL, Side.SELL, 1, "2.00", "12260"),  # 20 % of 603 and the premium
        ((*CALL, *PUT), Side.SELL, 1, "5.00", "71560"),
        (AAPL, Side.BUY, 10, "180", "1800"),
        (AAPL, Side.SELL, 10, "180", "1800"),
        (BTC, Side.BUY, 1, "97000", "97000"),
        (MES, Side.BUY, 2, "6326", "5000"),
        (MES, Side.SELL, 2, "6326", "5000"),
    ],
)
def test_exposure(
    legs: tuple[Leg, ...], side: Side | bool, qty: int, price: str, expected: str
) -> None:
    assert exposure_usd(legs, side, D(qty), D(price)) == D(expected)


def test_a_future_without_margin_in_the_table_counts_in_full() -> None:
    bare = SizingSettings(futures_margin_usd={})
    assert exposure_usd(MES, Side.BUY, D(1), D(6326), bare) == 31_630


def test_exposure_of_nonsense_is_not_a_number() -> None:
    for price, count in (("NaN", "1"), ("1", "NaN"), ("Infinity", "1")):
        assert exposure_usd(CALL, Side.BUY, D(count), D(price)).is_nan()
    assert exposure_usd((Leg(instrument=stock("A")),), Side.BUY, D(1), D("-Infinity")).is_nan()
    assert exposure_usd((Leg(instrument=crypto("X")),), Side.BUY, D("NaN"), D(1)).is_nan()
