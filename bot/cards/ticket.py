"""A person's own order before the click: cost, risk, stop and target with their reasons, checks."""

from datetime import timedelta

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line
from bot.cards.approval_card import order_words
from engine.reports import Missing
from engine.reports.approval_card import Ticket
from engine.reports.ticket import TicketReport


def show(report: TicketReport) -> discord.Embed:
    """The ticket as a card of its own: when it may not be sent."""
    title = order_words(report.ticket) if report.ticket else text.safe_line(report.asked, 120)
    return card(
        tone=Tone.BAD if report.refused else Tone.INFO,
        title=f"Not possible: {title}" if report.refused else title,
        stamp=report.stamp,
        lines=lines(report),
    )


def lines(report: TicketReport) -> list[str]:
    """Money first, then the plan, then what speaks against it."""
    found = [f"⛔ **{text.safe_line(report.refused, 300)}**" if report.refused else ""]
    if report.ticket is None:
        return [*found, one_line("Asked", text.safe_line(report.asked, 120))]
    ticket = report.ticket
    found += [
        f"**{order_words(ticket)}**" if not report.refused else "",
        _cut(report, ticket),
        _money(ticket),
        one_line("Stop", text.safe_line(report.stop_why, 160)),
        one_line("Now", _now(ticket)),
        one_line("Route", _route(report, ticket)),
        f"⚠ **{text.safe_line(report.question, 200)}**" if report.question else "",
        _checks(report),
    ]
    return [line for line in found if line]


def _cut(report: TicketReport, ticket: Ticket) -> str:
    if report.asked_qty is None:
        return ""
    why = text.safe_line(ticket.sizing.partition(": ")[2], 160)
    return f"✂ {text.qty(ticket.qty)} of {text.qty(report.asked_qty)}: {why}"


def _money(ticket: Ticket) -> str:
    of = ticket.price_of
    word = {"option": "credit" if ticket.is_credit else "cost", "future": "notional"}
    share = "" if isinstance(ticket.risk_pct, Missing) else text.small_pct(ticket.risk_pct)
    rows = [
        [word.get(of.kind, "value"), text.usd_short(ticket.value_usd), ""],
        ["at risk (1R)", text.usd_short(ticket.risk_usd), share],
        ["stop", "none" if ticket.stop is None else text.price(ticket.stop, of), _away(ticket)],
    ]
    reward = text.r_short(ticket.reward_r) if len(ticket.targets) == 1 else ""
    rows += [["target", text.price(t.price, of), reward] for t in ticket.targets]
    return text.table(rows, "lrr")


def _away(ticket: Ticket) -> str:
    """How far the stop is from the limit."""
    if ticket.stop is None or not ticket.limit:
        return ""
    return text.pct((ticket.stop - ticket.limit) / ticket.limit * 100)


def _now(ticket: Ticket) -> str:
    if ticket.bid_ask is None:
        return "no fresh quote"
    bid, ask = (text.price(p, ticket.price_of) for p in ticket.bid_ask)
    return f"bid {bid} / ask {ask}"


def _route(report: TicketReport, ticket: Ticket) -> str:
    where = f"{text.safe_line(ticket.account, 40)} via {text.safe_line(ticket.broker, 40)}"
    if report.waits_s is None:
        return f"{where} · works all day"
    return f"{where} · taken back after {text.span(timedelta(seconds=report.waits_s))}"


def _checks(report: TicketReport) -> str:
    denied = [v for v in report.verdicts if not v.is_ok]
    near = [v for v in report.verdicts if v.is_ok and v.detail]
    n_passed = len(report.verdicts) - len(denied)
    rows = [f"**Risk** {n_passed} of {len(report.verdicts)} checks passed"]
    others = [v for v in denied if v.detail != report.refused]
    rows += [f"✗ {text.safe_line(v.detail or v.code, 200)}" for v in others[:6]]
    rows += [f"⚠ {text.safe_line(v.detail, 200)}" for v in near[:4]]
    return "\n".join(rows)
