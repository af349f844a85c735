"""How the market and what is held moved on the last trading day, from daily closes."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports import Missing
from engine.reports._said import Fact, number, words

_KNOWN = 12


class Moves(Topic):
    """Daily changes of indices and of what is held."""

    words = (
        r"\b(happened|moved|market (do|did|go|went)|how (is|was|did) the market|indices|index)\b"
    )
    place = 26
    mark = "📈"
    source = "/market-summary"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """One change per symbol."""
        for n, move in enumerate(seen.moves[:_KNOWN], 1):
            key, source = f"moves.t{n}", self.source
            what = f"change of {move.symbol} on its last finished day"
            yield words(f"{key}.name", "a symbol", move.symbol, source)
            yield number(f"{key}.pct", what, move.change_pct, "change", source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Those that are known, on one line."""
        del asked
        parts = [
            f"{{{r}.name}} {{{r}.pct}}"
            for r in several(facts, "moves.t")
            if not isinstance(facts[f"{r}.pct"].value, Missing)
        ]
        if parts:
            yield "Last finished day: " + " · ".join(parts) + "."
