"""From wishes and live orders to the next legal steps."""

from dataclasses import replace
from typing import Any

import pytest

from engine.domain.order import Order, OrderState, OrderType, Purpose, Side
from engine.domain.trade import CloseRequest, StopPlan, Trade, TradeState
from engine.exits import Cancel, Replace, Step, Submit
from engine.exits.plan import has_stop_at_broker, is_protected, plan
from tests.unit.ledger.bench import NOW, D, a_trade, an_order

S = OrderState


def holding(qty: int = 10, *closes: CloseRequest, stop: str | None = "95", **more: Any) -> Trade:
    base: dict[str, Any] = {
        "state": TradeState.OPEN,
        "qty_opened": D(qty),
        "qty_open": D(qty),
        "entry_price": D(100),
        "is_entry_over": True,
        "closes": closes,
    }
    return a_trade(qty=10, stop=stop, **(base | more))


def want(qty: int, limit: str | None = None, request_id: str = "C1") -> CloseRequest:
    return CloseRequest(
        request_id=request_id,
        qty=D(qty),
        reason="alert",
        limit=D(limit) if limit else None,
        asked_at=NOW,
    )


def stop(
    order_id: str = "S",
    qty: int = 10,
    price: str = "95",
    state: OrderState = S.ACCEPTED,
    **more: Any,
) -> Order:
    return an_order(
        order_id,
        Purpose.STOP,
        Side.SELL,
        qty=qty,
        state=state,
        stop=D(price),
        reason="stop",
        **more,
    )


def close(order_id: str = "X", qty: int = 10, state: OrderState = S.ACCEPTED, **more: Any) -> Order:
    more.setdefault("request_id", "C1")
    return an_order(
        order_id, Purpose.CLOSE, Side.SELL, qty=qty, state=state, reason="alert", **more
    )


def steps(trade: Trade, *orders: Order, broker_stops: bool = True) -> list[str]:
    return [say(s) for s in plan(trade, orders, broker_stops=broker_stops)]


def say(step: Step) -> str:
    if isinstance(step, Cancel):
        return f"cancel {step.order.order_id}"
    if isinstance(step, Replace):
        return f"replace {step.order.order_id} {step.qty} @ {step.stop}"
    assert isinstance(step, Submit)
    price = step.limit if step.purpose == "close" else step.stop
    return f"{step.purpose} {step.qty} {step.type} {price}"


# -- the stop ---------------------------------------------------------------------------------


def test_a_naked_position_gets_its_stop() -> None:
    assert steps(holding()) == ["stop 10 stop 95"]


@pytest.mark.parametrize("dead", [S.REJECTED, S.CANCELED, S.EXPIRED, S.DENIED, S.VOID, S.REPLACED])
def test_a_dead_stop_is_made_again(dead: OrderState) -> None:
    assert steps(holding(), stop(state=dead)) == ["stop 10 stop 95"]


@pytest.mark.parametrize(
    "state", [S.ACCEPTED, S.INTENT, S.SUBMITTING, S.UNKNOWN, S.PENDING_REPLACE]
)
def test_one_live_stop_as_wanted_is_enough(state: OrderState) -> None:
    assert steps(holding(), stop(state=state)) == []


def test_a_stop_being_cancelled_is_waited_for() -> None:
    assert steps(holding(), stop(state=S.PENDING_CANCEL)) == []


def test_another_price_or_quantity_replaces_the_stop() -> None:
    assert steps(holding(), stop(price="94")) == ["replace S 10 @ 95"]
    assert steps(holding(6), stop()) == ["replace S 6 @ 95"]
    assert steps(holding(), stop(qty=4)) == ["replace S 10 @ 95"]


def test_a_replacement_asks_for_the_total_of_its_line() -> None:
    half = stop(leg_filled=(D(3),), leg_cost=(D(285),), state=S.PARTIAL)
    assert steps(holding(7), half) == []
    moved = replace(holding(7), stop=StopPlan(price=D(96)))
    assert steps(moved, half) == ["replace S 10 @ 96"]
    second = stop("S2", qty=10, price="96", replaces="S")
    line = (replace(half, state=S.REPLACED), second)
    assert steps(moved, *line) == []
    third = replace(holding(7), stop=StopPlan(price=D(97)))
    assert steps(third, *line) == ["replace S2 10 @ 97"]


def test_a_stop_filling_is_not_touched() -> None:
    filling = stop(leg_filled=(D(4),), state=S.PARTIAL)
    assert steps(holding(6), filling) == []


