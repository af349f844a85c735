"""The story of a trade as fills tell it: quantities, prices, risk, targets, state."""

from dataclasses import replace
from datetime import timedelta

import pytest

from engine import ledger
from engine.domain.order import OrderState, PlannedTarget, Purpose, Side, Trigger
from engine.domain.trade import CloseRequest, TradeState
from engine.orders import moved, seen
from tests.unit.ledger.bench import CALL, MES, NOW, Books, D, a_trade, an_order, unit
from tests.unit.test_orders import report


def test_a_trade_opens_with_its_first_fill_and_closes_with_its_last() -> None:
    books = Books()
    books.open(a_trade(stop="95"), an_order(), an_order("X", Purpose.STOP, Side.SELL))
    assert books.trade().state is TradeState.PENDING
    books.fill("A", 4, 100)
    first = books.at
    books.fill("A", 6, 102)
    trade = books.trade()
    assert (trade.state, trade.opened_at) == (TradeState.OPEN, first)
    assert (trade.qty_opened, trade.qty_open, trade.entry_price) == (10, 10, D("101.2"))
    assert (trade.high_water, trade.low_water) == (D(100), D(100))
    books.fill("X", 10, 94)
    trade = books.trade()
    assert (trade.state, trade.closed_at, trade.close_reason) == (
        TradeState.CLOSED,
        books.at,
        "stop",
    )
    assert (trade.qty_opened, trade.qty_open, trade.exit_price) == (10, 0, 94)
    assert trade.realised_usd == -72


def test_the_reason_of_the_closing_order_is_the_trades() -> None:
    books = Books()
    books.open(a_trade(), an_order(), an_order("X", Purpose.CLOSE, Side.SELL, reason="trail"))
    books.fill("A", 10, 100)
    asked = moved(books.orders["X"], Trigger.ASK_CANCEL, NOW, reason="not wanted any more")
    books.add(asked)
    books.fill("X", 10, 100)
    assert books.trade().close_reason == "trail"


@pytest.mark.parametrize(("legs", "risk"), [(unit(), ""), (unit(CALL), "1000"), (unit(MES), "50")])
def test_risk_uses_the_multiplier(legs: tuple[object, ...], risk: str) -> None:
    if not legs:
        legs, risk = unit(a_trade().legs[0].instrument), "10"
    books = Books()
    books.open(a_trade(legs, stop="9"), an_order(legs=legs))  # type: ignore[arg-type]
    books.fill("A", 10, 10)
    assert books.trade().risk_usd == D(risk)


def test_risk_is_frozen_at_the_entry_and_grows_only_with_further_entry_fills() -> None:
    books = Books()
    books.open(
        a_trade(stop="95"), an_order(), an_order("X", Purpose.CLOSE, Side.SELL, reason="target")
    )
    books.fill("A", 4, 100)
    assert books.trade().risk_usd == 20
    moved_stop = replace(books.trade(), stop=None, qty_wanted=D(99))
    books.trades["T"] = moved_stop
    books.fill("X", 2, 110)
    assert books.trade().risk_usd == 20
    books.fill("A", 6, 101)
    assert books.trade().risk_usd == 4 * 5 + 6 * 6


def test_without_an_initial_stop_no_risk_is_known() -> None:
    books = Books()
    books.open(a_trade(), an_order())
    books.fill("A", 10, 100)
    assert books.trade().risk_usd is None
    assert books.trade().r_multiple is None


def test_exit_price_is_the_average_over_all_exits() -> None:
    books = Books()
    books.open(
        a_trade(),
        an_order(),
        an_order("X", Purpose.CLOSE, Side.SELL, qty=5, reason="target"),
        an_order("Y", Purpose.STOP, Side.SELL, qty=5),
    )
    books.fill("A", 10, 100)
    books.fill("X", 2, 110)
    books.fill("X", 3, 115)
    books.fill("Y", 5, 100)
    assert books.trade().exit_price == D("106.5")
    assert books.trade().realised_usd == 65


# -- targets after a partial entry ------------------------------------------------------------


@pytest.mark.parametrize(
    ("planned", "opened", "expected"),
    [
        ((5, 5), 10, (5, 5)),
        ((5, 5), 3, (2, 1)),
        ((5, 5), 1, (1, 0)),
        ((4, 3, 3), 5, (2, 2, 1)),
        ((5, 5), 12, (6, 6)),
        ((5,), 4, (2,)),
        ((1, 0), 1, (1, 0)),
    ],
)
def test_targets_scale_in_whole_units_and_their_sum_exactly(
    planned: tuple[int, ...], opened: int, expected: tuple[int, ...]
) -> None:
    wanted = 1 if sum(planned) == 1 else 10
    plan = tuple(PlannedTarget(price=D(100 + n), qty=D(q)) for n, q in enumerate(planned))
    scaled = ledger.scaled_targets(plan, D(wanted), D(opened))
    assert tuple(t.qty for t in scaled) == expected


