"""Which markets are open, and until when."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports._said import Fact, moment, words


class Market(Topic):
    """Hours."""

    words = (
        r"\b(markets? (is |are )?(open|closed|shut)|(is|are) the markets?|when .*(open|close|"
        r"opens|closes)|trading hours|session|holiday|half day|bell|market status)\b"
    )
    place = 60
    mark = "🕰"
    source = "/market-status"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """One market after the other."""
        for n, line in enumerate(seen.markets.markets, 1):
            key = f"market.t{n}"
            yield words(f"{key}.name", "a market", line.name, self.source)
            yield words(f"{key}.state", f"state of {line.name}", line.state, self.source)
            what = f"{line.name} {'closes' if line.state == 'open' else 'opens'} at"
            yield moment(f"{key}.next", what, line.changes_at, self.source, "it never closes")

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """All of them on one line each."""
        del asked
        for row in several(facts, "market.t"):
            is_open = facts[f"{row}.state"].value == "open"
            then = "closes" if is_open else "opens"
            yield f"{{{row}.name}} is {{{row}.state}}; {then} {{{row}.next}}."
