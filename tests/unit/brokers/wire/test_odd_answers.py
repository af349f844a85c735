"""A field that is not what it should be: refused with the row, never read as something else."""

import asyncio
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from unittest.mock import AsyncMock, Mock

import pytest

from engine.brokers import BrokerFill, BrokerOrder, Filled, Odd
from engine.brokers._wire.events import Events
from engine.brokers._wire.figures import UNREADABLE, Unreadable, ident, once
from engine.brokers.alpaca import reading as alpaca
from engine.brokers.alpaca.updates import Updates
from engine.brokers.etrade import translate as etrade
from engine.brokers.schwab import reading as schwab
from engine.brokers.topstepx import translate as topstepx
from engine.brokers.topstepx.books import _read
from engine.brokers.webull import translate as webull
from engine.domain.errors import BrokerUnavailable
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg

NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
AT = "2026-11-20T15:00:00Z"
ALPACA = {
    "id": "a1",
    "client_order_id": "x",
    "symbol": "SPY",
    "asset_class": "us_equity",
    "status": "new",
    "type": "limit",
    "side": "buy",
    "qty": "2",
    "filled_qty": "0",
    "limit_price": "1.5",
    "updated_at": AT,
}
ALPACA_HELD = {"symbol": "SPY", "asset_class": "us_equity", "qty": "4", "side": "long"}
SCHWAB_HELD = {"instrument": {"assetType": "EQUITY", "symbol": "SPY"}, "longQuantity": 4}
ETRADE_HELD = {
    "Product": {"securityType": "EQ", "symbol": "SPY"},
    "quantity": 4,
    "positionType": "LONG",
}
WEBULL_HELD = {"instrument_type": "EQUITY", "symbol": "SPY", "quantity": "4"}
WEBULL = {
    "order_id": "w1",
    "client_order_id": "TS000000000000000001",
    "instrument_type": "EQUITY",
    "symbol": "SPY",
    "status": "FILLED",
    "order_type": "LIMIT",
    "side": "BUY",
    "total_quantity": "2",
    "filled_quantity": "2",
    "place_time_at": AT,
}
ETRADE = {
    "orderId": 7,
    "OrderDetail": [
        {
            "status": "OPEN",
            "priceType": "LIMIT",
            "placedTime": 1_795_186_800_000,
            "Instrument": [
                {
                    "Product": {"securityType": "EQ", "symbol": "SPY"},
                    "orderAction": "BUY",
                    "orderedQuantity": 2,
                    "filledQuantity": 0,
                }
            ],
        }
    ],
}


def unheard(_: str) -> None:
    raise AssertionError("told as another's")


def alpaca_order(body: dict[str, Any]) -> Any:
    return alpaca.order_of(body, "main").qty


def alpaca_held(body: dict[str, Any]) -> Any:
    return alpaca.position_of(body, "main").qty


def schwab_held(body: dict[str, Any]) -> Any:
    held = schwab.position_of("main", body)
    return None if held is None else held.qty


def etrade_held(body: dict[str, Any]) -> Any:
    return etrade.position_of("main", body).qty


def etrade_order(body: dict[str, Any]) -> Any:
    return etrade.listed("main", body).order.qty


def webull_order(body: dict[str, Any]) -> Any:
    return webull.rows([{"orders": [body]}], "main", unheard)[0].order.qty


def webull_held(body: dict[str, Any]) -> Any:
    return webull.positions([body], "main", unheard)[0].qty


def etrade_filled(qty: int) -> dict[str, Any]:
    (detail,) = ETRADE["OrderDetail"]  # type: ignore[misc] - the one above
    (row,) = detail["Instrument"]  # type: ignore[index] - as above
    return {"OrderDetail": [{**detail, "Instrument": [{**row, "filledQuantity": qty}]}]}  # type: ignore[dict-item] - as above


@pytest.mark.parametrize(
    ("read", "body", "odd"),
    [
        (alpaca_order, ALPACA, {"symbol": None}),
        (alpaca_order, ALPACA, {"symbol": True}),
        (alpaca_order, ALPACA, {"id": None}),
        (alpaca_order, ALPACA, {"qty": None}),
        (alpaca_order, ALPACA, {"qty": "-2"}),
        (alpaca_order, ALPACA, {"filled_qty": "-1"}),
        (alpaca_order, ALPACA, {"updated_at": "0001-01-01T00:00:00+05:00"}),
        (alpaca_held, ALPACA_HELD, {"symbol": None}),
        (alpaca_held, ALPACA_HELD, {"side": "sideways"}),
        (alpaca_held, ALPACA_HELD, {"qty": "-4"}),
        (schwab_held, SCHWAB_HELD, {"longQuantity": None}),
        (schwab_held, SCHWAB_HELD, {"instrument": {"assetType": "EQUITY", "symbol": None}}),
        (etrade_held, ETRADE_HELD, {"quantity": -4}),
        (etrade_held, ETRADE_HELD, {"positionType": "sideways"}),
        (etrade_held, ETRADE_HELD, {"Product": {"securityType": "EQ", "symbol": None}}),
        (etrade_order, ETRADE, {"orderId": None}),
        (etrade_order, ETRADE, etrade_filled(-1)),
        (webull_order, WEBULL, {"order_id": True}),
        (webull_order, WEBULL, {"symbol": None}),
        (webull_order, WEBULL, {"filled_quantity": "-1"}),
        (webull_order, WEBULL, {"instrument_type": "SOMETHING_NEW"}),
        (webull_held, WEBULL_HELD, {"symbol": ["SPY"]}),
    ],
)
def test_a_field_that_says_nothing_or_the_contrary_makes_the_row_unreadable(
    read: Any, body: dict[str, Any], odd: dict[str, Any]
) -> None:
    assert read(body) in (Decimal(2), Decimal(4))
    with pytest.raises(UNREADABLE):
        read(body | odd)


