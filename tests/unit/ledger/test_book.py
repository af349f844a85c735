"""Fills to lots, cash and realised P&L: the figures a trader could check by hand."""

from dataclasses import replace
from datetime import date
from decimal import Decimal

import pytest

from engine import ledger
from engine.domain.errors import InvariantError
from engine.domain.instrument import FUTURES, Instrument, crypto, future
from engine.domain.money import ZERO
from engine.domain.order import OrderState, Purpose, Side
from engine.domain.quote import Leg
from engine.domain.trade import Account, BegunDay, TradeState
from tests.unit.ledger.bench import (
    AAPL,
    CALL,
    CALL_605,
    CALL_SPREAD,
    CONDOR,
    EXPIRY,
    MES,
    NOW,
    NQ,
    PUT,
    PUT_575,
    Books,
    D,
    a_trade,
    an_execution,
    an_order,
    unit,
)


def round_trip(
    legs: tuple[Leg, ...], direction: int, entry: str, exit_: str, qty: int = 2, fee: str = "0"
) -> Books:
    books = Books()
    books.deposit("100000")
    first = Side.BUY if direction > 0 else Side.SELL
    books.open(
        a_trade(legs, direction, qty),
        an_order("A", legs=legs, side=first, qty=qty),
        an_order("X", Purpose.CLOSE, first.opposite, legs, qty, reason="target"),
    )
    books.fill("A", qty, entry, fee)
    books.check()
    books.fill("X", qty, exit_, fee)
    books.check()
    return books


@pytest.mark.parametrize(
    ("instrument", "points", "dollars"),
    [
        (AAPL, "1", "2"),
        (CALL, "1", "200"),
        (MES, "1", "10"),
        (MES, "0.25", "2.50"),
        (NQ, "1", "40"),
        (future("ES", EXPIRY), "0.25", "25"),
        (future("MNQ", EXPIRY), "0.25", "1.00"),
        (future("MYM", EXPIRY), "1", "1.0"),
        (future("RTY", EXPIRY), "0.1", "10.0"),
        (future("CL", EXPIRY), "0.01", "20"),
        (crypto("BTC"), "1", "2"),
    ],
)
def test_two_units_earn_points_times_multiplier(
    instrument: Instrument, points: str, dollars: str
) -> None:
    long = round_trip(unit(instrument), 1, "50", str(D(50) + D(points)))
    short = round_trip(unit(instrument), -1, "50", str(D(50) - D(points)))
    for books in (long, short):
        assert books.trade().realised_usd == D(dollars)
        assert books.account.realised_usd == D(dollars)
        assert books.account.cash_usd == D(100000) + D(dollars)


@pytest.mark.parametrize("root", sorted(FUTURES))
def test_one_tick_of_each_future_is_worth_its_tick_value(root: str) -> None:
    contract = future(root, EXPIRY)
    books = round_trip(unit(contract), 1, "100", str(D(100) + contract.tick), qty=1)
    assert books.account.realised_usd == contract.tick * contract.multiplier


def test_a_future_moves_no_principal_only_its_difference() -> None:
    books = Books()
    books.deposit("10000")
    books.open(a_trade(unit(MES), qty=2), an_order(legs=unit(MES), qty=2))
    books.fill("A", 2, "6700", "1.24")
    assert books.account.cash_usd == D("9998.76")
    held = list(books.positions.values())
    assert ledger.equity(books.account, held, {MES.key: D("6710")}) == D("10098.76")
    assert ledger.unrealised(held, {MES.key: D("6690")}) == D(-100)


def test_equity_is_unknown_while_one_mark_is_missing() -> None:
    books = Books()
    books.open(a_trade(), an_order())
    books.fill("A", 10, 100)
    held = list(books.positions.values())
    assert ledger.equity(books.account, held, {}) is None
    assert ledger.unrealised(held, {}) is None
    assert ledger.equity(books.account, held, {"AAPL": Decimal("NaN")}) is None
    assert ledger.equity(books.account, held, {"AAPL": D(101)}) == D(10)


