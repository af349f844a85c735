"""Bodies of orders: exactly the golden ones, and read back as what was asked."""

import json
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import OrderRequest
from engine.brokers.tastytrade import bodies, translate
from engine.domain.errors import OrderRejected
from engine.domain.instrument import Instrument, crypto, future, option, stock
from engine.domain.order import OrderType, Side, Tif
from engine.domain.quote import Leg
from tests.venues.tastytrade_contract import GOLDEN, Contract
from tests.venues.venue import Seen

D = Decimal
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
DECEMBER = date(2026, 12, 18)
AAPL, MNQ = stock("AAPL"), future("MNQ", date(2026, 12, 1))
BODIES: dict[str, Any] = json.loads(Path(GOLDEN).read_text())["requests"]
OURS = frozenset({"otoco", "notional"})
"""Golden bodies of what the adapter never sends."""


def spy(strike: int, right: str) -> Instrument:
    return option("SPY", DECEMBER, D(strike), right)  # type: ignore[arg-type]


def ask(n: int, **more: Any) -> OrderRequest:
    more.setdefault("side", Side.BUY)
    more.setdefault("legs", (Leg(instrument=AAPL),))
    more.setdefault("type", OrderType.LIMIT)
    more.setdefault("qty", D(1))
    return OrderRequest(client_order_id=f"TS{n:016d}AA", account="main", **more)


CONDOR = (
    Leg(instrument=spy(600, "P")),
    Leg(instrument=spy(590, "P"), ratio=-1),
    Leg(instrument=spy(700, "C")),
    Leg(instrument=spy(710, "C"), ratio=-1),
)
REQUESTS = {
    "limit_debit": ask(1, limit=D("190.1")),
    "stop_gtc": ask(2, side=Side.SELL, type=OrderType.STOP, stop=D("180.05"), tif=Tif.GTC),
    "future_market": ask(4, legs=(Leg(instrument=MNQ),), type=OrderType.MARKET),
    "iron_condor_credit": ask(5, side=Side.SELL, legs=CONDOR, limit=D("1.25")),
}


def golden(name: str) -> dict[str, Any]:
    """As committed, but for what tells an exit from an entry."""
    body = json.loads(json.dumps(BODIES[name]))
    if name == "stop_gtc":  # an exit: the broker is told to let it close only
        body["advanced-instructions"] = {"strict-position-effect-validation": True}
    if name == "iron_condor_credit":  # an entry
        del body["advanced-instructions"]
    return dict(body)


@pytest.mark.parametrize("name", REQUESTS)
def test_a_body_is_the_golden_one(name: str) -> None:
    request = REQUESTS[name]
    if name == "stop_gtc":
        request = replace(request, reduces=True)
    assert bodies.new_order(request) == golden(name)


def test_every_golden_body_is_covered_or_never_sent() -> None:
    assert set(BODIES) == set(REQUESTS) | OURS


def test_a_replacement_has_no_legs() -> None:
    body = bodies.replacement(ask(1, limit=D("190.25"), reduces=True, side=Side.SELL))
    assert body == {
        "time-in-force": "Day",
        "source": "TradeStream/1.0",
        "external-identifier": "TS0000000000000001AA",
        "order-type": "Limit",
        "price": "190.25",
        "price-effect": "Credit",
    }


def test_an_exit_closes_strictly_but_a_future_knows_no_closing() -> None:
    out = bodies.new_order(ask(1, side=Side.SELL, limit=D(1), reduces=True))
    assert out["legs"][0]["action"] == "Sell to Close"
    assert out["advanced-instructions"] == {"strict-position-effect-validation": True}
    out = bodies.new_order(
        ask(1, side=Side.SELL, limit=D(1), reduces=True, legs=(Leg(instrument=MNQ),))
    )
    assert out["legs"][0]["action"] == "Sell"
    assert "advanced-instructions" not in out


def test_a_body_never_carries_the_key_of_the_librarys_own_paper_service() -> None:
    for request in REQUESTS.values():
        assert "behavior" not in bodies.new_order(request)


BAD: dict[str, dict[str, Any]] = {
    "tastytrade.quantity": {"qty": D("1.5")},
    "tastytrade.trailing": {"type": OrderType.TRAILING, "trail": D(1)},
    "tastytrade.group": {"oco_group": "exit"},
    "tastytrade.limit": {"limit": D("NaN")},
    "tastytrade.stop": {"type": OrderType.STOP, "stop": None},
    "tastytrade.symbol": {"legs": (Leg(instrument=crypto("BTC")),)},
    "tastytrade.legs": {"legs": (Leg(instrument=AAPL), Leg(instrument=spy(600, "C")))},
}


@pytest.mark.parametrize("code", BAD)
def test_what_tastytrade_cannot_take_is_refused_before_it_is_sent(code: str) -> None:
    with pytest.raises(OrderRejected) as caught:
        bodies.new_order(ask(1, **{"limit": D(190), **BAD[code]}))
    assert caught.value.code == code


def test_five_legs_and_stops_of_spreads_are_refused() -> None:
    five = tuple(Leg(instrument=spy(600 + n, "C")) for n in range(5))
    for bad in (
        ask(1, legs=five, limit=D(1)),
        ask(1, legs=CONDOR, type=OrderType.STOP, stop=D(1)),
        ask(1, legs=(CONDOR[0], CONDOR[0]), limit=D(1)),
    ):
        with pytest.raises(OrderRejected):
            bodies.new_order(bad)