def test_parts_of_a_coin_scale_without_rounding() -> None:
    plan = (PlannedTarget(price=D(1), qty=D("0.5")), PlannedTarget(price=D(2), qty=D("0.5")))
    scaled = ledger.scaled_targets(plan, D(1), D("0.3"))
    assert [t.qty for t in scaled] == [D("0.15"), D("0.15")]


def test_a_hit_target_keeps_its_quantity() -> None:
    plan = (
        PlannedTarget(price=D(1), qty=D(5), is_hit=True),
        PlannedTarget(price=D(2), qty=D(5)),
    )
    assert [t.qty for t in ledger.scaled_targets(plan, D(10), D(7))] == [5, 2]


def test_when_the_entry_is_over_targets_fit_what_was_opened() -> None:
    books = Books()
    books.open(a_trade(targets=[("110", 5), ("120", 5)]), an_order())
    books.fill("A", 3, 100)
    after = ledger.entry_over(books.trade(), NOW)
    assert [t.qty for t in after.targets] == [2, 1]
    assert (after.is_entry_over, after.qty_wanted, after.version) == (True, 10, 3)
    assert ledger.entry_over(after, NOW) is after


def test_a_late_fill_scales_targets_up_again() -> None:
    books = Books()
    books.open(a_trade(targets=[("110", 5), ("120", 5)]), an_order(state=OrderState.PENDING_CANCEL))
    books.fill("A", 4, 100)
    books.add(moved(books.orders["A"], Trigger.CANCEL, NOW))
    books.trades["T"] = ledger.entry_over(books.trade(), NOW)
    assert [t.qty for t in books.trade().targets] == [2, 2]
    books.fill("A", 2, 100)
    assert books.orders["A"].is_flagged
    assert [t.qty for t in books.trade().targets] == [3, 3]


def test_an_entry_filled_whole_is_over_by_itself() -> None:
    books = Books()
    books.open(a_trade(targets=[("110", 5), ("120", 5)]), an_order())
    books.fill("A", 10, 100)
    assert books.trade().is_entry_over
    assert [t.qty for t in books.trade().targets] == [5, 5]


def test_the_fill_that_ends_a_cancelled_entry_ends_the_entry() -> None:
    books = Books()
    order = an_order(state=OrderState.PENDING_CANCEL)
    books.open(a_trade(targets=[("110", 5), ("120", 5)]), order)
    books.add(seen(order, report(order, "canceled", 4), NOW))
    books.fill("A", 3, 100)
    assert not books.trade().is_entry_over
    books.fill("A", 1, 100)
    assert books.orders["A"].state is OrderState.CANCELED
    assert books.trade().is_entry_over
    assert [t.qty for t in books.trade().targets] == [2, 2]


def test_a_replaced_entry_is_not_over() -> None:
    books = Books()
    books.open(a_trade(), an_order("A"), an_order("B", qty=6))
    books.fill("A", 4, 100)
    books.add(moved(books.orders["A"], Trigger.REPLACE, NOW))
    assert not books.trade().is_entry_over
    books.fill("B", 6, 100)
    assert books.trade().is_entry_over


def test_an_entry_that_filled_nothing_voids_its_trade() -> None:
    trade = ledger.entry_over(a_trade(), NOW, reason="expired")
    assert (trade.state, trade.close_reason, trade.closed_at) == (TradeState.VOID, "expired", NOW)


# -- close requests ---------------------------------------------------------------------------


def asked(request_id: str, qty: int, **more: object) -> CloseRequest:
    return CloseRequest(
        request_id=request_id,
        qty=D(qty),
        reason="alert",
        asked_at=NOW,
        **more,  # type: ignore[arg-type]
    )


def with_requests(*requests: CloseRequest, request_id: str = "") -> Books:
    books = Books()
    books.open(
        a_trade(),
        an_order(),
        an_order("X", Purpose.CLOSE, Side.SELL, qty=6, request_id=request_id),
        an_order("S", Purpose.STOP, Side.SELL, qty=4),
    )
    books.fill("A", 10, 100)
    books.trades["T"] = replace(books.trade(), closes=requests)
    return books


def test_a_close_fill_serves_its_own_request_first() -> None:
    books = with_requests(asked("C1", 4), asked("C2", 4), request_id="C2")
    books.fill("X", 3, 100)
    assert [(c.request_id, c.qty) for c in books.trade().closes] == [("C1", 4), ("C2", 1)]
    books.fill("X", 3, 100)
    assert [(c.request_id, c.qty) for c in books.trade().closes] == [("C1", 2)]


