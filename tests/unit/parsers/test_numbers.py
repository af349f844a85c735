"""Sixty spellings of a price, and what each becomes: a value, or a question (A-09)."""

from decimal import Decimal

import pytest

from engine.domain.alert import Alert
from engine.parsers._grammar.numbers import read_number
from tests.unit.parsers.labelled import outcome

ASK = None
PREMIUMS = {
    "2": "2",
    "2.3": "2.3",
    "2.35": "2.35",
    "2.350": ASK,
    ".05": "0.05",
    ".5": "0.5",
    "0.05": "0.05",
    "0.005": "0.005",
    "00.50": ASK,
    "02.35": ASK,
    "$2.35": "2.35",
    "$.35": "0.35",
    "$ 2.35": "2.35",
    "2.35$": ASK,
    "$$2.35": ASK,
    "USD 2.35": "2.35",
    "2,35": "2.35",
    "1,95": "1.95",
    "0,5": "0.5",
    "1,5": "1.5",
    "1,2345": ASK,
    "1.000,50": ASK,
    "1,000.50": ASK,
    "1'200": ASK,
    "1 200": ASK,
    "1,200": ASK,
    "1,20,0": ASK,
    "1.2.3": ASK,
    "2..35": ASK,
    "2.,35": ASK,
    ",35": ASK,
    "0": ASK,
    "0.00": ASK,
    "-2.35": ASK,
    "-$2.35": ASK,
    "+2.35": ASK,
    "(2.35)": ASK,
    "2.35-": "2.35",
    "2.35-2.45": ("2.35", "2.45"),
    "2.35 - 2.45": ("2.35", "2.45"),
    "2.45-2.35": ("2.35", "2.45"),
    "2.35/2.45": ASK,
    "2.35 2.45": ASK,
    "2.35 or 2.45": ASK,
    "2.35 to 2.45": ASK,
    "2-20": ASK,
    "~2.35": "2.35",
    "about 2.35": "2.35",
    "<2.35": ASK,
    ">2.35": ASK,
    "2.35%": ASK,
    "2.35k": ASK,
    "$1.2k": ASK,
    "1e2": ASK,
    "2½": ASK,
    "½": ASK,
    "2²": ASK,
    "٢.٣٥": ASK,
    "２.３５": "2.35",
    "2.35.": "2.35",
    "2.35!": "2.35",
    "two": ASK,
    "NaN": ASK,
    "inf": ASK,
    "1/2": ASK,
    "2:35": ASK,
    "0x2": ASK,
    "#2": ASK,
    "2.35x": ASK,
    "641": ASK,
    "9" * 30: ASK,
}


@pytest.mark.parametrize("form", PREMIUMS)
def test_a_premium_is_read_or_asked_about_never_guessed(form: str) -> None:
    parsed = outcome("options", f"BTO SPY 640C 8/15 @ {form}")
    wanted = PREMIUMS[form]
    assert isinstance(parsed, Alert)
    signal = parsed.signals[0]
    if wanted is ASK:
        assert parsed.needs_human, signal
    elif isinstance(wanted, tuple):
        assert not parsed.needs_human, parsed.question
        assert signal.price_range == tuple(map(Decimal, wanted))
    else:
        assert not parsed.needs_human, parsed.question
        assert signal.price == Decimal(wanted)


@pytest.mark.parametrize(
    ("form", "wanted"),
    [
        ("19,780.50", "19780.50"),
        ("19780.50", "19780.50"),
        ("19,780", "19780"),
        ("19780,5", ASK),
        ("19.780,50", ASK),
        ("19 780", ASK),
        ("19'780", ASK),
        ("1,9780", ASK),
    ],
)
def test_an_index_price_may_have_thousands_separators(form: str, wanted: str | None) -> None:
    parsed = outcome("futures", f"NQ long {form} stop 19,740")
    assert isinstance(parsed, Alert)
    if wanted is ASK:
        assert parsed.needs_human
    else:
        assert not parsed.needs_human, parsed.question
        assert parsed.signals[0].price == Decimal(wanted)


@pytest.mark.parametrize(
    ("text", "value"),
    [("12", "12"), ("1,234,567", "1234567"), ("0.5", "0.5"), (".25", "0.25"), ("3,5", "3.5")],
)
def test_plain_numbers(text: str, value: str) -> None:
    assert read_number(text) == Decimal(value)


@pytest.mark.parametrize("text", ["", ".", "1.", "1,", "0,123", "1,23,456", "٣", "1_000", "1e5"])
def test_odd_numbers_are_refused(text: str) -> None:
    assert read_number(text) is None
