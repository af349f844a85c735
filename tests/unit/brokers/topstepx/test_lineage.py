"""What ProjectX does not remember is written down with each move, and no more than of one order."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from engine.brokers.topstepx.lineage import Lineage
from engine.domain.order import OrderType
from tests.conformance.venue_bench import MemoryTokens
from tests.unit.brokers.topstepx.test_translate import exit_

START = datetime(2026, 11, 18, 15, 0, tzinfo=UTC)


def move(name):
    """A stop under another id."""
    return replace(exit_(OrderType.STOP, "5990"), client_order_id=name)


async def test_a_move_costs_as_much_after_a_week_of_them_as_on_the_first_day():
    tokens = MemoryTokens()
    book = Lineage(tokens, "x-orders")
    for number in range(300):
        book.begin(number, move(f"TS{number}"), 0, START)
        book.confirm(number, START)
    await book.save()
    before = tokens.n_written
    book.begin(7, move("TSNEW"), 0, START)
    await book.save()
    assert tokens.n_written - before < 700
    again = Lineage(tokens, "x-orders")
    await again.load(START + timedelta(hours=1))
    assert again.order_of("TSNEW") == 7
    again.drop(7)
    await again.save()
    await again.load(START + timedelta(hours=1))
    assert again.order_of("TSNEW") == 0
    assert again.order_of("TS7") == 7
