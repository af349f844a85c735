"""The closing table: what every trade made, recomputed from the journal's executions alone.

Stored totals (trades, ledger, accounts) are not believed but compared, to the cent: each trade
against its executions, each account's cash against its deposits and its bookings.
"""

from dataclasses import dataclass
from decimal import Decimal

from engine.domain.money import ZERO, cents
from engine.domain.trade import Account, Execution, LedgerEntry, Trade
from engine.ledger import TradeFigures, rebuild
from storage.plan import State

HALF_A_CENT = Decimal("0.005")


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLine:
    """One trade that has executions, or a result without any."""

    trade_id: str
    account: str
    symbol: str
    realised_usd: Decimal
    """Closed lots, net of fees; from executions."""
    fees_usd: Decimal
    ledger_usd: Decimal
    """The same from its ledger entries."""
    stored_usd: Decimal
    """The same as its stored record says."""

    @property
    def is_ok(self) -> bool:
        """All three agree to the cent."""
        return _same(self.realised_usd, self.ledger_usd) and _same(
            self.realised_usd, self.stored_usd
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AccountLine:
    """One account: totals from executions, and what is stored."""

    account: str
    deposits_usd: Decimal
    realised_usd: Decimal
    fees_usd: Decimal
    cash_usd: Decimal
    """Deposits and every execution's cash."""
    ledger_cash_usd: Decimal
    """Sum of the ledger's cash, deposits included."""
    stored_cash_usd: Decimal
    stored_realised_usd: Decimal
    stored_fees_usd: Decimal

    @property
    def is_ok(self) -> bool:
        """Cash is deposits plus bookings, however it is added up; so are gains and fees."""
        return (
            _same(self.cash_usd, self.ledger_cash_usd)
            and _same(self.cash_usd, self.stored_cash_usd)
            and _same(self.realised_usd, self.stored_realised_usd)
            and _same(self.fees_usd, self.stored_fees_usd)
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosingTable:
    """All trades and accounts."""

    trades: tuple[TradeLine, ...]
    accounts: tuple[AccountLine, ...]

    @property
    def is_ok(self) -> bool:
        """Nothing differs by a cent."""
        return not self.wrong

    @property
    def wrong(self) -> tuple[str, ...]:
        """Trades and accounts whose figures do not agree."""
        return (
            *(f"trade {line.trade_id}" for line in self.trades if not line.is_ok),
            *(f"account {line.account}" for line in self.accounts if not line.is_ok),
        )

    def lines(self) -> list[str]:
        """The table as text, 100 columns at most."""
        head = f"{'trade':<16}{'account':<12}{'symbol':<10}{'realised':>14}{'fees':>10}"
        out = [head]
        for t in self.trades:
            others = f"  ledger {cents(t.ledger_usd)}, stored {cents(t.stored_usd)}"
            out.append(
                f"{t.trade_id:<16}{t.account:<12}{t.symbol:<10}"
                f"{cents(t.realised_usd):>14,}{cents(t.fees_usd):>10,}{'' if t.is_ok else others}"
            )
        for a in self.accounts:
            result = "equal"
            if not a.is_ok:
                result = (
                    f"stored cash {cents(a.stored_cash_usd):,}, realised "
                    f"{cents(a.stored_realised_usd):,}, fees {cents(a.stored_fees_usd):,}"
                )
            out.append(
                f"{a.account}: realised {cents(a.realised_usd):,}, fees {cents(a.fees_usd):,}, "
                f"cash {cents(a.cash_usd):,} = deposits {cents(a.deposits_usd):,} "
                f"+ bookings {cents(a.ledger_cash_usd - a.deposits_usd):,}: {result}"
            )
        return out


def close(state: State) -> ClosingTable:
    """The table over a replayed journal."""
    executions: list[Execution] = list(state[Execution].values())
    entries: list[LedgerEntry] = list(state[LedgerEntry].values())
    rebuilt = rebuild(executions)
    trades: dict[str, Trade] = state[Trade]
    booked: dict[str, Decimal] = {}
    cash: dict[str, Decimal] = {}
    deposits: dict[str, Decimal] = {}
    for entry in entries:
        booked[entry.trade_id] = booked.get(entry.trade_id, ZERO) + entry.realised_usd
        cash[entry.account] = cash.get(entry.account, ZERO) + entry.cash_usd
        if entry.kind == "deposit":
            deposits[entry.account] = deposits.get(entry.account, ZERO) + entry.cash_usd
    account_of = {trade.trade_id: trade.account for trade in trades.values()}
    account_of |= {execution.trade_id: execution.account for execution in executions}
    claimed = [t.trade_id for t in trades.values() if t.realised_usd or booked.get(t.trade_id)]
    lines = []
    for trade_id in dict.fromkeys([*rebuilt.trades, *claimed]):
        figures = rebuilt.trades.get(trade_id, TradeFigures())
        trade = trades.get(trade_id)
        lines.append(
            TradeLine(
                trade_id=trade_id,
                account=account_of[trade_id],
                symbol=trade.symbol if trade is not None else "",
                realised_usd=figures.realised_usd,
                fees_usd=figures.fees_usd,
                ledger_usd=booked.get(trade_id, ZERO),
                stored_usd=trade.realised_usd if trade is not None else ZERO,
            )
        )
    accounts: dict[str, Account] = state[Account]
    names = sorted({*accounts, *rebuilt.accounts, *cash})
    return ClosingTable(
        trades=tuple(lines),
        accounts=tuple(
            _account_line(name, accounts.get(name), rebuilt.accounts, deposits, cash)
            for name in names
        ),
    )


def _account_line(
    name: str,
    stored: Account | None,
    rebuilt: dict[str, TradeFigures],
    deposits: dict[str, Decimal],
    cash: dict[str, Decimal],
) -> AccountLine:
    figures = rebuilt.get(name, TradeFigures())
    deposited = deposits.get(name, ZERO)
    return AccountLine(
        account=name,
        deposits_usd=deposited,
        realised_usd=figures.realised_usd,
        fees_usd=figures.fees_usd,
        cash_usd=deposited + figures.cash_usd,
        ledger_cash_usd=cash.get(name, ZERO),
        stored_cash_usd=stored.cash_usd if stored is not None else ZERO,
        stored_realised_usd=stored.realised_usd if stored is not None else ZERO,
        stored_fees_usd=stored.fees_usd if stored is not None else ZERO,
    )


def _same(one: Decimal, other: Decimal) -> bool:
    return abs(one - other) < HALF_A_CENT
