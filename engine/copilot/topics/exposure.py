"""What is at stake and where, by symbol and sector, of equity; and the account's worth."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports._said import Fact, number, words

_KNOWN = 10
_SHOWN = 5


class Exposure(Topic):
    """Exposure, equity and cash."""

    words = (
        r"\b(exposure|exposed|sectors?|concentrat\w*|diversif\w*|allocation|allocated|largest|"
        r"biggest|equity|cash|account|balance|worth|invested|at stake|capital|leverage)\b"
    )
    place = 40
    mark = "⚖"
    source = "/exposure"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Sums, then groups by symbol and by sector."""
        report, source = seen.exposure, self.source
        yield number("acct.equity", "equity", report.equity_usd, "usd", "/portfolio-summary")
        yield number("acct.cash", "cash", report.cash_usd, "usd", "/portfolio-summary")
        yield number(
            "acct.day", "change of equity today", report.day_change_usd, "pnl", "/portfolio-summary"
        )
        yield number("exp.gross", "at stake, gross", report.gross_usd, "usd", source)
        yield number("exp.net", "at stake, long less short", report.net_usd, "pnl", source)
        yield number("exp.pct", "at stake, of equity", report.gross_pct, "pct", source)
        yield number("exp.hhi", "concentration index", report.hhi, "ratio", source)
        sectors = () if seen.sectors is None else seen.sectors.rows
        for prefix, what, rows in (
            ("exp.t", "symbol", report.rows),
            ("sector.t", "sector", sectors),
        ):
            for n, row in enumerate(rows[:_KNOWN], 1):
                key = f"{prefix}{n}"
                yield words(f"{key}.name", f"a {what} that is held", row.name, source)
                yield number(
                    f"{key}.gross", f"at stake in {row.name}", row.gross_usd, "usd", source
                )
                yield number(f"{key}.pct", f"{row.name}, of equity", row.pct, "pct", source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Worth first, then where it is."""
        del asked
        yield "Equity {acct.equity} (today {acct.day}), cash {acct.cash}."
        if not facts["exp.gross"].value:
            yield "Nothing is at stake."
            return
        yield "At stake: {exp.gross}, {exp.pct} of equity, net {exp.net}."
        for prefix, word in (("exp.t", "By symbol"), ("sector.t", "By sector")):
            parts = [f"{{{r}.name}} {{{r}.pct}}" for r in several(facts, prefix)[:_SHOWN]]
            if parts:
                yield f"{word}: " + " · ".join(parts) + "."
