"""What a supposed move would do to what is held, in dollars."""

from collections.abc import Iterable

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports import Missing
from engine.reports._said import Fact, number, words

_KNOWN = 8
_SHOWN = 5


class WhatIf(Topic):
    """From an event to dollars."""

    words = r"\b(what if|suppose|imagine|if .*(drops?|falls?|rises?|moves?|crash\w*|rall\w+))\b"
    place = 5
    mark = "🌊"
    source = "/stress-test"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """The event, its total, and the positions that it touches."""
        impact, source = seen.impact, self.source
        if impact is None:
            return
        of = impact.event.symbol or "the market (SPY)"
        yield words("if.of", "what is supposed to move", of, source)
        yield number(
            "if.move", "the supposed move", impact.event.move_pct, "change", "your question"
        )
        yield number("if.n", "positions that it touches", len(impact.rows), "n", source)
        yield number("if.total", "effect on what is held", impact.total_usd, "pnl", source)
        yield number("if.unknown", "positions it cannot be told of", impact.n_unknown, "n", source)
        for n, row in enumerate(impact.rows[:_KNOWN], 1):
            key = f"if.t{n}"
            yield words(f"{key}.name", "a position it touches", row.label, source)
            yield number(f"{key}.usd", f"effect on {row.label}", row.effect_usd, "pnl", source)
            if row.hits_stop:
                yield words(f"{key}.stop", "what else", "its stop would be hit", source)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """The total, then the positions."""
        if asked.is_move_unread:
            yield "That is no move that I can reckon with: say one percentage, a hundred at most."
            return
        if "if.n" not in facts:
            yield "Say how far, and of what: what if SPY falls by some percent?"
            return
        if not facts["if.n"].value:
            yield "A move of {if.move} in {if.of} touches nothing that is held."
            if asked.moved:
                yield "No share, future or option of it is held; SPY stands for the whole market."
            return
        if isinstance(facts["if.total"].value, Missing):
            yield "What a move of {if.move} in {if.of} would do cannot be told: {if.total}."
            return
        yield "A move of {if.move} in {if.of} would change what is held by about {if.total}."
        for row in several(facts, "if.t")[:_SHOWN]:
            more = f"; {{{row}.stop}}" if f"{row}.stop" in facts else ""
            yield f"{{{row}.name}}: {{{row}.usd}}{more}."
        if facts["if.unknown"].value:
            yield "Not told of: {if.unknown}. Gaps and changes of volatility are not in it."
