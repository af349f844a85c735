"""Our books against the broker's: every difference is named, none is acted upon."""

from dataclasses import fields, replace
from datetime import timedelta
from typing import Any

import pytest

from engine import ledger, reconcile
from engine.brokers import Balance, BrokerFill, BrokerPosition
from engine.domain.order import Order, OrderState, Purpose, Side, client_order_id
from engine.exits import Cancel, Replace, Submit
from engine.orders import seen
from engine.reconcile import Findings
from tests.unit.ledger.bench import (
    AAPL,
    CALL,
    CALL_SPREAD,
    MES,
    NOW,
    Books,
    D,
    a_trade,
    an_execution,
    an_order,
    unit,
)
from tests.unit.test_orders import report

S = OrderState
LATER = NOW + timedelta(minutes=1)


def a_fill(execution_id: str = "f1", order_id: str = "A", **more: Any) -> BrokerFill:
    base: dict[str, Any] = {
        "broker_id": f"B-{order_id}" if order_id else "B-app",
        "client_order_id": order_id,
        "account": "main",
        "instrument": AAPL,
        "leg": 0,
        "side": Side.BUY,
        "qty": D(10),
        "price": D(100),
        "fee_usd": D(1),
        "executed_at": NOW,
    }
    return BrokerFill(execution_id=execution_id, **(base | more))


def books(*orders: Order, fill: bool = False) -> Books:
    made = Books()
    made.deposit("10000")
    made.open(a_trade(), *(orders or (an_order(broker_id="B-1"),)))
    if fill:
        made.fill("A", 10, 100, "1", execution_id="f1")
    return made


def compare(made: Books, **theirs: Any) -> Findings:
    base: dict[str, Any] = {
        "broker_open": (),
        "broker_recent": (),
        "broker_fills": (),
        "broker_positions": (),
        "balance": Balance(
            account="main", cash_usd=made.account.cash_usd, buying_power_usd=None, as_of=LATER
        ),
    }
    return reconcile.compare(
        orders=tuple(made.orders.values()),
        trades=tuple(made.trades.values()),
        positions=tuple(made.positions.values()),
        executions=frozenset(e.execution_id for e in made.executions),
        account=made.account,
        now=LATER,
        **(base | theirs),
    )


def holds(qty: int | str, instrument: Any = AAPL) -> BrokerPosition:
    return BrokerPosition(account="main", instrument=instrument, qty=D(qty), avg_price=D(100))


def test_equal_books_find_nothing() -> None:
    made = books(fill=True)
    done = report(made.orders["A"], "filled", 10)
    found = compare(
        made, broker_recent=(done,), broker_fills=(a_fill(),), broker_positions=(holds(10),)
    )
    assert found == Findings()
    assert found.is_clean
    assert reconcile.lines(found) == []


def test_a_missed_fill_is_found_and_explains_position_and_cash() -> None:
    made = books()
    found = compare(
        made,
        broker_recent=(report(made.orders["A"], "filled", 10),),
        broker_fills=(a_fill(), a_fill()),
        broker_positions=(holds(10),),
        balance=Balance(account="main", cash_usd=D(8999), buying_power_usd=None, as_of=NOW),
    )
    assert [f.execution_id for f in found.missed_fills] == ["f1"]
    assert (found.positions, found.cash, found.lost) == ((), None, ())
    assert [g.after.reported for g in found.states] == [10]


def test_an_order_missing_from_all_lists_is_lost_not_dead() -> None:
    made = books()
    found = compare(made)
    assert [o.order_id for o in found.lost] == ["A"]
    assert found.states == ()
    assert compare(made, broker_open=None).lost == ()
    assert compare(made, broker_recent=None).lost == ()
    assert compare(books(an_order(state=S.FILLED))).lost == ()
    assert compare(books(an_order(state=S.INTENT))).lost == ()


def test_a_fresh_order_may_not_be_listed_yet() -> None:
    made = books(an_order(sent_at=LATER - timedelta(seconds=4)))
    assert compare(made).lost == ()


