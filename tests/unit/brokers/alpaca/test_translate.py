"""What leaves for Alpaca is what its interface publishes, and comes back as what was meant."""

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import OrderRequest
from engine.brokers.alpaca.reading import order_of
from engine.brokers.alpaca.translate import instrument_of, order_body, replace_body, symbol_of
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, crypto, future, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg

D = Decimal
BUY, SELL = Side.BUY, Side.SELL
GOLDEN: dict[str, dict[str, Any]] = json.loads(
    (Path(__file__).parents[3] / "golden/alpaca/orders.json").read_text()
)["requests"]
AAPL, CALL = stock("AAPL"), option("SPY", date(2026, 12, 18), D(700), "C")


def put(strike: int) -> Instrument:
    return option("SPY", date(2026, 12, 18), D(strike), "P")


def call(strike: int) -> Instrument:
    return option("SPY", date(2026, 12, 18), D(strike), "C")


CONDOR = (
    Leg(instrument=put(600), ratio=-1),
    Leg(instrument=put(590)),
    Leg(instrument=call(700), ratio=-1),
    Leg(instrument=call(710)),
)


def request(
    n: int,
    side: Side = BUY,
    qty: str = "1",
    type: OrderType = OrderType.LIMIT,  # noqa: A002
    instrument: Instrument = AAPL,
    **more: Any,
) -> OrderRequest:
    prices = {k: D(v) for k, v in more.items() if k in ("limit", "stop", "trail")}
    rest = {k: v for k, v in more.items() if k not in prices}
    rest.setdefault("legs", (Leg(instrument=instrument),))
    return OrderRequest(
        client_order_id=f"TS{n:018d}",
        account="main",
        side=side,
        qty=D(qty),
        type=type,
        **prices,
        **rest,
    )


EXITS = (
    request(101, SELL, limit="200"),
    request(102, SELL, type=OrderType.STOP_LIMIT, stop="185", limit="184.5"),
)
ASKED = {
    "market_fractional": request(1, qty="1.5", type=OrderType.MARKET),
    "stop": request(4, SELL, type=OrderType.STOP, stop="180", tif=Tif.GTC),
    "stop_limit": request(
        5, SELL, type=OrderType.STOP_LIMIT, stop="180", limit="179.5", tif=Tif.GTC
    ),
    "bracket": request(7, limit="190", attached=EXITS),
    "oco_exit": request(
        8,
        SELL,
        limit="200",
        tif=Tif.GTC,
        reduces=True,
        oco_group="exit",
        attached=(
            request(104, SELL, type=OrderType.STOP, stop="185", tif=Tif.GTC, oco_group="exit"),
        ),
    ),
    "oto": request(9, limit="190", attached=(request(103, SELL, type=OrderType.STOP, stop="185"),)),
    "option_single": request(10, limit="1.05", instrument=CALL),
    "mleg_iron_condor_credit": request(11, legs=CONDOR, limit="-1.25"),
    "crypto_limit": request(12, qty="0.001", instrument=crypto("BTC"), limit="60000", tif=Tif.GTC),
}


@pytest.mark.parametrize("name", sorted(ASKED))
def test_a_request_becomes_the_body_that_was_checked_by_hand(name: str) -> None:
    assert order_body(ASKED[name]) == GOLDEN[name]


def test_a_trailing_stop_goes_out_by_its_distance() -> None:
    body = order_body(request(6, SELL, type=OrderType.TRAILING, trail="2.50", tif=Tif.GTC))
    wanted = {k: v for k, v in GOLDEN["trailing_stop_percent"].items() if k != "trail_percent"}
    assert body == wanted | {"trail_price": "2.5"}


def test_selling_a_unit_turns_its_legs_and_its_price_around() -> None:
    body = order_body(request(11, SELL, legs=CONDOR, limit="1.25", reduces=True))
    assert body["limit_price"] == "-1.25"
    assert [(leg["side"], leg["position_intent"]) for leg in body["legs"]] == [
        ("buy", "buy_to_close"),
        ("sell", "sell_to_close"),
        ("buy", "buy_to_close"),
        ("sell", "sell_to_close"),
    ]


