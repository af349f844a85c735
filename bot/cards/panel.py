"""The live panel in words: what must be known in two seconds, then what the desk has chosen."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from bot import text
from bot.cards import status as status_card
from bot.cards import trades as trades_card
from bot.cards._layout import Tone, badges, graded, signed
from bot.cards.alert_card import VERDICTS
from engine.reports import Missing
from engine.reports.panel import PanelReport, Section
from engine.reports.trade_card import TradeCard

PICTURE = "panel.png"
TEXT_MAX = 4000
"""Discord's limit on all text of one message that is laid out."""
_ROWS = 5
_CELLS = 5

NAMES: Mapping[Section, str] = {
    "positions": "Positions",
    "trades": "Trades of late",
    "alerts": "Last alerts and why",
    "messages": "Last messages",
    "brokers": "Brokers and rooms",
    "chart": "P&L chart of today",
}


def tone(report: PanelReport) -> Tone:
    """Red: no entries; amber: somebody should look; green: all is well."""
    status = report.status
    if status.halted or not status.may_trade or status.tripped:
        return Tone.BAD
    is_held = report.stopped or report.paused
    return Tone.GOOD if status.is_well and not is_held else Tone.WAIT


def blocks(report: PanelReport) -> list[str]:
    """Head, figures, warnings, then one text per section; together they fit one message."""
    made = [
        f"-# {badges(report.stamp)}\n## {_title(report)}",
        _figures(report),
        "\n".join(_warnings(report)),
        *(_SECTIONS[s](report) for s in report.sections if s in _SECTIONS),
        f"-# updated {text.ago(report.stamp.at)}{_prices(report)}",
    ]
    return _fitting([m for m in made if m])


def stopped(report: PanelReport) -> list[str]:
    """The same when the desk has ended: what was true then, and that it is not watched now."""
    n = report.status.n_open
    held = f"{n} open position{'' if n == 1 else 's'}" if n else "Nothing is open"
    kept = "; stops that stand at a broker stay there, the desk's own watch does not." if n else "."
    return [
        f"-# {badges(report.stamp)}\n## The desk is stopped",
        f"{held}{kept}\nIt was ended {text.ago(report.stamp.at)}; figures of then:",
        _figures(report),
    ]


def alt(report: PanelReport) -> str:
    """What the chart shows, for those who cannot see it."""
    made = report.status.pnl_today_usd
    return f"P&L of today, trade by trade: {text.usd(made, sign=True)}"[:1024]


def _title(report: PanelReport) -> str:
    held = "Monitor stopped" if report.stopped else "Entries paused" if report.paused else ""
    if held and not report.status.halted:
        return f"{held} · today {signed(report.status.pnl_today_usd)}"
    return status_card.title(report.status)


def _figures(report: PanelReport) -> str:
    status = report.status
    rows = [
        ["P&L today", text.usd_short(status.pnl_today_usd, sign=True), _pct(report)],
        ["Open P&L", text.usd_short(status.open_usd, sign=True), ""],
        ["Equity", text.usd_short(report.equity_usd), ""],
        ["Positions", _of(report), ""],
        ["Breaker", "TRIPPED" if report.status.tripped else _used(report), _bar(report)],
    ]
    if report.n_closed and not isinstance(report.win_rate_pct, Missing):
        share = text.pct(report.win_rate_pct, sign=False, places=0)
        rows.append(["Won today", share, f"of {report.n_closed}"])
    if status.n_approvals:
        rows.append(["To approve", str(status.n_approvals), ""])
    if status.n_pending_entries:
        rows.append(["Not filled", str(status.n_pending_entries), ""])
    return text.table(rows, "lrr")


def _pct(report: PanelReport) -> str:
    if isinstance(report.day_pct, Missing):
        return ""
    return text.pct(report.day_pct, places=2)


def _of(report: PanelReport) -> str:
    if isinstance(report.n_positions, Missing) or isinstance(report.max_positions, Missing):
        return str(report.status.n_open)
    return f"{text.qty(report.n_positions)} / {text.qty(report.max_positions)}"


def _used(report: PanelReport) -> str:
    used = report.status.breaker_pct
    return "n/a" if isinstance(used, Missing) else f"{text.pct(used, sign=False, places=0)} used"


