"""What is under way: working orders, orders in doubt, questions that wait for a person."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.domain.words import ORDER
from engine.reports._said import Fact, number, words

_KNOWN = 10


class Orders(Topic):
    """Orders and approvals."""

    words = r"\b(orders?|pending|waiting|approvals?|approve|working|unfilled|in doubt|queue)\b"
    place = 45
    mark = "🧾"
    source = "/order list"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Counts and the newest orders."""
        report, source = seen.orders, self.source
        yield number("ord.live", "orders at work", report.n_live, "n", source)
        yield number("ord.unknown", "orders in doubt", report.n_unknown, "n", source)
        yield number(
            "ord.approvals", "questions that wait for a person", seen.n_approvals, "n", "/approvals"
        )
        rows = [r for r in report.rows if not r.is_over]
        for n, row in enumerate(rows[:_KNOWN], 1):
            key, of = f"ord.t{n}", row.price_of
            name = f"{row.purpose.value} {row.side.value} {row.label}"
            yield words(f"{key}.name", "an order at work", name, source)
            yield words(f"{key}.state", "its state", ORDER[row.state], source)
            yield number(f"{key}.qty", f"quantity of the {name}", row.qty, "n", source)
            yield number(f"{key}.price", f"price of the {name}", row.price, "price", source, of=of)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Counts, then one line per order."""
        del asked
        yield (
            "Orders at work: {ord.live}, in doubt: {ord.unknown}; waiting for a person: "
            "{ord.approvals}."
        )
        for row in several(facts, "ord.t"):
            yield f"{{{row}.name}}: {{{row}.qty}} at {{{row}.price}}, {{{row}.state}}."
