"""Busts and corrections: afterwards all is as if the fill had never been, nothing is erased."""

from dataclasses import replace

import pytest

from engine import ledger
from engine.domain.errors import InvariantError
from engine.domain.order import OrderState, Purpose, Side
from engine.domain.trade import TradeState
from tests.unit.ledger.bench import MES, Books, D, a_trade, an_execution, an_order, unit


def entered(*fills: tuple[int, str], legs: object = None, fee: str = "1") -> Books:
    legs = legs or a_trade().legs
    books = Books()
    books.deposit("1000")
    books.open(
        a_trade(legs, stop="90", targets=[("110", 5), ("120", 5)]),  # type: ignore[arg-type]
        an_order(legs=legs),  # type: ignore[arg-type]
        an_order("X", Purpose.CLOSE, Side.SELL, legs, reason="alert"),  # type: ignore[arg-type]
    )
    for qty, price in fills:
        books.fill("A", qty, price, fee)
    return books


def same_money(one: Books, other: Books) -> None:
    for books in (one, other):
        books.check()
    assert one.account.cash_usd == other.account.cash_usd
    assert one.account.realised_usd == other.account.realised_usd
    assert one.account.fees_usd == other.account.fees_usd
    assert one.trade().realised_usd == other.trade().realised_usd
    assert [(lot.qty, lot.price) for p in one.positions.values() for lot in p.lots] == [
        (lot.qty, lot.price) for p in other.positions.values() for lot in p.lots
    ]


@pytest.mark.parametrize("legs", [None, unit(MES)])
def test_a_busted_entry_fill_leaves_no_trace_in_money(legs: object) -> None:
    books = entered((4, "100"), (6, "102"), legs=legs)
    booking = books.bust(books.executions[0])
    same_money(books, entered((6, "102"), legs=legs))
    trade = books.trade()
    assert (trade.qty_opened, trade.qty_open, trade.entry_price) == (6, 6, 102)
    assert (booking.entry.kind, booking.entry.qty, booking.entry.fee_usd) == ("bust", -4, -1)
    assert booking.execution.execution_id == "e1#bust"
    assert len(books.entries) == 4


@pytest.mark.parametrize("legs", [None, unit(MES)])
def test_a_bust_behind_a_close_matches_the_lots_anew(legs: object) -> None:
    books = entered((4, "100"), (6, "110"), legs=legs)
    books.fill("X", 4, 120, "1")
    books.bust(books.executions[0])
    other = entered((6, "110"), legs=legs)
    other.fill("X", 4, 120, "1")
    same_money(books, other)
    assert books.trade().qty_open == 2


def test_a_busted_exit_opens_the_trade_again() -> None:
    books = entered((10, "100"))
    books.fill("X", 10, 120, "1")
    assert (books.account.n_closed, books.account.win_streak) == (1, 1)
    books.bust(books.executions[-1])
    trade = books.trade()
    assert (trade.state, trade.qty_open, trade.exit_price) == (TradeState.OPEN, 10, None)
    assert (books.account.n_closed, books.account.win_streak) == (0, 0)
    assert books.orders["X"].filled == 0
    assert books.orders["X"].is_flagged
    books.check()


def test_filled_goes_down_by_a_bust_alone_and_the_order_stays_over() -> None:
    books = entered((10, "100"))
    assert books.orders["A"].state is OrderState.FILLED
    books.bust(books.executions[0])
    order = books.orders["A"]
    assert (order.state, order.filled, order.leaves) == (OrderState.FILLED, 0, 0)
    assert books.trade().state is TradeState.VOID
    assert books.trade().risk_usd is None


def test_targets_shrink_with_a_busted_part_of_the_entry() -> None:
    books = entered((4, "100"), (6, "102"))
    assert books.trade().is_entry_over
    books.bust(books.executions[0])
    assert [t.qty for t in books.trade().targets] == [3, 3]


