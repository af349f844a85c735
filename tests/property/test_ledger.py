"""Whatever is bought and sold, the books balance to the last digit (I-01 to I-08)."""

from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from engine import ledger
from engine.domain.instrument import Instrument, crypto
from engine.domain.money import ZERO, exact
from engine.domain.order import OrderState, PlannedTarget, Purpose, Side
from engine.domain.trade import Position, TradeState
from tests.unit.ledger.bench import AAPL, CALL, MES, Books, D, a_trade, an_order, unit

INSTRUMENTS = (AAPL, CALL, MES, crypto("BTC"))


@dataclass(frozen=True)
class Deal:
    """One fill: signed quantity, price, fee; of the trade ``T<n>``."""

    n: int
    qty: int
    cents: int
    fee_mills: int

    @property
    def price(self) -> Decimal:
        return Decimal(self.cents) / 100

    @property
    def fee(self) -> Decimal:
        return Decimal(self.fee_mills) / 1000


DEALS = st.lists(
    st.builds(
        Deal,
        n=st.integers(0, 3),
        qty=st.integers(-7, 7).filter(bool),
        cents=st.integers(1, 99_999),
        fee_mills=st.integers(-50, 5_000),
    ),
    min_size=1,
    max_size=14,
)
ONE = DEALS.map(lambda deals: [replace(d, n=0) for d in deals])
MARKS = st.tuples(*[st.integers(1, 99_999).map(lambda c: Decimal(c) / 100)] * len(INSTRUMENTS))


def desk(instruments: tuple[Instrument, ...] = INSTRUMENTS) -> Books:
    """One trade per instrument with a buying (entry) and a selling (exit) order."""
    books = Books()
    books.deposit("100000")
    for n, instrument in enumerate(instruments):
        legs, name = unit(instrument), f"T{n}"
        books.open(
            a_trade(legs, 1, 1000, trade_id=name),
            an_order(f"B{n}", legs=legs, qty=1000, trade_id=name),
            an_order(f"S{n}", Purpose.CLOSE, Side.SELL, legs, 1000, trade_id=name, reason="x"),
        )
    return books


def deal(books: Books, d: Deal) -> ledger.Booking:
    return books.fill(f"{'B' if d.qty > 0 else 'S'}{d.n}", abs(d.qty), d.price, d.fee)


def run(deals: list[Deal], instruments: tuple[Instrument, ...] = INSTRUMENTS) -> Books:
    books = desk(instruments)
    for d in deals:
        deal(books, d)
    return books


def money(books: Books) -> tuple[object, ...]:
    account = books.account
    return (account.cash_usd, account.realised_usd, account.fees_usd, account.n_closed)


@given(deals=DEALS, marks=MARKS)
def test_equity_and_profit_add_up_after_every_fill(
    deals: list[Deal], marks: tuple[Decimal, ...]
) -> None:
    books = desk()
    by_key = {i.key: m for i, m in zip(INSTRUMENTS, marks, strict=True)}
    for d in deals:
        deal(books, d)
        books.check(by_key)


@given(deals=ONE, which=st.sampled_from(INSTRUMENTS))
def test_a_position_is_the_sum_of_its_fills(deals: list[Deal], which: Instrument) -> None:
    books = run(deals, (which,))
    (position,) = books.positions.values()
    assert position.qty == sum(d.qty for d in deals)
    assert {lot.qty > 0 for lot in position.lots} in (set(), {True}, {False})
    if position.qty == 0:
        assert (position.avg_price, position.lots) == (None, ())
        return
    prices = [lot.price for lot in position.lots]
    assert position.avg_price is not None
    assert min(prices) <= position.avg_price.quantize(D("0.0000001")) <= max(prices)
    assert set(prices) <= {d.price for d in deals if d.qty * position.qty > 0}


@given(deals=ONE, which=st.sampled_from(INSTRUMENTS))
def test_realised_profit_is_that_of_the_closed_lots_by_hand(
    deals: list[Deal], which: Instrument
) -> None:
    """I-02: one contract at a time, oldest against newest, fees split evenly."""
    books = run(deals, (which,))
    queue: list[tuple[int, Decimal, Decimal]] = []
    expected = ZERO
    for d in deals:
        each = d.fee / abs(d.qty)
        side = 1 if d.qty > 0 else -1
        for _ in range(abs(d.qty)):
            if queue and queue[0][0] != side:
                was, price, fee = queue.pop(0)
                expected += (d.price - price) * was * which.multiplier - fee - each
            else:
                queue.append((side, d.price, each))
    assert abs(books.account.realised_usd - expected) < D("0.0000001")


@given(deals=DEALS)
def test_each_fee_is_counted_once(deals: list[Deal]) -> None:
    books = run(deals)
    paid = sum((d.fee for d in deals), ZERO)
    assert books.account.fees_usd == paid
    open_fees = ledger.open_fees(books.positions.values())
    gross = sum((e.realised_usd for e in books.entries), ZERO) + paid - open_fees
    free = run([replace(d, fee_mills=0) for d in deals])
    assert free.account.realised_usd == gross


