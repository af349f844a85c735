"""Webull's words and ours, both ways; its own sample bodies."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import OrderRequest
from engine.brokers._wire import figures
from engine.brokers.webull import translate
from engine.brokers.webull.sign import signature, signed_headers
from engine.domain.errors import OrderRejected
from engine.domain.instrument import crypto, future, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

D = Decimal
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
ROOT = Path(__file__).parents[4]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "webull" / "requests.json").read_text("utf-8"))
SAMPLES = ROOT.parent / "shared" / "data" / "fixtures" / "webull" / "openapi_order_requests.json"
PUT = option("SPY", date(2026, 12, 18), D("2.25"), "P")


def request(instrument, side=Side.BUY, type=OrderType.LIMIT, **more):  # noqa: A002
    more.setdefault("client_order_id", "TS0000000000000009AA")
    if type in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        more.setdefault("limit", D("190.10"))
    return OrderRequest(
        account="main",
        side=side,
        legs=more.pop("legs", (Leg(instrument=instrument),)),
        qty=more.pop("qty", D(1)),
        type=type,
        **more,
    )


def test_a_limit_for_shares_is_the_golden_body():
    body = translate.body(request(stock("AAPL")), "ACC", is_short=False)
    assert body == GOLDEN["place_limit"]["body"]
    assert translate.category(stock("AAPL")) == GOLDEN["place_limit"]["headers"]["category"]


def test_a_limit_for_one_option_is_the_golden_body():
    call = option("SPY", date(2026, 12, 18), D(700), "C")
    asked = request(call, limit=D("1.05"), client_order_id="TS0000000000000010AA")
    assert translate.body(asked, "ACC", is_short=False) == GOLDEN["place_option_single"]["body"]
    assert translate.category(call) == GOLDEN["place_option_single"]["headers"]["category"]


@pytest.mark.parametrize(
    ("type_", "more", "fields"),
    [
        (OrderType.MARKET, {}, {"order_type": "MARKET"}),
        (OrderType.STOP, {"stop": D("9.50")}, {"order_type": "STOP_LOSS", "stop_price": "9.50"}),
        (
            OrderType.STOP_LIMIT,
            {"stop": D("9.50"), "limit": D("9.40")},
            {"order_type": "STOP_LOSS_LIMIT", "stop_price": "9.50", "limit_price": "9.40"},
        ),
        (
            OrderType.TRAILING,
            {"trail": D("0.20")},
            {
                "order_type": "TRAILING_STOP_LOSS",
                "trailing_type": "AMOUNT",
                "trailing_stop_step": "0.20",
            },
        ),
    ],
)
def test_every_order_type_names_its_own_prices_and_no_other(type_, more, fields):
    asked = request(stock("F"), Side.SELL, type_, tif=Tif.GTC, **more)
    (order,) = translate.body(asked, "ACC", is_short=False)["new_orders"]
    prices = {"limit_price", "stop_price", "trailing_type", "trailing_stop_step", "order_type"}
    assert {k: v for k, v in order.items() if k in prices} == fields
    assert (order["side"], order["time_in_force"]) == ("SELL", "GTC")


def test_shares_that_are_not_held_are_sold_short_by_name():
    asked = request(stock("F"), Side.SELL)
    (order,) = translate.body(asked, "ACC", is_short=True)["new_orders"]
    assert order["side"] == "SHORT"


@pytest.mark.parametrize("root", ["SPX", "SPXW", "NDX", "VIX", "RUT"])
def test_index_options_are_refused_by_name(root):
    with pytest.raises(OrderRejected) as caught:
        translate.check(request(option(root, date(2026, 12, 18), D(6000), "C")))
    assert caught.value.code == "no_index_options"


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        (request(future("MES", date(2026, 12, 1))), "not_traded"),
        (request(crypto("BTC")), "not_traded"),
        (request(PUT, Side.SELL, OrderType.TRAILING, trail=D(1)), "not_supported"),
        (request(PUT, oco_group="exit"), "not_supported"),
        (request(PUT, legs=(Leg(instrument=PUT), Leg(instrument=PUT, ratio=-1))), "one_leg_only"),
        (request(stock("F"), qty=D("1.5")), "bad_quantity"),
        (request(stock("F"), qty=D("NaN")), "bad_quantity"),
        (request(stock("F"), limit=D("NaN")), "bad_limit"),
        (request(stock("F"), limit=D("1E+30")), "bad_limit"),
        (request(stock("F"), Side.SELL, OrderType.STOP), "bad_stop"),
    ],
)
def test_what_webull_has_no_words_for_is_refused_before_it_is_sent(asked, code):
    with pytest.raises(OrderRejected) as caught:
        translate.check(asked)
    assert caught.value.code == code


def listed(order, **more):
    """As Webull lists what was asked."""
    legs = [leg | {"id": "L1"} for leg in order.get("legs", ())]
    return {
        "data": [
            {
                "client_order_id": order["client_order_id"],
                "combo_type": "NORMAL",
                "orders": [
                    {
                        **order,
                        "symbol": order.get("symbol") or legs[0]["symbol"],
                        "instrument_type": order.get("instrument_type", "OPTION"),
                        "legs": legs,
                        "order_id": "W1",
                        "status": "SUBMITTED",
                        "total_quantity": order["quantity"],
                        "filled_quantity": "0",
                        "filled_price": "0",
                        "place_time_at": "2026-11-18T15:00:00.385Z",
                        **more,
                    }
                ],
            }
        ]
    }


prices = st.decimals("0.01", "9999.99", places=2)
strikes = st.decimals("0.25", "9000", places=2).map(lambda d: d.quantize(D("0.01")))
contracts = st.one_of(
    st.sampled_from(["AAPL", "F", "BRK.B"]).map(stock),
    st.builds(
        option,
        st.sampled_from(["SPY", "TSLA", "F"]),
        st.dates(date(2026, 11, 18), date(2029, 1, 1)),
        strikes,
        st.sampled_from(["C", "P"]),
    ),
)


@given(
    contracts,
    st.sampled_from(Side),
    st.sampled_from([OrderType.MARKET, OrderType.LIMIT, OrderType.STOP, OrderType.STOP_LIMIT]),
    st.integers(1, 100_000).map(D),
    prices,
    prices,
)
def test_an_order_read_back_is_the_order_that_was_sent(it, side, type_, qty, limit, stop):
    more = {}
    if type_ in (OrderType.LIMIT, OrderType.STOP_LIMIT):
        more["limit"] = limit
    if type_ in (OrderType.STOP, OrderType.STOP_LIMIT):
        more["stop"] = stop
    asked = request(it, side, type_, qty=qty, **more)
    (order,) = translate.body(asked, "ACC", is_short=False)["new_orders"]
    (row,) = translate.rows(listed(order), "main", pytest.fail)
    seen = row.order
    assert (seen.client_order_id, seen.side, seen.legs) == (
        asked.client_order_id,
        asked.side,
        asked.legs,
    )
    assert (seen.qty, seen.type, seen.limit, seen.stop) == (qty, type_, asked.limit, asked.stop)


def golden_order():
    return GOLDEN["place_limit"]["body"]["new_orders"][0]


@pytest.mark.parametrize(("said", "state"), translate.STATES.items())
def test_every_known_status_has_its_state(said, state):
    (row,) = translate.rows(listed(golden_order(), status=said), "main", pytest.fail)
    assert (row.order.state, row.order.raw_state) == (state, said)


def test_an_unknown_status_is_kept_raw():
    (row,) = translate.rows(listed(golden_order(), status="HALF_BAKED"), "main", pytest.fail)
    assert (row.order.state, row.order.raw_state) == ("unknown", "HALF_BAKED")


def test_fees_are_what_was_charged_and_zero_is_no_price():
    more = {
        "filled_quantity": "1",
        "filled_price": "0",
        "commission": {"actual_commission": "1.00", "receivable_commission": "0.50"},
        "fees": [{"type": "A", "actual_value": "0.02"}, {"type": "B", "actual_value": "0.01"}],
    }
    (row,) = translate.rows(listed(golden_order(), **more), "main", pytest.fail)
    assert (row.fee_usd, row.average) == (D("1.03"), None)


@pytest.mark.parametrize("gone", ["status", "order_id", "total_quantity", "side", "place_time_at"])
def test_an_order_without_what_we_use_is_not_read_as_something_else(gone):
    body = listed(golden_order())
    del body["data"][0]["orders"][0][gone]
    with pytest.raises(KeyError):
        translate.rows(body, "main", pytest.fail)


@pytest.mark.parametrize("unsaid", [{}, {"filled_quantity": None}, {"filled_quantity": ""}])
@pytest.mark.parametrize(
    ("status", "price", "filled"),
    [
        ("SUBMITTED", "0", "0"),
        ("CANCELLED", None, "0"),
        ("FILLED", "2.05", "1"),
        ("PARTIAL_FILLED", "2.05", None),
        ("PARTIAL_FILLED", None, None),
        ("PENDING_CANCEL", "2.05", None),
        ("CANCELLED", "2.05", None),
    ],
)
def test_a_filled_quantity_that_is_not_said_is_never_nothing_where_something_is_filled(
    unsaid, status, price, filled
):
    """An entry of which half was filled stood bare for 8.8 s, and nobody heard of it."""
    body = listed(golden_order(), status=status, filled_price=price, **unsaid)
    if not unsaid:
        body["data"][0]["orders"][0].pop("filled_quantity", None)
    if filled is None:
        with pytest.raises(ValueError, match="how much of it is filled"):
            translate.rows(body, "main", pytest.fail)
        return
    (row,) = translate.rows(body, "main", pytest.fail)
    assert row.order.filled == D(filled)


@pytest.mark.parametrize("at", ["2026-11-18T15:00:09.150", "soon", 1795014009150])
def test_no_execution_is_lost_because_its_time_cannot_be_read(at):
    body = listed(golden_order(), status="FILLED", filled_quantity="1", filled_time_at=at)
    (row,) = translate.rows(body, "main", pytest.fail)
    assert (row.order.filled, row.filled_at) == (1, None)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ({"place_time": "1795014009150"}, "2026-11-18T15:00:09.150Z"),
        ({"place_time": 1795014009150}, "2026-11-18T15:00:09.150Z"),
        ({"place_time": "soon"}, "2026-11-18T16:00:00Z"),
        ({"place_time_at": "soon"}, "2026-11-18T16:00:00Z"),
        ({}, "2026-11-18T16:00:00Z"),
    ],
)
def test_an_order_that_does_not_say_when_it_was_placed_hides_no_other(said, at):
    """The whole list of what works could not be read: nobody knew of any fill in it."""
    body, now = listed(golden_order()), translate.moment("2026-11-18T16:00:00Z")
    order = body["data"][0]["orders"][0]
    order.pop("place_time_at"), order.pop("place_time", None)
    order |= said
    (row,) = translate.rows(body, "main", pytest.fail, now=now)
    assert row.order.updated_at == translate.moment(at)
    assert row.order.client_order_id


def test_an_order_that_says_when_it_filled_need_not_say_when_it_was_placed():
    """What it brought was never heard of, and stood bare."""
    at = "2026-11-18T15:00:09.150Z"
    body = listed(golden_order(), status="FILLED", filled_quantity="1", filled_time_at=at)
    del body["data"][0]["orders"][0]["place_time_at"]
    (row,) = translate.rows(body, "main", pytest.fail)
    assert (row.order.filled, row.order.updated_at) == (1, translate.moment(at))


def test_one_placed_by_hand_that_cannot_be_read_is_told_and_hides_no_other():
    """O-16."""
    by_hand = [
        {"client_order_id": "hand1", "side": "SELL_SHORT"},
        {"client_order_id": None, "place_time_at": None},
        {"client_order_id": "hand3", "total_quantity": None},
        {"client_order_id": "hand4", "instrument_type": "OPTION", "legs": [None]},
    ]
    hand = [row for more in by_hand for row in listed(golden_order(), **more)["data"]]
    told = []
    found = translate.rows({"data": hand + listed(golden_order())["data"]}, "main", told.append)
    assert [row.order.client_order_id for row in found] == [golden_order()["client_order_id"]]
    assert len(told) == 4


@pytest.mark.parametrize("gone", [{"order_id": None}, {"order_id": ""}])
def test_a_row_without_any_number_may_be_ours_and_lets_no_list_be_believed(gone):
    """O-20: left out of a list that counts as whole, ours would be proved absent by it."""
    nameless = listed(golden_order(), client_order_id=None, place_time_at=None, **gone)
    with pytest.raises(figures.UNREADABLE):
        translate.rows(nameless, "main", lambda _: None)


def test_ids_that_come_as_numbers_are_kept_as_text():
    (row,) = translate.rows(listed(golden_order(), order_id=4711), "main", pytest.fail)
    assert row.order.broker_id == "4711"


@pytest.mark.parametrize("figure", ["NaN", "Infinity", "1,5", "x"])
def test_a_figure_that_is_none_is_refused(figure):
    with pytest.raises(ValueError, match=r"number"):
        translate.rows(listed(golden_order(), total_quantity=figure), "main", pytest.fail)


def test_positions_are_signed_however_the_short_side_is_said():
    rows = [
        {"symbol": "AAPL", "instrument_type": "EQUITY", "quantity": "2", "cost_price": "190.10"},
        {"symbol": "F", "instrument_type": "EQUITY", "quantity": "-3", "cost_price": "9"},
        {"symbol": "T", "instrument_type": "STOCK", "quantity": "4", "side": "SHORT"},
        {"symbol": "X", "instrument_type": "EQUITY", "quantity": "0"},
        {
            "symbol": "SPY",
            "instrument_type": "OPTION",
            "quantity": "5",
            "legs": [
                {
                    "symbol": "SPY",
                    "side": "SELL",
                    "option_type": "PUT",
                    "option_exercise_price": "2.25",
                    "option_expire_date": "2026-12-18",
                }
            ],
        },
    ]
    held = {p.instrument.key: p.qty for p in translate.positions(rows, "main", pytest.fail)}
    assert held == {"AAPL": D(2), "F": D(-3), "T": D(-4), PUT.key: D(-5)}


def test_orders_placed_by_hand_in_the_app_are_read_whatever_they_are():
    """O-16: one that we have no words for must not hide the others."""
    spread = {
        "side": "BUY",
        "legs": [
            {
                "symbol": "SPY",
                "side": side,
                "quantity": qty,
                "instrument_type": "OPTION",
                "option_type": "CALL",
                "strike_price": strike,
                "option_expire_date": "2026-12-18",
            }
            for side, qty, strike in (("BUY", "2", "600"), ("SELL", "4", "605"))
        ],
        "instrument_type": "OPTION",
        "symbol": "SPY",
    }
    answer = {
        "data": [
            *listed(golden_order(), **spread)["data"],
            *listed(golden_order(), order_type="MARKET_ON_CLOSE", limit_price="0")["data"],
            *listed(golden_order(), instrument_type="CRYPTO", symbol="BTCUSD")["data"],
        ]
    }
    two, close = (row.order for row in translate.rows(answer, "main", pytest.fail))
    assert [(leg.instrument.strike, leg.ratio) for leg in two.legs] == [(D(600), 1), (D(605), -2)]
    assert close.type is OrderType.MARKET


def test_shares_are_shares_by_either_of_their_names():
    """As the documentation's example has it: no list could be read, and no fill got a stop."""
    said = listed(golden_order(), instrument_type="STOCK", symbol="AAPL", legs=[])
    (row,) = translate.rows(said, "main", pytest.fail)
    assert [leg.instrument.key for leg in row.order.legs] == ["AAPL"]