def test_the_sign_of_a_holding_counts_where_its_side_is_not_said() -> None:
    short = {"symbol": "SPY", "asset_class": "us_equity", "qty": "-4"}
    assert alpaca_held(short) == alpaca_held(short | {"side": "short"}) == -4
    assert etrade_held({"Product": ETRADE_HELD["Product"], "quantity": -4}) == -4


def test_a_holding_of_an_unknown_kind_is_told_and_hides_no_other() -> None:
    told: list[str] = []
    listed = [WEBULL_HELD | {"instrument_type": "SOMETHING_NEW"}, WEBULL_HELD, dict(WEBULL_HELD)]
    (held,) = webull.positions(listed, "main", told.append)
    assert held.qty == 4
    assert "SOMETHING_NEW" in told[0]


def test_a_row_that_is_listed_twice_counts_once() -> None:
    assert once([{"a": 1}, {"a": 2}, {"a": 1}]) == [{"a": 1}, {"a": 2}]


@pytest.mark.parametrize("value", [None, "", True, [], {}, Decimal("NaN")])
def test_what_names_no_order_is_no_id(value: Any) -> None:
    assert ident(7) == ident(Decimal("7.0")) == ident("7") == "7"
    with pytest.raises(Unreadable):
        ident(value)


def test_nothing_is_ordered_or_executed_in_less_than_nothing() -> None:
    order: dict[str, Any] = {
        "client_order_id": "",
        "broker_id": "1",
        "account": "main",
        "state": "accepted",
        "side": Side.BUY,
        "legs": (Leg(instrument=stock("SPY")),),
        "qty": Decimal(1),
        "filled": Decimal(-1),
        "type": OrderType.MARKET,
        "updated_at": NOW,
    }
    fill: dict[str, Any] = {
        "execution_id": "e",
        "client_order_id": "",
        "broker_id": "1",
        "account": "main",
        "instrument": stock("SPY"),
        "leg": 0,
        "side": Side.BUY,
        "qty": Decimal(0),
        "price": Decimal(1),
        "fee_usd": Decimal(0),
        "executed_at": NOW,
    }
    with pytest.raises(ValueError, match="less than nothing"):
        BrokerOrder(**order)
    with pytest.raises(ValueError, match="nothing, or less"):
        BrokerFill(**fill)


def test_codes_of_topstepx_that_are_none_make_the_row_unreadable_and_no_other_error() -> None:
    row = {"id": Decimal("7.0"), "accountId": "41001", "status": [1], "customTag": ["x"]}
    said = topstepx.tidy(row)
    assert (said["id"], said["accountId"]) == (7, 41001)
    assert (said["status"], said["customTag"]) == (None, None)
    with pytest.raises(BrokerUnavailable):
        _read(topstepx.updated_at, {"updateTimestamp": "0001-01-01T00:00:00+05:00"})


def test_a_refusal_of_schwab_in_another_shape_is_a_refusal_still() -> None:
    assert schwab.refusal(400, {"message": "no", "errors": 7}) == ("400", "no")


async def test_an_update_with_an_impossible_time_does_not_end_the_reading_of_updates() -> None:
    """``OverflowError`` is no ``ValueError``: the pump of Alpaca's stream died of it for good."""
    known = Mock()
    known.ours.return_value = "TS000000000000000001"
    wrong = [OverflowError("no such date"), KeyError("id")]
    books = Mock(note=AsyncMock(), report=AsyncMock(side_effect=wrong))
    events = Events()
    updates = Updates("main", known, books, events)
    good = {
        "event": "fill",
        "execution_id": "e1",
        "price": "1",
        "qty": "1",
        "timestamp": AT,
        "order": ALPACA,
    }
    updates.start()
    updates.take({"stream": "trade_updates", "data": good | {"event": "new"}})
    updates.take({"stream": "trade_updates", "data": good})
    told = events.all()
    async with asyncio.timeout(5):
        assert isinstance(await anext(told), Odd)
        assert isinstance(await anext(told), Filled)
    await updates.close()
