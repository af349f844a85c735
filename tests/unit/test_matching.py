"""Which open trades a closing alert means, and how much of them."""

from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest

from engine.domain.alert import Action, Signal
from engine.domain.instrument import crypto, future, option, stock
from engine.domain.quote import Leg
from engine.domain.trade import CloseRequest, Trade, TradeState
from engine.matching import exit_note, exit_qty, match_exit
from engine.routing import Refused, underlying
from tests.unit.risk.facts import NOW
from tests.unit.test_routing import FRIDAY, ROOM, D, leg, signal

C603 = option("SPY", FRIDAY, D(603), "C")
C605 = option("SPY", FRIDAY, D(605), "C")
P590 = option("SPY", FRIDAY, D(590), "P")


def trade(trade_id: str, *legs: Leg, **more: Any) -> Trade:
    given = legs or (Leg(instrument=C603),)
    figures: dict[str, Any] = {
        "trade_id": trade_id,
        "alert_id": f"A-{trade_id}",
        "account": "main",
        "broker": "paper",
        "source": "room",
        "author_id": 101,
        "symbol": underlying(given[0].instrument.symbol),
        "asset": "option",
        "direction": 1,
        "legs": given,
        "state": TradeState.OPEN,
        "qty_wanted": D(4),
        "qty_opened": D(4),
        "qty_open": D(4),
        "created_at": NOW,
    }
    return Trade(**(figures | more))


def single(instrument: Any, **more: Any) -> Trade:
    return trade(more.pop("trade_id", "T-1"), Leg(instrument=instrument), **more)


def stc(**more: Any) -> Signal:
    cleared: dict[str, Any] = {"expiry": None, "strike": None, "right": None, "price": None}
    return signal(action=Action.STC, **(cleared | more))


def meant(said: Signal, *trades: Trade, author: int | None = 101) -> list[str]:
    found = match_exit(said, trades, ROOM, author)
    assert not isinstance(found, Refused), found
    return [t.trade_id for t in found]


def nothing(said: Signal, *trades: Trade) -> Refused:
    found = match_exit(said, trades, ROOM, 101)
    assert isinstance(found, Refused), found
    return found


def test_the_full_contract_finds_its_trade_among_others() -> None:
    book = (trade("T-1"), single(C605, trade_id="T-2"), single(P590, trade_id="T-3"))
    assert meant(stc(strike=D("603.0"), right="C", expiry=FRIDAY), *book) == ["T-1"]
    assert meant(stc(strike=D(590)), *book) == ["T-3"]
    assert meant(stc(right="C"), *book) == ["T-1", "T-2"]
    assert meant(stc(), *book) == ["T-1", "T-2", "T-3"]


def test_nothing_held_is_refused_with_what_was_looked_for() -> None:
    """A-20."""
    assert nothing(stc()).reason == "nothing held from room matches SPY"
    found = nothing(stc(strike=D(600), right="C", expiry=FRIDAY), trade("T-1"))
    assert found.code == "route.nothing_held"
    assert found.reason == "nothing held from room matches SPY 600C 2025-01-31"


@pytest.mark.parametrize(
    "other",
    [
        {"source": "manual"},
        {"state": TradeState.CLOSED},
        {"state": TradeState.VOID},
        {"direction": -1},
        {"asset": "spread"},
        {"symbol": "QQQ"},
    ],
)
def test_what_is_not_meant_is_never_touched(other: dict[str, Any]) -> None:
    assert nothing(stc(), trade("T-1", **other)).code == "route.nothing_held"


def test_a_waiting_entry_is_found_but_a_held_trade_goes_first() -> None:
    """A-19."""
    waiting = trade("T-1", state=TradeState.PENDING, qty_open=D(0), qty_opened=D(0))
    assert meant(stc(), waiting) == ["T-1"]
    assert meant(stc(), waiting, single(C603, trade_id="T-2")) == ["T-2"]


def test_the_authors_own_trade_goes_before_another_authors() -> None:
    own, other = trade("T-1"), trade("T-2", author_id=102)
    assert meant(stc(), own, other) == ["T-1"]
    assert meant(stc(), other) == ["T-2"]
    assert meant(stc(), own, other, author=None) == ["T-1", "T-2"]


def test_buying_back_closes_shorts_only() -> None:
    short = trade("T-1", direction=-1)
    buy_back = replace(stc(), action=Action.BTC)
    assert meant(buy_back, short) == ["T-1"]
    nothing(buy_back, trade("T-1"))


def test_an_es_alert_means_the_mes_that_was_traded_for_it() -> None:
    mes = single(future("MES", date(2025, 3, 1)), asset="future")
    es = single(future("ES", date(2025, 3, 1)), asset="future", trade_id="T-2")
    assert meant(stc(asset="future", symbol="ES"), mes) == ["T-1"]
    assert meant(stc(asset="future", symbol="MES"), mes, es) == ["T-1"]
    assert meant(stc(asset="future", symbol="ES"), mes, es) == ["T-1", "T-2"]
    assert meant(stc(asset="future", symbol="ES", contract="ESH25"), mes) == ["T-1"]
    nothing(stc(asset="future", symbol="ES", contract="ESM25"), mes)
    nothing(stc(asset="future", symbol="ES", contract="rubbish"), mes)
    nothing(stc(asset="future", symbol="NQ"), mes)


def test_a_futures_close_without_a_side_closes_the_short_too() -> None:
    short = single(future("MES", date(2025, 3, 1)), asset="future", direction=-1)
    long = single(future("MES", date(2025, 3, 1)), asset="future", trade_id="T-2")
    out = stc(asset="future", symbol="ES")
    assert meant(out, short) == ["T-1"]
    assert meant(out, short, long) == ["T-2"]
    assert meant(replace(out, action=Action.BTC), short, long) == ["T-1"]
    nothing(replace(out, action=Action.BTC), long)