@pytest.mark.parametrize(
    ("prices", "type_"),
    [
        ({}, OrderType.MARKET),
        ({"limit_price": "0", "stop_price": "0"}, OrderType.MARKET),
        ({"limit_price": "9.50"}, OrderType.LIMIT),
        ({"stop_price": "9.50"}, OrderType.STOP),
        ({"stop_price": "9.50", "limit_price": "9.40"}, OrderType.STOP_LIMIT),
    ],
)
def test_an_order_of_a_type_without_a_word_is_what_its_prices_make_of_it(prices, type_):
    """O-16, O-20: a person's stop is not to look like an order at any price."""
    none = {"limit_price": None, "stop_price": None}
    said = listed(golden_order(), order_type="MARKET_IF_TOUCHED", **(none | prices))
    (row,) = translate.rows(said, "main", pytest.fail)
    assert row.order.type is type_


def test_a_position_of_several_legs_is_several_holdings():
    leg = {
        "symbol": "SPY",
        "option_type": "CALL",
        "option_expire_date": "2026-12-18",
        "cost_price": "1.10",
    }
    row = {
        "symbol": "SPY",
        "instrument_type": "OPTION",
        "quantity": "1",
        "legs": [
            leg | {"side": "BUY", "quantity": "1", "option_exercise_price": "600"},
            leg | {"side": "SELL", "quantity": "2", "option_exercise_price": "605"},
        ],
    }
    held = translate.positions([row], "main", pytest.fail)
    assert [(p.instrument.strike, p.qty) for p in held] == [(D(600), D(1)), (D(605), D(-2))]


