"""Which contract an opening alert means."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from engine.domain.alert import Action, Signal, SignalLeg
from engine.domain.instrument import crypto
from engine.domain.order import Side
from engine.domain.source import SourceProfile
from engine.routing import Refused, Routed, route

D = Decimal
WEDNESDAY = date(2025, 1, 29)
FRIDAY = date(2025, 1, 31)
ACCOUNTS = {"main": "paper", "prop": "topstepx"}
ROOM = SourceProfile(name="room", guild_id=1, channel_id=11, symbol_map={"ES": "MES", "NQ": "MNQ"})


def signal(**more: Any) -> Signal:
    """BTO SPY 603C 1/31 @ 2.35."""
    figures: dict[str, Any] = {
        "action": Action.BTO,
        "asset": "option",
        "symbol": "SPY",
        "expiry": FRIDAY,
        "strike": D(603),
        "right": "C",
        "price": D("2.35"),
    }
    return Signal(**(figures | more))


def bare(asset: str, symbol: str, action: Action = Action.BTO, **more: Any) -> Signal:
    cleared: dict[str, Any] = {"expiry": None, "strike": None, "right": None}
    return signal(asset=asset, symbol=symbol, action=action, **(cleared | more))


def routed(
    said: Signal, on: date = WEDNESDAY, profile: SourceProfile = ROOM, **more: Any
) -> Routed:
    found = route(said, replace(profile, **more), ACCOUNTS, on)
    assert isinstance(found, Routed), found
    return found


def refused(
    said: Signal, on: date = WEDNESDAY, profile: SourceProfile = ROOM, **more: Any
) -> Refused:
    found = route(said, replace(profile, **more), ACCOUNTS, on)
    assert isinstance(found, Refused), found
    return found


def keys(found: Routed) -> list[tuple[str, int]]:
    return [(leg.instrument.key, leg.ratio) for leg in found.legs]


# -- single contracts --------------------------------------------------------------------------


def test_an_option_becomes_its_contract() -> None:
    found = routed(signal())
    assert keys(found) == [("SPY   250131C00603000", 1)]
    assert (found.account, found.broker, found.asset, found.symbol) == (
        "main",
        "paper",
        "option",
        "SPY",
    )
    assert (found.side, found.direction, found.note) == (Side.BUY, 1, "")


def test_a_sold_option_is_a_short_unit() -> None:
    found = routed(signal(action=Action.STO))
    assert (found.side, found.direction, found.legs[0].ratio) == (Side.SELL, -1, 1)


@pytest.mark.parametrize(
    ("symbol", "root"), [("SPX", "SPXW"), ("NDX", "NDXP"), ("RUT", "RUTW"), ("XSP", "XSP")]
)
def test_index_options_are_the_weekly_ones_and_the_note_says_so(symbol: str, root: str) -> None:
    found = routed(signal(symbol=symbol, strike=D(6000)))
    assert found.legs[0].instrument.symbol == root
    assert found.symbol == symbol
    assert found.note == ("" if root == symbol else f"{symbol} traded as {root}")


@pytest.mark.parametrize(
    ("expiry", "root"),
    [
        (date(2025, 2, 19), "VIX"),  # 30 days before the third Friday of March
        (date(2025, 2, 12), "VIXW"),
        (date(2025, 12, 17), "VIX"),
    ],
)
def test_vix_options_are_monthly_or_weekly_by_their_date(expiry: date, root: str) -> None:
    found = routed(signal(symbol="VIX", strike=D(20), expiry=expiry))
    assert found.legs[0].instrument.symbol == root
    assert found.symbol == "VIX"


@pytest.mark.parametrize(("on", "is_open"), [(date(2025, 2, 18), True), (date(2025, 2, 19), False)])
def test_what_pays_by_the_opening_is_not_entered_on_its_last_day(on: date, is_open: bool) -> None:
    alert = signal(symbol="VIX", strike=D(20), expiry=date(2025, 2, 19))
    if is_open:
        assert routed(alert, on=on).symbol == "VIX"
    else:
        assert "was traded until 2025-02-18" in refused(alert, on=on).reason


@pytest.mark.parametrize("field", ["expiry", "strike", "right"])
def test_a_missing_fact_is_named_never_guessed(field: str) -> None:
    found = refused(signal(**{field: None}))
    assert found.code == "route.missing"
    assert found.reason == f"the alert does not say: {field}"


@pytest.mark.parametrize(
    ("expiry", "code", "said"),
    [
        (date(2025, 1, 28), "expired", "SPY 2025-01-28 has expired; nearest: Wed 2025-01-29"),
        (
            date(2025, 2, 1),
            "expiry",
            "Saturday 2025-02-01 is no trading day; nearest: Fri 2025-01-31 or Mon 2025-02-03",
        ),
        (date(2025, 4, 18), "expiry", "Friday 2025-04-18 is no trading day"),
        (date(2029, 1, 19), "expiry", "no SPY option runs until 2029-01-19"),
    ],
)
def test_a_contract_that_cannot_be_is_refused_with_the_nearest(
    expiry: date, code: str, said: str
) -> None:
    """A-12."""
    found = refused(signal(expiry=expiry))
    assert found.code == f"route.{code}"
    assert found.reason.startswith(said)


def test_the_same_day_is_no_expired_contract() -> None:
    assert routed(signal(expiry=WEDNESDAY)).legs[0].instrument.expiry == WEDNESDAY


@pytest.mark.parametrize("strike", ["0", "-5", "NaN", "Infinity", "603.0001", "1e9", "9" * 400])
def test_a_strike_that_cannot_be_is_refused(strike: str) -> None:
    found = refused(signal(strike=D(strike)))
    assert found.code == "route.strike"
    assert len(found.reason) < 60


@pytest.mark.parametrize("symbol", ["", "spy", "SP Y", "SPY\u200b", "TOOLONG", "../etc", "$SPY"])
def test_a_symbol_that_cannot_be_is_refused(symbol: str) -> None:
    assert refused(signal(symbol=symbol)).code == "route.symbol"
    assert refused(bare("stock", symbol)).code == "route.symbol"


def test_a_share_and_a_short_share() -> None:
    assert keys(routed(bare("stock", "BRK.B", Action.BUY))) == [("BRK.B", 1)]
    assert routed(bare("stock", "TSLA", Action.SHORT)).side is Side.SELL


@pytest.mark.parametrize("symbol", ["BTC", "BTCUSD", "BTC/USD"])
def test_a_coin_becomes_its_dollar_pair(symbol: str) -> None:
    found = routed(bare("crypto", symbol, Action.BUY))
    assert (found.legs[0].instrument, found.symbol) == (crypto("BTC"), "BTC/USD")
    assert refused(bare("crypto", symbol, Action.SHORT)).code == "route.short_crypto"
    assert refused(bare("crypto", "")).code == "route.symbol"


# -- futures -----------------------------------------------------------------------------------


def test_an_es_alert_trades_mes_of_the_front_month_and_says_so() -> None:
    found = routed(bare("future", "ES", Action.LONG))
    assert (keys(found), found.symbol) == ([("/MESH25", 1)], "MES")
    assert found.note == "ES traded as /MESH25"
    assert routed(bare("future", "ES"), symbol_map={}).symbol == "ES"
    assert routed(bare("future", "RTY", Action.SHORT)).direction == -1


@pytest.mark.parametrize(
    ("on", "key"),
    [
        (date(2025, 3, 13), "/MESH25"),
        (date(2025, 3, 14), "/MESM25"),
        (date(2025, 12, 12), "/MESH26"),
    ],
)
def test_the_front_month_rolls_by_the_date(on: date, key: str) -> None:
    """M-08."""
    assert keys(routed(bare("future", "ES"), on=on)) == [(key, 1)]


@pytest.mark.parametrize("contract", ["ESM25", "/ESM25", "ESM5", "MESM25"])
def test_a_named_month_is_kept(contract: str) -> None:
    assert keys(routed(bare("future", "ES", contract=contract))) == [("/MESM25", 1)]


@pytest.mark.parametrize(
    ("contract", "code"),
    [
        ("ESZ24", "expired"),
        ("ESF25", "contract"),
        ("NQH25", "contract"),
        ("ES", "contract"),
        ("ESH", "contract"),
        ("ESH2099", "contract"),
        ("ESH99", "contract"),
    ],
)
def test_a_month_that_cannot_be_is_refused(contract: str, code: str) -> None:
    assert refused(bare("future", "ES", contract=contract)).code == f"route.{code}"


def test_an_expired_month_names_the_front_month() -> None:
    found = refused(bare("future", "ES", contract="ESH25"), on=date(2025, 3, 21))
    assert found.reason == "/MESH25 could be entered until 2025-03-20; nearest: /MESM25"
    assert routed(bare("future", "ES", contract="ESH25"), on=date(2025, 3, 20))


def test_a_year_of_one_digit_is_the_next_such_year() -> None:
    found = routed(bare("future", "ES", contract="ESH0"), on=date(2029, 12, 20))
    assert keys(found) == [("/MESH30", 1)]
    assert keys(routed(bare("future", "ES", contract="ESZ6"))) == [("/MESZ26", 1)]
    assert keys(routed(bare("future", "ES", contract="ESH28"))) == [("/MESH28", 1)]


def test_roots_that_are_no_index_need_their_month_and_end_before_delivery() -> None:
    assert refused(bare("future", "CL")).code == "route.month"
    assert keys(routed(bare("future", "CL", contract="CLH25"))) == [("/CLH25", 1)]
    assert refused(bare("future", "CL", contract="CLH25"), on=date(2025, 2, 14)).code == (
        "route.expired"
    )
    assert routed(bare("future", "GC", contract="GCJ25"), on=date(2025, 3, 26))
    assert refused(bare("future", "GC", contract="GCJ25"), on=date(2025, 3, 27))


def test_a_root_outside_the_table_is_refused() -> None:
    found = refused(bare("future", "XYZ"))
    assert found.reason == "XYZ is not in the futures contract table"
    assert refused(bare("future", "ES"), symbol_map={"ES": "QQQQ"}).code == "route.root"


# -- spreads -----------------------------------------------------------------------------------


def leg(action: str, right: str, strike: int, expiry: date = FRIDAY, ratio: int = 1) -> SignalLeg:
    return SignalLeg(
        action=Action(action),
        right="C" if right == "C" else "P",
        strike=D(strike),
        expiry=expiry,
        ratio=ratio,
    )


def spread(*legs: SignalLeg, action: Action = Action.BTO, **more: Any) -> Signal:
    return bare("spread", "SPY", action, legs=legs, price=D("0.62"), **more)


def test_a_debit_spread_is_bought_as_it_stands() -> None:
    found = routed(spread(leg("BTO", "C", 600), leg("STO", "C", 605), price_effect="debit"))
    assert keys(found) == [("SPY   250131C00600000", 1), ("SPY   250131C00605000", -1)]
    assert (found.side, found.direction, found.asset) == (Side.BUY, 1, "spread")


def test_a_credit_spread_is_the_sale_of_the_unit_that_costs_a_debit() -> None:
    said = spread(
        leg("STO", "P", 590), leg("BTO", "P", 585), action=Action.STO, price_effect="credit"
    )
    found = routed(said)
    assert keys(found) == [("SPY   250131P00590000", 1), ("SPY   250131P00585000", -1)]
    assert (found.side, found.direction) == (Side.SELL, -1)


def test_condors_butterflies_calendars_and_straddles() -> None:
    condor = spread(
        leg("STO", "C", 610),
        leg("BTO", "C", 620),
        leg("STO", "P", 590),
        leg("BTO", "P", 580),
        action=Action.STO,
    )
    assert [ratio for _, ratio in keys(routed(condor))] == [1, -1, 1, -1]
    fly = spread(leg("BTO", "C", 590), leg("STO", "C", 600, ratio=2), leg("BTO", "C", 610))
    assert [ratio for _, ratio in keys(routed(fly))] == [1, -2, 1]
    far = date(2025, 2, 21)
    assert routed(spread(leg("STO", "C", 600), leg("BTO", "C", 600, far))).side is Side.BUY
    straddle = (leg("BTO", "C", 600), leg("BTO", "P", 600))
    assert routed(spread(*straddle)).side is Side.BUY
    sold = tuple(replace(part, action=Action.STO) for part in straddle)
    assert [r for _, r in keys(routed(spread(*sold, action=Action.STO)))] == [1, 1]


@pytest.mark.parametrize(
    ("said", "code"),
    [
        (spread(leg("BTO", "C", 600)), "missing"),
        (spread(leg("BTO", "C", 600), leg("STO", "C", 605), price_effect="credit"), "price_effect"),
        (spread(leg("BTO", "C", 605), leg("STO", "C", 600)), "price_effect"),
        (spread(leg("BTO", "P", 585), leg("STO", "P", 590)), "price_effect"),
        (spread(leg("STO", "C", 605), leg("BTO", "C", 600), action=Action.STO), "price_effect"),
        (spread(leg("STO", "C", 600), leg("STO", "P", 600)), "price_effect"),
        (spread(leg("BTO", "C", 600), leg("STO", "C", 600)), "legs"),
        (spread(leg("BTO", "C", 600), leg("STC", "C", 605)), "legs"),
        (spread(leg("BTO", "C", 600, ratio=0), leg("STO", "C", 605)), "legs"),
        (spread(leg("BTO", "C", 600), leg("STO", "C", 605, date(2025, 1, 27))), "expired"),
        (spread(leg("BTO", "C", 600), leg("STO", "C", -5)), "strike"),
    ],
)
def test_a_spread_that_contradicts_itself_is_refused(said: Signal, code: str) -> None:
    assert refused(said).code == f"route.{code}"


# -- terms of the room -------------------------------------------------------------------------


def test_what_the_room_may_not_trade_is_refused() -> None:
    found = refused(signal(), allowed_assets=frozenset({"future"}))
    assert found.reason == "room may not trade options"


def test_an_account_that_is_not_configured_is_refused_not_replaced() -> None:
    """O-23: never a silent second broker."""
    assert refused(signal(), account="gone").code == "route.account"
    assert routed(signal(), account="prop").broker == "topstepx"


def test_what_is_not_clear_or_opens_nothing_is_refused() -> None:
    assert refused(signal(ambiguous=("expiry",))).reason == "not clear: expiry"
    for action in (Action.STC, Action.BTC, Action.SELL, Action.UPDATE, Action.CANCEL):
        assert refused(signal(action=action)).code == "route.not_an_entry"


def test_an_unknown_asset_is_refused() -> None:
    assert refused(replace(signal(), asset=None)).reason == "the alert does not say: asset"