def test_flat_positions_need_no_mark() -> None:
    books = round_trip(unit(AAPL), 1, "10", "11")
    assert ledger.equity(books.account, books.positions.values(), {}) == D(100002)


def test_lots_close_first_in_first_out() -> None:
    books = Books()
    books.open(a_trade(qty=20), an_order(qty=20), an_order("X", Purpose.CLOSE, Side.SELL, qty=15))
    books.fill("A", 10, 100)
    books.fill("A", 10, 110)
    booking = books.fill("X", 15, 120)
    assert booking.entry.realised_usd == D(10) * 20 + D(5) * 10
    assert booking.position.qty == D(5)
    assert booking.position.avg_price == D(110)
    books.check()


def test_each_fee_is_counted_once_and_pro_rata() -> None:
    books = Books()
    books.open(a_trade(qty=3), an_order(qty=3), an_order("X", Purpose.CLOSE, Side.SELL, qty=3))
    books.fill("A", 3, 100, "1.00")
    first = books.fill("X", 1, 110, "0.40")
    assert first.entry.realised_usd == D(10) - D("0.3333333333") - D("0.40")
    assert ledger.open_fees(books.positions.values()) == D("0.6666666667")
    books.check()
    books.fill("X", 2, 110, "0.80")
    assert books.account.realised_usd == D(30) - D("2.20")
    assert books.account.fees_usd == D("2.20")
    assert ledger.open_fees(books.positions.values()) == ZERO
    books.check()


def test_a_flip_is_a_close_and_an_open() -> None:
    books = Books()
    books.open(a_trade(qty=4), an_order(qty=4), an_order("X", Purpose.CLOSE, Side.SELL, qty=10))
    books.fill("A", 4, 100, "4")
    booking = books.fill("X", 10, 110, "5")
    assert booking.entry.closed_qty == D(4)
    assert booking.entry.realised_usd == D(40) - D(4) - D(2)
    assert booking.position.qty == D(-6)
    assert [lot.fee_usd for lot in booking.position.lots] == [D(3)]
    assert booking.trade.qty_open == D(-6)
    books.check()


def test_a_reentry_of_the_same_trade_starts_new_lots() -> None:
    books = Books()
    books.open(
        a_trade(qty=10),
        an_order("A", qty=5),
        an_order("X", Purpose.CLOSE, Side.SELL, qty=5, reason="target"),
        an_order("B", qty=5),
        an_order("Y", Purpose.CLOSE, Side.SELL, qty=5, reason="stop"),
    )
    books.fill("A", 5, 100)
    books.fill("X", 5, 110)
    assert books.trade().state is TradeState.CLOSED
    assert books.account.n_closed == 1
    books.fill("B", 5, 120)
    assert books.trade().state is TradeState.OPEN
    assert books.trade().closed_at is None
    assert books.account.n_closed == 0
    assert books.positions["T|AAPL"].avg_price == D(120)
    books.fill("Y", 5, 119)
    trade = books.trade()
    assert (trade.state, trade.close_reason) == (TradeState.CLOSED, "stop")
    assert trade.realised_usd == D(45)
    assert (trade.entry_price, trade.exit_price) == (D(110), D("114.5"))
    assert (books.account.n_closed, books.account.win_streak) == (1, 1)
    books.check()