def test_money_that_is_not_said_is_none_and_never_zero():
    said = {"account_currency_assets": [{"currency": "USD", "cash_balance": "0"}]}
    balance = translate.balance(said, "main", NOW)
    assert (balance.cash_usd, balance.buying_power_usd, balance.equity_usd) == (D(0), None, None)
    none = translate.balance({"account_currency_assets": []}, "main", NOW)
    assert none.cash_usd is None


@pytest.mark.parametrize(
    ("told", "power"),
    [
        ({"buying_power": "500.10", "overnight_buying_power": "900"}, D("500.10")),
        ({"buying_power": "0", "overnight_buying_power": "900"}, D(0)),
        ({"overnight_buying_power": "900", "day_buying_power": "1800"}, D(900)),
        ({"buying_power": None, "day_buying_power": "1800"}, D(1800)),
    ],
)
def test_a_margin_account_tells_what_may_be_bought_by_how_long_it_is_held(told, power):
    asset = {"currency": "USD", **told}
    said = translate.balance({"account_currency_assets": [asset]}, "main", NOW)
    assert said.buying_power_usd == power


@pytest.mark.parametrize("worth", [None, "", "NaN"])
def test_an_account_whose_worth_is_told_empty_is_not_read(worth):
    """R-03: entries wait."""
    asset = {"currency": "USD", "net_liquidation_value": worth}
    with pytest.raises(ValueError, match="figure"):
        translate.balance({"account_currency_assets": [asset]}, "main", NOW)


