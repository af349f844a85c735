"""The contract of ``read``: profiles, context, several trades, embeds, and who is asked when."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine.domain.alert import Action, Alert, EmbedText, NotAnAlert, Parsed, Signal
from engine.parsers import Thread, read, render
from tests.unit.parsers.labelled import describe, message, outcome, profile, spelled


class Holding(Thread):
    """A context with open trades."""

    def __init__(self, *held: Signal) -> None:
        super().__init__()
        self.held = held

    def open_trades(self) -> tuple[Signal, ...]:
        return self.held


def clear(parsed: Parsed) -> list[str]:
    assert isinstance(parsed, Alert), parsed
    assert not parsed.needs_human, parsed.question
    return [" ".join(spelled(signal)) for signal in parsed.signals]


def asked(parsed: Parsed) -> str:
    assert isinstance(parsed, Alert), parsed
    assert parsed.needs_human, describe(parsed)
    assert parsed.question.endswith(".")
    return parsed.question


HELD = Signal(
    action=Action.BTO,
    asset="option",
    symbol="SPY",
    expiry=date(2025, 8, 15),
    strike=Decimal(640),
    right="C",
    price=Decimal("2.35"),
)


# --- profiles -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("default", "expiry"),
    [("0dte", "2025-08-12"), ("weekly", "2025-08-15"), ("monthly", "2025-08-15")],
)
def test_a_room_may_have_a_default_expiry(default: str, expiry: str) -> None:
    terms = replace(profile("options"), default_expiry=default)
    parsed = read(message("BTO SPY 640C @ 2.35"), terms)
    assert clear(parsed) == [f"open+ SPY {expiry} 640C @2.35"]


def test_the_default_expiry_is_never_used_for_an_exit() -> None:
    terms = replace(profile("options"), default_expiry="0dte")
    assert "expiry" in asked(read(message("STC SPY 640C @ 2.35"), terms))


def test_a_room_that_always_gives_a_stop_is_asked_when_there_is_none() -> None:
    terms = replace(profile("futures"), always_has_stop=True)
    assert "stop" in asked(read(message("ES long 6405 t1 6413"), terms))


@pytest.mark.parametrize(
    ("text", "asset"),
    [
        ("BTO SPY 640C 8/15 @ 2.35", "option"),
        ("STO SPY 8/15 635/630 PCS @ .85", "spread"),
        ("BTO 100 PLTR @ 182.50", "stock"),
        ("Long ESU5 6405, stop 6397", "future"),
        ("🚨 ES long 6405: A\nStop: 6397", "future"),
        ("Short 200 CVNA @ 228, stop 236", "stock"),
        ("BTO ES 65C 8/15 @ 1.20", "option"),
    ],
)
def test_auto_tells_the_rooms_apart_by_the_text(text: str, asset: str) -> None:
    parsed = read(message(text), profile("auto"))
    assert clear(parsed)
    assert isinstance(parsed, Alert)
    assert parsed.signals[0].asset == asset


# --- what is held -------------------------------------------------------------------------------


def test_an_exit_without_expiry_means_the_one_contract_that_is_held() -> None:
    parsed = read(message("STC SPY 640C @ 3.10"), profile("options"), Holding(HELD))
    assert clear(parsed) == ["close+ SPY 2025-08-15 640C @3.1 f=1"]


def test_an_exit_that_fits_two_held_contracts_is_asked_about() -> None:
    other = replace(HELD, expiry=date(2025, 8, 22))
    asked(read(message("STC SPY 640C @ 3.10"), profile("options"), Holding(HELD, other)))


def test_an_exit_that_names_no_ticker_is_asked_about_even_when_one_thing_is_held() -> None:
    asked(read(message("all out @ 3.10"), profile("options"), Holding(HELD)))


def test_an_entry_is_never_completed_from_what_is_held() -> None:
    asked(read(message("BTO SPY 640C @ 3.10"), profile("options"), Holding(HELD)))


# --- several trades: all of them or a person (A-10) ---------------------------------------------

PAIRS = [
    ("BTO SPY 640C 8/15 @ 3.1\nBTO QQQ 580C 8/15 @ 2.8", 2),
    ("BTO SPY 640C 8/15 @ 3.1, BTO QQQ 580C 8/15 @ 2.8", 2),
    ("BTO SPY 640C 8/15 @ 3.1 and BTO QQQ 580C 8/15 @ 2.8", 2),
    ("BTO SPY 640C 8/15 @ 3.1 & QQQ 580C 8/15 @ 2.8", 2),
    ("BTO SPY 640C 8/15 @ 3.1; STC QQQ 580C 8/15 @ 2.8", 2),
    ("STC SPY 640C 8/15 @ 4.4, BTO SPY 645C 8/15 @ 1.9", 2),
    ("Sold SPY 640C 8/15 @ 4.4. Bought SPY 645C 8/15 @ 1.9.", 2),
    ("Closing SPY 640C 8/15 @ 4.4 and rolling to 645C 8/22 @ 5.2", 2),
    ("BTO SPY 640C 8/15 @ 3.1\nSTC QQQ 580C 8/15 @ 2.8\nBTO IWM 225C 8/15 @ 1.1", 3),
    ("STC SPY 640C 8/15\nSTC QQQ 580C 8/15", 2),
    ("BTO SPY 640C 8/15 @ 3.1 SL 2.4\nBTO QQQ 580C 8/15 @ 2.8 SL 2.1", 2),
    ("BTO SPY 640C and QQQ 580C 8/15", 0),
    ("BTO SPY 640C 8/15 @ 3.1 / QQQ 580C", 0),
    ("BTO SPY QQQ IWM 640C 8/15 @ 3.1", 0),
    ("BTO SPY 640C 8/15 @ 3.1 STC", 0),
    ("BTO or STC SPY 640C 8/15 @ 3.1", 0),
    ("Buy SPY 640C sell QQQ 580C 8/15", 0),
    ("STC SPY 640C 8/15 @ 4.4, keeping SPY 645C 8/22", 0),
    ("BTO SPY 640C 8/15 @ 3.1\nSPY 645C 8/15", 0),
    ("BTO SPY 640C 8/15 @ 3.1 with QQQ 580C as a hedge", 0),
]


@pytest.mark.parametrize(("text", "n_trades"), PAIRS)
def test_several_trades_are_all_read_or_all_left_to_a_person(text: str, n_trades: int) -> None:
    parsed = outcome("options", text)
    if n_trades:
        assert len(clear(parsed)) == n_trades
    else:
        assert isinstance(parsed, NotAnAlert) or parsed.needs_human, describe(parsed)


@pytest.mark.parametrize(
    ("channel", "text", "n_trades"),
    [
        ("stocks", "BTO 100 PLTR @ 182.5\nBTO 50 AMD @ 171", 2),
        ("stocks", "Sold PLTR 182.5, bought AMD 171", 2),
        ("futures", "ES long 6405 stop 6397\nNQ long 23800 stop 23760", 2),
    ],
)
def test_lists_of_shares_and_futures_too(channel: str, text: str, n_trades: int) -> None:
    assert len(clear(outcome(channel, text))) == n_trades


# --- dates around the year's end (A-11) ---------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "text", "expiry"),
    [
        ("2025-12-30T10:00:00-05:00", "BTO SPY 690C 1/16 @ 4", "2026-01-16"),
        ("2025-12-30T10:00:00-05:00", "BTO SPY 690C 12/31 @ 4", "2025-12-31"),
        ("2026-01-01T10:00:00-05:00", "BTO SPY 690C 1/2 @ 4", "2026-01-02"),
        ("2026-01-02T10:00:00-05:00", "BTO SPY 690C 1/2 @ 4", "2026-01-02"),
        ("2025-12-31T23:30:00-05:00", "BTO SPY 690C 1DTE @ 4", "2026-01-02"),
        ("2026-01-01T03:00:00+00:00", "BTO SPY 690C 0DTE @ 4", "2025-12-31"),
    ],
)
def test_a_date_without_a_year_is_the_next_one(at: str, text: str, expiry: str) -> None:
    assert clear(outcome("options", text, at)) == [f"open+ SPY {expiry} 690C @4"]


@pytest.mark.parametrize("day", ["12/25", "1/1", "12/27", "12/29", "11/20", "2/30", "31/12"])
def test_a_day_that_cannot_be_an_expiry_is_asked_about(day: str) -> None:
    text = f"BTO SPY 690C {day} @ 4"
    assert "expiry" in str(outcome("options", text, "2025-12-30T10:00:00-05:00"))
    asked(outcome("options", text, "2025-12-30T10:00:00-05:00"))


# --- embeds, replies, edits ---------------------------------------------------------------------


def test_an_alert_may_live_in_an_embed_alone() -> None:
    fields = (("Action", "BOUGHT"), ("Ticker", "SPY"), ("Strike", "640"), ("Type", "CALL"))
    embed = EmbedText(title="ALERT", fields=(*fields, ("Exp", "8/15"), ("Price", "$2.35")))
    parsed = read(message("<@&1234567890>", embeds=(embed,)), profile("options"))
    assert clear(parsed) == ["open+ SPY 2025-08-15 640C @2.35"]


def test_the_same_alert_in_text_and_embed_is_one_trade() -> None:
    text = "BTO SPY 640C 8/15 @ 2.35"
    parsed = read(message(text, embeds=(EmbedText(description=text),)), profile("options"))
    assert clear(parsed) == ["open+ SPY 2025-08-15 640C @2.35"]


def test_the_name_over_an_embed_is_no_order() -> None:
    embed = EmbedText(author="Short Seller Pro", description="SPY 640C 8/15 @ 2.35")
    parsed = read(message("", embeds=(embed,)), profile("options"))
    assert clear(parsed) == ["open+ SPY 2025-08-15 640C @2.35"]


def test_an_empty_message_is_no_alert() -> None:
    assert isinstance(read(message(""), profile("options")), NotAnAlert)


def test_a_reply_follows_the_chain_and_keeps_the_side() -> None:
    thread, terms = Thread(), profile("futures")
    thread.remember(1, read(message("ES short 6420 stop 6428"), terms, thread))
    thread.remember(2, read(message("stop to BE", number=2, reply_to=1), terms, thread))
    parsed = read(message("flat 6409", number=3, reply_to=2), terms, thread)
    assert clear(parsed) == ["close- ES @6409 f=1"]


def test_a_reply_that_names_another_contract_speaks_of_that_one() -> None:
    parsed = outcome("options", "STC QQQ 580C 8/15 @ 2.8", first="BTO SPY 640C 8/15 @ 2.35")
    assert clear(parsed) == ["close+ QQQ 2025-08-15 580C @2.8 f=1"]


def test_a_reply_to_a_doubtful_alert_is_doubtful() -> None:
    asked(outcome("options", "all out 3.1", first="BTO SPY 640C @ 2.35"))


def test_hidden_direction_marks_are_told_to_the_person() -> None:
    question = asked(outcome("options", "BTO SPY 640C 8/15 @ 2.\u202e35"))
    assert "reading direction" in question


def test_an_order_in_a_very_long_text_is_left_to_a_person() -> None:
    text = "Good morning. " * 300 + "BTO SPY 640C 8/15 @ 2.35"
    parsed = outcome("options", text[:4000])
    assert isinstance(parsed, NotAnAlert) or parsed.needs_human


def test_the_doubts_of_a_signal_name_its_fields() -> None:
    parsed = outcome("options", "BTO SPY 640 @ 2.35")
    asked(parsed)
    assert isinstance(parsed, Alert)
    assert {"expiry", "right"} <= set(parsed.signals[0].ambiguous)


def test_a_rendered_signal_says_what_is_missing_by_leaving_it_out() -> None:
    signal = replace(HELD, expiry=None)
    assert render(signal) == "BTO $SPY 640C @ 2.35"
