"""A question to a person: the exact order, what it may lose, what the checks said."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card, one_line
from engine.domain import words
from engine.domain.desk import ApprovalState
from engine.domain.order import OrderType, Verdict
from engine.reports import Missing
from engine.reports.approval_card import ApprovalCard, Ticket

_DECIDED = {
    ApprovalState.APPROVED: ("Approved", Tone.GOOD),
    ApprovalState.REJECTED: ("Rejected", Tone.QUIET),
    ApprovalState.EXPIRED: ("Expired", Tone.QUIET),
    ApprovalState.WITHDRAWN: ("Withdrawn", Tone.QUIET),
}


def show(report: ApprovalCard) -> discord.Embed:
    """The card of one approval; buttons are added by the view."""
    asks = report.state is ApprovalState.PENDING and not report.is_expired
    _, tone = _DECIDED.get(report.state, ("", Tone.WAIT))
    return card(
        tone=tone if asks or report.state is not ApprovalState.PENDING else Tone.QUIET,
        title=title(report),
        stamp=report.stamp,
        lines=[
            _deadline(report),
            one_line("Why asked", text.safe_line(report.question, 300)) if asks else "",
            *(ticket_lines(report.ticket) if report.ticket else []),
            checks(report.verdicts),
            *_candidates(report),
            _origin(report),
        ],
    )


def title(report: ApprovalCard) -> str:
    """``Approve? Buy to open 2 contracts SPY 603C 1/31 @ limit 2.55``."""
    word = f"{_DECIDED[report.state][0]}:" if report.state in _DECIDED else "Approve?"
    if report.is_expired:
        word = "Expired:"
    if report.ticket is not None:
        return f"{word} {order_words(report.ticket)}"
    word = {"which": "Which trade?", "fix": "Please read this alert"}.get(report.kind, word)
    if report.state in _DECIDED:
        how = "Answered" if report.state is ApprovalState.APPROVED else _DECIDED[report.state][0]
        word = f"{how}: {word.rstrip('?')}"
    return f"{word} · {text.safe_line(report.symbol, 40)}" if report.symbol else word


def order_words(ticket: Ticket) -> str:
    """``Buy to open 2 contracts SPY 603C 1/31 @ limit 2.55``."""
    price = "at market" if ticket.type is OrderType.MARKET or ticket.limit is None else ""
    if ticket.limit is not None:
        price = f"@ limit {text.price(ticket.limit, ticket.price_of)}"
    what = text.safe_line(ticket.label, 120)
    return f"{ticket.verb} {text.qty(ticket.qty)} {ticket.unit} {what} {price}"


def _deadline(report: ApprovalCard) -> str:
    if report.state is ApprovalState.PENDING:
        word = "Expired" if report.is_expired else "Expires"
        return f"⏳ **{word}** {text.ago(report.expires_at)}"
    who = f" by <@{report.decided_by}>" if report.decided_by is not None else ""
    when = f" {text.ago(report.decided_at)}" if report.decided_at is not None else ""
    what = text.safe_line(report.decision, 200) or words.APPROVAL[report.state]
    if who:
        what = what.rpartition(" by ")[0] or what  # the mention names the same person
    return f"**{what[:1].upper()}{what[1:]}**{who}{when}"


def ticket_lines(ticket: Ticket) -> list[str]:
    """Money first, then the plan, then how price and size came about."""
    of = ticket.price_of
    rows = [
        [_value_word(ticket), text.usd_short(ticket.value_usd), ""],
        ["loss at stop 1R", text.usd_short(ticket.risk_usd), _share(ticket)],
        ["stop", "none" if ticket.stop is None else text.price(ticket.stop, of), ""],
    ]
    for number, target in enumerate(ticket.targets[:4], start=1):
        rows.append([f"target {number}", text.price(target.price, of), f"× {text.qty(target.qty)}"])
    if not isinstance(ticket.reward_r, Missing):
        rows.append(["reward", text.r(ticket.reward_r), ""])
    return [
        text.table(rows, "lrl"),
        one_line("Trail", text.safe_line(ticket.trail, 80)),
        one_line("Price", _price_line(ticket)),
        one_line("Guard", text.safe_line(ticket.guard, 240)),
        one_line("Size", text.safe_line(ticket.sizing, 240)),
        one_line(
            "Account",
            f"{text.safe_line(ticket.account, 40)} via {text.safe_line(ticket.broker, 40)}",
        ),
    ]


def _value_word(ticket: Ticket) -> str:
    if ticket.price_of.kind == "option":
        return "credit" if ticket.is_credit else "cost"
    return "notional" if ticket.price_of.kind == "future" else "value"


def _share(ticket: Ticket) -> str:
    """1R in percent of equity."""
    if isinstance(ticket.risk_usd, Missing) or isinstance(ticket.risk_pct, Missing):
        return ""
    return text.small_pct(ticket.risk_pct)


def _price_line(ticket: Ticket) -> str:
    of, parts = ticket.price_of, []
    if not isinstance(ticket.alerted, Missing):
        parts.append(f"alerted {text.price(ticket.alerted, of)}")
    parts.append(f"achievable {text.price(ticket.achievable, of)}")
    if ticket.bid_ask is not None:
        bid, ask = ticket.bid_ask
        parts.append(f"bid {text.price(bid, of)} / ask {text.price(ask, of)}")
    return " · ".join(parts)


def checks(verdicts: Sequence[Verdict]) -> str:
    """Every check: those that said no with their figures, those whose limit is near, the rest."""
    if not verdicts:
        return ""
    denied = [v for v in verdicts if not v.is_ok]
    passed = [v for v in verdicts if v.is_ok]
    lines = [
        f"✗ **{_name(v.check)}** {text.safe_line(v.detail or v.code, 200)}" for v in denied[:8]
    ]
    lines += [f"⚠ **{_name(v.check)}** {text.safe_line(v.detail, 200)}" for v in passed if v.detail]
    if len(denied) > 8:
        lines.append(f"✗ {len(denied) - 8} more checks said no")
    if passed:
        names = ", ".join(_name(v.check) for v in passed)
        lines.append(f"-# ✓ {text.shorten(names, 400)}")
    head = f"**Risk** {len(passed)} of {len(verdicts)} checks passed"
    return "\n".join([head, *lines])


def _name(check: str) -> str:
    return text.safe_line(check.replace("_", " "), 40)


def _candidates(report: ApprovalCard) -> list[str]:
    shown = [
        f"{number}. {text.safe_line(c.label, 120)}"
        for number, c in enumerate(report.candidates[:10], start=1)
    ]
    if len(report.candidates) > 10:
        shown.append(f"and {len(report.candidates) - 10} more")
    return shown


def _origin(report: ApprovalCard) -> str:
    if not report.raw_text:
        return ""
    who = text.safe_line(report.author_name, 60) or "unknown author"
    return f"**{who}** in {text.safe_line(report.source, 60)}\n{text.quoted(report.raw_text, 500)}"
