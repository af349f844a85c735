"""How well a period did: win rate, profit factor, expectancy, drawdown."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports._said import Fact, number, words

_NAMES = {
    "today": "today",
    "week": "this week",
    "month": "this month",
    "ytd": "this year",
    "all": "since the start",
}


class Performance(Topic):
    """Measures of closed trades."""

    words = (
        r"\b(win rate|winrate|profit factor|performance|performing|sharpe|sortino|expectancy|"
        r"streak|average (win|loss|trade)|week|weekly|month|monthly|year|ytd|ever|overall|"
        r"statistics|stats|how good|best (room|source)|which room)\b"
    )
    place = 15
    mark = "🏁"
    source = "/performance"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Only when a period was gathered."""
        report, source = seen.performance, self.source
        if report is None:
            return
        name = _NAMES.get(report.period, report.period)
        yield words("perf.period", "the period", name, source)
        yield number("perf.n", f"closed trades {name}", report.n_closed, "n", source)
        yield number("perf.realised", f"realised {name}", report.realised_usd, "pnl", source)
        yield number("perf.win_rate", f"win rate {name}", report.win_rate_pct, "pct", source)
        yield number("perf.factor", f"profit factor {name}", report.profit_factor, "ratio", source)
        yield number("perf.mean", f"mean result {name}", report.expectancy_usd, "pnl", source)
        yield number("perf.mean_r", f"mean R {name}", report.expectancy_r, "r", source)
        yield number("perf.win", f"average win {name}", report.average_win_usd, "pnl", source)
        yield number("perf.loss", f"average loss {name}", report.average_loss_usd, "pnl", source)
        yield number("perf.fall", f"drawdown {name}", report.max_drawdown_usd, "usd", source)
        yield number("perf.streak", f"losses in a row {name}", report.losing_streak, "n", source)
        yield number("perf.sharpe", f"Sharpe ratio {name}", report.sharpe, "ratio", source)
        for n, group in enumerate(report.groups[:5], 1):
            key = f"perf.g{n}"
            yield words(f"{key}.name", f"a {report.by}", group.name, source)
            yield number(
                f"{key}.pnl", f"realised of {group.name}", group.realised_usd, "pnl", source
            )

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """The measures in two sentences."""
        del asked
        if "perf.n" not in facts:
            return
        if not facts["perf.n"].value:
            yield "No trade was closed {perf.period}."
            return
        yield (
            "Over {perf.n} trades closed {perf.period}: {perf.realised} realised, "
            "{perf.win_rate} won, profit factor {perf.factor}, {perf.mean} ({perf.mean_r}) a trade."
        )
        yield (
            "Average win {perf.win}, average loss {perf.loss}, deepest fall {perf.fall}, "
            "losses in a row {perf.streak}."
        )
        parts = [f"{{{g}.name}} {{{g}.pnl}}" for g in several(facts, "perf.g")]
        if parts:
            yield "By room: " + " · ".join(parts) + "."
