"""Headlines: other people's words, made harmless, each with its age, its source and its address."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import DESCRIPTION_MAX, Tone, card, signed
from engine.reports.news import Held, NewsReport, Row

_FEW, _LONG, _SHORT = 8, 150, 95
"""Up to so many headlines there is room for long ones."""
_HELD = 6
_STAMP = 160
"""Room for the card's own last line."""
_TITLES = {"held": "what is held", "watchlist": "the watchlist"}


def show(report: NewsReport) -> discord.Embed:
    """Newest first; ● is held."""
    if report.about == "nothing":
        return card(
            tone=Tone.QUIET,
            title="No symbol to look for",
            stamp=report.stamp,
            lines=[
                "The watchlist names nothing that headlines are about.",
                "Name a symbol, `/news symbol:SPY`, or put some on it, `/watchlist add SPY`.",
                _asked(report),
            ],
        )
    if report.missing:
        return card(
            tone=Tone.WAIT,
            title=f"No news of {_about(report)}",
            stamp=report.stamp,
            lines=[f"n/a ({text.safe_line(report.missing, 300)})"],
        )
    when = "in 1 hour" if report.hours == 1 else f"in {report.hours} hours"
    if not report.rows:
        return card(
            tone=Tone.QUIET,
            title=f"Nothing was written about {_about(report)} {when}",
            stamp=report.stamp,
            lines=[
                "" if report.hours == 168 else "A longer time: `/news hours:168` is a week.",
                _rest(report),
                _asked(report),
                _foot(report),
            ],
        )
    above = [_held(held) for held in report.held[:_HELD]]
    below = [_rest(report), _asked(report), _foot(report)]
    room = DESCRIPTION_MAX - _STAMP - sum(len(line) + 1 for line in (*above, *below))
    return card(
        tone=Tone.INFO,
        title=f"News of {_about(report)} · {len(report.rows)} {when}",
        stamp=report.stamp,
        lines=[*above, *_rows(report.rows, room), *below],
    )


def short(row: Row) -> str:
    """One headline on another card."""
    said = f"-# 📰 {text.safe_line(row.headline, _SHORT)} · {text.ago(row.published_at)}"
    return said + _link(row)


def _about(report: NewsReport) -> str:
    return _TITLES.get(report.about) or ", ".join(report.symbols)


def _rows(rows: Sequence[Row], room: int) -> list[str]:
    """All headlines; of their addresses those that there is room for, from the newest on."""
    shown = [_row(row, _LONG if len(rows) <= _FEW else _SHORT) for row in rows]
    room -= sum(len(words) + 1 for words in shown)
    n_lost = 0
    for n, row in enumerate(rows):
        link = _link(row)
        if len(link) > room:
            n_lost += 1
            continue
        room -= len(link)
        shown[n] += link
    if n_lost:
        shown.append(f"-# no room for {text.count(n_lost, 'link')}: ask for fewer headlines")
    return shown


def _row(row: Row, most: int) -> str:
    marked = [f"● {s}" if s in row.held else s for s in row.symbols[:3]]
    more = len(row.symbols) - len(marked)
    names = ", ".join(text.safe_line(s, 16) for s in marked) + (f" +{more}" if more else "")
    parts = [
        text.ago(row.published_at),
        "" if row.changed_at is None else f"changed {text.ago(row.changed_at)}",
        text.safe_line(row.source, 24) or "no source told",
        names,
    ]
    said = " · ".join(part for part in parts if part)
    return f"**{text.safe_line(row.headline, most)}**\n-# {said}"


def _link(row: Row) -> str:
    """The address as the provider wrote it, with its host where the source does not say it."""
    if not row.url:
        return ""
    url = row.url
    for sign in "()[]":  # they would end it
        url = url.replace(sign, f"%{ord(sign):02X}")
    host = row.host.removeprefix("www.")
    is_said = bool(row.source) and row.source.casefold().split()[0] in host
    return (" · " if is_said else f" · {text.safe_line(host, 40)} · ") + f"[read]({url})"


def _held(held: Held) -> str:
    trades = "" if held.n == 1 else f" in {text.count(held.n, 'trade')}"
    worth = text.usd(held.worth_usd)
    return f"● **{text.safe_line(held.symbol, 16)}** held{trades} {worth} · {signed(held.net_usd)}"


def _rest(report: NewsReport) -> str:
    parts = []
    if report.n_else:
        parts.append(f"{report.n_else} more" + (" at least" if report.is_more else ""))
    elif report.is_more:
        parts.append("there are older ones")
    if report.n_unreadable:
        parts.append(f"{report.n_unreadable} left out: without a headline or a time")
    return f"-# {' · '.join(parts)}" if parts else ""


def _asked(report: NewsReport) -> str:
    """Which symbols stand behind ``what is held``, and which have no headlines of their own."""
    parts = []
    if report.about in _TITLES:
        parts.append(f"of {text.safe_line(', '.join(report.symbols), 160)}")
    if report.untold:
        parts.append(f"no headlines by name: {text.safe_line(', '.join(report.untold), 80)}")
    return f"-# {' · '.join(parts)}" if parts else ""


def _foot(report: NewsReport) -> str:
    said = f"-# headlines {text.safe_line(report.source, 40)}, asked {text.ago(report.received_at)}"
    return f"{said} · not our words, no advice"
