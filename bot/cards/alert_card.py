"""An alert's story: what was said, how far it came, why it stands where it stands."""

from decimal import Decimal

import discord

from bot import text
from bot.cards._layout import Tone, card, in_r, one_line, signed, tone_of
from engine.domain import words
from engine.domain.desk import AlertState
from engine.domain.trade import TradeState
from engine.reports import Missing
from engine.reports.alert_card import AlertCard, Leaning, Step, StepState

VERDICTS: dict[AlertState, tuple[str, Tone]] = {
    AlertState.RECEIVED: (words.ALERT[AlertState.RECEIVED], Tone.WAIT),
    AlertState.PARSED: (words.ALERT[AlertState.PARSED], Tone.QUIET),
    AlertState.REJECTED: (words.ALERT[AlertState.REJECTED], Tone.QUIET),
    AlertState.HELD: (words.ALERT[AlertState.HELD], Tone.WAIT),
    AlertState.RISK_REJECTED: (words.ALERT[AlertState.RISK_REJECTED], Tone.BAD),
    AlertState.ROUTED: (words.ALERT[AlertState.ROUTED], Tone.INFO),
    AlertState.ORDERED: (words.ALERT[AlertState.ORDERED], Tone.INFO),
    AlertState.PARTIAL: (words.ALERT[AlertState.PARTIAL], Tone.INFO),
    AlertState.FILLED: (words.ALERT[AlertState.FILLED], Tone.GOOD),
    AlertState.MANAGED: (words.ALERT[AlertState.MANAGED], Tone.GOOD),
    AlertState.CLOSED: (words.ALERT[AlertState.CLOSED], Tone.QUIET),
    AlertState.WITHDRAWN: (words.ALERT[AlertState.WITHDRAWN], Tone.QUIET),
    AlertState.ERROR: (words.ALERT[AlertState.ERROR], Tone.BAD),
}
_MARK = {
    StepState.DONE: "✓",
    StepState.NOW: "▸",
    StepState.FAILED: "✗",
    StepState.SKIPPED: "–",
    StepState.AHEAD: "·",
}

_TOLD = frozenset({StepState.DONE, StepState.NOW, StepState.FAILED})


def show(report: AlertCard) -> discord.Embed:
    """The card of one alert; edited in place as it advances."""
    is_closed = report.state is AlertState.CLOSED
    leanings = _told_once(report)
    shown = leanings[:5]
    more = len(leanings) - len(shown)
    return card(
        tone=_tone(report),
        title=title(report),
        stamp=report.stamp,
        lines=[
            "" if is_closed or report.accounts else _why(report),
            _head(report),
            text.quoted(report.raw_text, 700),
            *(_leaning(leaning) for leaning in shown),
            f"and {more} more trades" if more else "",
            *_accounts(report),
            *_steps(report),
        ],
    )


def title(report: AlertCard) -> str:
    """``SPY 603C 1/31 · filled``; a closed one says what it made."""
    word, _ = VERDICTS[report.state]
    leanings = _told_once(report)
    what = leanings[0].label if len(leanings) == 1 else report.symbol
    what = text.safe_line(what, 100) or "Alert"
    if report.state is AlertState.CLOSED and not isinstance(report.realised_usd, Missing):
        return f"{what} · closed {signed(report.realised_usd)}{in_r(report.r_realised)}"
    return f"{what} · {word}"


def _why(report: AlertCard) -> str:
    """The reason; several accounts say theirs line by line."""
    return one_line("Why", text.safe_line(report.reason, 400))


def _told_once(report: AlertCard) -> tuple[Leaning, ...]:
    """Its trades; the same contract in several accounts is one, and each account has its line."""
    if not report.accounts:
        return report.leanings
    return tuple({leaning.label: leaning for leaning in reversed(report.leanings)}.values())[::-1]


