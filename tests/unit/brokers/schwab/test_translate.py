"""Schwab's words: golden bodies, every order there and back, answers as they are published."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import OrderRequest
from engine.brokers._wire.figures import UNREADABLE, Unreadable
from engine.brokers.schwab import reading, sdk, translate
from engine.domain.errors import OrderRejected
from engine.domain.instrument import option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues.schwab import SPEC, _against

D = Decimal
ROOT = Path(__file__).parents[4]
GOLDEN = json.loads((ROOT / "tests/golden/schwab/orders.json").read_text())
SHARED = ROOT.parent / "shared/data/fixtures/schwab"
SPY = stock("SPY")
CALL = option("SPY", date(2026, 11, 20), D(600), "C")
HIGH = option("SPY", date(2026, 11, 20), D(605), "C")
SPREAD = (Leg(instrument=CALL), Leg(instrument=HIGH, ratio=-1))
BUY, SELL = Side.BUY, Side.SELL
AT = datetime(2026, 11, 18, 15, tzinfo=UTC)
BUILDER = sdk.load("schwab").order_builder


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
    assert translate.order_spec(BUILDER, GOLDEN_ORDERS[name]) == GOLDEN[name]


@pytest.mark.skipif(not SPEC.is_file(), reason="the published file is not here")
@pytest.mark.parametrize("name", GOLDEN)
def test_a_golden_body_holds_only_what_is_published(name: str) -> None:
    assert _against(json.loads(SPEC.read_text()), "OrderRequest", GOLDEN[name]) == []


prices = st.decimals(min_value="0.01", max_value="9999.99", places=2)
strikes = st.decimals(min_value="0.5", max_value="9000", places=3)
days = st.dates(date(2026, 11, 20), date(2029, 1, 1))
roots = st.sampled_from(["SPY", "A", "SPXW"])
options = st.builds(option, roots, days, strikes, st.sampled_from("CP"))
shares = st.sampled_from([SPY, stock("BRK.B")])
singles = st.builds(lambda i: (Leg(instrument=i),), options | shares)
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
    type=st.sampled_from(sorted(translate.TYPES)),
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


def as_listed(asked: OrderRequest, **more: Any) -> dict[str, Any]:
    """What a list says of an order right after it was placed."""
    body = translate.order_spec(BUILDER, asked)
    legs = [{**leg, "legId": n + 1} for n, leg in enumerate(body["orderLegCollection"])]
    stamp = {"orderId": 1001, "status": "WORKING", "enteredTime": "2022-07-06T19:12:13+0000"}
    figures = {name: float(body[name]) for name in ("price", "stopPrice") if name in body}
    return {**body, **figures, "orderLegCollection": legs, "filledQuantity": 0.0, **stamp, **more}


def cash(side: Side, limit: Decimal | None) -> Decimal | None:
    return None if limit is None else -side.sign * limit


@given(orders)
def test_an_order_is_read_back_as_it_was_asked_for(asked: OrderRequest) -> None:
    order = reading.listed("main", as_listed(asked)).order
    turn = asked.side.sign * order.side.sign
    assert [(leg.instrument, leg.ratio * turn) for leg in order.legs] == [
        (leg.instrument, leg.ratio) for leg in asked.legs
    ]
    assert (order.qty, order.type, order.state) == (asked.qty, asked.type, "accepted")
    has_limit = asked.type in translate.LIMITS
    assert cash(order.side, order.limit) == (cash(asked.side, asked.limit) if has_limit else None)
    assert order.stop == (asked.stop if asked.type in translate.STOPS else None)


@pytest.mark.parametrize(
    ("kind", "side", "limit"),
    [("NET_DEBIT", BUY, "1.20"), ("NET_CREDIT", SELL, "1.25"), ("NET_CREDIT", BUY, "-1.25"),
     ("NET_DEBIT", SELL, "-1.20"), ("NET_ZERO", BUY, "0")],
)  # fmt: skip
def test_the_sign_of_a_spread_is_said_in_words(kind: str, side: Side, limit: str) -> None:
    asked = request(side=side, legs=SPREAD, limit=D(limit))
    body = translate.order_spec(BUILDER, asked)
    assert body["orderType"] == kind
    assert D(body["price"]) == abs(D(limit))


@pytest.mark.parametrize(
    ("side", "reduces", "stock_word", "option_word"),
    [(BUY, False, "BUY", "BUY_TO_OPEN"), (SELL, True, "SELL", "SELL_TO_CLOSE"),
     (SELL, False, "SELL_SHORT", "SELL_TO_OPEN"), (BUY, True, "BUY_TO_COVER", "BUY_TO_CLOSE")],
)  # fmt: skip
def test_opening_and_closing_are_different_words(
    side: Side, reduces: bool, stock_word: str, option_word: str
) -> None:
    for thing, word in ((SPY, stock_word), (CALL, option_word)):
        asked = request(side=side, reduces=reduces, legs=(Leg(instrument=thing),))
        (leg,) = translate.order_spec(BUILDER, asked)["orderLegCollection"]
        assert leg["instruction"] == word


@pytest.mark.parametrize(
    "more",
    [
        {"type": OrderType.TRAILING, "trail": D(1)},
        {"type": OrderType.MARKET, "legs": SPREAD},
        {"oco_group": "exit"},
        {"attached": (request(),)},
        {"legs": (Leg(instrument=SPY), Leg(instrument=CALL))},
        {"legs": (Leg(instrument=CALL), Leg(instrument=CALL))},
        {"legs": (Leg(instrument=CALL, ratio=2), Leg(instrument=HIGH, ratio=-2))},
        {"limit": None},
        {"limit": D("-1")},
        {"limit": D("NaN")},
        {"type": OrderType.STOP, "stop": D(0)},
        {"qty": D("1.5")},
        {"qty": D("Infinity")},
    ],
)
def test_what_schwab_does_not_take_is_refused_before_anything_is_sent(more: Any) -> None:
    with pytest.raises(OrderRejected):
        translate.order_spec(BUILDER, request(**more))


# -- answers ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "done", "state"),
    [
        ("WORKING", 0, "accepted"),
        ("WORKING", 4, "partial"),
        ("AWAITING_STOP_CONDITION", 0, "accepted"),
        ("PENDING_CANCEL", 4, "partial"),
        ("FILLED", 10, "filled"),
        ("FILLED", 4, "unknown"),
        ("CANCELED", 4, "canceled"),
        ("EXPIRED", 0, "expired"),
        ("REJECTED", 0, "rejected"),
        ("REPLACED", 0, "replaced"),
        ("PENDING_RECALL", 0, "unknown"),
        ("UNKNOWN", 0, "unknown"),
        ("SOMETHING_NEW", 0, "unknown"),
    ],
)
def test_a_status_is_ours_or_unknown_and_kept(status: str, done: float, state: str) -> None:
    row = as_listed(request(), status=status, filledQuantity=done)
    order = reading.listed("main", row).order
    assert (order.state, order.raw_state, order.filled) == (state, status, D(str(done)))


@pytest.mark.skipif(not SPEC.is_file(), reason="the published file is not here")
def test_every_published_status_is_known() -> None:
    published = set(json.loads(SPEC.read_text())["components"]["schemas"]["status"]["enum"])
    assert published - set(reading.STATES) == {"PENDING_RECALL", "UNKNOWN"}


def activity(*, number: int | None = 44503172278, left: float = 0, **more: Any) -> dict[str, Any]:
    leg = {"legId": 1, "quantity": 5, "price": 119.3751, "time": "2022-07-06T19:12:14+0000"}
    plain = {
        "activityType": "EXECUTION",
        "activityId": number,
        "executionType": "FILL",
        "quantity": 5,
        "orderRemainingQuantity": left,
        "executionLegs": [leg],
    }
    return {**plain, **more}


def fills(*activities: dict[str, Any]) -> list[Any]:
    row = as_listed(request(), orderActivityCollection=list(activities))
    return reading.fills_of(reading.listed("main", row).order, row, lambda _: D("0.65"))


def test_an_execution_is_named_by_its_activity_and_leg() -> None:
    (fill,) = fills(activity())
    assert fill.execution_id == "44503172278-1"
    assert (fill.qty, fill.price, fill.fee_usd) == (D(5), D("119.3751"), D("3.25"))
    assert fill.executed_at == datetime(2022, 7, 6, 19, 12, 14, tzinfo=UTC)


def test_executions_without_a_number_are_told_apart_by_what_was_left() -> None:
    """The published type has no number."""
    first, second = activity(number=None, left=5), activity(number=None, left=0)
    assert len({f.execution_id for f in fills(first, second)}) == 2
    assert [f.execution_id for f in fills(first)] == [fills(first, second)[0].execution_id]


@pytest.mark.parametrize("unsaid", ["legId", "filledQuantity"])
@pytest.mark.parametrize("how", ["missing", None])
def test_an_execution_of_the_only_leg_needs_no_number_of_it_and_an_order_no_sum(
    unsaid: str, how: str | None
) -> None:
    """No entry was let through all day, or a person was told of a status that is known."""
    row = as_listed(request(), status="FILLED", filledQuantity=10)
    row["orderActivityCollection"] = [activity(number=None, left=left) for left in (5, 0)]
    whole = reading.listed("main", row).order
    ids = [f.execution_id for f in reading.fills_of(whole, row, lambda _: D(0))]
    for said in [row, *(one["executionLegs"][0] for one in row["orderActivityCollection"])]:
        if said.pop(unsaid, None) is not None and how is None:
            said[unsaid] = None
    order = reading.listed("main", row).order
    assert (order.state, order.filled) == ("filled", 10)
    assert [f.execution_id for f in reading.fills_of(order, row, lambda _: D(0))] == ids


@pytest.mark.parametrize("unsaid", ["activityType", "executionType"])
@pytest.mark.parametrize("said", [None, ""])
def test_what_has_legs_that_were_executed_is_an_execution_though_nothing_says_so(
    unsaid: str, said: str | None
) -> None:
    """What was bought stood in no book."""
    assert len(fills(activity(**{unsaid: said}))) == 1


@pytest.mark.parametrize("at", ["2022-07-06T19:12:14", 1657134734000, "soon"])
def test_no_order_is_lost_because_its_end_has_no_time_that_can_be_read(at: object) -> None:
    row = as_listed(request(), status="CANCELED", closeTime=at)
    order = reading.listed("main", row).order
    assert (order.state, order.updated_at.hour) == ("canceled", 19)


def test_an_execution_of_one_of_several_legs_says_which() -> None:
    asked = request(legs=(Leg(instrument=CALL), Leg(instrument=HIGH, ratio=-1)))
    legs = [{"quantity": 3, "price": 3.1, "time": "2022-07-06T19:12:14+0000"}]
    with pytest.raises(KeyError):
        reading.listed(
            "main", as_listed(asked, orderActivityCollection=[activity(executionLegs=legs)])
        )


def test_what_is_no_execution_is_none() -> None:
    assert fills(activity(activityType="ORDER_ACTION"), activity(executionType="CANCELED")) == []


def test_an_average_spread_is_filled_as_far_as_its_slower_leg() -> None:
    asked = request(legs=(Leg(instrument=CALL), Leg(instrument=HIGH, ratio=-2)), qty=D(3))
    legs = [
        {"legId": 1, "quantity": 3, "price": 3.1, "time": "2022-07-06T19:12:14+0000"},
        {"legId": 2, "quantity": 4, "price": 1.0, "time": "2022-07-06T19:12:14+0000"},
    ]
    row = as_listed(asked, orderActivityCollection=[activity(executionLegs=legs)])
    order = reading.listed("main", row).order
    assert order.filled == 2
    read = reading.fills_of(order, row, lambda _: D(0))
    assert [(f.leg, f.side, f.qty) for f in read] == [(0, BUY, D(3)), (1, SELL, D(4))]


def test_orders_of_a_group_are_read_one_by_one() -> None:
    child = as_listed(request(side=SELL, reduces=True), orderId=1003)
    group = {"orderStrategyType": "OCO", "orderId": 1002, "childOrderStrategies": [child]}
    parent = as_listed(request(), childOrderStrategies=[group])
    assert [row["orderId"] for row in reading.flattened([parent])] == [1001, 1003]


@pytest.mark.parametrize(
    "more",
    [
        {"orderLegCollection": [{"instrument": {"assetType": "FIXED_INCOME"}, "quantity": 1}]},
        {"enteredTime": "yesterday"},
        {"enteredTime": "2022-07-06T19:12:13"},
        {"orderId": None, "enteredTime": None},
        {"filledQuantity": "NaN"},
    ],
)
def test_what_cannot_be_read_is_not_made_up(more: dict[str, Any]) -> None:
    with pytest.raises(UNREADABLE):
        reading.listed("main", as_listed(request(), **more))


def test_an_etf_is_a_share_and_a_money_fund_is_none_of_ours() -> None:
    etf = {"assetType": "COLLECTIVE_INVESTMENT", "symbol": "SPY"}
    held = {"longQuantity": 0, "shortQuantity": 7, "averagePrice": 600.5, "instrument": etf}
    position = reading.position_of("main", held)
    assert position is not None
    assert (position.instrument, position.qty, position.avg_price) == (SPY, D(-7), D("600.5"))
    fund = {"assetType": "CASH_EQUIVALENT", "symbol": "MMDA1"}
    assert reading.position_of("main", {"longQuantity": 8.5, "instrument": fund}) is None
    with pytest.raises(Unreadable):
        reading.position_of("main", {**held, "instrument": {"assetType": "MOONSHARE"}})


def test_money_that_is_not_said_is_not_zero() -> None:
    balance = reading.balance_of("main", {"securitiesAccount": {"type": "MARGIN"}}, AT)
    assert balance.cash_usd is None
    assert balance.buying_power_usd is None


@pytest.mark.parametrize("figure", [None, "", "NaN"])
def test_an_account_whose_worth_is_told_empty_is_not_read(figure: str | None) -> None:
    """R-03: entries wait."""
    body = {"securitiesAccount": {"currentBalances": {"liquidationValue": figure, "equity": 5}}}
    with pytest.raises(Unreadable):
        reading.balance_of("main", body, AT)


def test_the_cash_of_a_margin_account_is_what_its_holdings_leave_of_its_worth() -> None:
    """The published type of its balances says none."""
    account = {"type": "MARGIN", "currentBalances": {"equity": 100000.1, "buyingPower": 200000}}
    told = reading.balance_of("main", {"securitiesAccount": account}, AT)
    assert told.cash_usd is None, "nothing is held, or that was not asked"
    account["positions"] = [{"marketValue": 9900.05}, {"marketValue": -250.0}]
    told = reading.balance_of("main", {"securitiesAccount": account}, AT)
    assert (told.cash_usd, told.equity_usd) == (D("90350.05"), D("100000.1"))


def test_a_cash_account_buys_with_cash() -> None:
    now = {"totalCash": 12.5, "cashAvailableForTrading": 10, "buyingPower": 99}
    body = {"securitiesAccount": {"type": "CASH", "currentBalances": now}}
    balance = reading.balance_of("main", body, AT)
    assert (balance.cash_usd, balance.buying_power_usd) == (D("12.5"), D(10))


def test_a_refusal_is_the_status_and_all_that_was_said() -> None:
    said = {"message": "Bad Request", "errors": ["price is missing", {"detail": "so is symbol"}]}
    assert reading.refusal(400, said) == ("400", "Bad Request; price is missing; so is symbol")
    assert reading.refusal(404, None) == ("404", "refused without a reason")


def test_a_preview_with_a_reject_is_a_refusal() -> None:
    reject = {"validationRuleName": "no_money", "message": "not enough"}
    with pytest.raises(OrderRejected, match="no_money: not enough"):
        reading.preview_of({"orderValidationResult": {"rejects": [reject]}})


@pytest.mark.parametrize(
    ("symbol", "ours"), [("BRK/B", "BRK.B"), ("SPY", "SPY"), ("SPY   261120C00600000", CALL.key)]
)
def test_names_go_there_and_back(symbol: str, ours: str) -> None:
    kind = "OPTION" if len(symbol) == 21 else "EQUITY"
    thing = reading.instrument_of({"assetType": kind, "symbol": symbol})
    assert thing.key == ours
    assert translate.symbol(thing) == symbol


# -- what others published (only where the shared folder is) -----------------------------------


@pytest.mark.skipif(not SHARED.is_dir(), reason="the shared fixtures are not here")
def test_bodies_of_the_librarys_own_tests_use_words_that_we_use() -> None:
    bodies = [one["json"] for one in json.loads((SHARED / "order_payloads.json").read_text())]
    kinds = {leg["instruction"] for b in bodies for leg in b.get("orderLegCollection", ())}
    assert kinds & {"BUY_TO_OPEN", "SELL_TO_CLOSE"}
    singles_ = [b for b in bodies if b.get("orderType") == "LIMIT" and "price" in b]
    ours = translate.order_spec(BUILDER, request(legs=(Leg(instrument=CALL),)))
    for body in singles_:
        spare = {"complexOrderStrategyType", "childOrderStrategies", "quantity"}
        assert set(body) - spare <= set(ours)
