"""The demo's proof: one closing table, and three witnesses who must say the same to the cent.

The table is read from the stopped database; `db verify --report` recomputes every line from the
executions in the journal; the cards in Discord were posted while it happened.
"""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from bot import text
from bot.cards._layout import signed
from bot.config import load
from bot.demo.stage import Missed, Stage, plain
from engine.domain.money import cents
from engine.domain.trade import Account, LedgerEntry, Position, Trade
from engine.reports import Frame, Missing
from engine.reports.closing import ClosingReport, build
from engine.reports.trades import Row
from storage.sql import SqlStore


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """What the stopped database holds, and what its verification says."""

    report: ClosingReport
    trades: tuple[Trade, ...]
    verified: dict[str, Any]
    """`tradestream db verify --report --json`."""
    audited: str
    """`tradestream audit verify`."""


async def read(stage: Stage) -> Books:
    """Everything about the stopped desk.

    Raises:
        Missed: a verb fails, or the books cannot be read.
    """
    verified, audited = await asyncio.gather(
        _verb(stage, "db", "verify", "--report", "--json"), _verb(stage, "audit", "verify")
    )
    config = load(stage.config)
    store = SqlStore(config.database_url(), config.audit_key(), stage.clock)
    await store.open()
    try:
        trades = tuple(await store.find(Trade))
        report = build(
            Frame(now=stage.clock.now(), mode=config.mode, is_synthetic=True),
            trades=trades,
            entries=await store.find(LedgerEntry),
            accounts=await store.find(Account),
            positions=await store.find(Position),
            chain=await store.verify(),
        )
    finally:
        await store.close()
    return Books(
        report=report, trades=trades, verified=json.loads(verified), audited=audited.strip()
    )


async def _verb(stage: Stage, *words: str) -> str:
    """Run a verb of the command line on the demo's configuration, as a user would."""
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("TS_", "TRADESTREAM_"))}
    run = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bot", "--config", str(stage.config), *words),
        env=keep,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await run.communicate()
    if run.returncode != 0:
        why = (complained or said).decode(errors="replace").strip()
        raise Missed(f"`tradestream {' '.join(words)}` ended with {run.returncode}: {why[-600:]}")
    return said.decode()


# -- the table --------------------------------------------------------------------------------


def table(report: ClosingReport) -> list[str]:
    """The closing table for a terminal."""
    head = (
        f"{'Closing table':<24}{'qty':>5}{'in':>11}{'out':>11}  {'closed by':<10}"
        f"{'realised':>12}{'R':>8}{'fees':>9}"
    )
    lines = [head, "-" * len(head), *(_line(row) for row in report.rows), "-" * len(head)]
    pnl = report.pnl
    won = text.pct(pnl.win_rate_pct, sign=False, places=0)
    name = f"{pnl.n_closed} trades, {won} won"
    lines.append(
        f"{name:<63}{text.usd(pnl.realised_usd, sign=True):>12}{'':>8}{text.usd(pnl.fees_usd):>9}"
    )
    change = text.usd(pnl.realised_usd, sign=True)
    lines.append(
        f"equity {text.usd(report.equity_usd)} = deposit {text.usd(report.deposits_usd)} "
        f"{change[0]} {change[1:]}"
    )
    return lines


def _line(row: Row) -> str:
    entry, leave = (text.price_tight(p, row.price_of) for p in (row.entry, row.leave))
    return (
        f"{text.shorten(row.label, 23):<24}{text.qty(row.qty):>5}{entry:>11}{leave:>11}  "
        f"{text.shorten(row.why, 10):<10}{text.usd(row.net_usd, sign=True):>12}"
        f"{text.r_short(row.r):>8}{text.usd(row.fees_usd):>9}"
    )


# -- the witnesses ----------------------------------------------------------------------------


def compare(books: Books, stage: Stage) -> list[str]:
    """What was proven, a line each.

    Raises:
        Missed: a witness says something else; the text says who and what.
    """
    wrong = [*_against_executions(books), *_against_cards(books.report, stage)]
    wrong += [f"{c.name}: {c.text}" for c in books.report.checks if c.is_ok is False]
    wrong += [f"Discord refused: {problem}" for problem in stage.sandbox.problems]
    wrong += [f"the bot complained: {line[:300]}" for line in stage.complaints()]
    if books.report.pnl.n_open:
        wrong.append(f"{books.report.pnl.n_open} trades are still open")
    if wrong:
        raise Missed("the figures do not agree:\n" + "\n".join(f"  {w}" for w in wrong))
    n = len(books.report.rows)
    return [
        f"`db verify --report`: all {n} lines recomputed from the executions, equal to the cent",
        f"`audit verify`: {books.audited[0].lower()}{books.audited[1:].rstrip('.')}",
        f"Discord: {n} alert cards, {n} trade cards and the P&L card show the same figures",
        "nothing is held, no request was refused by Discord, no warning in the bot's log",
    ]


def _against_executions(books: Books) -> list[str]:
    """The table against what `db verify --report` made of the journal's executions."""
    found, report = books.verified, books.report
    wrong = [] if found.get("is_ok") else [f"db verify: {found.get('reason') or 'not ok'}"]
    lines = {line["trade_id"]: line for line in found["table"]["trades"]}
    if set(lines) != {row.trade_id for row in report.rows}:
        wrong.append(f"db verify has {len(lines)} trades, the table {len(report.rows)}")
    for row in report.rows:
        line = lines.get(row.trade_id)
        if line is None:
            continue
        for name, shown, key in (
            ("realised", row.net_usd, "realised_usd"),
            ("fees", row.fees_usd, "fees_usd"),
        ):
            wrong += _differ(f"{row.label} {name}", shown, line[key])
    accounts = found["table"]["accounts"]
    for name, shown, key in (
        ("realised", report.pnl.realised_usd, "realised_usd"),
        ("fees", report.pnl.fees_usd, "fees_usd"),
        ("equity", report.equity_usd, "cash_usd"),
        ("deposits", report.deposits_usd, "deposits_usd"),
    ):
        total = sum((Decimal(a[key]) for a in accounts), Decimal(0))
        wrong += _differ(f"sum of {name}", shown, total)
    return wrong


def _differ(what: str, shown: Decimal | Missing, recomputed: Decimal | str) -> list[str]:
    if not isinstance(shown, Missing) and cents(shown) == cents(Decimal(recomputed)):
        return []
    return [f"{what}: {shown} in the table, {recomputed} by db verify"]


def _against_cards(report: ClosingReport, stage: Stage) -> list[str]:
    """The table against what people read in Discord."""
    wrong = []
    for row in report.rows:
        figure = signed(row.net_usd).replace(text.NBSP, " ")
        for where in ("trade-alerts", "orders"):
            card = stage.find(where, f"ref {row.alert_id}")
            if card is None or figure not in plain(card).splitlines()[1]:
                shown = "no card" if card is None else plain(card).splitlines()[1]
                wrong.append(f"{row.label} in #{where}: {shown}; the table says {figure}")
    total = signed(report.pnl.realised_usd).replace(text.NBSP, " ")
    fees = text.usd(report.pnl.fees_usd)
    if stage.find("activity", "P&L", f"{total} net", fees, "Adds up") is None:
        wrong.append(f"#activity: no P&L card with {total} net and {fees} of fees that adds up")
    return wrong