def test_without_a_name_the_oldest_request_is_served() -> None:
    books = with_requests(asked("C1", 4), asked("C2", 4))
    books.fill("X", 5, 100)
    assert [(c.request_id, c.qty) for c in books.trade().closes] == [("C2", 3)]


def test_a_stop_fill_leaves_no_more_to_close_than_is_held() -> None:
    books = with_requests(asked("C1", 5), asked("C2", 5))
    books.fill("S", 4, 90)
    assert [(c.request_id, c.qty) for c in books.trade().closes] == [("C1", 5), ("C2", 1)]


def test_a_closed_trade_wants_nothing_any_more() -> None:
    books = with_requests(asked("C1", 10))
    books.fill("S", 4, 90)
    books.fill("X", 6, 90)
    assert books.trade().closes == ()


def test_what_the_entry_may_still_bring_stays_wanted() -> None:
    books = Books()
    books.open(a_trade(), an_order(), an_order("X", Purpose.CLOSE, Side.SELL, qty=4))
    books.fill("A", 4, 100)
    books.trades["T"] = replace(books.trade(), closes=(asked("C1", 10),))
    books.fill("X", 4, 100)
    assert books.trade().state is TradeState.CLOSED
    assert [c.qty for c in books.trade().closes] == [6]
    books.fill("A", 2, 100)
    assert (books.trade().state, books.trade().qty_open) == (TradeState.OPEN, 2)
    assert [c.qty for c in books.trade().closes] == [6]


# -- odd events -------------------------------------------------------------------------------


@pytest.mark.parametrize(("late", "planned"), [(10, [5, 5]), (4, [2, 2])])
def test_what_fills_after_its_entry_was_given_up_takes_its_profits_as_planned(
    late: int, planned: list[int]
) -> None:
    """Its targets used to be of no units: reached, and nothing was sold."""
    books = Books()
    plan = [("110", 5), ("120", 5)]
    books.open(a_trade(targets=plan), an_order(state=OrderState.REJECTED))
    books.trades["T"] = ledger.entry_over(books.trade(), NOW, reason="the broker never had it")
    books.fill("A", late, 100)
    assert [t.qty for t in books.trade().targets] == planned


def test_a_late_fill_of_a_void_trade_opens_it() -> None:
    books = Books()
    books.open(
        a_trade(state=TradeState.VOID, close_reason="canceled", closed_at=NOW),
        an_order(state=OrderState.CANCELED),
    )
    books.fill("A", 3, 100)
    trade = books.trade()
    assert (trade.state, trade.qty_open, trade.closed_at) == (TradeState.OPEN, 3, None)
    assert books.orders["A"].is_flagged


def test_an_exit_fill_before_its_entry_fill_ends_in_the_same_books() -> None:
    def run(*steps: tuple[str, str]) -> Books:
        books = Books()
        books.open(a_trade(), an_order(), an_order("X", Purpose.CLOSE, Side.SELL, reason="alert"))
        for order_id, price in steps:
            books.fill(order_id, 10, price, "1")
            books.check()
        return books

    usual, turned = run(("A", "100"), ("X", "104")), run(("X", "104"), ("A", "100"))
    for books in (usual, turned):
        trade = books.trade()
        assert (trade.state, trade.qty_opened, trade.qty_open) == (TradeState.CLOSED, 10, 0)
        assert (trade.realised_usd, books.account.cash_usd) == (38, 38)
        assert (trade.entry_price, trade.exit_price) == (100, 104)
        assert books.account.n_closed == 1


def test_an_overfill_is_held_and_counted() -> None:
    books = Books()
    books.open(a_trade(stop="90"), an_order())
    books.fill("A", 11, 100)
    trade, order = books.trade(), books.orders["A"]
    assert (trade.qty_opened, trade.qty_open, trade.risk_usd) == (11, 11, 110)
    assert order.is_flagged
    assert order.leaves == 0


def test_unwinding_one_leg_changes_no_units_but_the_result() -> None:
    legs = unit(CALL, (MES, -1))
    books = Books()
    books.open(
        a_trade(legs), an_order(legs=legs), an_order("X", Purpose.CLOSE, Side.SELL, unit(CALL), 10)
    )
    books.fill("A", 10, 5, leg=0)
    books.fill("X", 10, 4)
    trade = books.trade()
    assert (trade.qty_opened, trade.qty_open, trade.state) == (0, 0, TradeState.PENDING)
    assert trade.realised_usd == -1000


def test_closed_at_is_never_before_opened_at() -> None:
    books = Books()
    books.open(a_trade(), an_order(), an_order("X", Purpose.CLOSE, Side.SELL))
    books.fill("A", 10, 100)
    books.at -= timedelta(hours=1)
    books.fill("X", 10, 100)
    trade = books.trade()
    assert trade.closed_at == trade.opened_at
