"""Round trips found by symbol and end: the same as by looking through all of them."""

from datetime import timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from engine.book import Book
from engine.domain.copying import replace
from engine.domain.trade import Trade, TradeState
from engine.ended import Ended
from tests.unit.risk.facts import NOW, trade


def over(name: int, symbol: str, minutes_ago: int | None, version: int = 1) -> Trade:
    """A trade that has ended so long ago; None: nobody knows when."""
    at = None if minutes_ago is None else NOW - timedelta(minutes=minutes_ago)
    return trade(
        f"T-{name}",
        symbol=symbol,
        state=TradeState.CLOSED,
        qty_open=Decimal(0),
        closed_at=at,
        version=version,
    )


PUTS = st.lists(
    st.builds(
        over,
        st.integers(0, 12),
        st.sampled_from(["SPY", "QQQ"]),
        st.none() | st.integers(0, 10),
    ),
    max_size=40,
)


@given(PUTS, st.integers(0, 11))
def test_it_finds_what_looking_through_all_of_them_finds(puts: list[Trade], minutes: int) -> None:
    ended, all_of_them = Ended(), dict[str, Trade]()
    for put in puts:
        ended.put(put)
        all_of_them.pop(put.trade_id, None)
        all_of_them[put.trade_id] = put
    since = NOW - timedelta(minutes=minutes)
    for symbol in ("SPY", "QQQ", "IWM"):
        assert ended.since(symbol, since) == [
            t
            for t in reversed(all_of_them.values())
            if t.symbol == symbol and t.closed_at is not None and t.closed_at >= since
        ]


def test_the_newest_version_counts_and_what_is_dropped_is_gone() -> None:
    ended = Ended()
    first = over(1, "SPY", 5)
    ended.put(first)
    ended.put(replace(first, closed_at=NOW, version=2))
    assert [t.version for t in ended.since("SPY", NOW - timedelta(hours=1))] == [2]
    ended.drop("T-1")
    ended.drop("T-1")
    assert ended.since("SPY", NOW - timedelta(days=9)) == []


def test_what_the_book_forgets_is_found_no_more() -> None:
    book = Book()
    for n in range(2001):
        book.put(over(n, "SPY", 5))
    found = book.ended.since("SPY", NOW - timedelta(hours=1))
    assert [t.trade_id for t in found] == list(reversed(book.round_trips))
    assert len(found) == 2000
