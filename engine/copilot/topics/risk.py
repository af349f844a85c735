"""How near the desk is to its limits, and whether it may open anything."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports import Missing
from engine.reports._said import Fact, Unit, number, words
from engine.reports.limits import used_pct

_KNOWN = 16
_SHOWN = 4
_UNITS: dict[str, Unit] = {"$": "usd", "%": "pct", "n": "n"}


class Risk(Topic):
    """Limits and the breaker."""

    words = (
        r"\b(risk|risky|limits?|drawdown|breaker|halted|halt|safe|danger|allowed|room left|"
        r"can i (still )?(trade|open|enter)|daily loss|lose today|worst case)\b"
    )
    place = 30
    mark = "🛡"
    source = "/risk-limits"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """The fullest limits of all accounts, and why entries are off if they are."""
        report, source = seen.limits, self.source
        stopped = report.halted or report.unsound
        if not stopped and not report.may_enter:
            stopped = "the daily breaker has tripped"
        yield words("risk.entries", "whether entries are allowed", stopped or "allowed", source)
        known = [(a.account, g) for a in report.accounts for g in a.gauges]
        known.sort(key=lambda k: -(used_pct(k[1]) or 0))
        for n, (account, gauge) in enumerate(known[:_KNOWN], 1):
            key, unit = f"risk.t{n}", _UNITS[gauge.unit]
            name = gauge.name if len(report.accounts) < 2 else f"{gauge.name} ({account})"
            used = used_pct(gauge)
            yield words(f"{key}.name", "a limit", name, source)
            yield number(f"{key}.now", f"now: {name}", gauge.now, unit, source)
            yield number(f"{key}.limit", f"limit of {name}", gauge.limit, unit, source)
            yield number(f"{key}.used", f"share used of {name}", used, "pct", source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """The fullest ones."""
        del asked
        is_open = facts["risk.entries"].value == "allowed"
        yield "Entries are allowed." if is_open else "🛑 No entries: {risk.entries}."
        rows = several(facts, "risk.t")
        parts = [
            f"{{{r}.name}} {{{r}.now}} of {{{r}.limit}} ({{{r}.used}} used)"
            for r in rows[:_SHOWN]
            if not isinstance(facts[f"{r}.used"].value, Missing)
        ]
        if parts:
            yield "Fullest limits: " + " · ".join(parts) + "."
        yield "If every stop is hit, open positions end at {pos.at_stops}."
