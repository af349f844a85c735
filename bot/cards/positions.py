"""What is held: one short block per trade, sums first."""

import discord

from bot import text
from bot.cards._layout import Tone, card, signed, tone_of
from bot.cards.trade_card import expires, stop_words
from engine.reports import Missing
from engine.reports.positions import PositionsReport
from engine.reports.trade_card import TradeCard

_SHOWN = 12


def show(report: PositionsReport, *, first: int = 0, per_page: int = _SHOWN) -> discord.Embed:
    """Open trades from ``first`` on."""
    if not report.rows:
        waiting = f"{text.count(report.n_pending, 'entry')} waiting" if report.n_pending else ""
        sought = text.safe_line(report.sought, 60)
        return card(
            tone=Tone.QUIET,
            title=f"Nothing is open ({sought})" if sought else "Nothing is open",
            stamp=report.stamp,
            lines=[waiting, _elsewhere(report.n_else)],
        )
    shown = report.rows[first : first + per_page]
    rest = len(report.rows) - first - len(shown)
    return card(
        tone=Tone.BAD if report.n_unprotected else tone_of(report.net_usd),
        title=title(report),
        stamp=report.stamp,
        lines=[
            _sums(report),
            *(block(row, names_account=report.is_at_several) for row in shown),
            f"-# and {rest} more" if rest > 0 else "",
            f"-# {report.n_pending} more waiting to be filled" if report.n_pending else "",
        ],
    )


def title(report: PositionsReport) -> str:
    """``3 open · ▲ +$412.30``."""
    return f"{len(report.rows)} open · {signed(report.net_usd)}"


def _elsewhere(n: int) -> str:
    if not n:
        return ""
    return f"{text.count(n, 'other trade')} {'is' if n == 1 else 'are'} open"


def _sums(report: PositionsReport) -> str:
    parts = [f"open {text.usd(report.open_usd, sign=True)}"]
    if not isinstance(report.at_stops_usd, Missing):
        parts.append(f"{text.usd(report.at_stops_usd, sign=True)} if all stops are hit")
    line = " · ".join(parts)
    if report.n_unprotected:
        line = f"⚠ **{report.n_unprotected} WITHOUT A WORKING STOP** · {line}"
    return line


def block(row: TradeCard, *, names_account: bool = False) -> str:
    """Name and result in bold, prices and protection below; where it is held, if that differs."""
    of = row.legs[0].instrument
    side = "long" if row.is_long else "short"
    name = f"**{text.safe_line(row.label, 60)}** {side} {text.qty(row.qty_open)}"
    times = "" if isinstance(row.r_net, Missing) else f" {text.r(row.r_net)}"
    share = "" if isinstance(row.pct, Missing) else f" · {text.pct(row.pct)}"
    last = "n/a" if isinstance(row.last, Missing) else text.price(row.last, of)
    dte = "" if row.dte is None else f" · {expires(row.dte)}"
    stop = "🔓 no stop"
    if row.stop is not None:
        stop = f"🔒 {text.price(row.stop.price, of)} {stop_words(row.stop, row)}"
    if row.unprotected_since is not None:
        stop = "⚠ **no working stop**"
    ahead = [text.price(t.price, of) for t in row.targets if not t.is_hit]
    target = f" · 🎯 {ahead[0]}" if ahead else ""
    path = f"{text.price(row.entry, of)} → {last}"
    where = f" · {text.safe_line(row.account, 30)}" if names_account else ""
    return (
        f"{name} · {signed(row.net_usd)}{times}\n"
        f"-# {path} · {stop}{target} · {text.span(row.age)}{share}{dte}{where}"
    )
