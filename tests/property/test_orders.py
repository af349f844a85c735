"""Whatever a broker says, in whatever order and however often: one order, one outcome."""

import re
from dataclasses import dataclass, replace
from decimal import Decimal
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import BrokerOrder
from engine.domain.money import ZERO
from engine.domain.order import (
    AT_BROKER,
    MOVES,
    TERMINAL,
    Order,
    OrderState,
    Trigger,
    client_order_id,
    is_our_id,
)
from engine.domain.trade import Execution
from engine.ledger.fills import busted
from engine.orders import filled, needs_fills, seen
from tests.unit.ledger.bench import AAPL, CALL, CALL_605, NOW, D, an_execution, an_order, unit

UNITS = (unit(AAPL), unit(CALL, (CALL_605, -1)), unit(CALL, (CALL_605, -2)))
LIVE = sorted(AT_BROKER)
ANY_STATE = st.sampled_from(
    ("accepted", "partial", "filled", "canceled", "expired", "rejected", "replaced", "unknown")
)


@dataclass(frozen=True)
class Story:
    """What an honest broker does to one order: fills, and a report after each thing."""

    order: Order
    events: tuple[BrokerOrder | Execution, ...]
    final: BrokerOrder


def report(order: Order, state: str, done: Decimal) -> BrokerOrder:
    return BrokerOrder(
        client_order_id=order.order_id,
        broker_id="B-1",
        account=order.account,
        state=state,  # type: ignore[arg-type]
        side=order.side,
        legs=order.legs,
        qty=order.qty,
        filled=done,
        type=order.type,
        updated_at=NOW,
    )


@st.composite
def stories(draw: st.DrawFn) -> Story:
    legs = draw(st.sampled_from(UNITS))
    order = an_order(legs=legs, qty=draw(st.integers(1, 6)), state=draw(st.sampled_from(LIVE)))
    order = replace(order, accepted_at=None)
    events: list[BrokerOrder | Execution] = [report(order, "accepted", ZERO)]
    units = draw(st.integers(0, int(order.qty)))
    pending = [
        (number, qty)
        for number, leg in enumerate(legs)
        for qty in _pieces(draw, units * abs(leg.ratio))
    ]
    done = [0] * len(legs)
    for name, (number, qty) in enumerate(draw(st.permutations(pending))):
        price = Decimal(draw(st.integers(1, 9_999))) / 100
        events.append(an_execution(f"e{name}", order, qty, price, leg=number))
        done[number] += qty
        whole = min(Decimal(n) / abs(leg.ratio) for n, leg in zip(done, legs, strict=True))
        if draw(st.booleans()):
            events.append(report(order, "partial", whole))
    end = draw(st.sampled_from(("canceled", "expired", "replaced", "", "unknown")))
    end = "filled" if units == order.qty else end
    if end:
        events.append(report(order, end, D(units)))
    return Story(order, tuple(events), report(order, end or "partial", D(units)))


def _pieces(draw: st.DrawFn, total: int) -> list[int]:
    pieces = []
    while total > 0:
        pieces.append(draw(st.integers(1, total)))
        total -= pieces[-1]
    return pieces


def tell(order: Order, events: list[BrokerOrder | Execution]) -> Order:
    """As the flows do: reports every time, executions once by id."""
    booked: set[str] = set()
    for event in events:
        before = order
        if isinstance(event, BrokerOrder):
            order = seen(order, event, NOW)
            assert order.filled == before.filled
        elif event.execution_id not in booked:
            booked.add(event.execution_id)
            order = filled(order, event, NOW)
        check_step(before, order)
    return order


def check_step(before: Order, after: Order) -> None:
    """I-09 and I-16 for one step."""
    assert after.filled >= before.filled
    assert after.leaves >= 0
    assert after.leaves <= max(after.qty, after.reported)
    if before.state in TERMINAL and after.state is not before.state:
        assert after.state is OrderState.FILLED
    if after is not before:
        assert after.version == before.version + 1
    if before.state is not after.state:
        assert after.state in reachable(before.state)


def reachable(state: OrderState) -> set[OrderState]:
    """States one or two legal moves away: a report may prove the send or the ack as well."""
    one = {to for (frm, _), to in MOVES.items() if frm is state}
    return one | {to for (frm, _), to in MOVES.items() if frm in one}


def outcome(order: Order) -> tuple[object, ...]:
    return (
        order.state,
        order.leg_filled,
        order.avg_price,
        order.leaves,
        order.broker_id,
        order.is_flagged,
        order.ended,
    )


