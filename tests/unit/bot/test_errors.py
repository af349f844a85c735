"""Errors in words: what was not done, no stack, a reference for the unexpected."""

import pytest
from discord import app_commands

from bot.errors import sentence
from bot.numbers import number, optional_number
from engine.domain.errors import (
    BrokerUnavailable,
    Conflict,
    DataStale,
    NotAllowed,
    StoreUnavailable,
    UserError,
)


@pytest.mark.parametrize(
    "error",
    [
        UserError("the stop is beyond the market. Nothing was changed."),
        NotAllowed("This needs the role trader. Nothing was done."),
        StoreUnavailable("locked"),
        DataStale("the quote is 12 s old"),
        BrokerUnavailable("paper does not answer"),
        Conflict("version"),
        app_commands.CheckFailure("no"),
        app_commands.CommandNotFound("x", []),
    ],
)
def test_every_error_says_that_nothing_happened(error: Exception) -> None:
    said = sentence(error)
    assert said.startswith(("⚠", "⛔"))
    assert "othing was" in said
    assert "Traceback" not in said


def test_the_unexpected_gets_a_reference_and_tells_nothing_of_itself(caplog) -> None:
    said = sentence(ValueError("secret detail"))
    assert "secret detail" not in said
    reference = said.split("`")[1]
    assert reference in caplog.text


@pytest.mark.parametrize("text", ["1.5", "$2.15", ".05", "  7 ", "100"])
def test_plain_numbers_are_read(text: str) -> None:
    assert number("price", text) > 0


@pytest.mark.parametrize(
    "text", ["", "0", "-1", "1,5", "1e5", "NaN", "inf", "٣", "1.1234567", "0.0", "1_000", "+5"]
)
def test_others_are_refused_with_an_example(text: str) -> None:
    with pytest.raises(UserError, match=r"Write it like 2\.15"):
        number("price", text)


def test_an_empty_field_is_no_number() -> None:
    assert optional_number("qty", "  ") is None
