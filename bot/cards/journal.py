"""The journal: entries in two lines each, one entry in full, its statistics, a weekly review."""

import discord

from bot import text
from bot.cards._layout import Tone, card, signed, tone_of
from engine.reports import Figure, Missing
from engine.reports.journal import Entry, Group, JournalReport, Note

PROMPTS = (
    "Which entry would you take again, and which not?",
    "Were stops where the plan had them?",
    "Was anything sized by feeling?",
    "What did the worst trade teach?",
    "What will you do differently next week?",
)
_NOTES_SHOWN = 5
_GROUPS_SHOWN = 6


def show(report: JournalReport, *, title: str = "Journal") -> discord.Embed:
    """A page of entries."""
    if not report.rows and not report.loose:
        return card(
            tone=Tone.QUIET,
            title=f"{title} · nothing found",
            stamp=report.stamp,
            lines=["The first filled trade will stand here; /journal note adds your words."],
        )
    pages = f" · page {report.page} of {report.n_pages}" if report.n_pages > 1 else ""
    return card(
        tone=tone_of(report.result_usd),
        title=f"{title} · {text.count(report.n_in_all, 'trade')}{pages}",
        stamp=report.stamp,
        lines=[
            *(line for row in report.rows for line in _row(row)),
            "**Notes about no trade**" if report.loose else "",
            *(_note(n) for n in report.loose),
        ],
    )


def one(report: JournalReport) -> discord.Embed:
    """The only entry of a report, in full."""
    (entry,) = report.rows
    trade = entry.card
    side = "long" if trade.is_long else "short"
    of = trade.legs[0].instrument
    path = f"{text.price_short(trade.entry, of)} → "
    path += text.price_short(trade.last if trade.is_open else trade.exit, of)
    rows = [
        ["result", text.usd_short(entry.result_usd, sign=True), text.r_short(entry.r)],
        ["worst (MAE)", text.usd_short(entry.mae_usd, sign=True), text.r_short(entry.mae_r)],
        ["best (MFE)", text.usd_short(entry.mfe_usd, sign=True), text.r_short(entry.mfe_r)],
        ["fees", text.usd(trade.fees_usd), ""],
    ]
    state = "open" if trade.is_open else text.safe_line(trade.close_reason, 80) or "closed"
    held = f"{text.qty(trade.qty_opened)} {trade.unit}"
    story = (trade.trade_id, trade.source, f"alert {trade.alert_id}")
    return card(
        tone=tone_of(entry.result_usd),
        title=f"{text.safe_line(trade.label, 90)} {side} · {signed(entry.result_usd)}",
        stamp=report.stamp,
        lines=[
            f"{held} · {path} · {text.span(trade.age)} · {state}",
            text.table(rows, "lrr"),
            _why_missing(entry),
            _tags(entry.tags),
            *(_note(n) for n in entry.notes[:_NOTES_SHOWN]),
            "" if entry.notes else "-# no note yet: /journal note",
            f"-# {' · '.join(text.safe_line(part, 60) for part in story)}",
        ],
    )


def stats(report: JournalReport) -> discord.Embed:
    """What all entries that fit come to."""
    if not report.n_closed:
        return card(
            tone=Tone.QUIET,
            title="Journal · no closed trades yet",
            stamp=report.stamp,
            lines=["Statistics begin with the first closed trade."],
        )
    rows = [
        ["closed trades", str(report.n_closed)],
        ["won", text.pct_short(report.win_rate_pct, sign=False)],
        ["result", text.usd_short(report.result_usd, sign=True)],
        ["mean result", text.r_short(report.mean_r)],
        ["mean worst (MAE)", text.r_short(report.mean_mae_r)],
        ["mean best (MFE)", text.r_short(report.mean_mfe_r)],
        ["with a note", f"{report.n_noted} of {report.n_in_all}"],
    ]
    return card(
        tone=tone_of(report.result_usd),
        title=f"Journal · {text.count(report.n_closed, 'closed trade')}",
        stamp=report.stamp,
        lines=[
            text.table(rows, "lr"),
            _groups("By tag", report.by_tag),
            _groups("By room", report.by_room),
        ],
    )


def review(report: JournalReport) -> discord.Embed:
    """The week's result, its best and worst trade, and questions to answer."""
    picked = [("Best", report.best), ("Worst", report.worst)]
    lines = [f"**{word}** {_name(row)}" for word, row in picked if row is not None]
    silent = [_name(row) for row in report.without_note[:3]]
    return card(
        tone=Tone.INFO,
        title=f"Weekly review · {report.n_closed} closed · {_total(report.result_usd)}"
        if report.n_closed
        else "Weekly review · nothing was closed",
        stamp=report.stamp,
        lines=[
            *lines,
            f"**Not written about** {' · '.join(silent)}" if silent else "",
            "**Ask yourself**",
            *(f"· {prompt}" for prompt in PROMPTS),
        ],
    )


def _row(entry: Entry) -> list[str]:
    trade = entry.card
    side = "long" if trade.is_long else "short"
    share = "" if isinstance(entry.r, Missing) else f" {text.r(entry.r)}"
    state = "open" if trade.is_open else text.safe_line(trade.close_reason, 40)
    parts = [text.ago(entry.at), state, _tags(entry.tags)]
    if entry.notes:
        parts.append(f"✎ {text.safe_line(entry.notes[0].text, 60)}")
    return [
        f"**{text.safe_line(trade.label, 60)}** {side} · {signed(entry.result_usd)}{share}",
        f"-# {' · '.join(p for p in parts if p)} · {text.safe_line(trade.trade_id, 40)}",
    ]


def _note(note: Note) -> str:
    mark = {"note": "✎", "saved": "📌", "review": "🗒"}[note.kind]
    link = f" · [message]({note.link})" if note.link.startswith("https://discord.com/") else ""
    by = f"{text.safe_line(note.by, 40)} {text.ago(note.at)}{link}"
    return f"{mark} {text.safe(note.text, 500)}\n-# {by}"


def _tags(tags: tuple[str, ...]) -> str:
    return " ".join(f"`{text.code_safe(t)}`" for t in tags)


def _name(entry: Entry) -> str:
    return f"{text.safe_line(entry.card.label, 60)} {signed(entry.result_usd)}"


def _total(value: Figure) -> str:
    return text.usd_short(value, sign=True)


def _groups(name: str, groups: tuple[Group, ...]) -> str:
    if not groups:
        return ""
    rows = [
        [text.shorten(g.name, 12), str(g.n), _pct(g), text.usd_short(g.result_usd, sign=True)]
        for g in groups[:_GROUPS_SHOWN]
    ]
    return f"**{name}**\n{text.table(rows, 'lrrr')}"


def _pct(group: Group) -> str:
    return text.pct_short(group.win_rate_pct, sign=False)


def _why_missing(entry: Entry) -> str:
    figures = (entry.result_usd, entry.r, entry.mae_usd, entry.mfe_usd)
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return f"-# n/a: {', '.join(text.safe_line(r, 80) for r in reasons)}" if reasons else ""