def test_while_a_replacement_is_unanswered_nothing_is_sent() -> None:
    old, new = stop(state=S.PENDING_REPLACE), stop("S2", 6, "96", S.SUBMITTING, replaces="S")
    moved = replace(holding(6), stop=StopPlan(price=D(97)))
    assert steps(moved, old, new) == []
    assert steps(replace(moved, closes=(want(6),)), old, new) == []


def test_an_accepted_replacement_counts_alone() -> None:
    old, new = stop(state=S.PENDING_REPLACE), stop("S2", 6, "95", replaces="S")
    assert steps(holding(10, want(4)), old, new) == ["close 4 market None"]


def test_a_refused_replacement_leaves_the_old_stop_in_force() -> None:
    old, new = stop(state=S.PENDING_REPLACE), stop("S2", 10, "96", S.REJECTED, replaces="S")
    assert steps(holding(), old, new) == []
    assert is_protected(holding(), (old, new), broker_stops=True)
    assert steps(replace(holding(), stop=StopPlan(price=D(96))), old, new) == ["cancel S"]


def test_two_stops_are_one_too_many() -> None:
    assert steps(holding(), stop("S1", 5, "94"), stop("S2", 5)) == ["cancel S1"]


def test_a_position_without_a_stop_price_keeps_the_stop_it_has() -> None:
    assert steps(holding(stop=None)) == []
    assert steps(holding(stop=None), stop()) == []
    assert steps(holding(6, stop=None), stop()) == ["replace S 6 @ 95"]
    assert steps(holding(stop=None), stop(qty=6)) == [], "at a price that nobody wants"


def test_where_the_broker_holds_no_stops_none_is_sent() -> None:
    assert steps(holding(), broker_stops=False) == []
    assert steps(holding(10, want(4)), broker_stops=False) == ["close 4 market None"]
    assert steps(holding(), stop(qty=4), broker_stops=False) == [], "nor is one made larger"


def test_the_reason_of_a_stop_says_what_it_is() -> None:
    trail = replace(holding(), stop=StopPlan(price=D(95), kind="trailing"))
    (step,) = plan(trail, (), broker_stops=True)
    assert step.reason == "trail"


# -- stops side by side, where none can be changed ---------------------------------------------


def beside(trade: Trade, *orders: Order, broker_stops: bool = True) -> list[str]:
    return [say(s) for s in plan(trade, orders, broker_stops=broker_stops, is_beside=True)]


def test_what_is_not_covered_gets_a_stop_of_its_own() -> None:
    assert beside(holding()) == ["stop 10 stop 95"]
    assert beside(holding(), stop(qty=4)) == ["stop 6 stop 95"]
    assert beside(holding(), stop(qty=4), stop("S2", 6)) == []
    assert beside(holding(), stop(qty=4), stop("S2", 6), broker_stops=False) == []
    assert beside(holding(stop=None), stop(qty=4)) == []


@pytest.mark.parametrize("state", [S.INTENT, S.SUBMITTING, S.UNKNOWN, S.PENDING_CANCEL])
def test_one_more_stop_waits_until_the_others_are_answered(state: OrderState) -> None:
    assert beside(holding(), stop(qty=4), stop("S2", 5, state=state)) == []
    ended = stop("S2", 5, ended=S.CANCELED, reported=D(2))
    assert beside(holding(), stop(qty=4), ended) == []


def test_of_two_the_smaller_makes_room_for_a_larger_one() -> None:
    two = stop(qty=3), stop("S2", 4)
    assert beside(holding(7), *two) == []
    assert beside(holding(), *two) == ["cancel S"]
    assert beside(holding(), replace(two[0], state=S.PENDING_CANCEL), two[1]) == []
    assert beside(holding(), two[1]) == ["stop 6 stop 95"]


def test_several_are_moved_together_and_come_back_as_one() -> None:
    moved = replace(holding(), stop=StopPlan(price=D(96)))
    first, second = stop(qty=4), stop("S2", 6)
    assert beside(moved, first, second) == ["cancel S2", "cancel S"]
    gone = replace(second, state=S.PENDING_CANCEL, broker_id="B-2")
    assert beside(moved, first, gone) == ["cancel S"]
    assert beside(moved, replace(first, state=S.CANCELED), gone) == []
    assert beside(moved) == ["stop 10 stop 96"]


def test_none_is_moved_while_another_has_no_answer() -> None:
    """What follows them would have to wait for that answer, and all would be bare."""
    moved = replace(holding(), stop=StopPlan(price=D(96)))
    assert beside(moved, stop(qty=4), stop("S2", 6, state=S.UNKNOWN)) == []
    assert beside(moved, stop(qty=4), stop("S2", 6, state=S.SUBMITTING)) == []