def test_a_bust_cannot_be_booked_twice() -> None:
    books = entered((4, "100"), (6, "102"))
    first = books.executions[0]
    books.bust(first)
    with pytest.raises(InvariantError, match="not booked"):
        books.bust(first)


def test_what_was_never_booked_cannot_be_busted() -> None:
    books = entered((4, "100"))
    with pytest.raises(InvariantError, match="not booked"):
        books.bust(an_execution("ghost"))


def test_a_correction_is_a_bust_and_a_new_fill() -> None:
    books = entered((10, "100"))
    wrong = books.executions[0]
    right = replace(wrong, price=D(99))
    undone, done = ledger.correct(
        wrong,
        right,
        books.history(wrong),
        order=books.orders["A"],
        trade=books.trade(),
        position=books.positions["T|AAPL"],
        account=books.account,
        now=books.at,
    )
    books.keep(undone)
    books.keep(done)
    same_money(books, entered((10, "99")))
    assert [e.execution_id for e in books.executions] == ["e1", "e1#bust", "e1#correct"]
    trade = books.trade()
    assert (trade.state, trade.entry_price, trade.qty_open) == (TradeState.OPEN, 99, 10)
    assert trade.risk_usd == 90
    assert [t.qty for t in trade.targets] == [5, 5]
    again = books.bust(books.executions[-1])
    assert again.execution.execution_id == "e1#correct#bust"
    books.check()


# -- the same units at another price ------------------------------------------------------------


@pytest.mark.parametrize(("sold", "number"), [(10, 0), (5, 1)], ids=["over", "open"])
def test_a_correction_is_no_win_and_no_end_of_a_losing_streak(sold: int, number: int) -> None:
    """A winner of long ago was corrected by five cents, and three losses were forgotten."""
    books = entered((5, "100"), (5, "100"))
    books.fill("X", sold, "110")
    books.account = was = replace(books.account, loss_streak=3, win_streak=0)
    books.correct(books.executions[number], price=D("100.05"))
    now = books.account
    assert (now.loss_streak, now.win_streak, now.n_closed) == (3, 0, was.n_closed)


def test_a_correction_ends_no_order_of_which_an_execution_is_still_to_come() -> None:
    books = Books()
    books.deposit("1000")
    books.open(a_trade(stop="90", qty=4, targets=[("110", 2), ("120", 2)]), an_order(qty=4))
    for _ in range(2):
        books.fill("A", 1, "100")
    books.orders["A"] = replace(books.orders["A"], ended=OrderState.CANCELED, reported=D(3))
    books.correct(books.executions[0], price=D(99))
    assert not books.orders["A"].state.is_terminal
    assert not books.trade().is_entry_over
    books.fill("A", 1, "100")
    assert sum(target.qty for target in books.trade().targets) == 3


def test_a_correction_keeps_since_when_a_trade_has_had_no_stop() -> None:
    """Taken back for a moment, all that was held was sold: its alarm would begin anew."""
    books = entered((5, "100"), (5, "100"))
    books.fill("X", 5, "110")
    trade = replace(books.trade(), is_unprotected_since=books.at)
    books.trades[trade.trade_id] = trade
    books.correct(books.executions[0], price=D("100.05"))
    assert books.trade().is_unprotected_since == trade.is_unprotected_since


def test_another_quantity_is_wanted_otherwise() -> None:
    books = entered((10, "100"))
    books.correct(books.executions[0], qty=D(4))
    assert books.trade().qty_open == 4
    assert sum(target.qty for target in books.trade().targets) == 4


def test_a_corrected_lot_keeps_its_place() -> None:
    """First in, first out: what was sold is the first purchase, whenever its price was mended."""
    books = entered((5, "100"), (5, "120"))
    books.fill("X", 5, "110", "1")
    books.correct(books.executions[0], price=D(101))
    good = entered((5, "101"), (5, "120"))
    good.fill("X", 5, "110", "1")
    same_money(books, good)
    assert books.account.realised_today_usd == good.account.realised_today_usd
