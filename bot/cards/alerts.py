"""Recent alerts: what was said, what it was read as, what came of it."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from bot.cards.alert_card import VERDICTS
from engine.reports import Missing
from engine.reports.alerts import AlertsReport, Row


def show(report: AlertsReport) -> discord.Embed:
    """One page of alerts."""
    sought = text.safe_line(report.sought, 100)
    if not report.rows and sought:
        return card(
            tone=Tone.QUIET,
            title="No alerts that fit",
            stamp=report.stamp,
            lines=[
                f"Looked for: {sought}.",
                f"{text.count(report.n_else, 'alert')} in all." if report.n_else else "",
            ],
        )
    if not report.rows:
        return card(
            tone=Tone.QUIET,
            title="No alerts yet",
            stamp=report.stamp,
            lines=["Alerts of watched channels will show here."],
        )
    pages = f" · page {report.page} of {report.n_pages}" if report.n_pages > 1 else ""
    if sought:
        pages = f" · {sought}{pages}"
    counts = " · ".join(f"{n} {VERDICTS[state][0]}" for state, n in report.by_state)
    return card(
        tone=Tone.INFO,
        title=text.count(report.n_in_all, "alert") + pages,
        stamp=report.stamp,
        lines=[counts, *(_row(r) for r in report.rows)],
    )


def _row(row: Row) -> str:
    what = text.safe_line(row.read_as, 80) or text.safe_line(row.text, 80) or "(no text)"
    verdict = VERDICTS[row.state][0]
    made = ""
    if not isinstance(row.realised_usd, Missing):
        made = f" {text.usd(row.realised_usd, sign=True)}"
    who = text.safe_line(row.author_name, 32) or "unknown"
    why = f" · {text.safe_line(row.reason, 90)}" if row.reason else ""
    return (
        f"**{what}** · {verdict}{made}\n"
        f"-# {text.ago(row.at)} · {who}{why} · {text.safe_line(row.alert_id, 30)}"
    )
