"""Every figure of a trade's card, worked out by hand."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from engine.domain.order import OrderState, PlannedTarget, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import StopPlan, TradeState
from engine.reports import Frame, Missing
from engine.reports.trade_card import TradeCard, build
from tests.unit.reports.examples import (
    AAPL,
    CREDIT_SPREAD,
    LONG_PUT,
    MES,
    NOW,
    SHORT_PUT,
    SPY_CALL,
    D,
    closed,
    frame,
    lot,
    order,
    position,
    quote,
    trade,
)

CALL_AT_310 = frame(quote(SPY_CALL, "3.08", "3.12"))


def figures(card: TradeCard) -> dict[str, object]:
    return {
        "realised": card.realised_usd,
        "open": card.open_usd,
        "open_fees": card.open_fees_usd,
        "net": card.net_usd,
        "basis": card.basis_usd,
        "pct": card.pct,
        "r": card.r_net,
        "at_stop": card.stop_usd,
    }


def as_text(values: dict[str, object]) -> dict[str, str]:
    return {
        k: f"{v.quantize(Decimal('0.01')):f}" if isinstance(v, Decimal) else str(v)
        for k, v in values.items()
    }


def long_option() -> TradeCard:
    """2 calls from 2.55, now 3.10: 0.55 x 2 x 100 = 110; fees 1.30 still in the lots."""
    return build(trade(), CALL_AT_310, positions=[position(SPY_CALL, lot("2", "2.55", "1.30"))])


def credit_spread() -> TradeCard:
    """Sold 2 at 1.20; unit now (2.05 - 1.05) = 1.00: 0.20 x 2 x 100 = 40; stop 2.40 costs 240."""
    sold = trade(
        legs=CREDIT_SPREAD,
        direction=-1,
        asset="spread",
        entry_price=D("1.20"),
        stop=StopPlan(price=D("2.40")),
        risk_usd=D(240),
    )
    held = [
        position(SHORT_PUT, lot("-2", "3.20", "1.30")),
        position(LONG_PUT, lot("2", "2.00", "1.30")),
    ]
    prices = frame(quote(SHORT_PUT, "2.00", "2.10"), quote(LONG_PUT, "1.00", "1.10"))
    return build(sold, prices, positions=held)


def short_future() -> TradeCard:
    """Sold 2 MES at 6324.25, now 6318.25: 6 x 2 x 5 = 60; stop 6334.25 costs 100."""
    sold = trade(
        symbol="MES",
        asset="future",
        legs=(Leg(instrument=MES),),
        direction=-1,
        entry_price=D("6324.25"),
        stop=StopPlan(price=D("6334.25")),
        risk_usd=D(100),
    )
    held = [position(MES, lot("-2", "6324.25", "1.24"))]
    return build(sold, frame(quote(MES, "6318.00", "6318.50")), positions=held)


def short_stock() -> TradeCard:
    """Sold short 100 AAPL at 185.20, now 187.12: -1.92 x 100 = -192; trail at 187.20 costs 200."""
    sold = trade(
        symbol="AAPL",
        asset="stock",
        legs=(Leg(instrument=AAPL),),
        direction=-1,
        qty_wanted=D(100),
        qty_opened=D(100),
        qty_open=D(100),
        entry_price=D("185.20"),
        stop=StopPlan(price=D("187.20"), kind="trailing", trail_pct=D(2)),
        risk_usd=D(200),
    )
    held = [position(AAPL, lot("-100", "185.20", "0.50"))]
    return build(sold, frame(quote(AAPL, "187.10", "187.14")), positions=held)


def partly_closed() -> TradeCard:
    """3 calls bought as 1 at 2.40 and 2 at 2.60; the first lot sold at 3.20 with 0.65 + 0.65 fees.

    Realised (3.20 - 2.40) x 100 - 1.30 = 78.70. Open 2 x (3.10 - 2.60) x 100 = 100, fees 1.30.
    Net 177.40; basis 3 x 2.5333.. x 100 = 760; stop at 2.60 on lots of 2.60: only fees are lost.
    """
    part = trade(
        qty_wanted=D(3),
        qty_opened=D(3),
        qty_open=D(2),
        entry_price=D(760) / 300,
        exit_price=D("3.20"),
        realised_usd=D("78.70"),
        fees_usd=D("2.60"),
        stop=StopPlan(price=D("2.60"), kind="breakeven"),
        risk_usd=D("130"),
    )
    held = [position(SPY_CALL, lot("2", "2.60", "1.30"))]
    return build(part, CALL_AT_310, positions=held)


def closed_at_a_loss() -> TradeCard:
    """1 call from 2.50 to 2.00: -50 - 1.30 fees; risk 50 -> -1.026R; -51.30 / 250 = -20.52 %."""
    return build(closed(3, "-51.30"), CALL_AT_310)


@pytest.mark.parametrize(
    ("card", "expected"),
    [
        (
            long_option(),
            {
                "realised": "0.00",
                "open": "110.00",
                "open_fees": "1.30",
                "net": "108.70",
                "basis": "510.00",
                "pct": "21.31",
                "r": "1.21",
                "at_stop": "-91.30",
            },
        ),
        (
            credit_spread(),
            {
                "realised": "0.00",
                "open": "40.00",
                "open_fees": "2.60",
                "net": "37.40",
                "basis": "240.00",
                "pct": "15.58",
                "r": "0.16",
                "at_stop": "-242.60",
            },
        ),
        (
            short_future(),
            {
                "realised": "0.00",
                "open": "60.00",
                "open_fees": "1.24",
                "net": "58.76",
                "basis": "63242.50",
                "pct": "0.09",
                "r": "0.59",
                "at_stop": "-101.24",
            },
        ),
        (
            short_stock(),
            {
                "realised": "0.00",
                "open": "-192.00",
                "open_fees": "0.50",
                "net": "-192.50",
                "basis": "18520.00",
                "pct": "-1.04",
                "r": "-0.96",
                "at_stop": "-200.50",
            },
        ),
        (
            partly_closed(),
            {
                "realised": "78.70",
                "open": "100.00",
                "open_fees": "1.30",
                "net": "177.40",
                "basis": "760.00",
                "pct": "23.34",
                "r": "1.36",
                "at_stop": "-1.30",
            },
        ),
        (
            closed_at_a_loss(),
            {
                "realised": "-51.30",
                "open": "0.00",
                "open_fees": "0.00",
                "net": "-51.30",
                "basis": "250.00",
                "pct": "-20.52",
                "r": "-1.03",
                "at_stop": "n/a (no stop)",
            },
        ),
    ],
    ids=["long option", "credit spread", "short future", "short stock", "partial", "closed"],
)
def test_figures(card, expected):
    assert as_text(figures(card)) == expected


def test_r_uses_the_risk_frozen_at_entry_whatever_the_stop_is_now():
    moved = replace(trade(), stop=StopPlan(price=D("3.00"), kind="trailing"))
    held = [position(SPY_CALL, lot("2", "2.55", "1.30"))]
    assert build(moved, CALL_AT_310, positions=held).r_net == long_option().r_net


def test_without_a_quote_open_figures_are_missing_and_realised_ones_stay():
    card = build(trade(), frame(), positions=[position(SPY_CALL, lot("2", "2.55"))])
    assert str(card.open_usd) == "n/a (no quote for SPY 603C 1/31)"
    assert isinstance(card.net_usd, Missing)
    assert isinstance(card.pct, Missing)
    assert isinstance(card.r_net, Missing)
    assert card.realised_usd == 0


def test_an_insane_quote_is_no_mark():
    crossed = frame(quote(SPY_CALL, "3.20", "3.10"))
    card = build(trade(), crossed, positions=[position(SPY_CALL, lot("2", "2.55"))])
    assert isinstance(card.open_usd, Missing)


def test_without_positions_an_open_trade_says_that_it_does_not_know():
    assert build(trade(), CALL_AT_310).open_usd == Missing("positions not loaded")


def test_without_a_stop_at_entry_there_is_no_r():
    card = build(
        trade(risk_usd=None, stop=None, initial_stop=None),
        CALL_AT_310,
        positions=[position(SPY_CALL, lot("2", "2.55"))],
    )
    assert card.r_net == Missing("no stop at entry")
    assert card.stop_usd == Missing("no stop")
    assert card.net_usd == D("110.00")


def test_a_trade_that_never_filled_has_no_result_rather_than_zero():
    waiting = trade(
        state=TradeState.PENDING, qty_opened=D(0), qty_open=D(0), entry_price=None, opened_at=None
    )
    card = build(waiting, CALL_AT_310)
    assert card.realised_usd == Missing("not filled")
    assert card.net_usd == Missing("not filled")
    assert card.age is None


def test_slippage_is_counted_against_us_on_both_sides():
    # entry: alerted 2.50, filled 2.55, 1 contract: 5 dollars worse; exit alerted 2.10, got 2.00
    over = closed(1, "-51.30", entry_price=D("2.55"), alerted_exit=D("2.10"))
    card = build(over, CALL_AT_310)
    assert card.entry_path.cost_usd == D("-5.00")
    assert card.exit_path.cost_usd == D("-10.00")


def test_slippage_of_a_short_is_mirrored():
    sold = closed(
        1, "0", direction=-1, alerted_price=D("2.50"), entry_price=D("2.45"), alerted_exit=D("2.00")
    )
    card = build(replace(sold, exit_price=D("2.10")), CALL_AT_310)
    assert card.entry_path.cost_usd == D("-5.00")  # sold lower than alerted
    assert card.exit_path.cost_usd == D("-10.00")  # bought back higher than alerted


def test_only_working_orders_of_this_trade_are_listed():
    stop = order(
        order_id="S1",
        purpose=Purpose.STOP,
        side=Side.SELL,
        limit=None,
        stop=D("2.10"),
        state=OrderState.ACCEPTED,
        leg_filled=(),
    )
    other = replace(stop, order_id="S2", trade_id="T-9")
    card = build(trade(), CALL_AT_310, orders=[order(), stop, other])
    assert [(o.order_id, o.qty, o.price) for o in card.working] == [("S1", D(2), D("2.10"))]


def test_the_stamp_tells_origin_age_and_made_up_prices():
    old = quote(SPY_CALL, "3.08", "3.12", received_at=NOW - timedelta(seconds=6))
    made_up = replace(old, is_synthetic=True, source="synthetic")
    card = build(trade(), Frame(now=NOW, mode="live", quotes={SPY_CALL.key: made_up}))
    assert card.stamp.mode == "live"
    assert card.stamp.is_stale
    assert card.stamp.is_synthetic
    assert card.stamp.source == "synthetic"
    assert card.stamp.ref == "A-1"
    assert card.stamp.grade == "", "nobody graded them"


def test_the_stamp_has_the_worst_grade_of_its_prices():
    grades = {SHORT_PUT: "A", LONG_PUT: "C"}.get
    graded = frame(*(quote(i, "1.00", "1.10") for i in (SHORT_PUT, LONG_PUT)), grade=grades)
    assert graded.stamp("A-1", [SHORT_PUT, LONG_PUT]).grade == "C"
    assert graded.stamp("A-1", [SHORT_PUT]).grade == "A"
    assert graded.stamp("A-1", [SPY_CALL]).grade == "", "nothing of it is quoted"


def test_targets_keep_their_hits():
    hit = PlannedTarget(price=D("3.20"), qty=D(1), is_hit=True)
    assert build(trade(targets=(hit,)), CALL_AT_310).targets == (hit,)


def test_days_to_expiry_are_counted_in_new_york():
    late = Frame(now=NOW.replace(day=31, hour=2))  # still the 30th in New York
    assert build(trade(), late).dte == 1
    assert build(trade(), Frame(now=NOW.replace(day=31))).dte == 0
    assert short_stock().dte is None


def test_age_of_a_closed_trade_stops_at_its_close():
    assert build(closed(1, "5"), frame()).age == timedelta(hours=1)


def test_fees_that_a_broker_does_not_tell_are_not_shown_as_nothing():
    silent = frame(feeless=frozenset({"alpaca"}))
    told = build(trade(broker="alpaca", fees_usd=D(0)), silent, positions=[], orders=[])
    assert told.fees_usd == Missing("alpaca reports none")
    assert build(trade(fees_usd=D(0)), silent, positions=[], orders=[]).fees_usd == 0
    paid = build(trade(broker="alpaca", fees_usd=D("0.02")), silent, positions=[], orders=[])
    assert paid.fees_usd == D("0.02"), "what was told all the same counts"
