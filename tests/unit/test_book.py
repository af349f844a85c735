"""What is live right now: recent intents that a new one may repeat."""

from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from engine.book import Book
from engine.domain.instrument import stock
from engine.domain.order import Intent
from engine.domain.quote import Leg
from engine.domain.record import changed
from tests.unit.storage import kit

NOW = datetime(2025, 1, 29, 15, tzinfo=UTC)


def intent(name: str, price: str | None, symbol: str = "AAPL") -> Intent:
    return kit.intent(
        intent_id=name,
        symbol=symbol,
        legs=(Leg(instrument=stock(symbol)),),
        alerted_price=None if price is None else Decimal(price),
    )


def test_alike_are_those_for_the_same_thing_at_the_same_price_the_newest_first() -> None:
    book = Book()
    for one in (
        intent("1", "10"),
        intent("2", "11"),
        intent("3", "10.00"),
        intent("4", "10", "TSLA"),
        intent("5", None),
    ):
        book.put(one)
    assert [i.intent_id for i in book.intents_like(intent("6", "10.0"))] == ["3", "1"]
    assert [i.intent_id for i in book.intents_like(intent("6", None))] == ["5"]
    assert list(book.intents_like(intent("6", "12"))) == []


def test_a_repriced_one_stands_at_its_new_price_alone() -> None:
    book = Book()
    first = intent("1", "10")
    book.put(first)
    book.put(changed(first, alerted_price=Decimal(11)))
    assert list(book.intents_like(first)) == []
    (found,) = book.intents_like(intent("2", "11"))
    assert found.version == 2
    book.put(changed(found))
    assert [i.version for i in book.intents_like(intent("2", "11"))] == [3]


def test_the_oldest_is_forgotten_where_it_stood_last() -> None:
    book = Book()
    first = intent("first", "10")
    book.put(first)
    for n in range(2000):
        book.put(replace(first, intent_id=str(n), alerted_price=Decimal(20)))
    assert list(book.intents_like(first)) == []
    assert len(list(book.intents_like(intent("x", "20")))) == 2000