def _bar(report: PanelReport) -> str:
    if isinstance(report.status.breaker_pct, Missing):
        return ""
    full = min(int(report.status.breaker_pct) * _CELLS // 100, _CELLS)
    return "█" * full + "░" * (_CELLS - full)


def _warnings(report: PanelReport) -> Iterable[str]:
    status = report.status
    if status.halted:
        yield f"🛑 **Halted** {text.safe_line(status.halted, 200)}"
    if status.tripped:
        yield f"🛑 **Breaker tripped** {text.safe_line(status.tripped, 80)}: no entries today"
    if report.paused:
        yield f"⏸ **Entries are paused** {text.safe_line(report.paused, 160)}"
    if report.stopped:
        yield f"⏸ **Alerts are not acted on**: {text.safe_line(report.stopped, 160)}"
    if status.unsound:
        yield f"✗ **No entries** {text.safe_line(status.unsound, 200)}"
    if not status.is_reconciled:
        yield "⚠ **Books not compared with the broker yet**"
    for part, what in status.problems[:3]:
        yield f"⚠ **{text.safe_line(part, 40)}** {text.safe_line(what, 100)}"
    if len(status.problems) > 3:
        yield f"-# and {len(status.problems) - 3} more: see Status in the menu"


def _positions(report: PanelReport) -> str:
    held = report.positions
    if held is None or not held.rows:
        return "**Positions** none"
    n = len(held.rows)
    lines = [f"**{n} position{'' if n == 1 else 's'}** {text.usd_short(held.net_usd, sign=True)}"]
    lines.append(text.table([_position(c) for c in held.rows[:_ROWS]], "lr"))
    if held.n_unprotected:
        lines.append(f"⚠ {held.n_unprotected} without a working stop")
    return "\n".join([*lines, *_more(n)])


def _position(of: TradeCard) -> list[str]:
    side = "+" if of.direction > 0 else "-"
    return [f"{side}{text.qty(of.qty_open)} {of.label}", text.usd_short(of.net_usd, sign=True)]


def _trades(report: PanelReport) -> str:
    if report.trades is None or not report.trades.rows:
        return "**Trades** none yet"
    return f"**Trades of late**\n{trades_card.table(report.trades.rows[:_ROWS])}"


def _alerts(report: PanelReport) -> str:
    if report.alerts is None or not report.alerts.rows:
        return "**Last alerts** none yet"
    lines = ["**Last alerts**"]
    for row in report.alerts.rows[:_ROWS]:
        what = text.safe_line(row.read_as or row.text, 40) or "(no text)"
        why = f": {text.safe_line(row.reason, 60)}" if row.reason else ""
        lines.append(f"{what} · *{VERDICTS[row.state][0]}{why}* {text.ago(row.at)}")
    return "\n".join(lines)


def _messages(report: PanelReport) -> str:
    if not report.heard:
        return "**Last messages** none yet"
    lines = ["**Last messages**"]
    for heard in report.heard[:_ROWS]:
        who = text.safe_line(heard.author_name, 20) or "unknown"
        said = text.safe_line(heard.text, 50) or "(no text)"
        lines.append(f"{who}: {said} · *{text.safe_line(heard.verdict, 40)}*")
    return "\n".join(lines)


def _brokers(report: PanelReport) -> str:
    bad = [p for p in report.status.parts if p.condition != "ok"]
    well = [text.safe_line(p.name, 30) for p in report.status.parts if p.condition == "ok"]
    lines = [
        f"✗ **{text.safe_line(p.name, 30)}** {text.safe_line(status_card.why_of(p), 80)}"
        for p in bad[:4]
    ]
    if well:
        lines.append(f"✓ {' · '.join(well[:10])}")
    heard = [r for r in report.rooms if not r.stopped and not r.problem]
    silent = [r for r in report.rooms if r.stopped or r.problem]
    if heard:
        newest = max((r.last_at for r in heard if r.last_at is not None), default=None)
        when = f", last message {text.ago(newest)}" if newest is not None else ""
        lines.append(f"👂 {len(heard)} alert room{'' if len(heard) == 1 else 's'}{when}")
    for room in silent[:4] if not report.stopped else []:
        why = room.stopped or room.problem
        lines.append(f"⏸ {text.safe_line(room.name, 40)}: {text.safe_line(why, 80)}")
    return "\n".join(lines)


_SECTIONS: Mapping[Section, Callable[[PanelReport], str]] = {
    "positions": _positions,
    "trades": _trades,
    "alerts": _alerts,
    "messages": _messages,
    "brokers": _brokers,
}


def _more(n: int) -> list[str]:
    return [f"-# and {n - _ROWS} more"] if n > _ROWS else []


def _prices(report: PanelReport) -> str:
    held = report.positions
    if held is None or not held.stamp.source:
        return ""
    stale = " **stale**" if held.stamp.is_stale else ""
    return f" · prices {text.safe_line(held.stamp.source, 40)}{graded(held.stamp)}{stale}"


def _fitting(made: Sequence[str]) -> list[str]:
    """Whole texts as long as they fit; the head comes first and the stamp is always kept."""
    *body, last = made
    room = TEXT_MAX - len(last)
    kept: list[str] = []
    for words in body:
        if len(words) > room:
            break
        kept.append(words)
        room -= len(words)
    return [*kept, last]