def test_the_signature_is_the_one_reckoned_by_hand():
    """Reckoned with openssl: sha256 of the body, the string, its percent form, HMAC, base64."""
    headers = signed_headers("KEY", "api.webull.com", "NONCE", NOW)
    mark = signature("SECRET", "/trading/orders/place", {"a": "1"}, headers, b'{"x":1}')
    assert mark == SIGNED


SIGNED = "Wsf0jcirBBm8BSt/DyPgYVd3byOTrL2QOCYX9wVi6j8="


def test_the_signature_changes_with_each_part():
    headers = signed_headers("KEY", "api.webull.com", "NONCE", NOW)
    marks = {
        signature("SECRET", "/a", {}, headers, b""),
        signature("SECRET", "/b", {}, headers, b""),
        signature("SECRET", "/a", {"q": "1"}, headers, b""),
        signature("SECRET", "/a", {}, headers, b"{}"),
        signature("OTHER", "/a", {}, headers, b""),
        signature("SECRET", "/a", {}, headers | {"x-signature-nonce": "N2"}, b""),
    }
    assert len(marks) == 6


@pytest.mark.skipif(not SAMPLES.exists(), reason="Webull's own samples are not here")
def test_webulls_own_samples_use_no_word_that_we_do_not_know():
    words = set()
    for sample in json.loads(SAMPLES.read_text("utf-8")):
        for order in sample["json"] if isinstance(sample["json"], list) else [sample["json"]]:
            words |= {order.get("order_type"), order.get("time_in_force")}
    ours = {*translate.TYPES.values(), *translate.TIFS.values()}
    assert words - ours <= {None}