def test_a_state_that_differs_is_shown_with_what_it_becomes() -> None:
    made = books()
    found = compare(made, broker_recent=(report(made.orders["A"], "canceled"),))
    (gap,) = found.states
    assert (gap.order.state, gap.after.state) == (S.ACCEPTED, S.CANCELED)
    assert reconcile.lines(found) == ["order A is ACCEPTED with us, canceled there"]


def test_a_broker_that_hides_our_id_is_matched_by_its_own() -> None:
    made = books()
    hidden = replace(report(made.orders["A"], "accepted"), client_order_id="")
    found = compare(made, broker_open=(hidden,))
    assert (found.lost, found.external_orders) == ((), ())


def test_orders_of_others_are_external() -> None:
    stranger = replace(report(an_order("Z")), client_order_id="app-7", broker_id="B-77")
    found = compare(books(), broker_open=(stranger, report(an_order())))
    assert found.external_orders == (stranger,)
    dead = replace(stranger, state="canceled")
    assert compare(books(), broker_open=(dead, report(an_order()))).external_orders == ()


def test_what_is_over_with_us_and_lives_there_is_a_zombie() -> None:
    made = books(an_order(state=S.REJECTED))
    found = compare(made, broker_open=(report(made.orders["A"]),))
    assert [r.client_order_id for r in found.zombies] == ["A"]
    just_now = books(an_order(state=S.CANCELED, updated_at=LATER))
    assert compare(just_now, broker_open=(report(made.orders["A"]),)).zombies == ()
    unknown = report(an_order(client_order_id("I-1")), broker_id="B-9")
    assert compare(books(), broker_open=(unknown, report(an_order()))).zombies == (unknown,)


def test_an_order_from_outside_of_which_a_part_was_adopted_stays_its_owners() -> None:
    """Its number names the adopted part too, which is over with us and smaller than the order."""
    part = an_order("x1/adopted", qty=51, broker_id="B-app", updated_at=NOW - 10 * (LATER - NOW))
    part = replace(part, state=S.FILLED, leg_filled=(D(51),))
    made = books(an_order(broker_id="B-1"), part)
    theirs = replace(
        report(part, "partial", 100), client_order_id="", broker_id="B-app", qty=D(150)
    )
    rest = replace(report(made.orders["A"], "accepted"), broker_id="B-1")
    found = compare(made, broker_open=(theirs, rest), broker_recent=(theirs, rest))
    assert found.zombies == (), "a person's own order is never cancelled"
    assert [o.broker_id for o in found.external_orders] == ["B-app"]
    assert "B-app" not in [g.report.broker_id for g in found.states]


def test_a_second_live_order_under_one_id_is_a_zombie() -> None:
    made = books(an_order(broker_id="B-2"))
    first, second = (replace(report(made.orders["A"]), broker_id=n) for n in ("B-1", "B-2"))
    assert compare(made, broker_open=(first, second)).zombies == (first,)
    assert compare(made, broker_open=(second, second)).zombies == ()
    assert compare(made, broker_open=(first,)).zombies == (), "its number may have changed"


def test_trades_made_elsewhere_are_external() -> None:
    made = books(fill=True)
    sold = a_fill("f2", "", side=Side.SELL, qty=D(4), broker_id="B-app")
    found = compare(
        made,
        broker_recent=(report(made.orders["A"], "filled", 10),),
        broker_fills=(a_fill(), sold),
        broker_positions=(holds(6),),
        balance=Balance(account="main", cash_usd=D(9398), buying_power_usd=None, as_of=NOW),
    )
    assert found.external_fills == (sold,)
    assert (found.positions, found.cash) == ((), None)
    assert reconcile.lines(found) == ["of no order of ours so far: sell 4 AAPL @ 100"]


def test_a_fill_with_an_id_of_ours_is_never_external() -> None:
    ours = a_fill("f9", client_order_id("I-9"))
    assert compare(books(an_order(state=S.FILLED)), broker_fills=(ours,)).missed_fills == (ours,)


@pytest.mark.parametrize(("theirs", "gap"), [(0, -10), (12, 2), (-3, -13)])
def test_positions_that_differ_are_gaps(theirs: int, gap: int) -> None:
    made = books(fill=True)
    held = (holds(theirs),) if theirs else ()
    found = compare(
        made,
        broker_recent=(report(made.orders["A"], "filled", 10),),
        broker_fills=(a_fill(),),
        broker_positions=held,
    )
    assert [(g.qty, g.instrument.key) for g in found.positions] == [(gap, "AAPL")]


