"""What brokers say of an account, each in its own words, and what that means for entries (R-08)."""

from datetime import UTC, datetime
from decimal import Decimal

import pytest

from engine.brokers import Balance
from engine.standing import why_no_entry

NOW = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)
POOR, RICH = Decimal(10_000), Decimal(30_000)


def balance(equity: Decimal | None = POOR, **facts: str) -> Balance:
    words = {name.replace("__", " ").replace("--", "-"): text for name, text in facts.items()}
    return Balance(
        account="main",
        cash_usd=Decimal(1),
        buying_power_usd=Decimal(1),
        as_of=NOW,
        equity_usd=equity,
        facts=words,
    )


@pytest.mark.parametrize(
    ("facts", "said"),
    [
        ({"account_blocked": "True"}, "blocked"),
        ({"trading_blocked": "true"}, "blocked"),
        ({"status": "ACCOUNT_CLOSED"}, "account_closed"),
        ({"closing__only": "True"}, "only close"),
        ({"frozen": "yes"}, "frozen"),
        ({"margin__call": "yes"}, "margin call"),
        ({"open_margin_calls": "2"}, "margin call"),
        ({"can__trade": "no"}, "no more"),
        ({"daytrade_count": "3"}, "3 day trades"),
        ({"day__trades": "4"}, "4 day trades"),
        ({"round__trips": "3"}, "3 day trades"),
        ({"day_trades_left": "0"}, "no day trade is left"),
        ({"day_trades_left": "0.0"}, "no day trade is left"),
        ({"round__trips": "3.0"}, "3.0 day trades"),
        ({"daytrade_count": "some"}, "cannot be read"),
        ({"daytrade_count": "NaN"}, "cannot be read"),
    ],
)
def test_a_block_in_any_brokers_words_stops_entries(facts: dict[str, str], said: str) -> None:
    assert said in why_no_entry(balance(**facts), "stock")


@pytest.mark.parametrize(
    "facts",
    [
        {},
        {"status": "ACTIVE", "account_blocked": "False", "daytrade_count": "2"},
        {"closing__only": "no", "frozen": "no", "margin__call": "no"},
        {"daytrade_count": "3", "multiplier": "1"},
        {"round__trips": "9", "type": "CASH"},
        {"day__trades": "9", "intraday__margin": "yes"},
        {"day_trades_left": "1"},
        {"can__trade": "yes"},
    ],
)
def test_what_blocks_nothing_blocks_nothing(facts: dict[str, str]) -> None:
    assert why_no_entry(balance(**facts), "stock") == ""


@pytest.mark.parametrize("worth", ["0", "-5", "NaN"])
def test_an_account_that_its_broker_says_is_worth_nothing_opens_nothing(worth: str) -> None:
    """R-03."""
    assert "is worth" in why_no_entry(balance(Decimal(worth)), "crypto")


def test_the_count_ends_at_25_000_dollars_and_is_none_of_futures_business() -> None:
    assert why_no_entry(balance(RICH, daytrade_count="9"), "stock") == ""
    assert why_no_entry(balance(None, daytrade_count="9"), "option") != "", "unknown is not enough"
    assert why_no_entry(balance(POOR, daytrade_count="9"), "future") == ""
    assert why_no_entry(balance(POOR, daytrade_count="9"), "crypto") == ""
    closing = balance(futures__closing__only="yes")
    assert why_no_entry(closing, "stock") == ""
    assert "futures" in why_no_entry(closing, "future")