@given(deals=DEALS, cut=st.integers(0, 14))
def test_a_replay_of_a_prefix_is_the_state_of_that_moment(deals: list[Deal], cut: int) -> None:
    """I-05: entries are only appended; the sums of a prefix are the account of that moment."""
    books = desk()
    seen = [(books.account, list(books.entries))]
    for d in deals:
        deal(books, d)
        seen.append((books.account, list(books.entries)))
    account, entries = seen[min(cut, len(deals))]
    assert books.entries[: len(entries)] == entries
    assert account.cash_usd == sum((e.cash_usd for e in entries), ZERO)
    assert account.realised_usd == sum((e.realised_usd for e in entries), ZERO)
    assert account.fees_usd == sum((e.fee_usd for e in entries), ZERO)
    again = run(deals[: min(cut, len(deals))])
    assert money(again) == (
        account.cash_usd,
        account.realised_usd,
        account.fees_usd,
        account.n_closed,
    )


@given(
    opens=st.integers(1, 9),
    more=st.integers(1, 9),
    side=st.sampled_from((1, -1)),
    prices=st.tuples(st.integers(1, 9999), st.integers(1, 9999)),
    fee=st.integers(0, 999),
)
def test_a_flip_is_a_close_and_an_open(
    opens: int, more: int, side: int, prices: tuple[int, int], fee: int
) -> None:
    """I-06: one fill through zero books as two, the fee split by quantity."""
    whole = fee * (opens + more)  # mills that split evenly
    first = Deal(0, side * opens, prices[0], 1000)
    at_once = run([first, Deal(0, -side * (opens + more), prices[1], whole)], (CALL,))
    in_two = run(
        [
            first,
            Deal(0, -side * opens, prices[1], fee * opens),
            Deal(0, -side * more, prices[1], fee * more),
        ],
        (CALL,),
    )
    assert at_once.account.realised_usd == in_two.account.realised_usd
    assert at_once.account.cash_usd == in_two.account.cash_usd
    lots = [
        [(lot.qty, lot.price, lot.fee_usd) for p in b.positions.values() for lot in p.lots]
        for b in (at_once, in_two)
    ]
    assert lots[0] == lots[1]


@given(deals=ONE, k=st.sampled_from((2, 4, 5, 10, 20)), cents=st.integers(1, 99_999))
def test_a_split_keeps_value_and_cost(deals: list[Deal], k: int, cents: int) -> None:
    (before,) = run(deals, (AAPL,)).positions.values()
    after, mark = ledger.split_position(before, D(k)), Decimal(cents) / 100
    assert after.qty == before.qty * k
    assert ledger.worth(after, mark / k) == ledger.worth(before, mark)
    assert _cost(after) == _cost(before)
    assert ledger.open_fees([after]) == ledger.open_fees([before])


def _cost(position: Position) -> Decimal:
    return sum((lot.qty * lot.price for lot in position.lots), ZERO)


@given(deals=DEALS)
def test_money_is_decimal_and_survives_text(deals: list[Deal]) -> None:
    """I-07."""
    for entry in run(deals).entries:
        for name in ("qty", "price", "cash_usd", "fee_usd", "realised_usd", "closed_qty"):
            value = getattr(entry, name)
            assert type(value) is Decimal
            assert value.is_finite()
            assert exact(str(value)) == value
            assert str(exact(str(value))) == str(value)


@given(deals=DEALS, seed=st.randoms(use_true_random=False))
def test_orders_of_independent_symbols_commute(deals: list[Deal], seed: object) -> None:
    """I-08: any interleaving that keeps each symbol's own order gives the same books."""
    lanes = {n: [d for d in deals if d.n == n] for n in range(4)}
    order = [d.n for d in deals]
    seed.shuffle(order)  # type: ignore[attr-defined]
    mixed = [lanes[n].pop(0) for n in order]
    one, other = run(deals), run(mixed)
    assert money(one)[:3] == money(other)[:3]
    for key, position in one.positions.items():
        twin = other.positions[key]
        assert [(x.qty, x.price, x.fee_usd) for x in position.lots] == [
            (x.qty, x.price, x.fee_usd) for x in twin.lots
        ]


@given(deals=ONE, which=st.sampled_from(INSTRUMENTS), data=st.data())
def test_a_bust_leaves_the_books_as_if_the_fill_had_never_been(
    deals: list[Deal], which: Instrument, data: st.DataObject
) -> None:
    books = run(deals, (which,))
    number = data.draw(st.integers(0, len(deals) - 1))
    n_entries = len(books.entries)
    books.bust(books.executions[number])
    assert len(books.entries) == n_entries + 1
    books.check()
    without = run([d for i, d in enumerate(deals) if i != number], (which,))
    assert money(books)[:3] == money(without)[:3]
    trade, twin = books.trade("T0"), without.trade("T0")
    assert (trade.qty_open, trade.qty_opened) == (twin.qty_open, twin.qty_opened)
    assert trade.realised_usd == twin.realised_usd


