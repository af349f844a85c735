"""Names of instruments at tastytrade, both ways."""

from datetime import date
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers.tastytrade.symbols import Foreign, instrument_of, symbol_of
from engine.domain.instrument import FUTURES, crypto, future, option, stock

D = Decimal
TODAY = date(2026, 11, 18)


def test_an_option_is_the_21_characters_of_the_occ() -> None:
    put = option("SPY", date(2026, 12, 18), D(600), "P")
    assert symbol_of(put) == ("Equity Option", "SPY   261218P00600000")


@pytest.mark.parametrize(
    ("strike", "digits"), [("2.25", "00002250"), ("0.5", "00000500"), ("12.125", "00012125")]
)
def test_a_quarter_strike_keeps_its_quarter(strike: str, digits: str) -> None:
    """The library's own reading makes 22.5 of 2.25."""
    call = option("F", date(2026, 12, 18), D(strike), "C")
    kind, symbol = symbol_of(call)
    assert symbol == f"F     261218C{digits}"
    assert instrument_of(kind, symbol, TODAY) == call


@given(
    root=st.from_regex(r"[A-Z]{1,6}", fullmatch=True),
    thousandths=st.integers(1, 99_999_999),
    day=st.dates(date(2020, 1, 1), date(2039, 12, 31)),
    right=st.sampled_from(["C", "P"]),
)
def test_every_option_comes_back_as_itself(
    root: str, thousandths: int, day: date, right: str
) -> None:
    contract = option(root, day, D(thousandths) / 1000, right)  # type: ignore[arg-type]
    assert instrument_of(*symbol_of(contract), TODAY) == contract


@given(
    root=st.sampled_from(sorted(FUTURES)),
    months_ahead=st.integers(-6, 90),
    today=st.dates(date(2024, 1, 1), date(2035, 1, 1)),
)
def test_every_future_comes_back_as_itself(root: str, months_ahead: int, today: date) -> None:
    month = today.month - 1 + months_ahead
    contract = future(root, date(today.year + month // 12, month % 12 + 1, 1))
    assert instrument_of(*symbol_of(contract), today) == contract


def test_a_future_has_one_digit_of_its_year_and_may_have_two() -> None:
    december = future("MNQ", date(2026, 12, 1))
    assert symbol_of(december) == ("Future", "/MNQZ6")
    assert instrument_of("Future", "/MNQZ6", TODAY) == december
    assert instrument_of("Future", "/MNQZ26", TODAY) == december
    assert instrument_of("Future", "/6EH0", date(2029, 12, 1)).key == "/6EH30"


def test_classes_of_shares_are_written_with_a_slash() -> None:
    assert symbol_of(stock("BRK.B")) == ("Equity", "BRK/B")
    assert instrument_of("Equity", "BRK/B", TODAY) == stock("BRK.B")


def test_an_option_symbol_without_its_spaces_is_read_too() -> None:
    assert instrument_of("Equity Option", "SPY240315C00450000", TODAY) == option(
        "SPY", date(2024, 3, 15), D(450), "C"
    )


@pytest.mark.parametrize(
    ("kind", "symbol"),
    [
        ("Equity Option", "AAPL 240119C150"),
        ("Equity Option", "SPY   261318P00600000"),
        ("Future", "/ZCZ6"),
        ("Future", "MNQZ6"),
        ("Future Option", "./ESZ6 E1AZ6 261204P6700"),
        ("Cryptocurrency", "BTC/USD"),
        ("Equity", ""),
        ("Bond", "912810TM0"),
    ],
)
def test_what_is_not_traded_here_is_foreign_and_never_guessed(kind: str, symbol: str) -> None:
    with pytest.raises(Foreign):
        instrument_of(kind, symbol, TODAY)


def test_what_has_no_name_there_is_not_sent() -> None:
    for thing in (crypto("BTC"), option("SPY", TODAY, D("1.0005"), "C")):
        with pytest.raises(Foreign):
            symbol_of(thing)
