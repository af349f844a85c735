"""Why a position is held: its origin, how it was judged, where it stands, what can be done."""

import discord

from bot import text
from bot.cards._layout import card, signed, tone_of
from bot.cards.trade_card import protection, target_words
from engine.reports import Missing
from engine.reports.explain import ExplainReport

PICTURE = "trade.png"


def show(report: ExplainReport, *, has_picture: bool = False) -> discord.Embed:
    """The card; the buttons below it are the position's own."""
    trade = report.entry.card
    of = trade.legs[0].instrument
    side = "long" if trade.is_long else "short"
    targets = " · ".join(
        target_words(n, t, of, trade.qty_open) for n, t in enumerate(trade.targets[:4], 1)
    )
    share = "" if isinstance(trade.r_net, Missing) else f" {text.r(trade.r_net)}"
    now = f"{text.qty(trade.qty_open)} {trade.unit}, {text.price_short(trade.entry, of)} → "
    now += f"{text.price_short(trade.last, of)} · {text.span(trade.age)}"
    return card(
        tone=tone_of(trade.net_usd),
        title=f"Why {text.safe_line(trade.label, 80)} {side} · {signed(trade.net_usd)}{share}",
        stamp=report.stamp,
        lines=[
            *_origin(report),
            _checks(report),
            f"**Now** {now}",
            protection(trade),
            f"**🎯 Targets** {targets}" if targets else "",
            _reward(report),
            *(f"✎ {text.safe(n.text, 200)}" for n in report.entry.notes[:2]),
        ],
        picture=PICTURE if has_picture else "",
    )


def _origin(report: ExplainReport) -> list[str]:
    if report.is_by_hand:
        if not report.words:
            return ["**Entered by hand**; no alert stands behind it."]
        said = f"`{text.code_safe(report.words)}`"
        why = f"· {text.safe_line(report.sizing, 200)}" if report.sizing else ""
        return [f"**Entered by hand** by {text.safe_line(report.author, 60)}: {said}", why]
    who = text.safe_line(report.author, 60)
    how = (report.read_as, report.sizing, report.guard)
    return [
        f"**Alert of {who}**",
        text.quoted(report.words, 400),
        *(f"· {text.safe_line(words, 200)}" for words in how if words),
    ]


def _checks(report: ExplainReport) -> str:
    if not report.verdicts:
        return ""
    against = [v for v in report.verdicts if not v.is_ok]
    said = f" · against: {text.safe_line(against[0].detail, 120)}" if against else ""
    return (
        f"**Checks** {len(report.verdicts) - len(against)} of {len(report.verdicts)} passed{said}"
    )


def _reward(report: ExplainReport) -> str:
    """Risk and reward as planned, worst and best as it came."""
    entry, trade = report.entry, report.entry.card
    parts = [f"risk {text.usd_short(trade.risk_usd)}"]
    if not isinstance(report.reward, Missing):
        parts.append(f"reward {report.reward:.1f} to 1")
    for word, value in (("worst", entry.mae_r), ("best", entry.mfe_r)):
        if not isinstance(value, Missing):
            parts.append(f"{word} so far {text.r(value)}")
    return f"**Risk and reward** {' · '.join(parts)}"
