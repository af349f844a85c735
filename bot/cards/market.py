"""The market on one screen, its sectors, and one to three instruments looked into."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

import discord

from bot import text
from bot.cards._layout import Tone, card
from engine.reports import Figure, Missing
from engine.reports.analysis import AnalysisReport, Assessment, Setup, leader
from engine.reports.market_summary import Index, SummaryReport
from engine.reports.sectors import SectorReport, SectorRow
from engine.reports.watchlist import Row

SECTORS = "sectors.png"
_LEANS = {"up": "leans up", "down": "leans down", "mixed": "is mixed"}
_REGIMES = {
    "trending": "trending",
    "ranging": "in a range",
    "volatile": "volatile",
    "calm": "calm",
}


# -- summary -------------------------------------------------------------------------------------


def summary(report: SummaryReport, *, picture: str = "") -> discord.Embed:
    """Indexes, sectors, fear, movers, the kind of market and what it does to the book."""
    spy = report.indexes[0]
    regime = report.regime
    kind = "" if isinstance(regime, Missing) else f" · {_REGIMES[regime]}"
    return card(
        tone=_tone(spy.day_pct),
        title=f"S&P 500 {text.pct(spy.day_pct)}{kind}"
        if not isinstance(spy.day_pct, Missing)
        else f"The market · {spy.day_pct}",
        stamp=report.stamp,
        lines=[
            text.table(
                [["", "last", "day", "EMA21"], *(_index(i) for i in report.indexes)], "lrrr"
            ),
            _why({i.symbol: i.day_pct for i in report.indexes}),
            _sectors_line(report.sectors),
            _fear(report),
            f"**Watchlist** {_movers('▲', report.best)} {_movers('▼', report.worst)}".strip()
            if report.best or report.worst
            else "",
            _regime(report),
            _effect(report),
        ],
        picture=picture,
    )


def _index(row: Index) -> list[str]:
    last = "n/a" if isinstance(row.last, Missing) else f"{row.last:.2f}"
    return [row.symbol, last, text.pct_short(row.day_pct), text.pct_short(row.over_ema_pct)]


def _sectors_line(rows: Sequence[Index]) -> str:
    known = [r for r in rows if not isinstance(r.day_pct, Missing)]
    if not known:
        why = rows[0].day_pct if rows else Missing("no funds")
        return f"**Sectors** {why}"
    said = [f"{r.symbol} {text.pct_short(r.day_pct)}" for r in known]
    missing = len(rows) - len(known)
    lost = f" · {missing} n/a" if missing else ""
    return f"**Sectors** {' · '.join(said)}{lost}"


def _fear(report: SummaryReport) -> str:
    if isinstance(report.fear, Missing):
        return f"**VIX** {report.fear}"
    rank = report.fear_percentile
    said = str(rank) if isinstance(rank, Missing) else f"percentile {rank:.0f} of its year"
    return f"**VIX** {report.fear:.1f} · {said}"


def _movers(sign: str, rows: Sequence[Row]) -> str:
    said = " · ".join(f"{r.symbol} {text.pct_short(r.day_pct)}" for r in rows)
    return f"{sign} {said}" if said else ""


def _regime(report: SummaryReport) -> str:
    if isinstance(report.regime, Missing):
        return f"**Kind of market** {report.regime}"
    return (
        f"**Kind of market** {_REGIMES[report.regime]}, confidence "
        f"{text.pct(report.confidence_pct, sign=False, places=0)}\n-# {report.why}"
    )


def _effect(report: SummaryReport) -> str:
    if report.effect_usd is None:
        return ""
    return f"**Your book** by its beta {text.usd(report.effect_usd, sign=True)} today"


def summary_alt(report: SummaryReport) -> str:
    """The picture in words."""
    said = ", ".join(f"{i.symbol} {text.pct_short(i.day_pct)} today" for i in report.indexes)
    return f"The indexes over a month, each from 100 on: {said}"


# -- sectors -------------------------------------------------------------------------------------


def sectors(report: SectorReport, *, has_picture: bool = False) -> discord.Embed:
    """Best first, with what the desk has there where it may be seen."""
    known = [r for r in report.rows if r.rank is not None]
    title = f"Sectors over {report.period}"
    if known:
        title += f" · {known[0].name} leads {text.pct_short(known[0].change_pct)}"
    head = ["", "", "vs SPY", *(["mine"] if report.shows_exposure else ["±"])]
    return card(
        tone=Tone.INFO if known else Tone.WAIT,
        title=title,
        stamp=report.stamp,
        lines=[
            text.table(
                [head, *(_sector(r, shows_exposure=report.shows_exposure) for r in report.rows)],
                "lrrr",
            ),
            f"SPY {text.pct(report.market_pct)}",
            _why({r.fund: r.change_pct for r in report.rows}),
            *(f"💡 {text.safe_line(hint, 160)}" for hint in report.hints),
            _room(report),
            "" if report.shows_exposure else "-# ± places gained against the period before",
        ],
        picture=SECTORS if has_picture else "",
    )


def _why(figures: Mapping[str, Figure]) -> str:
    """Why some are n/a, those of one reason together."""
    of: dict[str, list[str]] = {}
    for name, figure in figures.items():
        if isinstance(figure, Missing):
            of.setdefault(figure.reason, []).append(name)
    return "\n".join(
        f"-# {'all' if len(names) == len(figures) else ' '.join(names)}: n/a "
        f"({text.safe_line(reason, 100)})"
        for reason, names in of.items()
    )


def _sector(row: SectorRow, *, shows_exposure: bool) -> list[str]:
    against = row.against_pct
    last = _mine(row) if shows_exposure else _gained(row)
    return [
        row.fund if row.rank is None else f"{row.rank:>2} {row.fund}",
        text.pct_short(row.change_pct),
        "n/a" if isinstance(against, Missing) else f"{against:+.1f}",
        last,
    ]


def _mine(row: SectorRow) -> str:
    pct = row.exposure_pct
    if pct is None or isinstance(pct, Missing):
        return "n/a"
    return "-" if pct == 0 else f"{pct:.0f}%"


def _gained(row: SectorRow) -> str:
    return "" if not row.gained else f"{row.gained:+d}"


def _room(report: SectorReport) -> str:
    rows = [
        f"{r.name} {r.headroom_pct:.0f}"
        for r in report.rows
        if r.headroom_pct is not None and not isinstance(r.headroom_pct, Missing)
    ]
    return f"-# points left below the limit: {', '.join(rows)}" if rows else ""


def sectors_alt(report: SectorReport) -> str:
    """The picture in words."""
    said = ", ".join(f"{r.name} {text.pct_short(r.change_pct)}" for r in report.rows)
    return f"Sector funds over {report.period}: {said}; SPY {text.pct_short(report.market_pct)}"


# -- analysis ------------------------------------------------------------------------------------


def analysis(report: AnalysisReport, *, picture: str = "") -> discord.Embed:
    """Verdict first, then figures; what nobody here can say is named."""
    ones = report.ones
    first = ones[0]
    names = ", ".join(one.instrument.label for one in ones)
    ahead = leader(report)
    if len(ones) == 1:
        title = f"{names} {text.price(first.last, first.instrument)} · {_verdict(first)}"
    else:
        title = f"{names} · {ahead.instrument.label} is ahead" if ahead else names
    fields = []
    for one in ones:
        name = "Figures" if len(ones) == 1 else f"{one.instrument.label} {_verdict(one)}"
        fields.append((name, _figures(one, is_full=report.depth == "full")))
        if one.setups:
            fields.append((f"{one.instrument.label}: set-ups now", _setups(one)))
    return card(
        tone=_lean_tone(first) if len(ones) == 1 else Tone.INFO,
        title=title,
        stamp=report.stamp,
        lines=[
            _signs(first) if len(ones) == 1 else "",
            *(_together(a, b, r) for a, b, r in report.correlations),
            _untold(report),
        ],
        fields=fields,
        picture=picture,
    )


def _verdict(one: Assessment) -> str:
    if not one.signs:
        return "nothing is known"
    return f"{_LEANS[one.lean]} ({one.n_up} of {len(one.signs)} signs)"


def _signs(one: Assessment) -> str:
    return " · ".join(f"{'✓' if is_up else '✗'} {name}" for name, is_up in one.signs)


def _figures(one: Assessment, *, is_full: bool) -> str:
    of = one.instrument
    if isinstance(one.last, Missing):
        return str(one.last)
    rows = [
        ["day", text.pct_short(one.day_pct), "20d", text.pct_short(one.changes["20d"])],
        ["RSI", text.plain(one.rsi, 0), "ATR", text.pct_short(one.atr_pct, sign=False)],
        ["support", text.price_tight(one.support, of), "beta", text.plain(one.beta, 2)],
        ["resist.", text.price_tight(one.resistance, of), "vol", text.share(one.volatility_pct)],
    ]
    if is_full:
        rows += [
            ["5d", text.pct_short(one.changes["5d"]), "60d", text.pct_short(one.changes["60d"])],
            ["1y", text.pct_short(one.changes["1y"]), "DD", text.share(one.drawdown_pct)],
            ["EMA21", text.price_tight(one.ema21, of), "MACD", text.plain(one.macd, 2)],
            ["SMA50", text.price_tight(one.sma50, of), "", ""],
            ["high 1y", text.price_tight(one.high_year, of), "", ""],
            ["low 1y", text.price_tight(one.low_year, of), "", ""],
        ]
    return text.table(rows, "lrlr")


def _setups(one: Assessment) -> str:
    return "\n".join(_setup(one, setup) for setup in one.setups)


def _setup(one: Assessment, setup: Setup) -> str:
    of = one.instrument
    side = "▲ long" if setup.is_long else "▼ short"
    size = (
        str(setup.qty)
        if isinstance(setup.qty, Missing)
        else f"size {text.qty(setup.qty)}, {text.usd(setup.risk_usd)} at risk"
    )
    return (
        f"{side} · stop {text.price(setup.stop, of)} · target {text.price(setup.target, of)} · "
        f"{size}"
    )


def _together(a: str, b: str, figure: Figure) -> str:
    said = str(figure) if isinstance(figure, Missing) else f"{figure:+.2f} over 60 days"
    return f"**{a} and {b}** correlation {said}"


def _untold(report: AnalysisReport) -> str:
    said = ", ".join(f"{name} {why}" for name, why in report.untold.items())
    return f"-# {said}"


def _tone(change: Figure) -> Tone:
    if isinstance(change, Missing) or abs(change) < Decimal("0.05"):
        return Tone.QUIET
    return Tone.GOOD if change > 0 else Tone.BAD


def _lean_tone(one: Assessment) -> Tone:
    return {"up": Tone.GOOD, "down": Tone.BAD, "mixed": Tone.QUIET}[one.lean]
