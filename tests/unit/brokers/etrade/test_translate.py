"""E*TRADE's words: golden bodies, every order there and back, what people published of answers."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import OrderRequest
from engine.brokers._wire.figures import UNREADABLE, Unreadable, number
from engine.brokers.etrade import translate
from engine.domain.errors import OrderRejected
from engine.domain.instrument import option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

D = Decimal
ROOT = Path(__file__).parents[4]
GOLDEN = json.loads((ROOT / "tests/golden/etrade/orders.json").read_text())
SHARED = ROOT.parent / "shared/data/fixtures/etrade"
SPY = stock("SPY")
CALL = option("SPY", date(2026, 11, 20), D(600), "C")
HIGH = option("SPY", date(2026, 11, 20), D(605), "C")
SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH, ratio=-1))
BUY, SELL = Side.BUY, Side.SELL
AT = datetime(2026, 11, 18, 15, tzinfo=UTC)


def request(**more: Any) -> OrderRequest:
    plain = {
        "client_order_id": "TS000000000000000001",
        "account": "main",
        "side": BUY,
        "legs": (Leg(instrument=SPY),),
        "qty": D(10),
        "type": OrderType.LIMIT,
        "limit": D("188.51"),
    }
    return OrderRequest(**{**plain, **more})


GOLDEN_ORDERS = {
    "buy 10 shares at 188.51": request(),
    "protect 2 calls by a stop": request(
        side=SELL,
        legs=(Leg(instrument=CALL),),
        qty=D(2),
        type=OrderType.STOP,
        limit=None,
        stop=D("1.80"),
        tif=Tif.GTC,
        reduces=True,
    ),
    "sell 3 spreads for a credit of 1.25": request(
        side=SELL, legs=SPREAD, qty=D(3), limit=D("1.25")
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_a_body_is_the_documented_one(name: str) -> None:
    assert translate.preview_body(GOLDEN_ORDERS[name]) == GOLDEN[name]


@pytest.mark.parametrize("name", GOLDEN)
def test_placing_repeats_the_preview_word_for_word(name: str) -> None:
    asked = GOLDEN_ORDERS[name]
    placed = translate.place_body(asked, [D(2785277279)])["PlaceOrderRequest"]
    assert placed.pop("PreviewIds") == [{"previewId": D(2785277279)}]
    assert placed == translate.preview_body(asked)["PreviewOrderRequest"]


prices = st.decimals(min_value="0.01", max_value="9999.99", places=2)
strikes = st.decimals(min_value="0.5", max_value="9000", places=3)
days = st.dates(date(2026, 11, 20), date(2029, 1, 1))
options = st.builds(
    option, st.sampled_from(["SPY", "A", "SPXW"]), days, strikes, st.sampled_from("CP")
)
singles = st.builds(
    lambda i: (Leg(instrument=i),), options | st.just(SPY) | st.just(stock("BRK.B"))
)
spreads = st.builds(
    lambda a, b, n: (Leg(instrument=a), Leg(instrument=b, ratio=n)),
    options,
    options,
    st.sampled_from([-3, -2, -1, 1, 2]),
).filter(lambda legs: legs[0].instrument != legs[1].instrument)
orders = st.builds(
    request,
    side=st.sampled_from(Side),
    legs=singles,
    qty=st.integers(1, 10**6).map(D),
    type=st.sampled_from(sorted(translate.PRICE_TYPES)),
    limit=prices,
    stop=prices,
    tif=st.sampled_from(Tif),
    reduces=st.booleans(),
) | st.builds(
    request,
    side=st.sampled_from(Side),
    legs=spreads,
    qty=st.integers(1, 1000).map(D),
    limit=st.decimals(min_value="-50", max_value="50", places=2),
)


def as_listed(asked: OrderRequest) -> dict[str, Any]:
    """What a list says of an order right after it was placed."""
    (order,) = translate.order_body(asked)["Order"]
    rows = [
        {**row, "orderedQuantity": float(row["quantity"]), "filledQuantity": 0.0}
        for row in order["Instrument"]
    ]
    detail = {**order, "Instrument": rows, "status": "OPEN", "placedTime": 1582571271171}
    for name in ("limitPrice", "stopPrice"):
        detail[name] = float(order[name] or 0)
    return {"orderId": 676, "OrderDetail": [detail]}


def cash(side: Side, limit: Decimal | None) -> Decimal | None:
    return None if limit is None else -side.sign * limit


@given(orders)
def test_an_order_is_read_back_as_it_was_asked_for(asked: OrderRequest) -> None:
    order = translate.listed("main", as_listed(asked)).order
    turn = asked.side.sign * order.side.sign
    assert [(leg.instrument, leg.ratio * turn) for leg in order.legs] == [
        (leg.instrument, leg.ratio) for leg in asked.legs
    ]
    assert (order.qty, order.type, order.state) == (asked.qty, asked.type, "accepted")
    has_limit = asked.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    assert cash(order.side, order.limit) == (cash(asked.side, asked.limit) if has_limit else None)
    assert order.stop == (
        asked.stop if asked.type in (OrderType.STOP, OrderType.STOP_LIMIT) else None
    )


@pytest.mark.parametrize(
    ("price_type", "side", "limit"),
    [("NET_DEBIT", BUY, "1.20"), ("NET_CREDIT", SELL, "1.25"), ("NET_CREDIT", BUY, "-1.25"),
     ("NET_DEBIT", SELL, "-1.20"), ("NET_EVEN", BUY, "0")],
)  # fmt: skip
def test_the_sign_of_a_spread_is_said_in_words(price_type: str, side: Side, limit: str) -> None:
    (order,) = translate.order_body(request(side=side, legs=SPREAD, limit=D(limit)))["Order"]
    assert order["priceType"] == price_type
    assert D(order["limitPrice"]) == abs(D(limit))


@pytest.mark.parametrize(
    ("side", "reduces", "stock_word", "option_word"),
    [(BUY, False, "BUY", "BUY_OPEN"), (SELL, True, "SELL", "SELL_CLOSE"),
     (SELL, False, "SELL_SHORT", "SELL_OPEN"), (BUY, True, "BUY_TO_COVER", "BUY_CLOSE")],
)  # fmt: skip
def test_opening_and_closing_are_different_words(
    side: Side, reduces: bool, stock_word: str, option_word: str
) -> None:
    for thing, word in ((SPY, stock_word), (CALL, option_word)):
        asked = request(side=side, reduces=reduces, legs=(Leg(instrument=thing),))
        (order,) = translate.order_body(asked)["Order"]
        assert order["Instrument"][0]["orderAction"] == word


@pytest.mark.parametrize(
    "more",
    [
        {"type": OrderType.TRAILING, "trail": D(1)},
        {"oco_group": "exit"},
        {"attached": (request(),)},
        {"legs": (Leg(instrument=SPY), Leg(instrument=CALL))},
        {"legs": (*SPREAD, Leg(instrument=option("SPY", date(2026, 11, 20), D(610), "C")))},
        {"limit": None},
        {"limit": D("-1")},
        {"limit": D("NaN")},
        {"type": OrderType.STOP, "stop": D(0)},
        {"qty": D("1.5")},
        {"qty": D("Infinity")},
    ],
)
def test_what_etrade_does_not_take_is_refused_before_anything_is_sent(more: Any) -> None:
    with pytest.raises(OrderRejected):
        translate.order_body(request(**more))


# -- answers ----------------------------------------------------------------------------------


def row(**detail: Any) -> dict[str, Any]:
    plain = as_listed(request())
    plain["OrderDetail"][0].update(detail)
    return plain


def filled(n: float, price: float = 188.5, of: float = 10) -> list[dict[str, Any]]:
    (one,) = as_listed(request())["OrderDetail"][0]["Instrument"]
    return [{**one, "orderedQuantity": of, "filledQuantity": n, "averageExecutionPrice": price}]


@pytest.mark.parametrize(
    ("status", "done", "state"),
    [
        ("OPEN", 0, "accepted"),
        ("OPEN", 4, "partial"),
        ("INDIVIDUAL_FILLS", 4, "partial"),
        ("PARTIAL", 4, "partial"),
        ("CANCEL_REQUESTED", 0, "accepted"),
        ("CANCEL_REQUESTED", 4, "partial"),
        ("EXECUTED", 10, "filled"),
        ("EXECUTED", 4, "unknown"),
        ("DONE_TRADE_EXECUTED", 10, "filled"),
        ("CANCELLED", 4, "canceled"),
        ("EXPIRED", 0, "expired"),
        ("REJECTED", 0, "rejected"),
        ("OPTION_ASSIGNMENT", 0, "unknown"),
        ("", 0, "unknown"),
    ],
)
def test_a_status_is_ours_or_unknown_and_kept(status: str, done: float, state: str) -> None:
    order = translate.listed("main", row(status=status, Instrument=filled(done))).order
    assert (order.state, order.raw_state, order.filled) == (state, status, D(str(done)))


@pytest.mark.parametrize(
    ("status", "price", "done"),
    [
        ("OPEN", None, 0),
        ("CANCELLED", 0, 0),
        ("EXECUTED", 188.5, 10),
        ("INDIVIDUAL_FILLS", None, None),
        ("PARTIAL", 188.5, None),
        ("CANCEL_REQUESTED", 188.5, None),
        ("CANCELLED", 188.5, None),
    ],
)
def test_a_filled_quantity_that_is_not_said_is_never_nothing_where_something_is_filled(
    status: str, price: float | None, done: int | None
) -> None:
    """Read as none, what was bought and sold again stood in the books for ever."""
    (leg,) = filled(0)
    del leg["filledQuantity"]
    said = row(status=status, Instrument=[{**leg, "averageExecutionPrice": price}])
    if done is None:
        with pytest.raises(Unreadable, match="how much of it is filled"):
            translate.listed("main", said)
        return
    assert translate.listed("main", said).order.filled == done


def test_a_cancelled_order_that_was_changed_counts_as_replaced() -> None:
    order = translate.listed("main", row(status="CANCELLED", replacedByOrderId=677)).order
    assert order.state == "replaced"


def test_nonsense_in_the_executed_time_of_a_cancelled_order_is_no_time() -> None:
    order = translate.listed("main", row(status="CANCELLED", executedTime=2023137072)).order
    assert order.updated_at == datetime(2020, 2, 24, 19, 7, 51, 171000, tzinfo=UTC)


@pytest.mark.parametrize(
    "detail",
    [
        {"Instrument": []},
        {"Instrument": None},
        {"placedTime": None},
        {"Instrument": [{"Product": {"securityType": "MF", "symbol": "X"}}]},
        {"Instrument": [{**filled(0)[0], "orderAction": "EXCHANGE"}]},
        {"Instrument": [{**filled(0)[0], "orderedQuantity": 1.5}]},
        {"Instrument": [{**filled(0)[0], "orderedQuantity": "NaN"}]},
    ],
)
def test_what_cannot_be_read_is_not_made_up(detail: dict[str, Any]) -> None:
    with pytest.raises(UNREADABLE):
        translate.listed("main", row(**detail))


@pytest.mark.parametrize("has_parts", [True, False])
@pytest.mark.parametrize(
    ("said", "thing"),
    [
        ("SPY---261120C00600000", CALL),
        ("GOOGL-261120P00152500", option("GOOGL", date(2026, 11, 20), D("152.5"), "P")),
        ("SPXW--261120C06000000", option("SPXW", date(2026, 11, 20), D(6000), "C")),
    ],
)
def test_an_option_that_is_named_in_one_word_is_the_same_one(
    said: str, thing: Any, has_parts: bool
) -> None:
    """As a thing of its own it was adopted beside ours, and ours was held no more."""
    parts = translate.product(thing) if has_parts else {"securityType": "OPTN"}
    assert translate.instrument_of({**parts, "symbol": said}) == thing


def test_a_list_of_one_may_come_without_its_brackets() -> None:
    plain = as_listed(request())
    bare = {**plain, "OrderDetail": plain["OrderDetail"][0]}
    bare["OrderDetail"]["Instrument"] = bare["OrderDetail"]["Instrument"][0]
    assert translate.listed("main", bare) == translate.listed("main", as_listed(request()))
    assert translate.preview_ids({"PreviewIds": {"previewId": "321"}}) == [D(321)]
    assert translate.order_id({"OrderIds": {"orderId": 485}}) == "485"


@pytest.mark.parametrize("signed", [D(-3), D(3)])
def test_a_short_holding_is_negative_whatever_the_sign_of_its_quantity(signed: Decimal) -> None:
    held = {"quantity": float(signed), "positionType": "SHORT", "pricePaid": 1.5}
    position = translate.position_of("main", {**held, "Product": translate.product(CALL)})
    assert (position.qty, position.instrument, position.avg_price) == (D(-3), CALL, D("1.5"))


def test_money_that_is_not_said_is_not_zero() -> None:
    balance = translate.balance_of("main", {"accountMode": "CASH", "Computed": {}}, AT)
    assert balance.cash_usd is None
    assert balance.buying_power_usd is None


@pytest.mark.parametrize("figure", [None, "", "NaN"])
def test_an_account_whose_worth_is_told_empty_is_not_read(figure: str | None) -> None:
    """R-03: entries wait."""
    body = {"Computed": {"RealTimeValues": {"totalAccountValue": figure}}}
    with pytest.raises(Unreadable):
        translate.balance_of("main", body, AT)


def test_a_cash_account_buys_with_cash() -> None:
    computed = {"netCash": 12.5, "cashBuyingPower": 10, "marginBuyingPower": 99}
    body = {"accountMode": "CASH", "Computed": computed}
    assert translate.balance_of("main", body, AT).buying_power_usd == 10
    body["accountMode"] = "MARGIN"
    assert translate.balance_of("main", body, AT).buying_power_usd == 99


def test_a_refusal_keeps_the_brokers_code() -> None:
    said = {"Error": {"code": 8400, "message": "insufficient funds"}}
    assert translate.refusal(said) == ("8400", "insufficient funds")
    assert translate.refusal({"Error": "down"}) is None
    assert translate.refusal([]) is None


def test_lists_are_asked_for_by_new_york_days() -> None:
    assert translate.day(datetime(2026, 11, 19, 4, 30, tzinfo=UTC)) == "11182026"


# -- what others published (only where the shared folder is) -----------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared fixtures are not here")
def test_published_bodies_are_read() -> None:
    bodies = json.loads((SHARED / "sdk_mock_bodies.json").read_text())
    previews = [b["body"] for b in bodies if "PreviewOrderResponse" in b["body"]]
    read = [
        translate.preview_ids(body["PreviewOrderResponse"])
        for body in previews
        if isinstance(body, dict)
    ]
    assert read == [[D(321)]]
    chain = ElementTree.parse(SHARED / "option_chains_example.xml")  # noqa: S314 - our own file
    symbols = [node.text for node in chain.iter("osiKey")]
    assert symbols or list(chain.iter("OptionPair"))


def test_figures_are_exact_and_finite() -> None:
    assert str(number(10.0)) == "10"
    assert str(number("1.4050")) == "1.405"
    for bad in ("NaN", "inf", "", None, "1,5", []):
        with pytest.raises(Unreadable):
            number(bad)


@pytest.mark.parametrize(
    ("said", "may_trade"),
    [
        ({}, True),
        ({"accountStatus": None}, True),
        ({"institutionType": None}, True),
        ({"accountStatus": ""}, True),
        ({"accountStatus": "CLOSED"}, False),
        ({"institutionType": "BANK"}, False),
    ],
)
def test_an_account_whose_status_is_not_told_is_not_taken_for_closed(said, may_trade):
    row = {"accountId": "1", "institutionType": "BROKERAGE"} | said
    assert translate.account_of(row).may_trade is may_trade