def test_an_exit_of_an_option_says_that_it_closes() -> None:
    body = order_body(request(1, SELL, type=OrderType.MARKET, instrument=CALL, reduces=True))
    assert body["position_intent"] == "sell_to_close"


BAD = {
    "no quantity": request(1, qty="0", limit="1"),
    "half a number": request(1, qty="NaN", limit="1"),
    "no limit": request(1),
    "no stop": request(1, type=OrderType.STOP),
    "no trail": request(1, type=OrderType.TRAILING),
    "a future": request(1, limit="1", instrument=future("MES", date(2026, 12, 1))),
    "the same leg twice": request(1, limit="1", legs=(Leg(instrument=CALL), Leg(instrument=CALL))),
    "shares and options": request(1, limit="1", legs=(Leg(instrument=CALL), Leg(instrument=AAPL))),
    "a bracket for options": request(
        1, limit="1", instrument=CALL, attached=(request(2, SELL, limit="2", instrument=CALL),)
    ),
    "children that add": request(1, limit="1", attached=(request(2, BUY, limit="2"),)),
    "two targets": request(
        1, limit="1", attached=(request(2, SELL, limit="2"), request(3, SELL, limit="3"))
    ),
    "children that outlive the day of their entry": request(
        1, limit="1", attached=(request(2, SELL, limit="2", tif=Tif.GTC),)
    ),
    "an entry in the group of its own stop": request(
        1,
        limit="1",
        oco_group="g",
        attached=(request(2, SELL, type=OrderType.STOP, stop="0.5", oco_group="g"),),
    ),
    "a pair of two targets": request(
        1,
        SELL,
        limit="1",
        reduces=True,
        oco_group="g",
        attached=(request(2, SELL, limit="2", oco_group="g"),),
    ),
    "children of half": request(1, qty="2", limit="1", attached=(request(2, SELL, limit="2"),)),
}


@pytest.mark.parametrize("name", sorted(BAD))
def test_what_alpaca_has_no_words_for_is_refused_before_it_leaves(name: str) -> None:
    with pytest.raises(OrderRejected) as caught:
        order_body(BAD[name])
    assert len(str(caught.value)) > len(caught.value.code) + 10


# -- there and back -------------------------------------------------------------------------------

symbols = st.from_regex(r"[A-Z]{1,5}(\.[A-Z])?", fullmatch=True)
days = st.dates(date(2026, 1, 1), date(2040, 12, 31))
strikes = st.integers(1, 99_999_999).map(lambda n: Decimal(n) / 1000)
options = st.builds(
    option, st.from_regex(r"[A-Z]{1,6}", fullmatch=True), days, strikes, st.sampled_from("CP")
)
coins = st.builds(crypto, st.sampled_from(["BTC", "ETH", "DOGE"]), st.sampled_from(["USD", "USDT"]))
prices = st.integers(1, 10**9).map(lambda n: Decimal(n) / 10_000)


@given(st.one_of(symbols.map(stock), options, coins))
def test_a_name_comes_back_as_the_same_thing(instrument: Instrument) -> None:
    name = symbol_of(instrument)
    assert " " not in name
    assert instrument_of(name) == instrument


@given(coins)
def test_a_holding_of_a_pair_is_the_pair(pair: Instrument) -> None:
    assert instrument_of(symbol_of(pair).replace("/", ""), "crypto") == pair


def accepted(body: dict[str, Any], **more: Any) -> dict[str, Any]:
    """The order as Alpaca would answer: fields of its published examples."""
    legs = [leg | {"id": f"leg-{n}"} for n, leg in enumerate(body.get("legs", []))]
    return {
        "id": "7b08df51-c1ac-453c-99f9-323a5f075f0d",
        "created_at": "2023-12-12T22:31:24.668464435Z",
        "updated_at": "2023-12-12T22:31:24.668464435Z",
        "order_class": "",
        "filled_qty": "0",
        "limit_price": None,
        "stop_price": None,
        "status": "new",
        "symbol": "",
        "side": "",
        **body,
        "legs": legs or None,
        **more,
    }