@pytest.mark.parametrize(
    ("side", "limit", "said"),
    [
        (Side.SELL, "-0.11", ("0.11", "Debit")),
        (Side.SELL, "0", ("0", "Debit")),
        (Side.BUY, "-0.11", ("0.11", "Credit")),
        (Side.BUY, "0", ("0", "Debit")),
    ],
)
def test_a_unit_that_is_worth_nothing_or_less_has_a_price_too(
    side: Side, limit: str, said: tuple[str, str]
) -> None:
    body = bodies.new_order(ask(1, side=side, legs=CONDOR, limit=D(limit), reduces=True))
    assert (body["price"], body["price-effect"]) == said
    with pytest.raises(OrderRejected):
        bodies.new_order(ask(1, side=side, limit=D(limit)))


# -- read back --------------------------------------------------------------------------------

_STRIKES = st.integers(1, 2000).map(lambda n: D(n) / 4)
_PRICES = st.integers(1, 999_999).map(lambda n: D(n) / 100)


@st.composite
def _legs(draw: Any) -> tuple[Leg, ...]:
    kind = draw(st.sampled_from(["stock", "future", "option", "spread"]))
    if kind == "stock":
        return (Leg(instrument=AAPL),)
    if kind == "future":
        return (Leg(instrument=MNQ),)
    n = 1 if kind == "option" else draw(st.integers(2, 4))
    strikes = draw(st.lists(_STRIKES, min_size=n, max_size=n, unique=True))
    ratios = [1, *draw(st.lists(st.sampled_from([-3, -2, -1, 1, 2]), min_size=n - 1, max_size=3))]
    return tuple(
        Leg(instrument=option("SPY", DECEMBER, strike, "P"), ratio=ratio)
        for strike, ratio in zip(strikes, ratios, strict=False)
    )


@st.composite
def requests(draw: Any) -> OrderRequest:
    legs = draw(_legs())
    single = [OrderType.STOP, OrderType.STOP_LIMIT] if len(legs) == 1 else []
    kind = draw(st.sampled_from([OrderType.MARKET, OrderType.LIMIT, *single]))
    has_limit = kind in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    has_stop = kind in (OrderType.STOP, OrderType.STOP_LIMIT)
    return OrderRequest(
        client_order_id="TS" + draw(st.from_regex(r"[A-Z0-9]{18}", fullmatch=True)),
        account="main",
        side=draw(st.sampled_from(Side)),
        legs=legs,
        qty=D(draw(st.integers(1, 500))),
        type=kind,
        limit=draw(_PRICES) if has_limit else None,
        stop=draw(_PRICES) if has_stop else None,
        tif=draw(st.sampled_from(Tif)),
        reduces=draw(st.booleans()),
    )


@given(requests())
def test_an_order_is_read_back_as_it_was_asked(request: OrderRequest) -> None:
    body = bodies.new_order(request)
    raw = {**json.loads(json.dumps(body)), "id": 54758826, "status": "Live"}
    order = translate.order_of(raw, "main", NOW)
    assert (order.client_order_id, order.side, order.legs, order.qty) == (
        request.client_order_id,
        request.side,
        request.legs,
        request.qty,
    )
    assert (order.type, order.limit, order.stop) == (request.type, request.limit, request.stop)
    assert (order.state, order.filled) == ("accepted", D(0))


@given(requests())
def test_every_body_keeps_to_what_is_published(request: OrderRequest) -> None:
    contract = Contract()
    said = {"User-Agent": "a/1", "Authorization": "Bearer x"}
    for path in ("/accounts/1/orders", "/accounts/1/orders/dry-run"):
        seen = Seen("POST", path, {}, said, bodies.new_order(request))
        assert contract.check(seen) == []
    put = Seen("PUT", "/accounts/1/orders/7", {}, said, bodies.replacement(request))
    assert contract.check(put) == []


def test_the_contract_finds_what_is_wrong() -> None:
    contract = Contract()
    said = {"User-Agent": "a/1", "Authorization": "Bearer x"}
    good = bodies.new_order(REQUESTS["limit_debit"])
    for bad in (
        {**good, "behavior": "immediate"},
        {**good, "price": 190.1},
        {**good, "source": ""},
        {**good, "legs": [{**good["legs"][0], "ratio": "1"}]},
    ):
        assert contract.check(Seen("POST", "/accounts/1/orders", {}, said, bad)) != []
    assert contract.check(Seen("PUT", "/accounts/1/orders/7", {}, said, good)) != []
    assert contract.check(Seen("GET", "/customers/me/accounts", {}, {}, None)) != []


def test_schemas_of_the_published_document_are_strict_where_it_is_at_hand() -> None:
    contract = Contract()
    if not contract.has_schemas:
        pytest.skip("the published documents are not on this machine")
    said = {"User-Agent": "a/1", "Authorization": "Bearer x"}
    good = bodies.new_order(REQUESTS["limit_debit"])
    for bad in ({**good, "order-type": "Best"}, {**good, "time-in-force": "For ever"}):
        found = contract.check(Seen("POST", "/accounts/1/orders", {}, said, bad))
        assert any(line.startswith("schema") for line in found)
