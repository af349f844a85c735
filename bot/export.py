"""Files for people: rows of a report as CSV or JSON, zipped when large, with their checksum."""

import csv
import hashlib
import io
import json
import zipfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from engine.domain.desk import AlertRecord
from engine.domain.order import Order
from engine.domain.trade import LedgerEntry, Trade
from engine.reports import Missing
from engine.reports.backtest import BacktestReport
from engine.reports.journal import Entry
from engine.reports.performance import PerformanceReport
from engine.reports.positions import PositionsReport

MOST_BYTES = 9_500_000
"""Discord takes 10 MB from a bot."""
_DANGEROUS = ("=", "+", "-", "@", "\t", "\r")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """One file, ready to be sent."""

    name: str
    data: bytes
    n_rows: int
    sha256: str


def as_file(name: str, rows: Sequence[Row], kind: str) -> Export:
    """Rows as ``name.csv`` or ``name.json``; zipped when Discord would not take it plain.

    Raises:
        ValueError: too large even so.
    """
    body = as_csv(rows) if kind == "csv" else as_json(rows)
    file = f"{name}.{kind}"
    if len(body) > MOST_BYTES:
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(file, body)
        body, file = packed.getvalue(), f"{file}.zip"
    if len(body) > MOST_BYTES:
        raise ValueError("the export is larger than Discord takes")
    digest = hashlib.sha256(body).hexdigest()
    return Export(name=file, data=body, n_rows=len(rows), sha256=digest)


