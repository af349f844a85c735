"""One table, two roads: `db verify --report` and the closing report agree to the cent, or both say.

The first adds executions of the journal up and believes no stored total; the second reads stored
records as people are shown them.
"""

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from engine.domain.trade import Account, Execution, LedgerEntry, Trade
from engine.reports import Frame, Missing
from engine.reports import closing as report
from storage import closing as table
from storage.plan import State
from tests.property.test_ledger import DEALS, Deal, run
from tests.unit.ledger.bench import NOW, Books

CENT = Decimal("0.01")


def state_of(books: Books) -> State:
    return {
        Execution: {e.execution_id: e for e in books.executions},
        LedgerEntry: {e.entry_id: e for e in books.entries},
        Trade: dict(books.trades),
        Account: {books.account.name: books.account},
    }


def both(state: State, books: Books) -> tuple[table.ClosingTable, report.ClosingReport]:
    closed = table.close(state)
    told = report.build(
        Frame(now=NOW),
        trades=state[Trade].values(),
        entries=state[LedgerEntry].values(),
        accounts=state[Account].values(),
        positions=books.positions.values(),
        executions=state[Execution].values(),
    )
    return closed, told


@given(deals=DEALS)
def test_both_roads_lead_to_the_same_figures(deals: list[Deal]) -> None:
    books = run(deals)
    closed, told = both(state_of(books), books)
    assert closed.is_ok, closed.wrong
    assert told.is_ok, [c for c in told.checks if c.is_ok is False]

    rows = {row.trade_id: row for row in told.rows}
    for line in closed.trades:
        row = rows[line.trade_id]
        assert abs(line.fees_usd - row.fees_usd) < CENT
        trade = books.trades[line.trade_id]
        if trade.qty_open == 0 and not isinstance(row.net_usd, Missing):
            assert abs(line.realised_usd - row.net_usd) < CENT
    n_filled = sum(bool(trade.qty_opened) for trade in books.trades.values())
    assert len(closed.trades) >= n_filled
    (account,) = closed.accounts
    assert account.deposits_usd == told.deposits_usd
    assert abs(account.realised_usd - sum(t.realised_usd for t in closed.trades)) < CENT
    assert abs(account.realised_usd - told.pnl.realised_usd) < CENT
    assert abs(account.fees_usd - sum(row.fees_usd for row in told.rows)) < CENT
    is_flat = all(p.qty == 0 for p in books.positions.values())
    if is_flat and not isinstance(told.equity_usd, Missing):
        assert abs(account.cash_usd - told.equity_usd) < CENT


Change = Callable[[State, Any, Decimal], None]


def _more(kind: type, **fields: str) -> Change:
    """One record of a kind says more than it should."""

    def change(state: State, chance: Any, by: Decimal) -> None:
        key = chance.choice(sorted(k for k in state[kind] if not k.startswith("d")))
        found = state[kind][key]
        state[kind][key] = replace(found, **{f: getattr(found, f) + by for f in fields.values()})

    return change


LIES = st.sampled_from(
    [
        _more(Trade, of="realised_usd"),
        _more(LedgerEntry, of="realised_usd"),
        _more(LedgerEntry, of="cash_usd"),
        _more(Account, of="cash_usd"),
        _more(Account, of="realised_usd"),
    ]
)


@given(
    deals=DEALS,
    lie=LIES,
    chance=st.randoms(use_true_random=False),
    cents=st.integers(-10_000, 10_000).filter(bool),
)
def test_a_stored_figure_that_is_a_cent_off_is_told_by_both(
    deals: list[Deal], lie: Change, chance: Any, cents: int
) -> None:
    books = run(deals)
    state = state_of(books)
    lie(state, chance, Decimal(cents) / 100)
    closed, told = both(state, books)
    assert not closed.is_ok
    assert closed.wrong
    assert not told.is_ok