def test_a_holding_unknown_to_us_is_a_gap() -> None:
    found = compare(books(an_order(state=S.CANCELED)), broker_positions=(holds(3, CALL),))
    assert [(g.ours, g.theirs, g.avg_price) for g in found.positions] == [(0, 3, 100)]


@pytest.mark.parametrize(
    ("cash", "gap"), [("10000", None), ("10000.009", None), ("10250", "250"), ("9999.99", "-0.01")]
)
def test_cash_that_differs_by_a_cent_is_a_gap(cash: str, gap: str | None) -> None:
    found = compare(
        books(an_order(state=S.CANCELED)),
        balance=Balance(account="main", cash_usd=D(cash), buying_power_usd=None, as_of=NOW),
    )
    assert (found.cash.usd if found.cash else None) == (D(gap) if gap else None)


def test_cash_nobody_told_is_not_zero() -> None:
    silent = Balance(account="main", cash_usd=None, buying_power_usd=None, as_of=NOW)
    assert compare(books(an_order(state=S.CANCELED)), balance=silent).cash is None


def test_cash_waits_for_the_fills_of_futures() -> None:
    made = books(an_order(state=S.CANCELED))
    found = compare(
        made,
        broker_fills=(a_fill("m1", instrument=MES),),
        broker_positions=(holds(10, MES),),
        balance=Balance(account="main", cash_usd=D(1), buying_power_usd=None, as_of=NOW),
    )
    assert found.cash is None


def test_a_future_that_only_the_broker_holds_is_no_difference_in_cash() -> None:
    """Its notional was shown to people as money: "-$10,010.74 there"."""
    found = compare(
        books(an_order(state=S.CANCELED)),
        broker_positions=(holds(2, MES),),
        balance=Balance(account="main", cash_usd=D(1), buying_power_usd=None, as_of=NOW),
    )
    assert [gap.theirs for gap in found.positions] == [2]
    assert found.cash is None


@pytest.mark.parametrize(
    "unread", ["broker_open", "broker_recent", "broker_fills", "broker_positions", "balance"]
)
def test_a_list_that_could_not_be_read_says_nothing(unread: str) -> None:
    """I-27."""
    made = books(fill=True)
    whole: dict[str, Any] = {
        "broker_recent": (report(made.orders["A"], "filled", 10),),
        "broker_fills": (a_fill(),),
        "broker_positions": (holds(10),),
    }
    found = compare(made, **(whole | {unread: None}))
    assert len(found.unread) == 1
    assert replace(found, unread=()) == Findings()
    assert not found.is_clean


def test_without_fills_a_position_gap_is_not_judged() -> None:
    found = compare(books(fill=True), broker_fills=None, broker_positions=())
    assert (found.positions, found.cash) == ((), None)


def test_an_expiry_that_was_booked_per_trade_is_known() -> None:
    end = a_fill("X-main-CALL-0", "", kind="expiry", instrument=CALL, side=Side.SELL)
    made = books(an_order(state=S.CANCELED))
    assert compare(made, broker_fills=(end,)).settlements == (end,)
    made.executions.append(an_execution("X-main-CALL-0/T-1/SPY"))
    assert compare(made, broker_fills=(end,)).settlements == ()


def test_uneven_legs_are_named() -> None:
    made = books()
    made.open(a_trade(CALL_SPREAD), an_order(legs=CALL_SPREAD, state=S.PARTIAL, broker_id="B-1"))
    made.fill("A", 5, 2, leg=0)
    found = compare(
        made, broker_open=(report(made.orders["A"], "partial"),), broker_positions=(holds(5, CALL),)
    )
    assert [t.trade_id for t in found.uneven] == ["T"]
    made.fill("A", 5, 1, leg=1)
    assert compare(made).uneven == ()


def test_findings_hold_facts_and_no_orders_to_send() -> None:
    """I-26."""
    kinds = {str(f.type) for f in fields(Findings)}
    for step in (Submit, Cancel, Replace):
        assert not any(step.__name__ in kind for kind in kinds)