def test_a_credit_spread_keeps_what_is_not_paid_back() -> None:
    books = Books()
    legs = CALL_SPREAD
    books.open(
        a_trade(legs, -1, 2, stop="3.00"),
        an_order("A", side=Side.SELL, legs=legs, qty=2),
        an_order("X", Purpose.CLOSE, Side.BUY, legs, 2, reason="target"),
    )
    books.fill("A", 2, "2.50", "1.30", leg=0)
    assert books.trade().state is TradeState.PENDING
    assert books.trade().entry_price is None
    books.fill("A", 2, "1.50", "1.30", leg=1)
    trade = books.trade()
    assert (trade.state, trade.qty_open, trade.entry_price) == (TradeState.OPEN, D(2), D("1.00"))
    assert trade.risk_usd == D(400)
    assert {k: p.qty for k, p in books.positions.items()} == {
        f"T|{CALL.key}": D(-2),
        f"T|{CALL_605.key}": D(2),
    }
    books.check()
    books.fill("X", 2, "0.80", "1.30", leg=0)
    assert books.trade().state is TradeState.OPEN
    books.fill("X", 2, "0.50", "1.30", leg=1)
    trade = books.trade()
    assert (trade.state, trade.exit_price) == (TradeState.CLOSED, D("0.30"))
    assert trade.realised_usd == (D("1.00") - D("0.30")) * 200 - D("5.20")
    assert trade.r_multiple == trade.realised_usd / 400
    books.check()


def test_a_condor_is_opened_and_closed_leg_by_leg_in_any_order() -> None:
    books = Books()
    books.open(
        a_trade(CONDOR, -1, 1),
        an_order("A", side=Side.SELL, legs=CONDOR, qty=1),
        an_order("X", Purpose.CLOSE, Side.BUY, CONDOR, 1, reason="target"),
    )
    for leg, price in ((2, "1.10"), (0, "1.20"), (3, "0.40"), (1, "0.50")):
        books.fill("A", 1, price, "0.65", leg=leg)
    assert books.trade().entry_price == D("1.20") - D("0.50") + D("1.10") - D("0.40")
    for leg, price in ((1, "0.20"), (3, "0.10"), (0, "0.40"), (2, "0.30")):
        books.fill("X", 1, price, "0.65", leg=leg)
    trade = books.trade()
    assert trade.exit_price == D("0.40")
    assert trade.realised_usd == D(100) - D("5.20")
    assert books.account.cash_usd == trade.realised_usd
    assert {PUT.key, PUT_575.key} <= {p.instrument.key for p in books.positions.values()}
    books.check()


def test_a_ratio_spread_counts_whole_units_by_its_slowest_leg() -> None:
    legs = unit(CALL, (CALL_605, -2))
    books = Books()
    books.open(a_trade(legs, 1, 3), an_order(legs=legs, qty=3))
    books.fill("A", 3, "5", leg=0)
    books.fill("A", 4, "2", leg=1)
    assert books.trade().qty_open == D(2)
    books.fill("A", 2, "2", leg=1)
    assert books.trade().qty_open == D(3)
    assert books.trade().entry_price == D(1)
    assert books.orders["A"].state is OrderState.FILLED


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("qty", D(0)),
        ("qty", D(-1)),
        ("qty", Decimal("NaN")),
        ("price", Decimal("Infinity")),
        ("price", 1.5),
        ("fee_usd", Decimal("NaN")),
        ("fee_usd", 1),
    ],
)
def test_only_finite_decimals_reach_the_ledger(name: str, value: object) -> None:
    books = Books()
    books.open(a_trade(), an_order())
    wrong = replace(an_execution(), **{name: value})
    with pytest.raises(InvariantError):
        books.book(wrong)


def test_a_fill_of_a_foreign_instrument_is_refused() -> None:
    books = Books()
    books.open(a_trade(), an_order())
    with pytest.raises(InvariantError, match="no leg"):
        books.book(replace(an_execution(), instrument=CALL))


def test_another_positions_lots_are_refused() -> None:
    books = Books()
    books.open(a_trade(), an_order())
    books.fill("A", 5, 100)
    with pytest.raises(InvariantError, match="position"):
        ledger.book(
            an_execution("e9"),
            order=books.orders["A"],
            trade=books.trade(),
            position=replace(books.positions["T|AAPL"], trade_id="U"),
            account=books.account,
            now=NOW,
        )


