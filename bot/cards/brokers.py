"""The brokers: who takes entries, what is there, how much of the allowance is used."""

from collections.abc import Sequence

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.brokers import Check
from engine.reports import Missing, Stamp
from engine.reports.brokers import Api, BrokerLine, BrokersReport, Money

_MOST = 10


def show(report: BrokersReport) -> discord.Embed:
    """All brokers, two or three short lines each."""
    n_fit = sum(b.takes_entries for b in report.brokers)
    n_all = len(report.brokers)
    title = "All brokers take entries" if n_fit == n_all else f"{n_fit} of {n_all} take entries"
    lines = [_broker(b) for b in report.brokers[:_MOST]]
    if n_all > _MOST:
        lines.append(f"and {n_all - _MOST} more")
    return card(
        tone=Tone.GOOD if n_fit == n_all else Tone.WAIT if n_fit else Tone.BAD,
        title=title if n_all else "No broker is configured",
        stamp=report.stamp,
        lines=lines,
    )


def one(report: BrokersReport) -> discord.Embed:
    """One broker in full."""
    (broker,) = report.brokers
    said = [] if broker.api is None else [usage_line(broker.api)]
    seen = broker.connection
    if seen.off or seen.gate or seen.problem:
        tone, state = Tone.BAD, "takes no entries"
    elif broker.is_silent:
        tone, state = Tone.WAIT, "does not answer as it should"
    else:
        tone, state = Tone.GOOD, "takes entries"
    return card(
        tone=tone,
        title=f"{text.safe_line(broker.name, 40)} {state}",
        stamp=report.stamp,
        lines=[_broker(broker), *said],
    )


def tested(name: str, checks: Sequence[Check], stamp: Stamp) -> discord.Embed:
    """What was tried at a broker, and how it went."""
    n_bad = sum(c.is_ok is False for c in checks)
    marks = {True: "✓", False: "✗", None: "–"}
    return card(
        tone=Tone.BAD if n_bad else Tone.GOOD,
        title=f"{text.safe_line(name, 40)}: " + (f"{n_bad} failed" if n_bad else "all well"),
        stamp=stamp,
        lines=[
            f"{marks[c.is_ok]} **{text.safe_line(c.name, 40)}** {text.safe_line(c.detail, 200)}"
            for c in checks[:20]
        ],
    )


def usage(apis: Sequence[Api], stamp: Stamp) -> discord.Embed:
    """Calls, what is left, and refusals per provider."""
    is_tight = any(a.n_limited for a in apis)
    return card(
        tone=Tone.WAIT if is_tight else Tone.INFO,
        title="Calls to outside providers" if apis else "Nothing outside is called",
        stamp=stamp,
        lines=[f"**{text.safe_line(a.provider, 40)}** {usage_line(a)}" for a in apis[:15]],
    )


def usage_line(api: Api) -> str:
    """``42 calls in the last minute · 158 of 200 left · 81 ms``."""
    parts = [f"{text.count(api.per_min, 'call')} in the last minute, {api.n_calls:,} in all"]
    if api.remaining is not None:
        parts.append(f"{api.remaining} of {api.limit or '?'} left")
    if api.last_ms is not None:
        parts.append(f"{api.last_ms:.0f} ms")
    if api.p95_ms is not None:
        parts.append(f"p95 {api.p95_ms:.0f} ms")
    too_many = f"refused {text.count(api.n_limited, 'time')} as too many (429)"
    odd = [too_many] if api.n_limited else []
    odd += [f"{api.n_failed} without an answer"] if api.n_failed else []
    return " · ".join(parts) + (f"\n⚠ {' · '.join(odd)}" if odd else "")


def _broker(broker: BrokerLine) -> str:
    seen = broker.connection
    why = seen.off or seen.problem or seen.gate
    mark = "✗" if why else "⚠" if broker.is_silent else "✓"
    kind = "" if seen.name == "paper" else " paper" if seen.is_paper else " **REAL MONEY**"
    head = [f"{mark} **{text.safe_line(seen.name, 40)}**{kind}"]
    head.append(text.count(broker.n_live_orders, "open order"))
    if broker.n_unknown:
        head.append(f"⚠ {broker.n_unknown} in doubt")
    if not seen.has_stream:
        head.append("polled")
    lines = [" · ".join(head)]
    if why:
        lines.append(f"-# {text.safe_line(why, 200)}")
    lines += [_money(m) for m in broker.accounts[:6]]
    return "\n".join(lines)


def _money(money: Money) -> str:
    name = text.safe_line(money.account, 30)
    has_equity = not isinstance(money.equity_usd, Missing)
    worth = ("equity", money.equity_usd) if has_equity else ("cash", money.cash_usd)
    figures = (worth, ("buying power", money.buying_power_usd))
    known = [f"{what} {text.usd(v)}" for what, v in figures if not isinstance(v, Missing)]
    if known:
        return f"-# {name}: {' · '.join(known)}"
    reason = getattr(money.equity_usd, "reason", "")
    return f"-# {name}: n/a ({text.safe_line(reason, 160)})"