def test_a_close_takes_no_more_stops_away_than_it_needs() -> None:
    three = stop(qty=5), stop("S2", 2), stop("S3", 3)
    assert beside(holding(10, want(2)), *three) == ["cancel S2"]
    assert beside(holding(10, want(2)), three[0], three[2]) == ["close 2 market None"]
    assert beside(holding(10, want(3)), three[0], three[1]) == ["close 3 market None"]
    assert beside(holding(10, want(4)), three[0], three[1]) == ["cancel S2"]
    assert beside(holding(10, want(4)), three[0]) == ["close 4 market None", "stop 1 stop 95"]
    assert beside(holding(10, want(10)), *three) == ["cancel S", "cancel S3", "cancel S2"]
    assert beside(holding(10, want(10)), stop(state=S.PENDING_CANCEL)) == []


def test_what_was_sold_elsewhere_leaves_the_stops_that_fit() -> None:
    assert beside(holding(2), stop(qty=3), stop("S2", 2)) == ["cancel S"]
    assert beside(holding(0), stop(qty=3), stop("S2", 2)) == ["cancel S", "cancel S2"]


# -- closing ----------------------------------------------------------------------------------


def test_the_stop_makes_room_before_a_close_goes_out() -> None:
    partial, whole = holding(10, want(4)), holding(10, want(10))
    assert steps(partial, stop()) == ["replace S 6 @ 95"]
    assert steps(partial, stop(qty=6)) == ["close 4 market None"]
    assert steps(partial, stop(qty=6), close(qty=4)) == []
    assert steps(whole, stop()) == ["cancel S"]
    assert steps(whole, stop(state=S.PENDING_CANCEL)) == []
    assert steps(whole, stop(state=S.CANCELED)) == ["close 10 market None"]
    assert steps(whole, stop(state=S.CANCELED), close()) == []


def test_a_stop_in_doubt_is_cancelled_before_closing() -> None:
    assert steps(holding(10, want(10)), stop(state=S.UNKNOWN)) == ["cancel S"]


def test_more_than_held_is_never_closed() -> None:
    assert steps(holding(3, want(10))) == ["close 3 market None"]
    assert steps(holding(3, want(2), want(2, request_id="C2"))) == [
        "close 2 market None",
        "close 1 market None",
    ]


def test_a_limit_goes_out_as_a_limit_order() -> None:
    (step, _) = plan(holding(10, want(4, "110")), (), broker_stops=True)
    assert isinstance(step, Submit)
    assert (step.type, step.limit, step.request_id, step.reason) == (
        OrderType.LIMIT,
        D(110),
        "C1",
        "alert",
    )


def test_the_rest_stays_protected_while_a_part_is_closed() -> None:
    assert steps(holding(10, want(4))) == ["close 4 market None", "stop 6 stop 95"]


@pytest.mark.parametrize("dead", [S.REJECTED, S.CANCELED, S.EXPIRED])
def test_a_dead_close_leaves_its_request_wanting(dead: OrderState) -> None:
    assert steps(holding(10, want(4)), stop(qty=6), close(qty=4, state=dead)) == [
        "close 4 market None"
    ]


@pytest.mark.parametrize("state", [S.INTENT, S.SUBMITTING, S.UNKNOWN, S.PENDING_CANCEL])
def test_an_unanswered_close_counts_in_full(state: OrderState) -> None:
    assert steps(holding(10, want(10)), close(state=state)) == []


def test_a_close_that_ended_with_fills_to_come_still_counts() -> None:
    ended = close(ended=S.CANCELED, reported=D(4))
    assert steps(holding(10, want(10)), ended) == ["close 6 market None"]
    assert steps(holding(10, want(4)), ended, stop(qty=6)) == []


def test_a_later_market_request_takes_the_limit_orders_place() -> None:
    limit = close("X", 4, limit=D(110), type=OrderType.LIMIT, request_id="C1")
    trade = holding(10, want(10, request_id="C2"))
    assert steps(trade, limit, stop(qty=6)) == ["cancel X", "cancel S"]
    assert steps(trade, replace(limit, state=S.PENDING_CANCEL), stop(state=S.CANCELED)) == []
    assert steps(trade, replace(limit, state=S.CANCELED), stop(state=S.CANCELED)) == [
        "close 10 market None"
    ]


