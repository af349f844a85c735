"""Expiry, exercise, assignment and splits: positions end, money is right, nothing twice."""

from dataclasses import replace
from fractions import Fraction

import pytest

from engine import ledger
from engine.domain.errors import InvariantError
from engine.domain.instrument import option
from engine.domain.order import Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Position, TradeState
from engine.ledger.lots import take
from tests.unit.ledger.bench import (
    AAPL,
    CALL,
    CALL_605,
    CONDOR,
    EXPIRY,
    NOW,
    PUT,
    PUT_575,
    Books,
    D,
    a_trade,
    an_order,
    unit,
)

SPX = option("SPX", EXPIRY, D(6700), "C")


def held(legs: tuple[Leg, ...], direction: int, qty: int, *prices: str) -> Books:
    books = Books()
    books.deposit("1000000")
    side = Side.BUY if direction > 0 else Side.SELL
    books.open(a_trade(legs, direction, qty), an_order(legs=legs, side=side, qty=qty))
    for number, price in enumerate(prices):
        books.fill("A", qty * abs(legs[number].ratio), price, "1", leg=number)
    return books


def end(
    books: Books, position: Position, price: str, kind: str = "expiry", qty: int | None = None
) -> ledger.Settlement:
    others = [p for p in books.positions.values() if p is not position]
    settled = ledger.expire(
        position,
        others,
        trade=books.trade(position.trade_id),
        account=books.account,
        price=D(price),
        source_id=f"X-{position.instrument.key}",
        at=NOW,
        now=NOW,
        kind=kind,  # type: ignore[arg-type]
        qty=None if qty is None else D(qty),
    )
    books.executions.append(settled.execution)
    books.entries.append(settled.entry)
    books.trades[settled.trade.trade_id] = settled.trade
    books.positions[settled.position.key] = settled.position
    books.account = settled.account
    return settled


def only(books: Books) -> Position:
    (position,) = books.positions.values()
    return position


def test_a_worthless_option_takes_its_premium_with_it() -> None:
    books = held(unit(CALL), 1, 2, "1.50")
    settled = end(books, only(books), "0")
    trade = books.trade()
    assert (trade.state, trade.close_reason, trade.qty_open) == (TradeState.CLOSED, "expiry", 0)
    assert (trade.realised_usd, trade.exit_price) == (-301, 0)
    assert settled.execution.kind == "expiry"
    assert settled.execution.execution_id == f"X-{CALL.key}/T"
    assert books.account.n_closed == 1
    books.check()


def test_a_sold_option_that_ends_worthless_keeps_its_premium() -> None:
    books = held(unit(PUT), -1, 3, "2")
    end(books, only(books), "0")
    assert books.trade().realised_usd == 599
    books.check()


def test_an_index_option_pays_what_it_is_worth_inside() -> None:
    books = held(unit(SPX), 1, 1, "10")
    end(books, only(books), "25", "exercise")
    assert books.trade().realised_usd == 1499
    assert books.account.cash_usd == D(1000000) + 1499
    books.check()


@pytest.mark.parametrize(
    ("contract", "direction", "shares"),
    [(CALL, 1, 200), (CALL, -1, -200), (PUT, 1, -200), (PUT, -1, 200)],
)
def test_delivery_opens_shares_at_the_strike_and_counts_nothing_twice(
    contract: object, direction: int, shares: int
) -> None:
    books = held(unit(contract), direction, 2, "3")  # type: ignore[arg-type]
    before = only(books)
    spot, strike = D(620), before.instrument.strike
    assert strike is not None
    end(books, before, "0", "exercise")
    booking = ledger.deliver(
        before,
        trade=books.trade(),
        account=books.account,
        source_id="X-1",
        at=NOW,
        now=NOW,
    ).booking
    books.keep(booking)
    assert [r.version for r in (booking.order, booking.trade, booking.position)] == [1, 1, 1]
    assert booking.position.qty == shares
    assert booking.position.avg_price == strike
    trade = booking.trade
    assert (trade.state, trade.symbol, trade.source) == (TradeState.OPEN, "SPY", "external")
    assert trade.trade_id == "T/SPY"
    assert trade.direction == (1 if shares > 0 else -1)
    premium = -direction * 3 * 200 - 1
    assert books.trade().realised_usd == premium
    equity = ledger.equity(books.account, books.positions.values(), {"SPY": spot})
    assert equity == D(1000000) + premium + (spot - strike) * shares
    books.check()


def test_a_condor_is_over_when_its_last_leg_has_ended() -> None:
    books = held(CONDOR, -1, 1, "1.20", "0.50", "1.10", "0.40")
    worth = {PUT.key: "0", PUT_575.key: "0", CALL.key: "3.00", CALL_605.key: "0"}
    for number, position in enumerate(list(books.positions.values())):
        end(books, position, worth[position.instrument.key])
        assert (books.trade().state is TradeState.CLOSED) == (number == 3)
    trade = books.trade()
    assert trade.entry_price == D("1.40")
    assert trade.exit_price == D("3.00")
    assert trade.realised_usd == D("-160") - 4
    books.check()


