"""News of what is held; without a source it says so."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports import Missing
from engine.reports._said import Fact, foreign, number, words

_KNOWN = 8


class News(Topic):
    """Headlines; other people's words."""

    words = (
        r"\b(news|headlines?|earnings|happen|happened|events?|why (is|did) .*(move|drop|rise))\b"
    )
    place = 27
    mark = "📰"
    source = ""
    """No command shows them."""

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Headlines, or why there are none."""
        n = len(seen.news)
        count = Missing(seen.no_news) if not n else None
        yield number("news.n", "headlines of what is held", count or n, "n", self.source)
        for number_, item in enumerate(seen.news[:_KNOWN], 1):
            key = f"news.t{number_}"
            yield foreign(f"{key}.name", "a headline", item.text, self.source, symbol=item.symbol)
            yield words(f"{key}.about", "what it is about", item.symbol, self.source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Headlines as they are, marked as other people's."""
        del asked
        rows = several(facts, "news.t")
        if not rows:
            yield "News: {news.n}."
        for row in rows:
            yield f"News of {{{row}.about}}: {{{row}.name}}"