@st.composite
def plain_orders(draw: st.DrawFn) -> OrderRequest:
    kind = draw(st.sampled_from(list(OrderType)))
    return OrderRequest(
        client_order_id=draw(st.from_regex(r"TS[A-Z2-7]{18}", fullmatch=True)),
        account="main",
        side=draw(st.sampled_from(list(Side))),
        legs=(Leg(instrument=draw(st.one_of(symbols.map(stock), options, coins))),),
        qty=draw(prices),
        type=kind,
        limit=draw(prices) if "limit" in kind else None,
        stop=draw(prices) if "stop" in kind else None,
        trail=draw(prices) if kind is OrderType.TRAILING else None,
        tif=draw(st.sampled_from(list(Tif))),
        reduces=draw(st.booleans()),
    )


@given(plain_orders())
def test_an_order_comes_back_as_it_was_asked(asked: OrderRequest) -> None:
    seen = order_of(accepted(order_body(asked)), "main")
    assert (seen.client_order_id, seen.side, seen.legs, seen.qty) == (
        asked.client_order_id,
        asked.side,
        asked.legs,
        asked.qty,
    )
    assert (seen.type, seen.limit, seen.stop) == (asked.type, asked.limit, asked.stop)
    assert (seen.state, seen.filled) == ("accepted", D(0))


@st.composite
def spreads(draw: st.DrawFn) -> OrderRequest:
    contracts = draw(st.lists(options, min_size=2, max_size=4, unique_by=lambda i: i.key))
    ratios = st.integers(-3, 3).filter(bool)
    return OrderRequest(
        client_order_id="TS000000000000000001",
        account="main",
        side=draw(st.sampled_from(list(Side))),
        legs=tuple(Leg(instrument=c, ratio=draw(ratios)) for c in contracts),
        qty=D(draw(st.integers(1, 99))),
        type=OrderType.LIMIT,
        limit=draw(st.integers(-9999, 9999).map(lambda n: Decimal(n) / 100)),
        reduces=draw(st.booleans()),
    )


@given(spreads())
def test_a_spread_comes_back_with_the_same_exposure_and_the_same_cash(asked: OrderRequest) -> None:
    seen = order_of(accepted(order_body(asked)), "main")
    assert seen.limit is not None
    assert asked.limit is not None
    assert {leg.instrument.key: leg.ratio * seen.side.sign for leg in seen.legs} == {
        leg.instrument.key: leg.ratio * asked.side.sign for leg in asked.legs
    }
    assert seen.limit * seen.side.sign == asked.limit * asked.side.sign
    told = order_of(accepted(order_body(asked)), "main", unit=(asked.side, asked.legs))
    assert (told.side, told.legs, told.limit) == (asked.side, asked.legs, asked.limit)


# -- replacing ----------------------------------------------------------------------------------


def test_a_replacement_names_only_what_may_change() -> None:
    old = order_of(accepted(order_body(ASKED["stop"])), "main")
    new = request(20, SELL, type=OrderType.STOP, stop="181.5", tif=Tif.GTC)
    assert replace_body(new, old, None) == {
        "client_order_id": "TS000000000000000020",
        "time_in_force": "gtc",
        "stop_price": "181.5",
    }
    assert replace_body(new, old, D(3))["qty"] == "3"


def test_a_spreads_replacement_keeps_alpacas_sign() -> None:
    old = order_of(accepted(order_body(ASKED["mleg_iron_condor_credit"])), "main")
    body = replace_body(request(21, legs=CONDOR, limit="-1.20"), old, None)
    assert body["limit_price"] == "-1.2"


@pytest.mark.parametrize(
    "new",
    [
        request(20, BUY, type=OrderType.STOP, stop="181"),
        request(20, SELL, limit="181"),
        request(20, SELL, type=OrderType.STOP, stop="181", instrument=stock("MSFT")),
        request(20, SELL, type=OrderType.STOP, stop="181", attached=EXITS),
    ],
)
def test_what_cannot_become_of_an_order_is_refused(new: OrderRequest) -> None:
    old = order_of(accepted(order_body(ASKED["stop"])), "main")
    with pytest.raises(OrderRejected):
        replace_body(new, old, D(1))
