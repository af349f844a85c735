"""The desk on one screen: may it trade, what is wrong, what has today brought."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line, signed
from engine.reports import Missing
from engine.reports.status import AccountLine, Part, StatusReport

_MARK = {"ok": "✓", "warn": "⚠", "bad": "✗", "unknown": "?"}


def show(report: StatusReport) -> discord.Embed:
    """One screen."""
    return card(
        tone=_tone(report),
        title=title(report),
        stamp=report.stamp,
        lines=[
            one_line("Halted", text.safe_line(report.halted, 300)),
            one_line("✗ No entries", text.safe_line(report.unsound, 200)),
            "" if report.is_reconciled else "⚠ **Books not compared with the broker yet**",
            *(_problem(report, part, what) for part, what in report.problems[:8]),
            *(_part(p) for p in report.parts[:12] if p.condition != "ok"),
            _well(report.parts),
            _counts(report),
            _breaker(report),
            *(_account(a) for a in report.accounts[:6]),
            _last(report),
            _foot(report),
        ],
    )


def detailed(report: StatusReport, component: str = "") -> discord.Embed:
    """Every part with its reason and since when; one of them when it is named."""
    wanted = component.strip().lower()
    parts = [p for p in report.parts if wanted in p.name.lower()]
    problems = [(part, what) for part, what in report.problems if wanted in part.lower()]
    n_ill = sum(p.condition != "ok" for p in parts) + len(problems)
    named = f" called “{text.safe_line(component, 40)}”" if wanted else ""
    if not parts and not problems:
        return card(
            tone=Tone.QUIET,
            title=f"There is no part{named}",
            stamp=report.stamp,
            lines=[f"There are {text.safe_line(', '.join(p.name for p in report.parts), 300)}."],
        )
    ill_first = sorted(parts, key=lambda p: p.condition == "ok")
    return card(
        tone=Tone.GOOD if not n_ill else Tone.WAIT,
        title=f"{len(parts)} parts{named} · {n_ill or 'nothing'} to look at",
        stamp=report.stamp,
        lines=[
            *(_problem(report, part, what) for part, what in problems[:20]),
            *(_part(p) for p in ill_first[:40]),
            _foot(report),
        ],
    )


def title(report: StatusReport) -> str:
    """``Ready to trade · today ▲ +$412.30``."""
    if report.halted:
        word = "HALTED, no new entries"
    elif not report.may_trade:
        word = "Not ready to trade"
    else:
        word = "Ready to trade" if report.is_well else "Trading, needs a look"
    if isinstance(report.pnl_today_usd, Missing):
        return word
    return f"{word} · today {signed(report.pnl_today_usd)}"


def _tone(report: StatusReport) -> Tone:
    if report.halted or not report.may_trade:
        return Tone.BAD
    return Tone.GOOD if report.is_well else Tone.WAIT


def _problem(report: StatusReport, part: str, what: str) -> str:
    at = report.since.get(part)
    since = f" since {text.ago(at)}" if at is not None else ""
    return f"✗ **{text.safe_line(part, 60)}** {text.safe_line(what, 200)}{since}"


def _part(part: Part) -> str:
    since = f" since {text.ago(part.since)}" if part.since is not None else ""
    words = f" {text.safe_line(why_of(part), 120)}" if part.text else ""
    return f"{_MARK[part.condition]} **{text.safe_line(part.name, 40)}**{words}{since}"


def why_of(part: Part) -> str:
    """Its words, which need not begin with its name once more."""
    return part.text.removeprefix(f"{part.name} ")


def _well(parts: Sequence[Part]) -> str:
    """All that is well on one line."""
    names = [
        f"{text.safe_line(p.name, 40)}{f' {text.safe_line(p.text, 60)}' if p.text else ''}"
        for p in parts
        if p.condition == "ok"
    ]
    return f"✓ {' · '.join(names[:12])}" if names else ""


def _counts(report: StatusReport) -> str:
    parts = [f"**{report.n_open}** open"]
    if report.n_open:
        parts[0] += f" ({text.usd(report.open_usd, sign=True)})"
    if report.n_pending_entries:
        parts.append(f"{report.n_pending_entries} waiting to be filled")
    if report.n_approvals:
        parts.append(f"**{report.n_approvals}** to approve")
    parts += [f"{text.safe_line(name, 30)} {n}" for name, n in report.queues[:6]]
    return " · ".join(parts)


def _breaker(report: StatusReport) -> str:
    if report.tripped:
        return f"🛑 **Breaker tripped** {text.safe_line(report.tripped, 80)}: no entries today"
    if isinstance(report.breaker_pct, Missing):
        return f"Breaker n/a ({text.safe_line(report.breaker_pct.reason, 60)})"
    return f"Breaker {text.pct(report.breaker_pct, sign=False, places=0)} used"


def _account(line: AccountLine) -> str:
    """Name, then equity, change of the day and what was realised."""
    rows = [
        ["equity", text.usd_short(line.equity_usd)],
        ["day", text.usd_short(line.day_change_usd, sign=True)],
        ["realised today", text.usd(line.realised_today_usd, sign=True)],
    ]
    name = f"**{text.safe_line(line.name, 40)}** via {text.safe_line(line.broker, 30)}"
    notes = [f"{text.count(line.n_trades_today, 'entry')} today"]
    if line.loss_streak >= 2:
        notes.append(f"{line.loss_streak} losses in a row")
    if isinstance(line.day_change_usd, Missing):
        notes.append(f"n/a: {text.safe_line(line.day_change_usd.reason, 100)}")
    return f"{name} · {' · '.join(notes)}\n{text.table(rows, 'lr')}"


def _last(report: StatusReport) -> str:
    if report.last_alert_at is None:
        return "no alert yet"
    words = text.safe_line(report.last_alert, 100)
    return one_line("Last alert", f"{words} {text.ago(report.last_alert_at)}")


def _foot(report: StatusReport) -> str:
    parts = []
    if report.version:
        parts.append(f"version {text.safe_line(report.version, 40)}")
    if report.uptime is not None:
        parts.append(f"up {text.span(report.uptime)}")
    return f"-# {' · '.join(parts)}" if parts else ""