@given(story=stories(), random=st.randoms(use_true_random=False), copies=st.integers(1, 3))
def test_any_order_and_number_of_deliveries_end_in_the_same_state(
    story: Story, random: Random, copies: int
) -> None:
    """I-10."""
    straight = tell(story.order, list(story.events))
    mixed = list(story.events) * copies
    random.shuffle(mixed)
    assert outcome(tell(story.order, mixed)) == outcome(straight)


@given(story=stories(), random=st.randoms(use_true_random=False))
def test_what_the_broker_filled_is_never_counted_as_gone(story: Story, random: Random) -> None:
    """However far the events have come: booked plus possible covers what the broker has done."""
    mixed = list(story.events)
    random.shuffle(mixed)
    for cut in range(len(mixed) + 1):
        part = tell(story.order, mixed[:cut])
        told = max((e.filled for e in mixed[:cut] if isinstance(e, BrokerOrder)), default=ZERO)
        assert part.filled + part.leaves >= told
        if part.state in TERMINAL:
            assert part.filled >= told


@given(story=stories(), random=st.randoms(use_true_random=False))
def test_a_story_told_whole_asks_for_nothing_more(story: Story, random: Random) -> None:
    mixed = list(story.events)
    random.shuffle(mixed)
    order = tell(story.order, mixed)
    assert not needs_fills(order, story.final)
    if story.final.state in ("filled", "canceled", "expired", "replaced"):
        assert order.state.value.lower() == story.final.state
        assert order.leaves == 0


@given(
    state=st.sampled_from(sorted(OrderState)),
    events=st.lists(
        st.one_of(
            st.tuples(ANY_STATE, st.integers(0, 12)), st.tuples(st.integers(1, 9), st.just(0))
        ),
        max_size=12,
    ),
)
def test_no_lie_of_a_broker_breaks_an_order(
    state: OrderState, events: list[tuple[str | int, int]]
) -> None:
    """Any reports and fills at all, impossible ones included: never raises, never loses a fill."""
    order, total = an_order(state=state), 0
    for number, (what, done) in enumerate(events):
        if isinstance(what, str):
            after = seen(order, report(order, what, D(done)), NOW)
            assert seen(after, report(order, what, D(done)), NOW) is after
        else:
            total += what
            after = filled(order, an_execution(f"e{number}", order, what), NOW)
        check_step(order, after)
        assert after.filled == total
        if total > order.qty:
            assert after.is_flagged
        order = after


@given(
    start=st.sampled_from(sorted(OrderState)),
    triggers=st.lists(st.sampled_from(sorted(Trigger)), max_size=20),
)
def test_terminal_states_absorb(start: OrderState, triggers: list[Trigger]) -> None:
    """I-09: walking the table, a terminal state is left only by fills that complete it."""
    state = start
    for trigger in triggers:
        after = MOVES.get((state, trigger), state)
        if state in TERMINAL and after is not state:
            assert trigger is Trigger.FILL_ALL
            assert after is OrderState.FILLED
        if state is OrderState.UNKNOWN and after is OrderState.REJECTED:
            assert trigger in (Trigger.REJECT, Trigger.ABSENT)  # I-14
        state = after


@given(fills=st.lists(st.integers(1, 4), min_size=1, max_size=5), which=st.integers(0, 4))
def test_filled_goes_down_by_a_bust_alone_and_by_exactly_that(fills: list[int], which: int) -> None:
    """I-16."""
    order = an_order(qty=30)
    executions = [an_execution(f"e{n}", order, q, n + 1) for n, q in enumerate(fills)]
    for execution in executions:
        order = filled(order, execution, NOW)
    gone = executions[which % len(executions)]
    after = busted(order, gone, NOW)
    assert after.filled == order.filled - gone.qty
    assert after.is_flagged
    expected = an_order(qty=30)
    for execution in executions:
        if execution is not gone:
            expected = filled(expected, execution, NOW)
    assert (after.avg_price, after.filled) == (expected.avg_price, expected.filled)


_ID = st.text("ABCDEFGHJK0123456789-/", min_size=1, max_size=24)


@given(one=_ID, other=_ID)
def test_client_ids_are_the_same_for_ever_and_never_shared(one: str, other: str) -> None:
    """I-15."""
    name = client_order_id(one)
    assert re.fullmatch(r"[A-Z0-9]{20}", name)
    assert is_our_id(name)
    assert client_order_id(one) == name
    assert (client_order_id(other) == name) == (one == other)
