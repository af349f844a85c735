"""The books against the brokers': one line per account, then what differs."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports.reconcile import AccountBooks, ReconcileReport

_ACCOUNTS, _DIFFERENCES = 20, 12


def show(report: ReconcileReport) -> discord.Embed:
    """What was compared and what is open."""
    return card(
        tone=Tone.GOOD if report.is_clean else Tone.WAIT,
        title=title(report),
        stamp=report.stamp,
        lines=[
            *(_account(a) for a in report.accounts[:_ACCOUNTS]),
            _more(len(report.accounts) - _ACCOUNTS, "accounts"),
            *_said("⚠", [(a, a.compared.differences) for a in report.accounts if a.compared]),
            "**Taken over**" if report.n_taken_over else "",
            *_said("•", [(a, a.compared.taken_over) for a in report.accounts if a.compared]),
            "-# Differences become entries of the books, never orders.",
            "-# A quantity that no broker prices stays: `/reconcile what: price: reason:` books it."
            if any(a.compared is not None and a.compared.unpriced for a in report.accounts)
            else "",
        ],
    )


def title(report: ReconcileReport) -> str:
    """``Books agree`` or how many differences are left."""
    if not report.accounts:
        return "No account to compare"
    if report.is_clean:
        n = report.n_taken_over
        return "Books agree" + (f", {text.count(n, 'difference')} taken over" if n else "")
    n = report.n_differences
    if n:
        return text.count(n, "difference")
    return "Not everything could be compared"


def _account(books: AccountBooks) -> str:
    name = f"**{text.safe_line(books.account, 40)}** at {text.safe_line(books.broker, 40)}"
    seen = books.compared
    if seen is None:
        return f"✗ {name} · {text.safe_line(books.gate, 200) or 'not compared yet'}"
    mark = "✓" if books.is_clean else "⚠"
    how = "full" if seen.is_full else "light"
    words = (
        f"{mark} {name} · {how}, {text.ago(seen.at)} in {seen.took_s:.1f} s · "
        f"{text.count(seen.n_orders, 'order')}, {text.count(seen.n_fills, 'fill')}, "
        f"{text.count(seen.n_positions, 'position')}"
    )
    return f"{words} · entries wait: {text.safe_line(books.gate, 160)}" if books.gate else words


def _said(mark: str, found: list[tuple[AccountBooks, tuple[str, ...]]]) -> list[str]:
    lines = [
        f"{mark} {text.safe_line(books.account, 40)}: {text.safe_line(line, 240)}"
        for books, said in found
        for line in said
    ]
    return [*lines[:_DIFFERENCES], _more(len(lines) - _DIFFERENCES, "differences")]


def _more(n: int, what: str) -> str:
    return f"and {n} more {what}" if n > 0 else ""
