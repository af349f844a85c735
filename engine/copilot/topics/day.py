"""What happened today, on the last trading day, or on the days that a question names."""

from collections.abc import Iterable, Iterator

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.domain.words import TRADE
from engine.reports import Missing
from engine.reports._said import Fact, number, words
from engine.reports.day import DayReport

_SHOWN = 6
_RECENT = 10


class Day(Topic):
    """Results and trades of a day."""

    words = (
        r"\b(happen|happened|happening|yesterday|today|p&l|pnl|profit|profits|loss|losses|made|"
        r"make|lost|lose|earn|earned|result|results|trades?|traded|closed|winners?|losers?|"
        r"summary|recap|how did|how is it going|doing)\b"
    )
    place = 10
    mark = "📊"
    source = "/profit-loss"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Both days, and every trade of the last 24 hours."""
        yield from _day("day", "today", seen.today)
        yield from _day("last", "the last trading day", seen.yesterday)
        if seen.then is not None:
            yield from _day("then", "the days asked for", seen.then)
        yield number(
            "recent.n", "trades of the last day and night", len(seen.recent.rows), "n", "/trades"
        )
        for n, row in enumerate(seen.recent.rows[:_RECENT], 1):
            yield words(f"recent.t{n}.name", "a recent trade", row.label, "/trades")
            yield words(f"recent.t{n}.state", "its state", TRADE[row.state], "/trades")
            yield number(f"recent.t{n}.net", f"net of {row.label}", row.net_usd, "pnl", "/trades")
            yield number(f"recent.t{n}.r", f"result of {row.label}", row.r, "r", "/trades")

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """The day that was asked for; today when none was."""
        if asked.is_day_unread:
            yield "Which day is meant I could not read: name it as year-month-day. So, of today:"
        if asked.days is not None and "then.on" in facts:
            yield from _told("then", "On {then.on}", facts)
        elif asked.span == "yesterday":
            yield from _told("last", "On {last.on}", facts)
            yield "Today so far: {day.realised} realised, open P&L {pos.open}."
        else:
            yield from _told("day", "Today", facts)
            yield "Open P&L is {pos.open}."
            if not asked.span:
                yield "The trading day before, {last.on}: {last.realised} realised."


def _day(key: str, name: str, day: DayReport) -> Iterator[Fact]:
    source = Day.source
    yield words(f"{key}.on", f"date of {name}", _dates(day), source)
    yield number(f"{key}.realised", f"realised P&L of {name}", day.realised_usd, "pnl", source)
    yield number(f"{key}.fees", f"fees of {name}", day.fees_usd, "usd", source)
    yield number(f"{key}.closed", f"trades closed on {name}", day.n_closed, "n", source)
    yield number(f"{key}.wins", f"of them won on {name}", day.n_wins, "n", source)
    yield number(f"{key}.losses", f"of them lost on {name}", day.n_losses, "n", source)
    yield number(f"{key}.opened", f"trades opened on {name}", day.n_opened, "n", "/trades recent")
    for word, row in (("best", day.best), ("worst", day.worst)):
        if row is not None:
            yield words(f"{key}.{word}", f"{word} trade of {name}", row.label, source)
            yield number(
                f"{key}.{word}_pnl", f"its P&L, {row.label}", row.realised_usd, "pnl", source
            )
    for n, row in enumerate(day.rows[-_SHOWN:], 1):
        about = row.symbol
        yield words(f"{key}.t{n}.name", f"a trade of {name}", row.label, source, symbol=about)
        yield number(
            f"{key}.t{n}.pnl", f"P&L of {row.label}", row.realised_usd, "pnl", source, symbol=about
        )
        yield number(f"{key}.t{n}.r", f"{row.label} in R", row.r, "r", source, symbol=about)


def _dates(day: DayReport) -> str:
    year = "" if day.on.year == day.to.year == day.stamp.at.year else f" {day.on.year}"
    first, last = (f"{d:%a %b} {d.day}" for d in (day.on, day.to))
    return f"{first}{year}" if day.on == day.to else f"{first}{year} to {last}"


def _told(key: str, begin: str, facts: Facts) -> Iterator[str]:
    rows = several(facts, f"{key}.t")
    if not rows:
        yield f"{begin} nothing was closed; trades opened: {{{key}.opened}}."
        return
    yield (
        f"{begin}: {{{key}.realised}} realised over {{{key}.closed}} closed trades "
        f"({{{key}.wins}} won, {{{key}.losses}} lost), fees {{{key}.fees}}; "
        f"opened: {{{key}.opened}}."
    )
    parts = []
    for row in rows:
        share = "" if isinstance(facts[f"{row}.r"].value, Missing) else f" ({{{row}.r}})"
        parts.append(f"{{{row}.name}} {{{row}.pnl}}{share}")
    yield "Trades: " + " · ".join(parts) + "."
    if len(rows) > 1 and f"{key}.best" in facts and f"{key}.worst" in facts:
        yield (
            f"Best {{{key}.best}} {{{key}.best_pnl}}, worst {{{key}.worst}} {{{key}.worst_pnl}}."
        )
