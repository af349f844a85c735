"""The closing table: each trade, the sums, and the proof that books and journal agree.

It reads stored records, as people are shown them. ``tradestream db verify --report`` adds the same
figures up from executions alone; the demo compares the two.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from engine import ledger
from engine.domain.money import ZERO
from engine.domain.trade import Account, Execution, LedgerEntry, Position, Trade, TradeState
from engine.reports import Figure, Frame, Stamp, less
from engine.reports.pnl import PnlReport
from engine.reports.pnl import build as build_pnl
from engine.reports.trades import Row, TradesReport
from engine.reports.trades import build as build_trades
from engine.store import ChainReport

NOTHING = ledger.TradeFigures()
HALF_A_CENT = Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One thing that must hold, and whether it does; None: cannot be told."""

    name: str
    is_ok: bool | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingReport:
    """The day (or demo) at its end."""

    stamp: Stamp
    rows: tuple[Row, ...]
    """Filled trades, oldest first."""
    n_void: int
    pnl: PnlReport
    equity_usd: Figure
    deposits_usd: Decimal
    checks: tuple[Check, ...]

    @property
    def is_ok(self) -> bool:
        """Every check that could be made holds."""
        return all(c.is_ok is not False for c in self.checks)


def build(
    frame: Frame,
    *,
    trades: Iterable[Trade],
    entries: Iterable[LedgerEntry],
    accounts: Iterable[Account],
    positions: Iterable[Position],
    executions: Iterable[Execution] | None = None,
    chain: ChainReport | None = None,
) -> ClosingReport:
    """The table over everything the store holds; ``executions`` let it check by another road."""
    known, booked = tuple(trades), tuple(entries)
    held, owners = tuple(positions), tuple(accounts)
    pnl = build_pnl(
        frame, period="all", trades=known, entries=booked, accounts=owners, positions=held
    )
    table: TradesReport = build_trades(frame, trades=known, positions=held, limit=len(known))
    deposits = sum((a.deposits_usd for a in owners), ZERO)
    change = pnl.check.equity_change_usd
    return ClosingReport(
        stamp=pnl.stamp,
        rows=tuple(reversed([r for r in table.rows if r.state is not TradeState.PENDING])),
        n_void=sum(t.state is TradeState.VOID for t in known),
        pnl=pnl,
        equity_usd=less(change, -deposits),
        deposits_usd=deposits,
        checks=(
            _adds_up(pnl),
            _trades_agree(known, booked),
            _accounts_agree(owners, booked),
            _recomputed(known, executions),
            _chain(chain),
        ),
    )


def _adds_up(pnl: PnlReport) -> Check:
    proof = pnl.check
    if proof.is_ok is None:
        return Check(name="equity", is_ok=None, text=str(proof.difference_usd))
    return Check(
        name="equity",
        is_ok=proof.is_ok,
        text="sum of trades equals change of equity"
        if proof.is_ok
        else f"sum of trades differs from change of equity by {proof.difference_usd}",
    )


def _trades_agree(trades: tuple[Trade, ...], booked: tuple[LedgerEntry, ...]) -> Check:
    """Each trade's own total is the sum of its bookings."""
    sums: dict[str, Decimal] = {}
    for entry in booked:
        sums[entry.trade_id] = sums.get(entry.trade_id, ZERO) + entry.realised_usd
    wrong = [t.trade_id for t in trades if differ(t.realised_usd, sums.get(t.trade_id, ZERO))]
    text = f"{len(trades)} trades equal their ledger entries"
    if wrong:
        text = f"{len(wrong)} trades differ from their ledger entries, first {wrong[0]}"
    return Check(name="trades", is_ok=not wrong, text=text)


def _accounts_agree(accounts: tuple[Account, ...], booked: tuple[LedgerEntry, ...]) -> Check:
    """Cash and realised totals of each account are the sums of its bookings."""
    wrong = []
    for account in accounts:
        own = [e for e in booked if e.account == account.name]
        cash = sum((e.cash_usd for e in own), ZERO)
        realised = sum((e.realised_usd for e in own), ZERO)
        if differ(cash, account.cash_usd) or differ(realised, account.realised_usd):
            wrong.append(account.name)
    text = f"{len(booked)} ledger entries make up {len(accounts)} accounts"
    if wrong:
        text = f"totals differ from the ledger: {', '.join(wrong)}"
    return Check(name="accounts", is_ok=not wrong, text=text)


def _recomputed(trades: tuple[Trade, ...], executions: Iterable[Execution] | None) -> Check:
    """The same totals from the executions alone, without the ledger's matching."""
    if executions is None:
        return Check(name="executions", is_ok=None, text="not recomputed here")
    rows = tuple(executions)
    figures = ledger.rebuild(rows).trades
    wrong = [
        t.trade_id
        for t in trades
        if differ(t.realised_usd, figures.get(t.trade_id, NOTHING).realised_usd)
    ]
    text = f"{len(rows)} executions give the same totals"
    if wrong:
        text = f"{len(wrong)} trades differ from their executions, first {wrong[0]}"
    return Check(name="executions", is_ok=not wrong, text=text)


def differ(one: Decimal, other: Decimal) -> bool:
    """By a cent or more: shares of a fee need more digits than money has."""
    return abs(one - other) >= HALF_A_CENT


def _chain(chain: ChainReport | None) -> Check:
    if chain is None:
        return Check(name="journal", is_ok=None, text="not verified here")
    text = f"{chain.n_events} events, chain whole"
    if not chain.is_ok:
        text = f"broken at {chain.first_bad_seq}: {chain.reason}"
    return Check(name="journal", is_ok=chain.is_ok, text=text)