@given(deals=ONE, which=st.sampled_from(INSTRUMENTS), data=st.data())
def test_corrections_leave_the_books_as_if_the_right_price_had_always_been(
    deals: list[Deal], which: Instrument, data: st.DataObject
) -> None:
    """Lots keep their places: first in, first out goes by what was first traded."""
    books = run(deals, (which,))
    standing, right = dict(enumerate(books.executions)), list(deals)
    numbers = st.integers(0, len(deals) - 1)
    for number in data.draw(st.lists(numbers, min_size=1, max_size=3)):
        right[number] = replace(right[number], cents=data.draw(st.integers(1, 99_999)))
        _, done = books.correct(standing[number], price=right[number].price)
        standing[number] = done.execution
        books.check()
        as_if = run(right, (which,))
        assert money(books) == money(as_if)
        assert books.account.realised_today_usd == as_if.account.realised_today_usd
        trade, twin = books.trade("T0"), as_if.trade("T0")
        for name in ("state", "qty_open", "qty_opened", "realised_usd", "fees_usd", "closes"):
            assert getattr(trade, name) == getattr(twin, name)
        mine, theirs = (b.positions[f"T0|{which.key}"].lots for b in (books, as_if))
        assert [(x.qty, x.price, x.fee_usd) for x in mine] == [
            (x.qty, x.price, x.fee_usd) for x in theirs
        ]
    gone = data.draw(numbers)
    books.bust(standing[gone])
    without = run([d for i, d in enumerate(right) if i != gone], (which,))
    assert money(books)[:3] == money(without)[:3]


@given(deals=ONE, which=st.sampled_from(INSTRUMENTS))
def test_the_trade_tells_the_same_story_as_the_ledger(deals: list[Deal], which: Instrument) -> None:
    books = run(deals, (which,))
    trade, account = books.trade("T0"), books.account
    bought = sum(d.qty for d in deals if d.qty > 0)
    assert (trade.qty_opened, trade.qty_open) == (bought, sum(d.qty for d in deals))
    assert (trade.realised_usd, trade.fees_usd) == (account.realised_usd, account.fees_usd)
    assert account.n_closed == (1 if trade.state is TradeState.CLOSED else 0)
    assert (trade.state is TradeState.OPEN) == (trade.qty_open != 0)
    if trade.state is TradeState.CLOSED:
        assert trade.entry_price is not None
        assert trade.exit_price is not None
        gross = (trade.exit_price - trade.entry_price) * bought * which.multiplier
        assert abs(gross - trade.fees_usd - trade.realised_usd) < D("0.0000001")


@given(
    qtys=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    prices=st.lists(st.integers(9_100, 11_000), min_size=4, max_size=4),
    stop=st.integers(1, 9_000),
    exits=st.lists(st.integers(1, 20_000), max_size=3),
)
def test_risk_is_frozen_by_entries_and_touched_by_nothing_else(
    qtys: list[int], prices: list[int], stop: int, exits: list[int]
) -> None:
    total = sum(qtys)
    books = Books()
    books.open(
        a_trade(unit(CALL), 1, total, stop=str(Decimal(stop) / 100)),
        an_order(legs=unit(CALL), qty=total),
        an_order("X", Purpose.CLOSE, Side.SELL, unit(CALL), total),
    )
    risk, expected = ZERO, ZERO
    for qty, cents in zip(qtys, prices, strict=False):
        trade = books.fill("A", qty, Decimal(cents) / 100).trade
        expected += qty * Decimal(cents - stop)
        assert trade.risk_usd is not None
        assert risk < trade.risk_usd
        assert abs(trade.risk_usd - expected) < D("0.0000001")
        risk = trade.risk_usd
    for cents in exits[: total - 1]:
        assert books.fill("X", 1, Decimal(cents) / 100).trade.risk_usd == risk


@given(
    planned=st.lists(st.integers(0, 9), min_size=1, max_size=4).filter(any),
    opened=st.integers(1, 30),
)
def test_scaled_targets_add_up_to_what_was_opened(planned: list[int], opened: int) -> None:
    wanted = D(sum(planned))
    targets = tuple(PlannedTarget(price=D(n + 1), qty=D(q)) for n, q in enumerate(planned))
    scaled = ledger.scaled_targets(targets, wanted, D(opened))
    assert sum((t.qty for t in scaled), ZERO) == opened
    assert all(t.qty >= 0 and t.qty == int(t.qty) for t in scaled)
    for before, after in zip(targets, scaled, strict=True):
        assert abs(after.qty - before.qty * opened / wanted) <= 1


def test_every_order_of_a_flat_trades_fills_makes_the_same_result() -> None:
    """Also for an exit that is told before its entry."""
    deals = [
        Deal(0, 3, 1000, 30),
        Deal(0, 2, 1200, 20),
        Deal(0, -4, 1300, 40),
        Deal(0, -1, 900, 10),
    ]
    results = set()
    for chosen in permutations(deals):
        books = run(list(chosen), (CALL,))
        trade = books.trade("T0")
        assert trade.state is TradeState.CLOSED
        assert books.orders["B0"].state is OrderState.PARTIAL
        results.add((*money(books), trade.realised_usd, trade.entry_price, trade.exit_price))
    assert len(results) == 1
