"""What Alpaca says is read exactly, and what cannot be read is never guessed."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from engine.brokers.alpaca import reading
from engine.domain.instrument import crypto, option, stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

D = Decimal
CONTRACT = option("AAPL", date(2023, 7, 21), D(150), "C")
ORDER: dict[str, Any] = {
    "id": "7b08df51-c1ac-453c-99f9-323a5f075f0d",
    "client_order_id": "TS000000000000000001",
    "created_at": "2023-12-12T22:31:24.668464435Z",
    "updated_at": "2023-12-12T22:31:25.5Z",
    "symbol": "AAPL",
    "asset_class": "us_equity",
    "qty": "10",
    "filled_qty": "4",
    "type": "limit",
    "side": "buy",
    "time_in_force": "gtc",
    "limit_price": "150.25",
    "status": "partially_filled",
}


@pytest.mark.parametrize("said", [None, "", "2023-12-12T22:31:25", 1702420285500])
def test_an_order_without_a_time_of_its_change_changed_when_something_happened_to_it(
    said: object,
) -> None:
    """Placed before and filled meanwhile it was in no list of what is new."""
    body = ORDER | {"updated_at": said, "filled_at": "2023-12-12T22:40:00Z"}
    assert reading.order_of(body, "main").updated_at == datetime(2023, 12, 12, 22, 40, tzinfo=UTC)


@pytest.mark.parametrize("said", [None, "soon"])
def test_an_order_none_of_whose_times_can_be_read_is_not_read(said: object) -> None:
    body = {n: v for n, v in ORDER.items() if not n.endswith("_at")} | {"created_at": said}
    with pytest.raises((ValueError, TypeError)):
        reading.order_of(body, "main")


def test_an_order_is_read_to_the_last_digit() -> None:
    seen = reading.order_of(ORDER, "main")
    assert (seen.qty, seen.filled, seen.limit) == (D(10), D(4), D("150.25"))
    assert (seen.state, seen.raw_state) == ("partial", "partially_filled")
    assert seen.updated_at == datetime(2023, 12, 12, 22, 31, 25, 500_000, UTC)
    assert (seen.type, seen.side, seen.legs) == (
        OrderType.LIMIT,
        Side.BUY,
        (Leg(instrument=stock("AAPL")),),
    )


@pytest.mark.parametrize(
    ("status", "filled", "state"),
    [
        ("new", "0", "accepted"),
        ("accepted", "0", "accepted"),
        ("pending_new", "0", "accepted"),
        ("held", "0", "accepted"),
        ("suspended", "0", "accepted"),
        ("calculated", "4", "partial"),
        ("done_for_day", "4", "partial"),
        ("pending_cancel", "4", "partial"),
        ("pending_replace", "0", "accepted"),
        ("filled", "10", "filled"),
        ("canceled", "4", "canceled"),
        ("expired", "0", "expired"),
        ("rejected", "0", "rejected"),
        ("replaced", "4", "replaced"),
        ("beamed_up", "4", "unknown"),
    ],
)
def test_each_status_has_one_meaning(status: str, filled: str, state: str) -> None:
    seen = reading.order_of(ORDER | {"status": status, "filled_qty": filled}, "main")
    assert (seen.state, seen.raw_state) == (state, status)


def test_somebody_elses_order_has_no_client_id_of_ours() -> None:
    theirs = ORDER | {"client_order_id": "5680c4bc-9ac1-4a12-a44c-df427ba53032"}
    assert reading.order_of(theirs, "main").client_order_id == ""


def test_what_a_replaced_order_had_filled_is_carried_on() -> None:
    seen = reading.order_of(ORDER, "main", carried=D(3))
    assert (seen.qty, seen.filled) == (D(13), D(7))


@pytest.mark.parametrize("lost", ["id", "status", "symbol", "side", "type"])
def test_an_order_that_lacks_what_is_needed_cannot_be_read(lost: str) -> None:
    with pytest.raises((KeyError, ValueError)):
        reading.order_of({k: v for k, v in ORDER.items() if k != lost}, "main")


@pytest.mark.parametrize("number", ["NaN", "Infinity", "ten", True])
def test_a_number_that_is_none_cannot_be_read(number: object) -> None:
    with pytest.raises((ValueError, TypeError)):
        reading.order_of(ORDER | {"qty": number}, "main")


def test_json_numbers_are_read_as_they_are_written() -> None:
    assert reading.order_of(ORDER | {"limit_price": 150.1, "qty": 10}, "main").limit == D("150.1")


# -- fills --------------------------------------------------------------------------------------

UPDATE: dict[str, Any] = {
    "event": "partial_fill",
    "execution_id": "2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e",
    "timestamp": "2022-02-02T18:55:09.981482Z",
    "price": "174.78",
    "qty": "4",
    "position_qty": "4",
    "order": ORDER,
}
ACTIVITY: dict[str, Any] = {
    "activity_type": "FILL",
    "cum_qty": "4",
    "id": "20220202135509981::2d7be4ff-d1f3-43e9-856a-0f5cf5c5088e",
    "leaves_qty": "6",
    "order_id": "7b08df51-c1ac-453c-99f9-323a5f075f0d",
    "order_status": "partially_filled",
    "price": "174.78",
    "qty": "4",
    "side": "buy",
    "symbol": "AAPL",
    "transaction_time": "2022-02-02T18:55:09.981482Z",
    "type": "partial_fill",
}


def test_a_fill_is_the_same_by_stream_and_by_list() -> None:
    told = reading.fill_of_update(UPDATE, "main", "TS000000000000000001", 0)
    listed = reading.fill_of_activity(ACTIVITY, "main", "TS000000000000000001", 0)
    assert told == listed
    assert (told.qty, told.price) == (D(4), D("174.78"))


@pytest.mark.parametrize("wrong", [{"qty": "0"}, {"price": None}, {"execution_id": ""}])
def test_half_a_fill_is_no_fill(wrong: dict[str, Any]) -> None:
    with pytest.raises((ValueError, KeyError)):
        reading.fill_of_update(UPDATE | wrong, "main", "", 0)


def test_a_short_sale_is_a_sale() -> None:
    fill = reading.fill_of_activity(ACTIVITY | {"side": "sell_short"}, "main", "", 0)
    assert fill.side is Side.SELL


def test_a_worthless_option_ends_at_nothing() -> None:
    end = reading.end_of_activity(
        {
            "activity_type": "OPEXP",
            "id": "20230721000000000::5f596936-6f23-4cef-bdf1-3806aae57dbf",
            "date": "2023-07-21",
            "symbol": "AAPL230721C00150000",
            "qty": "-2",
            "net_amount": "0",
        },
        "main",
    )
    assert end is not None
    assert (end.kind, end.side, end.qty, end.price) == ("expiry", Side.SELL, D(2), D(0))
    assert (end.instrument, end.client_order_id) == (CONTRACT, "")
    assert end.executed_at == datetime(2023, 7, 21, 20, 0, tzinfo=UTC)


def test_an_assignment_moves_the_option_and_the_shares() -> None:
    common = {"date": "2023-07-21", "group_id": "g1"}
    option_gone = reading.end_of_activity(
        common
        | {
            "activity_type": "OPASN",
            "id": "20230721000000000::a",
            "symbol": "AAPL230721C00150000",
            "qty": "2",
        },
        "main",
    )
    shares = reading.end_of_activity(
        common
        | {
            "activity_type": "OPTRD",
            "id": "20230721000000000::b",
            "symbol": "AAPL",
            "qty": "-200",
            "price": "150",
        },
        "main",
    )
    assert option_gone is not None
    assert shares is not None
    assert (option_gone.side, option_gone.qty, option_gone.price) == (Side.BUY, D(2), D(0))
    assert (shares.side, shares.qty, shares.price) == (Side.SELL, D(200), D(150))
    assert {option_gone.kind, shares.kind} == {"exercise"}


# -- holdings and money ---------------------------------------------------------------------------


@pytest.mark.parametrize("qty", ["5", "-5"])
def test_a_short_holding_is_negative_however_it_is_written(qty: str) -> None:
    body = {"symbol": "AAPL", "qty": qty, "side": "short", "avg_entry_price": "100.0"}
    assert reading.position_of(body, "main").qty == D(-5)


def test_a_held_pair_is_the_pair() -> None:
    body = {
        "symbol": "BTCUSD",
        "asset_class": "crypto",
        "qty": "0.0283",
        "side": "long",
        "avg_entry_price": "21000",
    }
    assert reading.position_of(body, "main").instrument == crypto("BTC")


MONEY = {"cash": "-23140.2", "buying_power": "262113.632", "equity": "103820.56"}


def test_money_is_read_as_it_is_told() -> None:
    now = datetime(2026, 11, 18, tzinfo=UTC)
    money = reading.balance_of(MONEY | {"trading_blocked": False}, "main", now)
    assert (money.cash_usd, money.equity_usd) == (D("-23140.2"), D("103820.56"))
    assert money.facts == {"trading_blocked": "False"}


@pytest.mark.parametrize("figure", sorted(MONEY))
@pytest.mark.parametrize("told", [None, "", "NaN", "Infinity", "much"])
def test_money_that_is_not_told_makes_the_balance_unreadable(figure: str, told: str | None) -> None:
    """R-03: nothing is opened upon it."""
    with pytest.raises(ValueError):  # noqa: PT011 - what a figure that is none raises
        reading.balance_of(MONEY | {figure: told}, "main", datetime(2026, 11, 18, tzinfo=UTC))


def test_an_account_that_says_no_worth_and_no_power_is_read_for_its_cash() -> None:
    """Both are optional as published; never read as 0."""
    money = reading.balance_of({"cash": "100"}, "main", datetime(2026, 11, 18, tzinfo=UTC))
    assert (money.cash_usd, money.equity_usd, money.buying_power_usd) == (D(100), None, None)
    with pytest.raises(ValueError, match="missing"):
        reading.balance_of({"equity": "100"}, "main", datetime(2026, 11, 18, tzinfo=UTC))


@pytest.mark.parametrize(
    ("number", "is_paper"), [("PA3717PJAYWN", True), ("927721227", False), ("010203ABCD", None)]
)
def test_the_account_number_tells_paper_from_live(number: str, is_paper: bool | None) -> None:
    account = reading.account_of({"account_number": number, "status": "ACTIVE", "multiplier": "4"})
    assert (account.is_paper, account.kind, account.may_trade) == (is_paper, "margin x4", True)


def test_a_blocked_account_may_not_trade() -> None:
    body = {"account_number": "PA1", "status": "ACTIVE", "trading_blocked": True}
    assert not reading.account_of(body).may_trade


@pytest.mark.parametrize("text", ["2023-12-12T22:31:24", "yesterday"])
def test_a_time_without_its_zone_cannot_be_read(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        reading.moment(text)


# -- everything that was published ---------------------------------------------------------------

FIXTURES = Path(__file__).parents[4].parent / "shared/data/fixtures/alpaca"


@pytest.mark.skipif(not FIXTURES.exists(), reason="the sample bodies are not on this machine")
def test_every_published_order_holding_and_account_is_read() -> None:
    n_orders = n_others = 0
    for name in [*sorted(FIXTURES.glob("*_routes.json")), FIXTURES / "spec_trading_examples.json"]:
        for sample in json.loads(name.read_text(), parse_float=Decimal):
            address, body = str(sample.get("url") or sample.get("path")), sample["json"]
            items = body if isinstance(body, list) else [body]
            if str(sample["status"]) != "200" or "wallet" in address or "watchlist" in address:
                continue
            for item in items:
                if not isinstance(item, dict):
                    continue
                item = item.get("body", item)
                if "filled_qty" in item:
                    item["symbol"] = item["symbol"].rstrip("`")  # a blemish of the samples
                    if item["asset_class"] == "ipo":
                        continue
                    assert reading.order_of(item, "main").state != "unknown"
                    n_orders += 1
                elif "avg_entry_price" in item:
                    assert reading.position_of(item, "main").qty != 0
                    n_others += 1
                elif "account_number" in item:
                    assert reading.account_of(item).number
                    now = datetime(2026, 11, 18, tzinfo=UTC)
                    assert reading.balance_of(item, "main", now).cash_usd is not None
                    n_others += 1
    assert n_orders >= 20
    assert n_others >= 3


@pytest.mark.parametrize(("at", "is_idle"), [("15:59", True), ("16:00", False)])
def test_a_stop_done_for_the_day_is_idle_as_long_as_others_trade(at: str, is_idle: bool) -> None:
    now = reading.moment(f"2026-01-15T{at}:00-05:00")
    assert reading.is_idle({"status": "done_for_day"}, now) is is_idle
    assert not reading.is_idle({"status": "new"}, now)
