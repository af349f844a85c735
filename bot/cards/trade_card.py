"""A round trip: profit or loss at a glance, then prices, protection and quality of the fills."""

from collections.abc import Sequence
from decimal import Decimal

import discord

from bot import text
from bot.cards import news as news_card
from bot.cards._layout import Tone, card, in_r, one_line, signed, tone_of
from engine.domain.instrument import Instrument
from engine.domain.money import ZERO
from engine.domain.order import PlannedTarget
from engine.domain.trade import StopPlan, TradeState
from engine.reports import Missing
from engine.reports.news import Row
from engine.reports.trade_card import TradeCard

_STOP_KIND = {
    "fixed": "fixed",
    "breakeven": "at break-even",
    "trailing": "trailing",
}


def show(report: TradeCard, news: Sequence[Row] = ()) -> discord.Embed:
    """The card of one trade; ``news``: headlines of what it is in."""
    return card(
        tone=_tone(report),
        title=title(report),
        stamp=report.stamp,
        lines=[
            _standing(report),
            _warning(report),
            _result(report),
            protection(report),
            _targets(report),
            _working(report),
            quality(report),
            *(news_card.short(row) for row in news),
            _foot(report),
        ],
    )


def title(report: TradeCard) -> str:
    """``SPY 603C 1/31 long · ▲ +$110.00 (+0.87R)``; of several accounts with its own."""
    what = f"{text.safe_line(report.label, 120)} {'long' if report.is_long else 'short'}"
    if report.is_at_several:
        what += f" in {text.safe_line(report.account, 30)}"
    if report.state is TradeState.PENDING:
        return f"{what} · not filled yet"
    if report.state is TradeState.VOID:
        return f"{what} · never filled"
    return f"{what} · {signed(report.net_usd)}{in_r(report.r_net)}"


def _tone(report: TradeCard) -> Tone:
    if report.unprotected_since is not None and report.is_open:
        return Tone.BAD
    if report.state is TradeState.PENDING:
        return Tone.WAIT
    return Tone.QUIET if report.state is TradeState.VOID else tone_of(report.net_usd)


def _first(report: TradeCard) -> Instrument:
    return report.legs[0].instrument


def _has_exit(report: TradeCard) -> bool:
    return report.qty_opened > report.qty_open


def _standing(report: TradeCard) -> str:
    """Where it stands, in words: ``Open 2 of 2 contracts · 2.55 → 3.10 · 14 min``."""
    unit = report.unit
    if report.state is TradeState.PENDING:
        return f"**Waiting** for {text.qty(report.qty_wanted)} {unit}"
    if report.state is TradeState.VOID:
        return f"**Void** {text.safe_line(report.close_reason, 200) or 'no reason recorded'}"
    of = _first(report)
    entry = text.price_short(report.entry, of)
    if report.state is TradeState.CLOSED:
        why = text.safe_line(report.close_reason, 120)
        path = f"{entry} → {text.price_short(report.exit, of)}"
        held = f"{text.qty(report.qty_opened)} {unit} · {path} · held {text.span(report.age)}"
        by = "" if not why else f" {why}" if why.startswith(("by ", "at ")) else f" by {why}"
        return f"**Closed**{by} · {held}"
    held = f"{text.qty(report.qty_open)} of {text.qty(report.qty_opened)} {unit}"
    path = f"{entry} → {text.price_short(report.last, of)}"
    return f"**Open** {held} · {path} · {text.span(report.age)}"


def _warning(report: TradeCard) -> str:
    if report.unprotected_since is None or not report.is_open:
        return ""
    return f"⚠ **NO WORKING STOP** since {text.ago(report.unprotected_since)}"


def _result(report: TradeCard) -> str:
    """What it made: the lines above ``net`` add up to it."""
    if report.qty_opened == 0:
        return ""
    rows = []
    if report.qty_open and _has_exit(report):
        share = text.r_short(report.r_realised)
        rows.append(["realised", text.usd_short(report.realised_usd, sign=True), share])
    if report.qty_open:
        rows.append(["open", text.usd_short(report.open_usd, sign=True), ""])
        rows.append(["open fees", text.usd(-report.open_fees_usd), ""])
    rows.append(["net", text.usd_short(report.net_usd, sign=True), text.r_short(report.r_net)])
    rows.append(["return", text.pct_short(report.pct), ""])
    rows.append(["fees paid", text.usd_short(report.fees_usd), ""])
    why = _why_missing(report)
    return text.table(rows, "lrr") + (f"\n-# {why}" if why else "")


