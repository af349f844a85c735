"""ProjectX's words: golden bodies, every order there and back, what people published of answers."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import OrderRequest
from engine.brokers.topstepx.translate import (
    Contract,
    Odd,
    balance_of,
    contract_of,
    fill_of,
    moment,
    order_of,
    place_body,
    position_of,
    stamp,
)
from engine.domain.errors import OrderRejected
from engine.domain.instrument import future
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from engine.standing import why_no_entry

D = Decimal
ROOT = Path(__file__).parents[4]
GOLDEN = json.loads((ROOT / "tests/golden/topstepx/requests.json").read_text(), parse_float=Decimal)
FIXTURES = ROOT.parent / "shared/data/fixtures/projectx/sdk_mock_bodies.json"
MNQ = future("MNQ", date(2026, 12, 1))
CONTRACT = Contract(id="CON.F.US.MNQ.Z26", instrument=MNQ, is_active=True)
TODAY = date(2026, 11, 18)
BUY, SELL = Side.BUY, Side.SELL
LIMIT, MARKET, STOP, TRAILING = (
    OrderType.LIMIT,
    OrderType.MARKET,
    OrderType.STOP,
    OrderType.TRAILING,
)


def request(**more: Any) -> OrderRequest:
    plain: dict[str, Any] = {
        "client_order_id": "TS0000000000000007AA",
        "account": "main",
        "side": BUY,
        "legs": (Leg(instrument=MNQ),),
        "qty": D(1),
        "type": LIMIT,
        "limit": D("21000.25"),
    }
    return OrderRequest(**(plain | more))


def exit_(kind: OrderType, price: str, **more: Any) -> OrderRequest:
    level = {"stop": D(price), "limit": None} if kind is STOP else {"limit": D(price)}
    return request(
        client_order_id=f"TS{price}", side=more.pop("side", SELL), type=kind, **level, **more
    )


BRACKET = request(attached=(exit_(STOP, "20990.25"), exit_(LIMIT, "21020.25")))
TRAIL = request(
    client_order_id="TS0000000000000008AA", side=SELL, type=TRAILING, limit=None, trail=D("10.0")
)


@pytest.mark.parametrize(
    ("name", "asked"), [("limit_bracket", BRACKET), ("trailing", TRAIL)], ids=["bracket", "trail"]
)
def test_an_order_is_written_as_the_golden_body(name: str, asked: OrderRequest) -> None:
    assert place_body(asked, 1, CONTRACT) == GOLDEN["requests"][f"/api/Order/place#{name}"]


ticks = st.integers(1, 200_000).map(lambda n: n * MNQ.tick)


@st.composite
def requests(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from([LIMIT, MARKET, STOP, TRAILING]))
    return request(
        side=draw(st.sampled_from(Side)),
        qty=D(draw(st.integers(1, 2**31 - 1))),
        type=kind,
        limit=draw(ticks) if kind is LIMIT else None,
        stop=draw(ticks) if kind is STOP else None,
        trail=draw(ticks) if kind is TRAILING else None,
    )


@given(requests())
def test_an_order_that_was_written_reads_back_as_it_was(asked: OrderRequest) -> None:
    body = place_body(asked, 1, CONTRACT)
    at = "2026-11-18T15:00:00.5+00:00"
    row = body | {"id": 9, "status": 1, "fillVolume": 0, "creationTimestamp": at}
    order = order_of(
        row, account="main", instrument=MNQ, client_order_id=str(row.get("customTag", ""))
    )
    assert (order.client_order_id, order.side, order.qty) == (
        asked.client_order_id,
        asked.side,
        asked.qty,
    )
    assert (order.type, order.limit, order.stop) == (asked.type, asked.limit, asked.stop)
    assert body.get("trailPrice") == asked.trail


@given(st.sampled_from(Side), st.integers(1000, 100_000), st.integers(1, 500), st.integers(1, 500))
def test_bracket_ticks_point_away_from_the_entry_on_the_right_sides(
    side: Side, start: int, loss: int, gain: int
) -> None:
    price, sign = start * MNQ.tick, side.sign
    asked = request(
        side=side,
        limit=price,
        attached=(
            exit_(STOP, str(price - sign * loss * MNQ.tick), side=side.opposite),
            exit_(LIMIT, str(price + sign * gain * MNQ.tick), side=side.opposite),
        ),
    )
    body = place_body(asked, 1, CONTRACT)
    assert body["stopLossBracket"] == {"ticks": -sign * loss, "type": 4}
    assert body["takeProfitBracket"] == {"ticks": sign * gain, "type": 1}


REFUSED = {
    "half a contract": request(qty=D("1.5")),
    "no contract": request(qty=D(0)),
    "more than 32 bits": request(qty=D(2**31)),
    "a quantity that is none": request(qty=D("NaN")),
    "a limit between two ticks": request(limit=D("21000.30")),
    "no limit": request(limit=None),
    "a limit that is none": request(limit=D("Infinity")),
    "no stop": request(type=STOP, limit=None),
    "a trail from a stated stop": request(type=TRAILING, limit=None, trail=D(5), stop=D(20900)),
    "a stop-limit": request(type=OrderType.STOP_LIMIT, stop=D(21000)),
    "good till cancelled": request(tif=Tif.GTC),
    "an OCO group": request(oco_group="exit"),
    "no client id": request(client_order_id=""),
    "a stop above a bought entry": request(attached=(exit_(STOP, "21010.25"),)),
    "a target below a bought entry": request(attached=(exit_(LIMIT, "20990.25"),)),
    "a target at the entry": request(attached=(exit_(LIMIT, "21000.25"),)),
    "two stops": request(attached=(exit_(STOP, "20990.25"), exit_(STOP, "20980.25"))),
    "a bracket of half the entry": request(qty=D(2), attached=(exit_(STOP, "20990.25"),)),
    "a bracket on a market entry": request(
        type=MARKET, limit=None, attached=(exit_(STOP, "20990.25"),)
    ),
    "a trailing child": request(
        attached=(request(client_order_id="T", side=SELL, type=TRAILING, trail=D(5), limit=None),)
    ),
}


@pytest.mark.parametrize("what", REFUSED)
def test_what_projectx_cannot_say_is_refused_before_anything_is_sent(what: str) -> None:
    with pytest.raises(OrderRejected) as caught:
        place_body(REFUSED[what], 1, CONTRACT)
    assert len(str(caught.value)) > len(caught.value.code) + 10


# -- statuses ---------------------------------------------------------------------------------


def row(**more: Any) -> dict[str, Any]:
    return {
        "id": 9056,
        "accountId": 1,
        "contractId": CONTRACT.id,
        "creationTimestamp": "2026-11-18T14:59:00+00:00",
        "updateTimestamp": "2026-11-18T15:00:00.1234567+00:00",
        "status": 1,
        "type": 1,
        "side": 0,
        "size": 3,
        "limitPrice": D("21000.25"),
        "stopPrice": None,
        "fillVolume": 0,
        "customTag": "TS1",
    } | more


def read(**more: Any) -> Any:
    return order_of(row(**more), account="main", instrument=MNQ, client_order_id="TS1")


@pytest.mark.parametrize(
    ("status", "filled", "state", "raw"),
    [
        (0, 0, "unknown", "None"),
        (1, 0, "accepted", "Open"),
        (1, 2, "partial", "Open"),
        (2, 3, "filled", "Filled"),
        (3, 1, "canceled", "Cancelled"),
        (4, 0, "expired", "Expired"),
        (5, 0, "rejected", "Rejected"),
        (6, 0, "accepted", "Pending"),
        (7, 1, "partial", "PendingCancellation"),
        (8, 0, "accepted", "Suspended"),
        (9, 0, "unknown", "9"),
        (None, 0, "unknown", "None"),
        ("Open", 0, "unknown", "Open"),
    ],
)
def test_every_status_is_one_of_ours_or_unknown_with_its_own_word(
    status: Any, filled: int, state: str, raw: str
) -> None:
    order = read(status=status, fillVolume=filled)
    assert (order.state, order.raw_state, order.filled) == (state, raw, filled)


def test_an_order_type_that_nobody_knows_makes_its_state_unknown() -> None:
    assert read(type=11).state == "unknown"


@pytest.mark.parametrize(
    "missing", ["id", "side", "size", "fillVolume", "creationTimestamp", "type"]
)
def test_an_order_without_what_we_need_is_never_half_read(missing: str) -> None:
    there = row(updateTimestamp=None)
    del there[missing]
    with pytest.raises(Odd):
        order_of(there, account="main", instrument=MNQ, client_order_id="TS1")


@pytest.mark.parametrize("size", [1.5, "x", True, D("NaN"), [], {}])
def test_a_figure_that_is_no_exact_number_is_never_taken(size: Any) -> None:
    with pytest.raises(Odd):
        read(size=size)


def test_fields_that_nobody_knows_are_let_be() -> None:
    assert read(linkedOrderId=9, parentOrderId=8, isAutomated=True).state == "accepted"


# -- trades, positions, accounts --------------------------------------------------------------

TRADE = {
    "id": 8604,
    "accountId": 1,
    "contractId": CONTRACT.id,
    "creationTimestamp": "2026-11-18T15:00:00Z",
    "price": D("21000.25"),
    "profitAndLoss": None,
    "fees": D("0.37"),
    "side": 1,
    "size": 2,
    "voided": False,
    "orderId": 9056,
}


def trade(**more: Any) -> Any:
    return fill_of(TRADE | more, account="main", instrument=MNQ, client_order_id="TS1")


def test_a_trade_becomes_a_fill_with_its_own_id_and_fee() -> None:
    fill = trade()
    assert (fill.execution_id, fill.broker_id, fill.side) == ("PX-8604", "9056", SELL)
    assert (fill.qty, fill.price, fill.fee_usd) == (D(2), D("21000.25"), D("0.37"))
    assert trade(fees=D("0.37"), commissions=D("0.50")).fee_usd == D("0.87")


def test_a_voided_trade_takes_its_own_fill_back() -> None:
    bust = trade(voided=True)
    assert (bust.kind, bust.of, bust.execution_id) == ("bust", "PX-8604", "PX-8604-VOID")


@pytest.mark.parametrize(
    "wrong", [{"size": 0}, {"side": 2}, {"price": None}, {"orderId": None}, {"id": "8604"}]
)
def test_a_trade_that_says_too_little_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(Odd):
        trade(**wrong)


@pytest.mark.parametrize(("kind", "qty"), [(1, D(2)), (2, D(-2))])
def test_a_position_is_signed_by_its_type(kind: int, qty: Decimal) -> None:
    held = {"type": kind, "size": 2, "averagePrice": D("21000.25")}
    assert position_of(held, account="main", instrument=MNQ).qty == qty


def test_a_position_of_no_side_is_not_guessed() -> None:
    with pytest.raises(Odd):
        position_of({"type": 0, "size": 2}, account="main", instrument=MNQ)


def test_an_account_says_cash_and_nothing_of_buying_power() -> None:
    at = datetime(2026, 11, 18, 15, tzinfo=UTC)
    balance = balance_of({"balance": D("50500.25"), "canTrade": False}, account="main", as_of=at)
    assert (balance.cash_usd, balance.buying_power_usd) == (D("50500.25"), None)
    assert balance.facts == {"can trade": "no"}


def test_whether_an_account_may_trade_is_not_guessed_where_it_is_not_told() -> None:
    at = datetime(2026, 11, 18, 15, tzinfo=UTC)
    balance = balance_of({"balance": D(50_500)}, account="main", as_of=at)
    assert "not told whether the account may trade" in why_no_entry(balance, "future")


@given(st.datetimes(min_value=datetime(2020, 1, 1), max_value=datetime(2040, 1, 1)))  # noqa: DTZ001 - hypothesis wants it so
def test_a_moment_reads_back_to_the_millisecond(naive: datetime) -> None:
    at = naive.replace(tzinfo=UTC)
    assert abs((moment(stamp(at), "time") - at).total_seconds()) <= 0.001


# -- contracts --------------------------------------------------------------------------------


def listed(**more: Any) -> dict[str, Any]:
    return {
        "id": CONTRACT.id,
        "name": "MNQZ6",
        "description": "Micro E-mini Nasdaq-100: December 2026",
        "tickSize": D("0.25"),
        "tickValue": D("0.5"),
        "activeContract": True,
        "symbolId": "F.US.MNQ",
    } | more


def test_a_contract_is_read_by_its_own_name_and_id() -> None:
    assert contract_of(listed(), TODAY) == CONTRACT
    nasdaq = listed(id="CON.F.US.ENQ.Z26", name="NQZ26", tickValue=D(5))
    assert contract_of(nasdaq, TODAY).instrument.key == "/NQZ26"
    assert contract_of(listed(name="Micro Nasdaq December"), TODAY) == CONTRACT


@pytest.mark.parametrize(
    "wrong",
    [
        {"tickSize": D("0.5")},
        {"tickValue": D("1.25")},
        {"name": "MNQH7"},
        {"name": "XYZZ6", "id": "CON.F.US.XYZ.Z26"},
        {"id": "CON.F.US.MNQ"},
        {"id": None},
        {"name": "MNQ-DEC", "id": "CON.F.US.ENX.Z26"},
        {"id": "CON.F.US.MNQ.Z66"},
    ],
    ids=["tick", "value", "month", "root", "no month", "no id", "no name", "year"],
)
def test_a_contract_that_is_not_surely_the_one_we_know_is_not_traded(wrong: Any) -> None:
    with pytest.raises(Odd):
        contract_of(listed(**wrong), TODAY)


@pytest.mark.skipif(not FIXTURES.exists(), reason="the published samples are not on this machine")
def test_published_samples_are_read_or_refused_by_name() -> None:
    """Two of their contracts say another month by name than by id: not to be traded."""
    n_read = n_refused = 0
    for sample in json.loads(FIXTURES.read_text(), parse_float=Decimal):
        body = sample["json"]
        for account in body.get("accounts", []):
            balance_of(account, account="main", as_of=datetime(2026, 1, 1, tzinfo=UTC))
            n_read += 1
        for held in body.get("positions", []):
            assert position_of(held, account="main", instrument=MNQ).qty
            n_read += 1
        for contract in body.get("contracts", []):
            try:
                n_read += contract_of(contract, date(2025, 1, 1)).instrument.key == "/MGCK25"
            except Odd:
                n_refused += 1
    assert (n_read, n_refused) == (9, 2)
