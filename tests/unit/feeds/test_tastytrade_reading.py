"""Quotes, greeks and chains as tastytrade's provider writes them."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.domain.instrument import future, option, stock
from engine.feeds.tastytrade import reading

D = Decimal
NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
SPY = stock("SPY")
CALL = option("SPY", date(2026, 12, 18), D("602.5"), "C")
FIXTURES = Path(__file__).parents[3].parent / "shared/data/fixtures/tastytrade"


def test_options_have_a_dot_and_no_zeros() -> None:
    assert reading.streamer_symbol(CALL) == ".SPY261218C602.5"
    assert reading.streamer_symbol(option("F", date(2026, 12, 18), D("2.25"), "P")) == (
        ".F261218P2.25"
    )
    assert reading.streamer_symbol(option("SPX", date(2026, 12, 18), D(6000), "P")) == (
        ".SPX261218P6000"
    )
    assert reading.streamer_symbol(stock("BRK.B")) == "BRK/B"


def test_futures_are_looked_up() -> None:
    items = [
        {"symbol": "/MESZ6", "streamer-symbol": "/MESZ26:XCME"},
        {"symbol": "/ZCZ6", "streamer-symbol": "/ZCZ26:XCBT"},
        {"symbol": "/MESH7"},
        "nonsense",
    ]
    assert reading.futures_in(items, NOW.date()) == {"/MESZ26": "/MESZ26:XCME"}


FIELDS = {"Quote": ["eventSymbol", "bidPrice", "askPrice"]}


def test_events_come_many_to_a_message() -> None:
    data = ["Quote", ["SPY", 1, 2, "QQQ", 3, 4]]
    assert [(kind, row["eventSymbol"]) for kind, row in reading.rows_in(data, FIELDS)] == [
        ("Quote", "SPY"),
        ("Quote", "QQQ"),
    ]
    full = [{"eventType": "Quote", "eventSymbol": "SPY"}]
    assert list(reading.rows_in(full, FIELDS)) == [("Quote", full[0])]


@given(st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists, max_leaves=8))
def test_no_message_breaks_the_reading(data: object) -> None:
    assert all(row == {} or kind == "Quote" for kind, row in reading.rows_in(data, FIELDS))


def test_a_list_that_does_not_fit_its_fields_tells_nothing() -> None:
    assert list(reading.rows_in(["Quote", ["SPY", 1]], FIELDS)) == []
    assert list(reading.rows_in(["Trade", ["SPY", 1, 2]], FIELDS)) == []


def test_a_quote_is_exact_and_says_when_it_was_made() -> None:
    event = {
        "bidPrice": D("602.10"),
        "askPrice": D("602.11"),
        "bidSize": "NaN",
        "askSize": D(7),
        "bidTime": 1_795_014_000_000,
        "askTime": 1_795_014_001_500,
        "eventTime": 0,
    }
    quote = reading.quote_in(event, SPY, "tastytrade", NOW)
    assert quote is not None
    assert (quote.bid, quote.ask, quote.bid_size, quote.ask_size) == (
        D("602.10"),
        D("602.11"),
        None,
        D(7),
    )
    assert quote.exchange_at == datetime.fromtimestamp(1_795_014_001.5, UTC)
    assert quote.received_at == NOW


def test_a_quote_without_a_stamp_was_made_when_it_came_and_one_without_a_price_is_none() -> None:
    quote = reading.quote_in({"bidPrice": 1, "askPrice": 2, "bidTime": 0}, SPY, "x", NOW)
    assert quote is not None
    assert quote.exchange_at == NOW
    assert reading.quote_in({"bidPrice": "NaN", "askPrice": 2}, SPY, "x", NOW) is None
    assert reading.quote_in({"bidPrice": 1, "askPrice": "NaN"}, CALL, "x", NOW) is None


def test_of_an_option_an_ask_without_a_bid_is_told() -> None:
    """It bounds what the option is worth."""
    streamed = reading.quote_in({"bidPrice": "NaN", "askPrice": 2}, CALL, "x", NOW)
    named = {"symbol": "it", "bid": None, "ask": "2", "updated-at": NOW.isoformat()}
    for quote in (streamed, reading.answered_in(named, {"it": CALL}, "x", NOW)):
        assert quote is not None
        assert quote.is_only_offered
        assert not quote.is_sane


def test_greeks_are_whole_or_none() -> None:
    event = dict.fromkeys(("volatility", "delta", "gamma", "theta", "vega", "rho", "price"), "0.5")
    found = reading.greeks_in({**event, "time": 1_795_014_000_000}, CALL, "x", NOW)
    assert found is not None
    assert (found.delta, found.instrument) == (D("0.5"), CALL)
    assert reading.greeks_in({**event, "delta": "NaN"}, CALL, "x", NOW) is None


def test_indexes_are_asked_for_as_such() -> None:
    asked = reading.question([SPY, stock("SPX"), CALL, future("MES", date(2026, 12, 1))])
    assert asked == [
        ("equity", "SPY"),
        ("index", "SPX"),
        ("equity-option", "SPY   261218C00602500"),
        ("future", "/MESZ6"),
    ]


def test_an_answer_without_both_sides_is_no_quote() -> None:
    wanted = {"SPY": SPY}
    whole = {"symbol": "SPY", "bid": "1.00", "ask": "1.01", "updated-at": NOW.isoformat()}
    assert reading.answered_in(whole, wanted, "x", NOW) is not None
    assert reading.answered_in({**whole, "bid": None}, wanted, "x", NOW) is None
    assert reading.answered_in({**whole, "symbol": "QQQ"}, wanted, "x", NOW) is None


def test_a_halt_is_said_with_the_price() -> None:
    item = {"symbol": "SPY", "bid": "1.00", "ask": "1.01", "is-trading-halted": True}
    quote = reading.answered_in(item, {"SPY": SPY}, "x", NOW)
    assert quote is not None
    assert quote.is_halted


def chain(**more: object) -> dict[str, object]:
    return {
        "underlying-symbol": "SPY",
        "root-symbol": "SPY",
        "option-chain-type": "Standard",
        "shares-per-contract": 100,
        "expirations": [
            {
                "expiration-date": "2026-12-18",
                "strikes": [
                    {"strike-price": "602.5", "call": "", "put": ""},
                    {"strike-price": "600.0"},
                ],
            }
        ],
        **more,
    }


def test_a_chain_knows_what_is_listed() -> None:
    found = reading.chain_in([chain()], "SPY", "x", NOW)
    assert found is not None
    assert found.strikes == {("SPY", date(2026, 12, 18)): (D("600.0"), D("602.5"))}
    assert found.lists(CALL)
    assert not found.lists(option("SPY", date(2026, 12, 18), D(601), "C"))
    assert not found.lists(option("SPY", date(2026, 12, 19), D(600), "C"))
    assert not found.lists(option("SPYX", date(2026, 12, 18), D(600), "C"))


@pytest.mark.parametrize(
    "odd", [{"option-chain-type": "Non-standard"}, {"shares-per-contract": 150}]
)
def test_adjusted_contracts_are_in_no_chain(odd: dict[str, object]) -> None:
    assert reading.chain_in([chain(**odd), None], "SPY", "x", NOW) is None


@pytest.mark.skipif(not FIXTURES.exists(), reason="the shared samples are not on this machine")
def test_a_sample_chain_of_others_is_read() -> None:
    groups = json.loads((FIXTURES / "sdk_mock_bodies.json").read_text())
    (sample,) = (
        s["json"] for s in groups["nested_option_chain"] if s["name"] == "nested_chain_data"
    )
    found = reading.chain_in([sample], "SPY", "x", NOW)
    assert found is not None
    assert found.strikes[("SPY", date(2024, 3, 22))] == (D("460.00"),)