def test_versions_follow_on_and_a_new_position_is_version_1() -> None:
    books = Books()
    books.open(a_trade(), an_order())
    booking = books.fill("A", 4, 100)
    versions = (booking.order, booking.trade, booking.position, booking.account)
    assert [r.version for r in versions] == [2, 2, 1, 2]
    assert (booking.execution.version, booking.entry.version) == (1, 1)
    again = books.fill("A", 4, 100)
    assert (again.position.version, again.trade.version) == (2, 3)


@pytest.mark.parametrize("usd", ["10000000", "-200"])
def test_what_is_put_in_or_taken_out_moves_the_start_of_the_day_and_the_peak(usd: str) -> None:
    on = date(2026, 11, 18)
    earlier = [
        BegunDay(on=on, start_equity_usd=start, realised_usd=D(0), n_trades=0)
        for start in (D(900), None)
    ]
    known = Account(
        name="main",
        broker="x",
        day_start_equity_usd=D(1000),
        peak_equity_usd=D(1200),
        other_days=tuple(earlier),
    )
    after, _ = ledger.deposit(known, D(usd), NOW, "d1")
    assert after.day_start_equity_usd == D(1000) + D(usd)
    assert [d.start_equity_usd for d in after.other_days] == [D(900) + D(usd), None]
    assert after.peak_equity_usd == D(1200) + D(usd)
    unknown, _ = ledger.deposit(Account(name="main", broker="x"), D(usd), NOW, "d1")
    assert (unknown.day_start_equity_usd, unknown.peak_equity_usd) == (None, None)


def test_a_deposit_is_no_profit() -> None:
    account, entry = ledger.deposit(Account(name="main", broker="paper"), D(500), NOW, "d1")
    account, _ = ledger.deposit(account, D("-200"), NOW, "d2")
    assert (account.cash_usd, account.deposits_usd, account.realised_usd) == (300, 300, 0)
    assert (entry.kind, entry.cash_usd, entry.trade_id) == ("deposit", D(500), "")
    with pytest.raises(InvariantError):
        ledger.deposit(account, Decimal("NaN"), NOW, "d3")


@pytest.mark.parametrize(
    ("exits", "streaks"),
    [(("90",), (1, 0)), (("110",), (0, 1)), (("90", "90"), (2, 0)), (("90", "110"), (0, 1))],
)
def test_streaks_count_closed_trades(exits: tuple[str, ...], streaks: tuple[int, int]) -> None:
    books = Books()
    for number, price in enumerate(exits):
        name = f"T{number}"
        books.open(
            a_trade(trade_id=name),
            an_order(f"A{number}", trade_id=name),
            an_order(f"X{number}", Purpose.CLOSE, Side.SELL, trade_id=name),
        )
        books.fill(f"A{number}", 10, 100)
        books.fill(f"X{number}", 5, price)
        assert books.account.n_closed == number
        books.fill(f"X{number}", 5, price)
    assert (books.account.loss_streak, books.account.win_streak) == streaks
    assert books.account.n_closed == len(exits)


def test_the_days_profit_is_counted_beside_the_total() -> None:
    account = Account(
        name="main", broker="paper", realised_usd=D(1000), realised_today_usd=D("-50")
    )
    books = Books(account=account)
    books.open(a_trade(), an_order(), an_order("X", Purpose.CLOSE, Side.SELL))
    books.fill("A", 10, 100, "1")
    books.fill("X", 10, 98, "1")
    assert books.account.realised_usd == 978
    assert books.account.realised_today_usd == -72


def test_a_scratch_trade_changes_no_streak() -> None:
    account = Account(name="main", broker="paper", loss_streak=2)
    books = Books(account=account)
    books.open(a_trade(), an_order(), an_order("X", Purpose.CLOSE, Side.SELL))
    books.fill("A", 10, 100)
    books.fill("X", 10, 100)
    assert (books.account.n_closed, books.account.loss_streak) == (1, 2)