def _accounts(report: AlertCard) -> list[str]:
    """A line for each that holds it; the others share one where they say the same."""
    lines: list[str] = []
    others: dict[str, list[str]] = {}
    for one in report.accounts[:_MOST_ACCOUNTS]:
        name = text.safe_line(one.account, 30)
        if one.state is TradeState.OPEN and one.qty is not None:
            price = text.price_short(one.price, one.price_of)
            lines.append(f"✓ **{name}** holds {text.qty(one.qty)} @ {price}")
        elif one.state is TradeState.CLOSED:
            lines.append(f"✓ **{name}** closed {signed(one.realised_usd)}")
        else:
            sign = "▸" if one.state is TradeState.PENDING else "✗"
            others.setdefault(f"{sign}|{text.safe_line(one.said, 120)}", []).append(name)
    for said, names in others.items():
        sign, _, why = said.partition("|")
        lines.append(f"{sign} **{', '.join(names)}** {why}")
    rest = report.accounts[_MOST_ACCOUNTS:]
    if rest:
        n_in = sum(one.state in _TAKEN for one in rest)
        lines.append(f"-# and {len(rest)} more accounts, {n_in} of them with a trade")
    return lines


_MOST_ACCOUNTS = 10
_TAKEN = (TradeState.OPEN, TradeState.CLOSED, TradeState.PENDING)


def _tone(report: AlertCard) -> Tone:
    if report.state is AlertState.CLOSED:
        return tone_of(report.realised_usd)
    return VERDICTS[report.state][1]


def _head(report: AlertCard) -> str:
    who = text.safe_line(report.author_name, 60) or "unknown author"
    parts = [f"**{who}** in {text.safe_line(report.source, 60)}", text.ago(report.posted_at)]
    if report.n_edits:
        parts.append(f"edited {report.n_edits}×")
    if report.rewritten_by is not None:
        parts.append(f"written anew by <@{report.rewritten_by}>")
    if report.is_caught_up:
        parts.append("read after a gap")
    return " · ".join(parts)


def _leaning(leaning: Leaning) -> str:
    """One trade: the order in words, then its price as alerted, achievable, limited or filled."""
    of = leaning.price_of
    last = ("limit", leaning.limit)
    if not isinstance(leaning.filled, Missing):
        last = ("filled", leaning.filled)
    rows = [
        ["alerted", text.price_short(leaning.alerted, of), ""],
        ["achievable", text.price_short(leaning.achievable, of), _gap(leaning)],
        [last[0], text.price_short(last[1], of), ""],
    ]
    return f"**{text.safe_line(leaning.words, 160)}**\n{text.table(rows, 'lrl')}"


def _gap(leaning: Leaning) -> str:
    """``1.6% worse`` than alerted."""
    if isinstance(leaning.worse_pct, Missing):
        return ""
    if leaning.worse_pct == 0:
        return "as alerted"
    word = "worse" if leaning.worse_pct > 0 else "better"
    gap = abs(leaning.worse_pct)
    return f"{text.pct(gap, sign=False, places=1 if gap >= _SMALL_PCT else 3)} {word}"


_SMALL_PCT = Decimal("0.1")
"""Below it (a tick of a future, a cent of a share) one decimal would say 0.0 %."""


def _steps(report: AlertCard) -> list[str]:
    """What happened line by line; what is ahead or will not happen on one line each."""
    said = "" if report.state is AlertState.CLOSED else report.reason
    lines = [_step(s, said) for s in report.steps if s.at or s.text or s.state in _TOLD]
    quiet = [s for s in report.steps if not (s.at or s.text or s.state in _TOLD)]
    ahead = [s.name for s in quiet if s.state is StepState.AHEAD]
    never = [s.name for s in quiet if s.state is StepState.SKIPPED]
    if ahead:
        lines.append(f"-# next: {', '.join(ahead)}")
    if never:
        lines.append(f"-# did not happen: {', '.join(never)}")
    return lines


def _step(step: Step, said: str) -> str:
    is_now = step.state is StepState.NOW
    name = "held" if is_now and step.name == "closed" else step.name
    name = f"{_MARK[step.state]} {name}"
    if is_now:
        name = f"**{name}**"
    words = step.text
    if said and step.by is None:  # the card's first line says it already
        words = words.removesuffix(said).removesuffix(": ")
    words = text.safe_line(words, 240)
    if step.by is not None:
        words = f"{words.rpartition(' by ')[0] or words} by <@{step.by}>".strip()
    when = f" {text.clock_time(step.at)}" if step.at is not None else ""
    return f"{name}{when}{f' · {words}' if words else ''}"