def test_every_finding_has_its_line() -> None:
    made = books(an_order(state=S.REJECTED), an_order("L", broker_id="B-2"))
    stranger = replace(report(an_order("Z")), client_order_id="app-7", broker_id="B-77")
    found = compare(
        made,
        broker_open=(report(made.orders["A"]), stranger),
        broker_fills=(a_fill(), a_fill("f2", ""), a_fill("f3", "", kind="expiry")),
        broker_positions=(holds(1), holds(2, CALL)),
        balance=None,
    )
    said = reconcile.lines(found)
    assert said == [
        "balance could not be read",
        "missed fill: buy 10 AAPL @ 100",
        "of no order of ours so far: buy 10 AAPL @ 100",
        "expiry: buy 10 AAPL @ 100",
        "order A: news from the broker (accepted)",
        "order L is ACCEPTED with us and in no list",
        "order A is over with us but live there",
        "order app-7 is not ours",
        "AAPL: we hold 30, the broker 1",
        f"{CALL.label}: we hold 0, the broker 2",
    ]


# -- I-25 -------------------------------------------------------------------------------------


def test_after_adopting_everything_the_next_pass_finds_nothing() -> None:
    """I-25: reports and fills taken in, strangers kept as EXTERNAL, cash as a deposit."""
    made = books(
        an_order("A", state=S.UNKNOWN),
        an_order("X", Purpose.STOP, Side.SELL, state=S.SUBMITTING),
    )
    stranger = replace(
        report(an_order("Z", legs=unit(CALL), qty=2)), client_order_id="app-7", broker_id="B-77"
    )
    theirs: dict[str, Any] = {
        "broker_open": (replace(report(made.orders["X"]), broker_id="B-3"), stranger),
        "broker_recent": (report(made.orders["A"], "canceled", 6),),
        "broker_fills": (a_fill(qty=D(6)), a_fill("f2", "", qty=D(1), instrument=CALL)),
        "broker_positions": (holds(6), holds(3, CALL)),
        "balance": Balance(account="main", cash_usd=D(5000), buying_power_usd=None, as_of=NOW),
    }
    found = compare(made, **theirs)
    assert not found.is_clean
    adopt(made, found)
    assert made.orders["A"].state is S.CANCELED
    again = compare(made, **theirs)
    assert again == Findings(), reconcile.lines(again)


def adopt(made: Books, found: Findings) -> None:
    """As the flows do, in their order: fills, reports, strangers, positions, cash."""
    for fill in found.missed_fills:
        made.fill(fill.client_order_id, fill.qty, fill.price, "1", execution_id=fill.execution_id)
    for gap in found.states:
        order = made.orders[gap.order.order_id]
        made.add(seen(order, gap.report, LATER))
    for other in found.external_orders:
        made.open(
            a_trade(other.legs, trade_id="E1", source="external"),
            an_order("B-77", legs=other.legs, qty=2, trade_id="E1", broker_id=other.broker_id),
        )
    externals = [(f.execution_id, f.instrument, f.qty, f.price) for f in found.external_fills]
    externals += [
        (f"gap-{g.instrument.key}", g.instrument, g.qty, g.avg_price or D(0))
        for g in found.positions
    ]
    for name, instrument, qty, price in externals:
        legs = unit(instrument)
        made.open(
            a_trade(legs, trade_id=name, source="external"),
            an_order(f"O-{name}", legs=legs, qty=qty, trade_id=name),
        )
        made.fill(f"O-{name}", qty, price, execution_id=name)
    made.account, _ = ledger.deposit(
        made.account, D(5000) - made.account.cash_usd, LATER, "reconcile-1"
    )


def test_a_bust_is_in_the_books_by_the_mark_on_what_it_took_back_alone() -> None:
    """Under an id of its own it is found in no ledger, and would be taken for new each time."""
    bust = a_fill("b1", kind="bust", of="f1")
    assert not reconcile.is_booked(bust, {"f1", "b1"})
    assert reconcile.is_booked(bust, {"f1", "f1#bust"})
    own_id = a_fill("f1", kind="correct", of="f1")
    assert not reconcile.is_booked(own_id, {"f1"})
    assert reconcile.is_booked(own_id, {"f1", "f1#correct"})
