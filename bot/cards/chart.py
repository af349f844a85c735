"""What stands beside a chart of the market, and in its place when it cannot be drawn."""

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Figure, Missing
from engine.reports.chart import ChartReport, length_of
from engine.reports.compare import CompareReport
from engine.reports.payoff import PayoffReport

PICTURE = "chart.png"


def candles(report: ChartReport, *, has_picture: bool = False) -> discord.Embed:
    """Price, change and the newest value of each indicator."""
    of = report.instrument
    if report.missing:
        return card(
            tone=Tone.WAIT,
            title=f"{of.label} · no candles",
            stamp=report.stamp,
            lines=[text.safe_line(report.missing, 300), _note(report.view.note)],
        )
    back = f" · {report.view.shift} back" if report.view.shift else ""
    first, last = report.candles[0].at, report.candles[-1].at
    rows = [
        ["high", text.price(report.high, of), "low", text.price(report.low, of)],
        *_pairs(values(report)),
    ]
    grade = f"quotes of grade {report.grade}" if report.grade else "no quotes heard"
    window = (
        f"-# {len(report.candles)} candles of {length_of(report)}, "
        f"{text.eastern_day(first)} to {text.eastern_day(last)} ET · {grade}"
    )
    return card(
        tone=_tone(report.change_pct),
        title=f"{of.label} {text.price(report.last, of)} · {text.pct(report.change_pct)} "
        f"in {report.view.range.upper()}{back}",
        stamp=report.stamp,
        lines=[
            text.table(rows, "lrlr"),
            window,
            _note(report.view.note),
        ],
        picture=PICTURE if has_picture else "",
    )


def values(report: ChartReport) -> list[tuple[str, str]]:
    """The newest value of each indicator."""
    of = report.instrument
    found = [(name, line[-1] if line else None) for name, line in report.lines.items()]
    places = max(2, len(f"{of.tick.normalize():f}".partition(".")[2]))
    said = [(n, "n/a" if v is None else f"{v:,.{places}f}") for n, v in found]
    if report.rsi:
        said.append(("RSI", "n/a" if report.rsi[-1] is None else f"{report.rsi[-1]:.0f}"))
    if report.macd is not None:
        now = report.macd.histogram[-1] if report.macd.histogram else None
        said.append(("MACD", "n/a" if now is None else f"{now:+.2f}"))
    return said


def candles_alt(report: ChartReport) -> str:
    """The picture in words."""
    of = report.instrument
    known = ", ".join(f"{name} {value}" for name, value in values(report))
    marks = f"; {len(report.marks)} own entries and exits" if report.marks else ""
    levels = ", ".join(f"{v.kind} {text.price(v.price, of)}" for v in report.levels)
    return (
        f"Candles of {of.label}, {length_of(report)}, {report.view.range.upper()}: last "
        f"{text.price(report.last, of)}, {text.pct(report.change_pct)}, high "
        f"{text.price(report.high, of)}, low {text.price(report.low, of)}. {known}{marks}"
        f"{'; ' if levels else ''}{levels}"
    )


def compare(report: CompareReport, *, has_picture: bool = False) -> discord.Embed:
    """Best first."""
    lost = [f"{name}: {text.safe_line(why, 120)}" for name, why in report.missing.items()]
    if not report.lines:
        return card(tone=Tone.WAIT, title="Nothing to compare", stamp=report.stamp, lines=lost)
    best = report.lines[0]
    back = f" · {report.shift} back" if report.shift else ""
    rows = [[line.instrument.label, text.pct(line.change_pct)] for line in report.lines]
    return card(
        tone=Tone.INFO,
        title=f"{best.instrument.label} leads with {text.pct(best.change_pct)} "
        f"in {report.range.upper()}{back}",
        stamp=report.stamp,
        lines=[text.table(rows, "lr"), *(f"-# without {w}" for w in lost)],
        picture=PICTURE if has_picture else "",
    )


def compare_alt(report: CompareReport) -> str:
    """The picture in words."""
    said = ", ".join(f"{v.instrument.label} {text.pct(v.change_pct)}" for v in report.lines)
    return f"Prices rebased to 100 over {report.range.upper()}: {said}"


def payoff(report: PayoffReport, *, has_picture: bool = False) -> discord.Embed:
    """Best and worst case, and where it turns."""
    side = "long" if report.direction > 0 else "short"
    evens = ", ".join(f"{at:,.2f}" for at in report.break_evens) or "none"
    rows = [
        ["most", "no limit" if report.most is None else text.usd(report.most, sign=True)],
        ["least", "no limit" if report.least is None else text.usd(report.least, sign=True)],
        ["break-even", evens],
        ["underlying", "n/a" if isinstance(report.spot, Missing) else f"{report.spot:,.2f}"],
    ]
    why = f"-# now: {report.now}" if isinstance(report.now, Missing) else ""
    return card(
        tone=Tone.INFO,
        title=f"{report.label} {side} {text.qty(report.qty)} · expires {report.expiry:%b %-d}",
        stamp=report.stamp,
        lines=[text.table(rows, "lr"), why, "-# before fees; at expiry unless it says now"],
        picture=PICTURE if has_picture else "",
    )


def payoff_alt(report: PayoffReport) -> str:
    """The picture in words."""
    most = "without limit" if report.most is None else text.usd(report.most, sign=True)
    least = "without limit" if report.least is None else text.usd(report.least, sign=True)
    evens = ", ".join(f"{at:,.2f}" for at in report.break_evens) or "none"
    return (
        f"Pay-off of {report.label} at {report.expiry:%b %-d}: most {most}, least {least}, "
        f"break-even {evens}"
    )


def _pairs(said: list[tuple[str, str]]) -> list[list[str]]:
    """Two to a line."""
    rows = []
    for n in range(0, len(said), 2):
        left, right = said[n], said[n + 1] if n + 1 < len(said) else ("", "")
        rows.append([*left, *right])
    return rows


def _note(note: str) -> str:
    return f"-# {note}" if note else ""


def _tone(change: Figure) -> Tone:
    if isinstance(change, Missing) or change == 0:
        return Tone.QUIET
    return Tone.GOOD if change > 0 else Tone.BAD
