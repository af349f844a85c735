"""Sums become executions: each once, at the price of the difference, the same after a restart."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.brokers import BrokerOrder
from engine.brokers._wire.sums import Sums
from engine.clock import ManualClock
from engine.domain.instrument import stock
from engine.domain.order import OrderType, Side
from engine.domain.quote import Leg
from tests.conformance.venue_bench import MemoryTokens

D = Decimal
START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def order(filled, broker_id="B1"):
    return BrokerOrder(
        client_order_id="TS1",
        broker_id=broker_id,
        account="main",
        state="partial",
        side=Side.SELL,
        legs=(Leg(instrument=stock("F")),),
        qty=D(1000),
        filled=D(filled),
        type=OrderType.MARKET,
        updated_at=START,
    )


def sums(tokens=None):
    return Sums("x", tokens or MemoryTokens(), ManualClock(START))


def told(book, filled=0):
    return list(book.told(order(filled)).fills)


def test_each_look_that_finds_more_is_one_execution_at_the_price_of_the_difference():
    book = sums()
    book.saw(order(4), D("2.00"), D("0.40"), START)
    book.saw(order(10), D("2.06"), D("1.00"), START + timedelta(seconds=1))
    assert [(f.qty, f.price, f.fee_usd, f.side) for f in told(book)] == [
        (D(4), D(2), D("0.4"), Side.SELL),
        (D(6), D("2.1"), D("0.6"), Side.SELL),
    ]


def test_the_same_sum_again_is_no_execution():
    book = sums()
    for _ in range(5):
        book.saw(order(4), D("2.00"), D(0), START)
    assert len(told(book)) == 1


@pytest.mark.parametrize("unsaid", [None, D(0), D("0.00")])
def test_a_quantity_without_a_price_waits_for_one_and_never_costs_nothing(unsaid):
    book = sums()
    book.saw(order(4), unsaid, D(0), START)
    assert told(book) == []
    book.saw(order(4), D(2), D(0), START)
    book.saw(order(10), unsaid, D(0), START)
    assert [(f.qty, f.price) for f in told(book)] == [(D(4), D(2))]


async def test_a_restart_tells_the_same_executions_under_the_same_ids():
    tokens = MemoryTokens()
    book = sums(tokens)
    await book.load()
    book.saw(order(4), D("2.00"), D(0), START)
    await book.keep()
    again = sums(tokens)
    await again.load()
    assert told(again) == told(book)
    again.saw(order(4), D("2.00"), D(0), START)
    again.saw(order(10), D("2.06"), D(0), START)
    assert [f.execution_id for f in told(again)] == ["B1-0-1", "B1-0-2"]


async def test_what_could_not_be_kept_is_kept_the_next_time():
    class Full(MemoryTokens):
        fails = True

        async def append(self, name, text):
            if self.fails:
                raise OSError("disk full")
            await super().append(name, text)

    tokens = Full()
    book = sums(tokens)
    book.saw(order(4), D(2), D(0), START)
    with pytest.raises(OSError, match="full"):
        await book.keep()
    tokens.fails = False
    await book.keep()
    assert json.loads(tokens.kept["x-fills"])["main/B1"]


async def test_a_fill_writes_down_no_more_of_a_busy_month_than_of_a_first_day():
    tokens = MemoryTokens()
    book = sums(tokens)
    for number in range(300):
        book.saw(order(4, broker_id=f"B{number}"), D(2), D(0), START)
    await book.keep()
    before = tokens.n_written
    book.saw(order(10, broker_id="B7"), D(2), D(0), START)
    await book.keep()
    assert tokens.n_written - before < 500
    again = sums(tokens)
    await again.load()
    assert len(again.told(order(10, broker_id="B7")).fills) == 2


def test_less_than_was_told_takes_the_newest_back_and_never_an_id_twice():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(4), D(2), D(0), START)
    book.saw(order(10), D(2), D(0), START)
    for _ in range(2):
        book.saw(order(4), D(2), D(0), START)
        clock.advance(10)
    book.saw(order(9), D(3), D(0), START)
    fills = told(book)
    assert [(f.kind, f.qty, f.of) for f in fills] == [
        ("fill", D(4), ""),
        ("fill", D(6), ""),
        ("bust", D(6), "B1-0-2"),
        ("fill", D(5), ""),
    ]
    assert len({f.execution_id for f in fills}) == 4


def test_one_look_at_how_it_was_before_takes_nothing_back():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    for filled in (10, 4, 10, 4):
        book.saw(order(filled), D(2), D(0), START)
        clock.advance(9)
    assert [(f.kind, f.qty) for f in told(book)] == [("fill", D(10))]


def test_a_list_that_may_lag_takes_nothing_back_that_was_told_just_now():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(4), D(2), D(0), START)
    book.saw(order(0), None, D(0), START, may_lag=True)
    assert [f.kind for f in told(book)] == ["fill"]
    for seconds in (3601, 10):
        clock.advance(seconds)
        book.saw(order(0), None, D(0), START, may_lag=True)
    assert [f.kind for f in told(book)] == ["fill", "bust"]


def test_the_same_quantity_at_another_price_is_a_correction_once_that_lasts():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(4), D(2), D(0), START)
    book.saw(order(10), D(2), D(0), START)
    for average in ("2.06", "2.00", "2.06", "2.06", "2.06"):  # the second look is of before
        book.saw(order(10), D(average), D(0), START + timedelta(hours=1))
        clock.advance(9)
    clock.advance(1)
    book.saw(order(10), D("2.06"), D(0), START + timedelta(hours=1))
    fills = told(book)
    assert [(f.kind, f.qty, f.price, f.of, f.executed_at) for f in fills] == [
        ("fill", D(4), D(2), "", START),
        ("fill", D(6), D(2), "", START),
        ("correct", D(6), D("2.1"), "B1-0-2", START),
    ]
    book.saw(order(12), D("2.10"), D(0), START)
    assert told(book)[-1].price == D("2.3")


def test_an_average_that_is_only_rounded_corrects_nothing():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(3), D("2.0067"), D(0), START)
    for _ in range(3):
        book.saw(order(3), D("2.006666666667"), D(0), START)
        clock.advance(20)
    assert [f.kind for f in told(book)] == ["fill"]


def test_what_was_corrected_can_be_taken_back():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(4), D(2), D(0), START)
    for filled, average in ((4, D(3)), (0, None)):
        for _ in range(2):
            book.saw(order(filled), average, D(0), START)
            clock.advance(10)
    assert [(f.kind, f.price, f.of) for f in told(book)] == [
        ("fill", D(2), ""),
        ("correct", D(3), "B1-0-1"),
        ("bust", D(3), "B1-0-2"),
    ]


def test_each_leg_has_its_own_sum():
    legs = (Leg(instrument=stock("F")), Leg(instrument=stock("GM"), ratio=-1))
    book, pair = sums(), replace(order(0), legs=legs)
    for leg, filled, price in ((0, 2, "2.00"), (1, 2, "3.00"), (0, 3, "2.10")):
        book.saw(pair, D(price), D(0), START, leg=leg, filled=D(filled))
    assert [(f.leg, f.side, f.qty, f.price) for f in book.told(pair).fills] == [
        (0, Side.SELL, D(2), D(2)),
        (1, Side.BUY, D(2), D(3)),
        (0, Side.SELL, D(1), D("2.3")),
    ]
    assert len({f.execution_id for f in book.told(pair).fills}) == 3


def test_more_at_a_lower_average_than_one_part_explains_costs_something_each():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(10), D(2), D(0), START)
    for _ in range(3):
        book.saw(order(11), D("1.50"), D(0), START)
        clock.advance(10)
    fills = told(book)
    assert all(f.price > 0 for f in fills)
    undone = {f.of for f in fills}
    assert sum(f.qty * f.price for f in fills if f.execution_id not in undone) == D("16.5")


def test_a_correction_that_no_part_explains_alone_is_one_of_all():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(1), D(100), D(0), START)
    book.saw(order(3), D(40), D(0), START)
    for _ in range(2):
        book.saw(order(3), D(2), D(0), START)
        clock.advance(10)
    right = [(f.qty, f.price) for f in told(book) if f.kind == "correct"]
    assert right == [(D(1), D(2)), (D(2), D(2))]


def test_a_list_that_may_lag_takes_no_correction_back():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(4), D(2), D(0), START)
    for average, may_lag in ((D(3), False), (D(2), True)):
        for _ in range(2):
            book.saw(order(4), average, D(0), START, may_lag=may_lag)
            clock.advance(10)
    assert [f.kind for f in told(book)] == ["fill", "correct"]


def test_what_is_said_in_between_begins_the_wait_anew():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(4), D(2), D(0), START)
    for filled, average in ((4, D(3)), (3, D(2)), (4, D(3))):
        book.saw(order(filled), average, D(0), START)
        clock.advance(5)
    assert [f.kind for f in told(book)] == ["fill"]


def test_while_another_price_is_not_believed_yet_the_order_says_so():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    said = []
    for average in (2, 3, 3, 3):
        book.saw(order(4), D(average), D(0), START)
        said.append(book.told(order(4)).is_changing)
        clock.advance(10)
    assert said == [False, True, True, False]


async def test_what_was_kept_before_legs_were_counted_is_read():
    tokens = MemoryTokens()
    part = {"execution_id": "B1-1", "qty": "4", "price": "2", "fee": "0", "at": START.isoformat()}
    tokens.kept["x-fills"] = json.dumps({"main/B1": [part]})
    book = sums(tokens)
    await book.load()
    book.saw(order(10), D("2.06"), D(0), START)
    assert [(f.execution_id, f.qty) for f in told(book)] == [("B1-1", D(4)), ("B1-0-2", D(6))]


async def test_what_is_long_over_is_forgotten():
    tokens = MemoryTokens()
    book = sums(tokens)
    book.saw(order(4), D(2), D(0), START - timedelta(days=101))
    book.saw(order(4, "B2"), D(2), D(0), START)
    await book.keep()
    again = sums(tokens)
    await again.load()
    assert told(again) == []
    assert again.told(order(4, "B2")).fills


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(100, 400)), max_size=12))
def test_what_stands_adds_up_to_the_last_sum(looks):
    book = sums()
    cost = filled = 0
    for qty, cents in looks:
        filled, cost = filled + qty, cost + qty * cents
        average = D(cost) / 100 / filled if filled else None
        book.saw(order(filled), average, D(0), START)
    fills = told(book)
    assert sum(f.qty for f in fills) == filled
    off = abs(sum(f.qty * f.price for f in fills) - D(cost) / 100)
    assert off <= D("0.000001") * max(filled, 1)


def test_an_average_of_nothing_says_nothing():
    book = sums()
    book.saw(order(0), D(2), D(0), START, may_lag=True)
    assert told(book) == []
    assert not book.told(order(0)).is_changing


def test_what_was_told_right_is_not_corrected():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    for filled, average in ((1, D(100)), (2, D(51)), (4, D("45.5"))):
        book.saw(order(filled), average, D(0), START)
    for _ in range(2):
        book.saw(order(4), D(2), D(0), START)
        clock.advance(10)
    assert {f.of for f in told(book) if f.kind == "correct"} == {"B1-0-1", "B1-0-3"}


def test_a_correction_that_is_taken_back_is_believed_of_a_list_in_time():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    for average in (2, 3):
        for _ in range(3):
            book.saw(order(4), D(average), D(0), START, may_lag=True)
            clock.advance(10)
    said = []
    for _ in range(3):
        book.saw(order(4), D(2), D(0), START, may_lag=True)
        said.append(told(book)[-1].price)
        clock.advance(3600)
    assert said == [D(3), D(3), D(2)]


def test_a_list_that_may_lag_takes_no_correction_of_all_back():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    book.saw(order(1), D(100), D(0), START)
    book.saw(order(3), D(40), D(0), START)
    for average, may_lag in ((D(2), False), (D(40), True)):
        for _ in range(2):
            book.saw(order(3), average, D(0), START, may_lag=may_lag)
            clock.advance(10)
    assert [f.kind for f in told(book)] == ["fill", "fill", "correct", "correct"]


def test_another_answer_begins_the_wait_anew():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    for filled in (4, 3, 0):
        book.saw(order(filled), D(2), D(0), START)
        clock.advance(10)
    assert [f.kind for f in told(book)] == ["fill"]


def test_nothing_is_awaited_of_an_average_that_is_unsaid():
    clock = ManualClock(START)
    book = Sums("x", MemoryTokens(), clock)
    for average in (2, 3, 0):
        book.saw(order(4), D(average), D(0), START)
    assert not book.told(order(4)).is_changing


def test_less_that_is_not_believed_yet_is_said_too():
    book = sums()
    book.saw(order(4), D(2), D(0), START)
    book.saw(order(3), D(2), D(0), START)
    assert book.told(order(3)).is_changing


@pytest.mark.parametrize("is_restart", [False, True])
async def test_an_order_under_a_number_that_another_one_had_has_executions_of_its_own(is_restart):
    """A broker that counts anew: the second entry filled, nobody heard of it, it had no stop."""
    tokens = MemoryTokens()
    book = sums(tokens)
    book.saw(order(4), D(2), D(0), START)
    await book.keep()
    if is_restart:
        book = sums(tokens)
        await book.load()
    later = replace(order(4), client_order_id="TS2")
    assert book.told(later).fills == ()
    book.saw(later, D(3), D(0), START + timedelta(hours=1))
    book.saw(order(4), D(2), D(0), START)
    assert [(f.client_order_id, f.price) for f in book.told(later).fills] == [("TS2", D(3))]
    assert [(f.client_order_id, f.price) for f in told(book)] == [("TS1", D(2))]
    names = {f.execution_id for one in (order(4), later) for f in book.told(one).fills}
    assert len(names) == 2
