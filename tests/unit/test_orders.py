"""An order's life from reports and fills: legal moves only, fills are facts, doubt stays doubt."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from engine.brokers import BrokerOrder
from engine.domain.errors import InvariantError
from engine.domain.order import (
    MOVES,
    TERMINAL,
    Order,
    OrderState,
    OrderType,
    Purpose,
    Side,
    Trigger,
)
from engine.orders import carried_by, filled, moved, needs_fills, request_of, seen
from tests.unit.ledger.bench import CALL, CALL_605, NOW, D, an_execution, an_order, unit

S, T = OrderState, Trigger
LATER = NOW + timedelta(seconds=1)


def report(order: Order, state: str = "accepted", done: int | str = 0, **more: Any) -> BrokerOrder:
    base: dict[str, Any] = {
        "client_order_id": order.order_id,
        "broker_id": "B-1",
        "account": order.account,
        "side": order.side,
        "legs": order.legs,
        "qty": order.qty,
        "type": order.type,
        "updated_at": NOW,
        "state": state,
        "filled": D(done),
    }
    return BrokerOrder(**(base | more))


def fill(order: Order, qty: int | str, price: int | str = 100, leg: int = 0) -> Order:
    return filled(order, an_execution("e", order, D(qty), D(price), leg=leg), LATER)


@pytest.mark.parametrize(
    ("state", "said", "expected"),
    [
        (S.SUBMITTING, "accepted", S.ACCEPTED),
        (S.UNKNOWN, "accepted", S.ACCEPTED),
        (S.INTENT, "accepted", S.ACCEPTED),
        (S.SUBMITTING, "partial", S.ACCEPTED),
        (S.SUBMITTING, "rejected", S.REJECTED),
        (S.UNKNOWN, "rejected", S.REJECTED),
        (S.SUBMITTING, "canceled", S.CANCELED),
        (S.SUBMITTING, "replaced", S.REPLACED),
        (S.UNKNOWN, "replaced", S.REPLACED),
        (S.ACCEPTED, "canceled", S.CANCELED),
        (S.ACCEPTED, "expired", S.EXPIRED),
        (S.PENDING_CANCEL, "accepted", S.PENDING_CANCEL),
        (S.PENDING_CANCEL, "canceled", S.CANCELED),
        (S.PENDING_CANCEL, "replaced", S.REPLACED),
        (S.PENDING_REPLACE, "accepted", S.PENDING_REPLACE),
        (S.PENDING_REPLACE, "replaced", S.REPLACED),
        (S.ACCEPTED, "unknown", S.ACCEPTED),
        (S.UNKNOWN, "unknown", S.UNKNOWN),
        (S.SUBMITTING, "unknown", S.SUBMITTING),
        (S.CANCELED, "accepted", S.CANCELED),
        (S.FILLED, "canceled", S.FILLED),
        (S.EXPIRED, "canceled", S.EXPIRED),
        (S.VOID, "accepted", S.VOID),
        (S.DRAFT, "accepted", S.DRAFT),
        (S.PENDING_APPROVAL, "canceled", S.PENDING_APPROVAL),
    ],
)
def test_a_report_moves_an_order_only_where_the_table_allows(
    state: OrderState, said: str, expected: OrderState
) -> None:
    order = an_order(state=state)
    assert seen(order, report(order, said), NOW).state is expected


@pytest.mark.parametrize("state", list(OrderState))
@pytest.mark.parametrize(
    "said",
    ["accepted", "partial", "filled", "canceled", "expired", "rejected", "replaced", "unknown"],
)
def test_no_report_ever_raises_or_leaves_a_terminal_state(state: OrderState, said: str) -> None:
    order = an_order(state=state)
    for done in (0, 3, 10, 12):
        after = seen(order, report(order, said, done), NOW)
        assert after.filled == 0
        if state in TERMINAL:
            assert after.state is state


@pytest.mark.parametrize("state", list(OrderState))
def test_a_fill_is_booked_in_every_state(state: OrderState) -> None:
    part, whole = fill(an_order(state=state), 4), fill(an_order(state=state), 10)
    assert (part.filled, whole.filled) == (4, 10)
    if state in (S.DENIED, S.VOID, S.DRAFT, S.PENDING_APPROVAL, S.APPROVED, S.INTENT):
        assert part.is_flagged
        assert part.state is state
    elif state not in TERMINAL:
        assert whole.state is S.FILLED


def test_the_same_report_twice_changes_nothing() -> None:
    order = an_order(state=S.SUBMITTING)
    once = seen(order, report(order, "accepted"), NOW)
    assert (once.version, once.broker_id, once.accepted_at) == (2, "B-1", NOW)
    assert seen(once, report(order, "accepted"), LATER) is once


def test_a_report_never_invents_fills_but_asks_for_them() -> None:
    order = an_order()
    told = report(order, "filled", 10)
    after = seen(order, told, NOW)
    assert (after.state, after.filled, after.leaves, after.ended) == (S.ACCEPTED, 0, 10, S.FILLED)
    assert needs_fills(after, told)
    done = fill(after, 10)
    assert (done.state, done.ended) == (S.FILLED, None)
    assert not needs_fills(done, told)


def test_filled_without_a_figure_means_all_of_it() -> None:
    order = an_order()
    after = seen(order, report(order, "filled", 0), NOW)
    assert (after.reported, after.state) == (10, S.ACCEPTED)


def test_a_cancelled_rest_waits_for_the_fills_before_it() -> None:
    order = an_order(state=S.PENDING_CANCEL)
    after = seen(order, report(order, "canceled", 3), NOW)
    assert (after.state, after.leaves) == (S.PENDING_CANCEL, 3)
    after = fill(after, 2)
    assert (after.state, after.leaves) == (S.PENDING_CANCEL, 1)
    after = fill(after, 1)
    assert (after.state, after.filled, after.leaves) == (S.CANCELED, 3, 0)
    assert not after.is_flagged


def test_a_filled_report_for_less_than_ordered_ends_the_order() -> None:
    order = fill(an_order(), 4)
    assert seen(order, report(order, "filled", 4), NOW).state is S.FILLED


@pytest.mark.parametrize("fill_first", [True, False])
def test_a_fill_after_the_final_figure_is_booked_and_flagged(fill_first: bool) -> None:
    order = fill(an_order(), 3)
    final = report(order, "canceled", 3)
    if fill_first:
        order = fill(order, 2)
    after = seen(order, final, NOW)
    if not fill_first:
        after = fill(after, 2)
    assert (after.state, after.filled, after.is_flagged) == (S.CANCELED, 5, True)


def test_a_fill_beyond_the_final_figure_is_flagged_however_it_comes() -> None:
    order = seen(an_order(), report(an_order(), "canceled", 3), NOW)
    order = fill(fill(order, 2), 3)
    assert (order.state, order.filled, order.is_flagged) == (S.CANCELED, 5, True)


@pytest.mark.parametrize("state", sorted(TERMINAL))
def test_what_is_over_waits_for_nothing(state: OrderState) -> None:
    order = an_order(state=state)
    after = seen(order, report(order, "canceled", 4), NOW)
    assert (after.ended, after.leaves, after.reported) == (None, 0, 4)


def test_an_order_that_filled_before_it_was_known_as_sent_is_partial() -> None:
    order = fill(an_order(state=S.INTENT), 3)
    assert seen(order, report(order, "accepted"), NOW).state is S.PARTIAL


def test_a_cancelled_order_that_fills_whole_is_filled() -> None:
    order = seen(an_order(), report(an_order(), "canceled"), NOW)
    assert fill(order, 10).state is S.FILLED


def test_an_overfill_is_recorded_and_flagged() -> None:
    after = fill(an_order(), 11)
    assert (after.filled, after.leaves, after.is_flagged) == (11, 0, True)


def test_a_fill_on_the_wrong_side_is_flagged_and_not_counted() -> None:
    order = an_order()
    wrong = replace(an_execution("e", order, 3), side=Side.SELL)
    after = filled(order, wrong, NOW)
    assert (after.filled, after.is_flagged, after.state) == (0, True, S.ACCEPTED)


def test_the_slowest_leg_decides_and_the_unit_price_adds_up() -> None:
    order = an_order(legs=unit(CALL, (CALL_605, -2)), qty=2)
    order = fill(order, 2, "5.00", leg=0)
    assert (order.filled, order.avg_price, order.state) == (0, None, S.PARTIAL)
    order = fill(order, 2, "1.00", leg=1)
    assert (order.filled, order.avg_price) == (1, D("3.00"))
    order = fill(order, 2, "2.00", leg=1)
    assert (order.filled, order.avg_price, order.state) == (2, D("2.00"), S.FILLED)


def test_the_instrument_decides_which_leg_was_filled() -> None:
    order = an_order(legs=unit(CALL, (CALL_605, -1)), qty=1)
    execution = replace(an_execution("e", order, 1, 2, leg=1), leg=0)
    assert filled(order, execution, NOW).leg_filled == (0, 1)


def test_an_order_thought_dead_that_lives_is_flagged() -> None:
    order = an_order(state=S.REJECTED)
    after = seen(order, report(order, "accepted"), NOW)
    assert (after.state, after.is_flagged) == (S.REJECTED, True)
    plain = an_order(state=S.CANCELED)
    assert not seen(plain, report(plain, "accepted"), NOW).is_flagged


def test_a_replacement_counts_its_predecessors_fills_in_its_reports() -> None:
    order = an_order("B", replaces="A", state=S.ACCEPTED, carried=D(4))
    assert order.leaves == 6
    assert not needs_fills(order, report(order, "canceled", 4))
    after = seen(order, report(order, "canceled", 4), NOW)
    assert (after.state, after.leaves, after.is_flagged) == (S.CANCELED, 0, False)
    assert fill(order, 6).state is S.FILLED
    assert fill(order, 7).is_flagged


def test_a_replacements_own_fills_are_waited_for_too() -> None:
    order = an_order("B", replaces="A", state=S.ACCEPTED, carried=D(4))
    after = seen(order, report(order, "filled", 10), NOW)
    assert (after.state, after.leaves) == (S.ACCEPTED, 6)


def test_a_late_fill_of_the_predecessor_is_learned_with_the_next_report() -> None:
    order = an_order("B", replaces="A", state=S.ACCEPTED)
    told = report(order, "canceled", 4)
    waiting = seen(order, told, NOW)
    assert (waiting.state, waiting.leaves) == (S.ACCEPTED, 4)
    old = fill(an_order("A", state=S.REPLACED, reported=D(4)), 4)
    assert carried_by(waiting, (waiting, old)) == 4
    after = seen(waiting, told, NOW, carried=D(4))
    assert (after.state, after.carried, after.leaves) == (S.CANCELED, 4, 0)


# -- moves of our own -------------------------------------------------------------------------


def test_a_move_outside_the_table_is_our_bug() -> None:
    with pytest.raises(InvariantError):
        moved(an_order(state=S.INTENT), T.ASK_CANCEL, NOW)
    with pytest.raises(InvariantError):
        moved(an_order(state=S.SUBMITTING), T.ABSENT, NOW)


def test_unknown_turns_rejected_only_by_evidence() -> None:
    ways = {why for (state, why), to in MOVES.items() if (state, to) == (S.UNKNOWN, S.REJECTED)}
    assert ways == {T.REJECT, T.ABSENT}
    assert MOVES[S.UNKNOWN, T.NO_ANSWER] is S.UNKNOWN


def test_moves_stamp_times_and_count_versions() -> None:
    order = moved(an_order(state=S.INTENT, sent_at=None), T.SEND, LATER)
    assert (order.state, order.sent_at, order.version) == (S.SUBMITTING, LATER, 2)
    order = moved(order, T.ACCEPT, LATER, broker_id="B-9")
    assert (order.accepted_at, order.broker_id) == (LATER, "B-9")


@pytest.mark.parametrize(
    ("state", "trigger"),
    [(S.PENDING_CANCEL, T.REFUSE_CANCEL), (S.PENDING_REPLACE, T.REFUSE_REPLACE)],
)
def test_a_refused_change_leaves_a_partly_filled_order_partial(
    state: OrderState, trigger: Trigger
) -> None:
    assert moved(an_order(state=state), trigger, NOW).state is S.ACCEPTED
    assert moved(fill(an_order(state=state), 3), trigger, NOW).state is S.PARTIAL


def test_an_exit_keeps_why_it_exists_unless_it_came_to_nothing() -> None:
    stop = an_order("S", Purpose.STOP, Side.SELL, reason="stop")
    asked = moved(stop, T.ASK_CANCEL, NOW, reason="making room")
    assert asked.reason == "stop"
    assert moved(asked, T.CANCEL, NOW, reason="user").reason == "stop"
    assert moved(stop, T.REJECT, NOW, reason="no such stop").reason == "no such stop"
    entry = an_order()
    assert moved(entry, T.ASK_CANCEL, NOW, reason="halt").reason == "halt"
    over = moved(entry, T.CANCEL, NOW, reason="halt")
    assert moved(over, T.ACCEPT, NOW, reason="late ack").reason == "halt"
    told = seen(entry, report(entry, "rejected", reason="no money"), NOW)
    assert told.reason == "no money"


def test_only_entries_may_add_exposure() -> None:
    for purpose in Purpose:
        request = request_of(an_order("S", purpose, Side.SELL, stop=D(95), reason="stop"))
        assert request.reduces is (purpose is not Purpose.ENTRY)
    assert (request.client_order_id, request.qty, request.stop) == ("S", 10, 95)
    assert request.type is OrderType.STOP