def as_csv(rows: Sequence[Row]) -> bytes:
    """One header line; missing figures are ``n/a (reason)``; text never begins a formula."""
    out = io.StringIO(newline="")
    names = list(dict.fromkeys(name for row in rows for name in row))
    writer = csv.DictWriter(out, fieldnames=names, restval="", lineterminator="\r\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue().encode("utf-8")


def as_json(rows: Sequence[Row]) -> bytes:
    """A list of objects; decimals as strings, so that nothing is rounded."""
    plain = [{name: _plain(value) for name, value in row.items()} for row in rows]
    return json.dumps(plain, ensure_ascii=False, indent=1).encode("utf-8")


def _plain(value: object) -> object:
    if isinstance(value, Missing):
        return f"n/a ({value.reason})"
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat()
    if value is None or isinstance(value, str | int | bool):
        return value
    if isinstance(value, Mapping):
        return {str(name): _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return str(value)


def _cell(value: object) -> str:
    plain = _plain(value)
    if plain is None:
        return ""
    if isinstance(value, str) and value.startswith(_DANGEROUS):
        return f"'{value}"  # a spreadsheet would run it
    if isinstance(plain, dict | list):
        return json.dumps(plain, ensure_ascii=False)
    return str(plain)


# -- what can be taken along ------------------------------------------------------------------


def trade_row(trade: Trade) -> Row:
    """One round trip as the ledger has it."""
    return {
        "trade_id": trade.trade_id,
        "alert_id": trade.alert_id,
        "account": trade.account,
        "broker": trade.broker,
        "source": trade.source,
        "asset": trade.asset,
        "symbol": trade.symbol,
        "unit": " / ".join(leg.instrument.label for leg in trade.legs),
        "direction": "long" if trade.direction > 0 else "short",
        "state": trade.state.value,
        "qty_opened": trade.qty_opened,
        "qty_open": trade.qty_open,
        "alerted_price": trade.alerted_price,
        "achievable_price": trade.achievable_price,
        "entry_price": trade.entry_price,
        "exit_price": trade.exit_price,
        "initial_stop": trade.initial_stop,
        "risk_usd": trade.risk_usd,
        "realised_usd": trade.realised_usd,
        "fees_usd": trade.fees_usd,
        "opened_at": trade.opened_at,
        "closed_at": trade.closed_at,
        "close_reason": trade.close_reason,
    }


def order_row(order: Order) -> Row:
    """One order."""
    return {
        "order_id": order.order_id,
        "broker_id": order.broker_id,
        "trade_id": order.trade_id,
        "alert_id": order.alert_id,
        "account": order.account,
        "broker": order.broker,
        "purpose": order.purpose.value,
        "side": order.side.value,
        "unit": " / ".join(leg.instrument.label for leg in order.legs),
        "qty": order.qty,
        "filled": order.filled,
        "type": order.type.value,
        "limit": order.limit,
        "stop": order.stop,
        "state": order.state.value,
        "reason": order.reason,
        "created_at": order.created_at,
        "updated_at": order.updated_at,
    }


def alert_row(alert: AlertRecord) -> Row:
    """One alert and what came of it."""
    return {
        "alert_id": alert.alert_id,
        "source": alert.source,
        "author_id": str(alert.author_id),
        "author": alert.author_name,
        "symbol": alert.symbol,
        "text": alert.text,
        "state": alert.state.value,
        "reason": alert.reason,
        "posted_at": alert.posted_at,
        "received_at": alert.received_at,
    }


def ledger_row(entry: LedgerEntry) -> Row:
    """One booking."""
    return {
        "entry_id": entry.entry_id,
        "account": entry.account,
        "trade_id": entry.trade_id,
        "kind": entry.kind,
        "instrument": entry.instrument_key,
        "qty": entry.qty,
        "price": entry.price,
        "cash_usd": entry.cash_usd,
        "fee_usd": entry.fee_usd,
        "realised_usd": entry.realised_usd,
        "booked_at": entry.booked_at,
    }


def position_rows(report: PositionsReport) -> list[Row]:
    """What is open, as /positions shows it."""
    return [
        {
            "trade_id": row.trade_id,
            "account": row.account,
            "broker": row.broker,
            "source": row.source,
            "symbol": row.symbol,
            "unit": row.label,
            "direction": "long" if row.is_long else "short",
            "qty_open": row.qty_open,
            "entry": row.entry,
            "last": row.last,
            "net_usd": row.net_usd,
            "r": row.r_net,
            "stop": row.stop.price if row.stop is not None else None,
        }
        for row in report.rows
    ]


def backtest_rows(report: BacktestReport) -> list[Row]:
    """Every trade that could be followed, with 1,000 dollars in each; gross of fees."""
    unknown = Missing("not closed or without a price")

    def known(usd: Decimal | None) -> Decimal | Missing:
        return unknown if usd is None else usd

    return [
        {
            "at": case.at,
            "what": case.label,
            "alerted_usd_per_1000": known(case.alerted_usd),
            "achievable_usd_per_1000": known(case.achievable_usd),
            "with_guards_usd_per_1000": known(case.ours_usd),
            "kept_out": case.skipped,
        }
        for case in report.cases
    ]


def performance_rows(report: PerformanceReport) -> list[Row]:
    """The measures of /performance, one each."""
    names = (
        *("n_closed", "n_wins", "n_losses", "realised_usd", "return_pct", "win_rate_pct"),
        *("profit_factor", "expectancy_usd", "expectancy_r", "average_win_usd"),
        *("average_loss_usd", "losing_streak", "max_drawdown_usd", "max_drawdown_trades"),
        *("max_drawdown_days", "sharpe", "sortino", "mae_r", "mfe_r"),
    )
    return [{"measure": name, "value": getattr(report, name)} for name in names]


def journal_rows(entries: Iterable[Entry]) -> list[Row]:
    """Round trips as the journal tells them."""
    return [
        {
            "trade_id": e.card.trade_id,
            "unit": e.card.label,
            "at": e.at,
            "result_usd": e.result_usd,
            "r": e.r,
            "mae_r": e.mae_r,
            "mfe_r": e.mfe_r,
            "tags": " ".join(e.tags),
            "notes": " | ".join(f"{n.by}: {n.text}" for n in e.notes),
        }
        for e in entries
    ]


def config_rows(values: Mapping[str, str], source: Callable[[str], str]) -> list[Row]:
    """Every key that is in force, and where it comes from; secrets are none of them."""
    return [{"key": k, "value": v, "source": source(k)} for k, v in sorted(values.items())]