def test_a_spread_is_still_held_while_its_far_leg_lives() -> None:
    far = option("SPY", EXPIRY.replace(month=12), D(600), "C")
    books = held(unit((CALL, -1), far), 1, 2, "2", "5")
    near = next(p for p in books.positions.values() if p.instrument == CALL)
    end(books, near, "0")
    assert books.trade().state is TradeState.OPEN
    assert books.trade().qty_open == 2


def test_a_leg_that_came_without_its_unit_makes_none_by_ending_in_part() -> None:
    books = held(unit(CALL, (CALL_605, -1)), 1, 2, "2")
    assert books.trade().qty_open == 0
    end(books, only(books), "0", "exercise", qty=1)
    assert only(books).qty == 1
    assert books.trade().qty_open == 0


def test_a_partly_closed_option_averages_its_exit_with_the_expiry() -> None:
    books = held(unit(CALL), 1, 4, "1.00")
    books.add(an_order("X", Purpose.CLOSE, Side.SELL, unit(CALL), 1, reason="target"))
    books.fill("X", 1, "3.00")
    end(books, only(books), "0")
    assert books.trade().exit_price == D("0.75")
    assert books.trade().realised_usd == 300 - 400 - 1
    books.check()


def test_what_is_flat_cannot_expire_or_deliver() -> None:
    books = held(unit(CALL), 1, 1, "1")
    flat = replace(only(books), lots=())
    with pytest.raises(InvariantError):
        end(books, flat, "0")
    with pytest.raises(InvariantError):
        ledger.deliver(
            flat, trade=books.trade(), account=books.account, source_id="s", at=NOW, now=NOW
        )
    share = held(unit(AAPL), 1, 1, "1")
    with pytest.raises(InvariantError):
        ledger.deliver(
            only(share),
            trade=share.trade(),
            account=share.account,
            source_id="s",
            at=NOW,
            now=NOW,
        )


@pytest.mark.parametrize(("new", "old"), [(10, 1), (3, 1), (1, 5), (3, 2)])
def test_a_booked_split_is_no_trade_and_both_ways_of_adding_up_agree(new: int, old: int) -> None:
    """M-07, I-04, I-05, I-06."""
    books = Books()
    books.open(a_trade(stop="95"), an_order())
    books.fill("A", 10, 100, "1")
    position = only(books)
    done = ledger.split_held(
        position,
        trade=books.trade(),
        account=books.account,
        ratio=Fraction(new, old),
        source_id="SPLIT",
        now=NOW,
    )
    assert done.position.qty == position.qty * new / old
    assert (done.entry.cash_usd, done.entry.realised_usd, done.entry.fee_usd) == (0, 0, 0)
    assert done.account == books.account
    assert ledger.open_fees([done.position]) == ledger.open_fees([position])
    assert done.trade.risk_usd == books.trade().risk_usd
    sold = replace(
        done.execution, execution_id="X", kind="external", side=Side.SELL, qty=D(1), price=D(50)
    )
    taken = take(done.position.lots, sold)
    rebuilt = ledger.rebuild([*books.executions, done.execution, sold])
    figures = rebuilt.trades[done.trade.trade_id]
    assert abs(figures.realised_usd - taken.realised_usd) < D("1e-9")
    assert rebuilt.held[done.position.key] == done.position.qty - 1
    with pytest.raises(InvariantError, match="split since"):
        ledger.bust(
            books.executions[0],
            [*books.executions, done.execution],
            order=next(iter(books.orders.values())),
            trade=done.trade,
            position=done.position,
            account=books.account,
            now=NOW,
        )


def test_a_split_keeps_value_cost_and_risk() -> None:
    books = Books()
    books.open(
        a_trade(stop="95", targets=[("110", 5), ("120", 5)]),
        an_order(),
    )
    books.fill("A", 10, 100, "1")
    position = ledger.split_position(only(books), D(10))
    trade = ledger.split_trade(books.trade(), D(10))
    assert (position.qty, position.avg_price) == (100, 10)
    assert ledger.worth(position, D(12)) == ledger.worth(only(books), D(120))
    assert (trade.qty_open, trade.entry_price, trade.initial_stop) == (100, 10, D("9.5"))
    assert trade.stop is not None
    assert trade.stop.price == D("9.5")
    assert [(t.price, t.qty) for t in trade.targets] == [(11, 50), (12, 50)]
    assert trade.risk_usd == books.trade().risk_usd
    reverse = ledger.split_position(position, D("0.1"))
    assert (reverse.qty, reverse.avg_price) == (10, 100)