def _why_missing(report: TradeCard) -> str:
    """Reasons behind every n/a of the table, each once."""
    figures = (report.open_usd, report.realised_usd, report.r_net, report.pct, report.fees_usd)
    reasons = dict.fromkeys(f.reason for f in figures if isinstance(f, Missing))
    return "n/a: " + ", ".join(text.safe_line(r, 80) for r in reasons) if reasons else ""


def protection(report: TradeCard) -> str:
    """The stop with its kind, and what it would cost: ``🔒 Stop 2.10 fixed · -$84.00 if hit``."""
    if report.state in (TradeState.CLOSED, TradeState.VOID):
        return ""
    if report.stop is None:
        return "🔓 **No stop**"
    words = f"{text.price(report.stop.price, _first(report))} {stop_words(report.stop, report)}"
    risk = ""
    if not isinstance(report.stop_usd, Missing) and report.is_open:
        risk = f" · {text.usd(report.stop_usd, sign=True)} if hit"
    return one_line("🔒 Stop", f"{words}{risk}")


def stop_words(stop: StopPlan, report: TradeCard) -> str:
    """How the stop moves: ``fixed``, ``trailing 2.0×ATR``, ``trailing 2%``."""
    words = _STOP_KIND[stop.kind]
    if stop.kind != "trailing":
        return words
    if stop.trail_atr is not None:
        return f"{words} {text.qty(stop.trail_atr)}×ATR"
    if stop.trail_pct is not None:
        return f"{words} {text.qty(stop.trail_pct)}%"
    if stop.trail_usd is not None:
        return f"{words} {text.price(stop.trail_usd, _first(report))} behind"
    return words


def _targets(report: TradeCard) -> str:
    if not report.is_open and report.state is not TradeState.PENDING:
        return ""
    words = [
        target_words(number, target, _first(report), report.qty_open)
        for number, target in enumerate(report.targets, start=1)
    ]
    return one_line("🎯 Targets", " · ".join(words[:6]))


def target_words(number: int, target: PlannedTarget, of: Instrument, n_open: Decimal = ZERO) -> str:
    """``T1 3.20 × 1`` with ``✓ hit`` once it was reached; never more than is open."""
    mark = " ✓ hit" if target.is_hit else ""
    is_more = n_open and not target.is_hit and target.qty > n_open
    words = (
        f"T{number} {text.price(target.price, of)} × {text.qty(n_open if is_more else target.qty)}"
    )
    words += mark
    return words.replace(" ", text.NBSP)


def quality(report: TradeCard) -> str:
    """Entry and exit side by side: as alerted, as achievable, as filled."""
    if report.qty_opened == 0:
        return ""
    of = _first(report)
    sides = [report.entry_path]
    leave = report.exit_path
    is_told = not (isinstance(leave.alerted, Missing) and isinstance(leave.achievable, Missing))
    if _has_exit(report) and is_told:
        sides.append(leave)
    rows = [
        ["alerted", *(text.price_short(side.alerted, of) for side in sides)],
        ["achievable", *(text.price_short(side.achievable, of) for side in sides)],
        ["filled", *(text.price_short(side.filled, of) for side in sides)],
        ["vs alert", *(text.usd_short(side.cost_usd, sign=True) for side in sides)],
    ]
    return text.table([["", "entry", "exit"][: len(sides) + 1], *rows], "lrr"[: len(sides) + 1])


def _foot(report: TradeCard) -> str:
    """Time to expiry while it is held, account, room."""
    parts = [text.safe_line(report.account, 40), text.safe_line(report.source, 40)]
    if report.is_open and report.dte is not None:
        parts.insert(0, expires(report.dte))
    return f"-# {' · '.join(p for p in parts if p)}"


def expires(dte: int) -> str:
    """``expires today``, ``expires in 21 d``."""
    if dte < 0:
        return "expired"
    return "expires today" if dte == 0 else f"expires in {dte} d"


def _working(report: TradeCard) -> str:
    if not report.working:
        return ""
    shown = [
        f"{o.purpose.value} {o.side.value} {text.qty(o.qty)}"
        + (f" @ {text.price(o.price, _first(report))}" if o.price is not None else "")
        + f" {o.state}"
        for o in report.working[:4]
    ]
    more = len(report.working) - len(shown)
    return one_line("Orders", " · ".join(shown) + (f" · {more} more" if more else ""))
