"""P&L of a period: rows, sums, drawdown, proof, comparison; by hand."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from engine.domain.trade import Account, TradeState
from engine.reports import Missing
from engine.reports.pnl import build, drawdown, since_of
from tests.unit.reports.examples import (
    NOW,
    SPY_CALL,
    D,
    book,
    booking,
    closed,
    frame,
    lot,
    position,
    quote,
    trade,
)

RESULTS = ["40.00", "-51.30", "120.55", "-20.00", "0.00"]


def report(results=RESULTS, **changes):
    trades, entries, account = book(results)
    given = {"trades": trades, "entries": entries, "accounts": [account]} | changes
    return build(frame(quote(SPY_CALL, "3.08", "3.12")), period="today", **given)


def test_line_bars_and_totals():
    made = report()
    assert [r.realised_usd for r in made.rows] == [D(x) for x in RESULTS]
    assert [r.cumulative_usd for r in made.rows] == [
        D("40.00"),
        D("-11.30"),
        D("109.25"),
        D("89.25"),
        D("89.25"),
    ]
    assert made.realised_usd == made.net_usd == D("89.25")
    assert made.fees_usd == D("3.25")
    assert (made.n_closed, made.n_wins, made.n_losses, made.n_open) == (5, 2, 2, 0)
    assert made.win_rate_pct == 40
    assert made.best is not None
    assert made.best.realised_usd == D("120.55")
    assert made.worst is not None
    assert made.worst.r == D("-51.30") / 50


def test_it_adds_up_with_the_change_of_equity():
    check = report().check
    assert check.is_ok is True
    assert check.trades_usd == check.equity_change_usd == D("89.25")


def test_a_cent_of_difference_is_told():
    _, _, account = book(RESULTS)
    off = replace(account, cash_usd=account.cash_usd + D("0.01"))
    check = report(accounts=[off]).check
    assert check.is_ok is False
    assert check.difference_usd == D("-0.01")


def test_open_positions_take_part_in_the_proof():
    # cash paid for 2 calls: 2 x 2.55 x 100 + 1.30; they are worth 620 now
    trades, _entries, account = book(RESULTS)
    holding = replace(account, cash_usd=account.cash_usd - D("511.30"))
    made = report(
        trades=[*trades, trade()],
        accounts=[holding],
        positions=[position(SPY_CALL, lot("2", "2.55", "1.30"))],
    )
    assert made.open_usd == D("110.00")
    assert made.net_usd == D("89.25") + D("110.00") - D("1.30")
    assert made.n_open == 1
    assert made.check.is_ok is True


def test_a_missing_mark_makes_open_net_and_proof_unknown_but_not_realised():
    trades, entries, account = book(RESULTS)
    made = build(
        frame(),
        trades=[*trades, trade()],
        entries=entries,
        accounts=[account],
        positions=[position(SPY_CALL, lot("2", "2.55", "1.30"))],
    )
    assert made.realised_usd == D("89.25")
    assert made.open_usd == Missing("no quote for SPY 603C 1/31")
    assert isinstance(made.net_usd, Missing)
    assert made.check.is_ok is None


def test_an_empty_book_says_so_instead_of_zero():
    made = report(results=[], accounts=[Account(name="main", broker="paper")])
    assert (made.rows, made.n_open) == ((), 0)
    assert made.realised_usd == Missing("no trades yet")
    assert made.net_usd == Missing("no trades yet")
    assert made.win_rate_pct == Missing("no closed trades yet")
    assert made.best is None
    assert made.drawdown is None
    assert made.compared.filled_usd == Missing("no closed trades yet")


def test_a_day_without_trades_in_a_book_that_has_some_is_zero():
    trades, entries, account = book(RESULTS)
    later = frame()
    later = type(later)(now=NOW + timedelta(days=3), quotes={})
    made = build(later, period="today", trades=trades, entries=entries, accounts=[account])
    assert made.rows == ()
    assert made.realised_usd == 0
    assert made.check.is_ok is True


def test_only_bookings_of_the_period_count():
    trades, entries, _account = book(["10.00", "20.00"])
    before = booking(closed(9, "5.00"), "5.00", NOW - timedelta(days=2))
    made = report(trades=[*trades, closed(9, "5.00")], entries=[before, *entries])
    assert made.realised_usd == D("30.00")
    assert len(made.rows) == 2


def test_a_trade_closed_in_parts_is_one_bar_at_its_last_part():
    whole, other = closed(1, "100.00"), closed(2, "7.00")
    entries = [
        booking(whole, "60.00", NOW - timedelta(minutes=30)),
        booking(other, "7.00", NOW - timedelta(minutes=20)),
        booking(whole, "40.00", NOW - timedelta(minutes=10)),
    ]
    made = report(trades=[whole, other], entries=entries)
    assert [(r.trade_id, r.realised_usd, r.cumulative_usd) for r in made.rows] == [
        ("T-2", D("7.00"), D("7.00")),
        ("T-1", D("100.00"), D("107.00")),
    ]


def test_a_partly_closed_trade_has_a_bar_but_is_not_won_yet():
    part = trade(qty_open=D(1), realised_usd=D("63.70"))
    made = report(
        trades=[part],
        entries=[booking(part, "63.70", NOW)],
        positions=[position(SPY_CALL, lot("1", "2.55", "0.65"))],
    )
    assert made.rows[0].is_closed is False
    assert made.n_closed == 0
    assert made.win_rate_pct == Missing("no closed trades yet")
    assert made.realised_usd == D("63.70")


def test_opening_entries_make_no_bar():
    bought = booking(trade(), "0.00", NOW, closed_qty=D(0), qty=D(2))
    made = report(trades=[trade()], entries=[bought], positions=[])
    assert made.rows == ()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ([], None),
        (["1", "2", "3"], None),
        (["-5"], ("5", -1, 0)),
        (["10", "4", "12", "3", "11"], ("9", 2, 3)),
        (["10", "0", "12", "2"], ("10", 0, 1)),  # equal falls: the first one
    ],
)
def test_drawdown(line, expected):
    found = drawdown([Decimal(v) for v in line])
    assert (None if found is None else (str(found.usd), found.peak, found.trough)) == expected


@pytest.mark.parametrize(
    ("period", "expected"),
    [
        ("today", datetime(2026, 1, 30, 5, tzinfo=UTC)),
        ("week", datetime(2026, 1, 26, 5, tzinfo=UTC)),
        ("month", datetime(2026, 1, 1, 5, tzinfo=UTC)),
        ("ytd", datetime(2026, 1, 1, 5, tzinfo=UTC)),
        ("all", None),
    ],
)
def test_periods_begin_at_midnight_in_new_york(period, expected):
    assert since_of(period, NOW) == expected


def test_midnight_follows_daylight_saving():
    summer = datetime(2026, 7, 1, 2, tzinfo=UTC)  # still June 30th in New York
    assert since_of("today", summer) == datetime(2026, 6, 30, 4, tzinfo=UTC)


def test_groups_are_sums_of_their_rows():
    trades, entries, _account = book(RESULTS)
    trades[0] = replace(trades[0], symbol="QQQ")
    made = report(trades=trades, entries=entries, by="symbol")
    assert [(g.name, g.n, g.realised_usd) for g in made.groups] == [
        ("SPY", 4, D("49.25")),
        ("QQQ", 1, D("40.00")),
    ]
    assert made.groups[0].win_rate_pct == 25


def test_alerted_against_achievable_against_filled():
    """2.50 -> 3.00 alerted = 50; 2.54 -> 2.90 achievable = 36; filled 2.55 -> 2.85 = 30 gross."""
    known = closed(
        1,
        "28.70",
        alerted_exit=D("3.00"),
        achievable_exit=D("2.90"),
        entry_price=D("2.55"),
        exit_price=D("2.85"),
    )
    unknown = closed(2, "10.00")
    made = report(
        trades=[known, unknown],
        entries=[booking(known, "28.70", NOW), booking(unknown, "10.00", NOW)],
    )
    assert made.compared.n == 1
    assert made.compared.n_left_out == 1
    assert made.compared.alerted_usd == D("50.00")
    assert made.compared.achievable_usd == D("36.00")
    assert made.compared.filled_usd == D("30.00")


def test_a_void_trade_is_nowhere():
    void = trade(state=TradeState.VOID, qty_opened=D(0), qty_open=D(0))
    made = report(trades=[void], entries=[])
    assert (made.rows, made.n_open) == ((), 0)