def test_spx_and_spxw_are_one_root() -> None:
    weekly = single(option("SPXW", FRIDAY, D(6000), "C"))
    for symbol in ("SPX", "SPXW"):
        assert meant(stc(symbol=symbol, strike=D(6000)), weekly) == ["T-1"]


def test_a_coin_is_found_by_its_base() -> None:
    btc = single(crypto("BTC"), asset="crypto", symbol="BTC/USD")
    for symbol in ("BTC", "BTC/USD", "BTCUSD"):
        assert meant(stc(asset="crypto", symbol=symbol), btc) == ["T-1"]


def test_a_spread_is_found_by_its_legs_whatever_their_order() -> None:
    legs = (Leg(instrument=C603), Leg(instrument=C605, ratio=-1))
    vertical = trade("T-1", *legs, asset="spread")
    said = stc(asset="spread", legs=(leg("BTC", "C", 605), leg("STC", "C", 603)))
    assert meant(said, vertical) == ["T-1"]
    assert meant(stc(asset="spread"), vertical) == ["T-1"]
    other = stc(asset="spread", legs=(leg("BTC", "C", 606), leg("STC", "C", 603)))
    nothing(other, vertical)


def test_an_update_without_a_symbol_may_mean_everything_open() -> None:
    book = (trade("T-1"), single(stock("AAPL"), asset="stock", trade_id="T-2"))
    said = replace(stc(symbol="", asset=None), action=Action.UPDATE)
    assert meant(said, *book) == ["T-1", "T-2"]
    assert meant(replace(said, symbol="AAPL"), *book) == ["T-2"]


def test_a_cancel_means_only_what_is_not_filled_yet() -> None:
    said = replace(stc(), action=Action.CANCEL)
    waiting = trade("T-1", state=TradeState.PENDING)
    partly = trade("T-2", qty_opened=D(1), qty_open=D(1))
    filled = trade("T-3")
    assert meant(said, waiting, partly, filled) == ["T-1", "T-2"]
    assert nothing(said, filled).reason == "nothing waiting from room matches SPY"


# -- how much ----------------------------------------------------------------------------------


def request(qty: str) -> CloseRequest:
    return CloseRequest(
        request_id="R-1", qty=D(qty), reason="alert", asked_at=datetime(2025, 1, 29, tzinfo=UTC)
    )


@pytest.mark.parametrize(
    ("held", "said", "expected"),
    [
        (4, {}, "4"),
        (4, {"fraction": D(1)}, "4"),
        (4, {"quantity": D(2)}, "2"),
        (4, {"quantity": D(9)}, "4"),
        (4, {"quantity": D("1e400")}, "4"),
        (4, {"quantity": D(0)}, "0"),
        (4, {"quantity": D(-2)}, "0"),
        (4, {"fraction": D("0.5")}, "2"),
        (3, {"fraction": D("0.5")}, "2"),
        (1, {"fraction": D("0.5")}, "1"),
        (1, {"fraction": D("0.33")}, "1"),
        (2, {"fraction": D("0.25")}, "1"),
        (6, {"fraction": D("0.33")}, "2"),
        (3, {"fraction": D("0.67")}, "2"),
        (10, {"fraction": D("0.9")}, "9"),
        (4, {"fraction": D(0)}, "0"),
        (4, {"is_partial": True}, "2"),
        (1, {"is_partial": True}, "1"),
        (5, {"is_partial": True}, "3"),
        (0, {}, "0"),
    ],
)
def test_exit_quantity(held: int, said: dict[str, Any], expected: str) -> None:
    found = exit_qty(stc(**said), trade("T-1", qty_open=D(held)), ROOM)
    assert found == D(expected)


def test_the_rooms_share_of_a_partial_close_is_configured() -> None:
    third = replace(ROOM, partial_fraction=D("0.33"))
    assert exit_qty(stc(is_partial=True), trade("T-1", qty_open=D(6)), third) == 2


def test_what_is_being_closed_already_is_not_closed_twice() -> None:
    busy = trade("T-1", closes=(request("3"),))
    assert exit_qty(stc(), busy, ROOM) == 1
    assert exit_qty(stc(fraction=D("0.5")), busy, ROOM) == 1
    assert exit_qty(stc(), trade("T-1", closes=(request("4"),)), ROOM) == 0


def test_a_waiting_entry_has_nothing_to_close() -> None:
    waiting = trade("T-1", state=TradeState.PENDING, qty_open=D(0))
    assert exit_qty(stc(), waiting, ROOM) == 0


def test_coins_are_closed_in_parts() -> None:
    btc = single(crypto("BTC"), asset="crypto", qty_open=D("0.05"))
    assert exit_qty(stc(fraction=D("0.5")), btc, ROOM) == D("0.0250")
    assert exit_qty(stc(quantity=D("0.01")), btc, ROOM) == D("0.01")


@pytest.mark.parametrize(
    ("held", "said", "expected"),
    [
        (4, {}, ""),
        (4, {"quantity": D(2)}, ""),
        (4, {"quantity": D(9)}, "9 asked, 4 held: closing all of it"),
        (4, {"fraction": D("0.5")}, ""),
        (4, {"fraction": D(1)}, ""),
        (1, {"fraction": D("0.5")}, "50 % of 1 cannot be split: closing all of it"),
        (4, {"is_partial": True}, "part without an amount: this room's share is 50.0 %, 2 closed"),
    ],
)
def test_what_had_to_be_decided_is_said(held: int, said: dict[str, Any], expected: str) -> None:
    assert exit_note(stc(**said), trade("T-1", qty_open=D(held)), ROOM) == expected