def test_a_close_goes_out_only_when_the_one_it_replaces_is_dead() -> None:
    limit = close("X", 4, limit=D(110), type=OrderType.LIMIT)
    trade = holding(10, want(4, request_id="C2"))
    assert steps(trade, limit, broker_stops=False) == ["cancel X"]
    dying = replace(limit, state=S.PENDING_CANCEL)
    assert steps(trade, dying, broker_stops=False) == []


def test_a_close_that_nobody_wants_leaves_the_rest_its_stop() -> None:
    unwanted = close(qty=4, request_id="C9")
    assert steps(holding(), unwanted) == ["cancel X", "stop 6 stop 95"]
    assert steps(holding(), unwanted, stop(qty=6)) == ["cancel X"]


def test_another_limit_for_the_same_request_replaces_the_order() -> None:
    working = close("X", 4, limit=D(110), type=OrderType.LIMIT)
    assert steps(holding(10, want(4, "109")), working, stop(qty=6)) == ["cancel X"]


def test_market_requests_come_before_limits() -> None:
    trade = holding(4, want(4, "110"), want(4, request_id="C2"))
    assert steps(trade) == ["close 4 market None"]


def test_an_order_without_a_request_serves_any_of_its_price() -> None:
    assert steps(holding(10, want(10)), close(request_id="")) == []
    assert steps(holding(10, want(10)), close(request_id="", limit=D(110))) == ["cancel X"]


def test_live_closes_never_exceed_what_is_wanted() -> None:
    assert steps(holding(20, want(5)), close(qty=6), stop(qty=14)) == ["cancel X"]


def test_an_exit_elsewhere_shrinks_everything_to_what_is_held() -> None:
    trade = holding(4, want(4))
    assert steps(trade, close(qty=5), stop(qty=5)) == ["cancel X", "cancel S"]


def test_entries_die_first_while_a_close_is_wanted() -> None:
    trade = holding(4, want(10), is_entry_over=False)
    entry = an_order("A", leg_filled=(D(4),), state=S.PARTIAL)
    assert steps(trade, entry) == ["cancel A", "close 4 market None"]
    assert steps(trade, replace(entry, state=S.PENDING_CANCEL)) == ["close 4 market None"]
    for unsent in (S.DRAFT, S.PENDING_APPROVAL, S.INTENT, S.SUBMITTING):
        assert steps(holding(0, want(10)), an_order("A", state=unsent)) == []


def test_without_a_close_entries_are_left_alone() -> None:
    entry = an_order("A", leg_filled=(D(4),), state=S.PARTIAL)
    assert steps(holding(4), entry, stop(qty=4)) == []


@pytest.mark.parametrize("held", [0, -2])
def test_orphans_are_cancelled_when_nothing_is_held(held: int) -> None:
    trade = holding(held)
    assert steps(trade, stop(), close()) == ["cancel X", "cancel S"]
    assert steps(trade, stop(state=S.PENDING_CANCEL), close(state=S.FILLED)) == []


# -- protection -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("state", "qty", "safe"),
    [
        (S.ACCEPTED, 10, True),
        (S.PARTIAL, 10, True),
        (S.PENDING_REPLACE, 10, True),
        (S.ACCEPTED, 9, False),
        (S.SUBMITTING, 10, False),
        (S.UNKNOWN, 10, False),
        (S.PENDING_CANCEL, 10, False),
        (S.REJECTED, 10, False),
    ],
)
def test_only_a_working_stop_for_all_protects(state: OrderState, qty: int, safe: bool) -> None:
    assert is_protected(holding(), (stop(qty=qty, state=state),), broker_stops=True) is safe


def test_what_is_being_closed_needs_no_stop() -> None:
    orders = (stop(qty=6), close(qty=4))
    assert is_protected(holding(), orders, broker_stops=True)
    assert not is_protected(holding(), orders[:1], broker_stops=True)


def test_flat_is_protected_and_short_by_mistake_is_not() -> None:
    assert is_protected(holding(0), (), broker_stops=True)
    assert not is_protected(holding(-1), (), broker_stops=True)


def test_the_engines_own_watch_protects_where_the_broker_cannot() -> None:
    assert is_protected(holding(), (), broker_stops=False)
    assert not is_protected(holding(stop=None), (), broker_stops=False)


def test_a_looser_stop_at_the_broker_is_not_the_stop() -> None:
    assert has_stop_at_broker(holding(), (stop(),))
    assert has_stop_at_broker(holding(), (stop(price="96"),))
    assert not has_stop_at_broker(holding(), (stop(price="94"),))
    assert not has_stop_at_broker(holding(), (stop(state=S.UNKNOWN),))
    assert not has_stop_at_broker(holding(stop=None), (stop(),))
    assert not has_stop_at_broker(holding(), (close(),))
