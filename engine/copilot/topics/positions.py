"""What is held now: each position with its result, its stop and its target."""

from collections.abc import Iterable, Iterator

from engine.copilot.question import Asked
from engine.copilot.seen import Seen
from engine.copilot.topics import Facts, Topic, several
from engine.reports import Figure, Missing
from engine.reports._said import Fact, Unit, number, words
from engine.reports.trade_card import TradeCard

_SHOWN = 8
_KNOWN = 20


class Positions(Topic):
    """Open trades."""

    words = (
        r"\b(positions?|hold|holding|holdings|held|own|portfolio|book|stops?|targets?|unrealised|"
        r"unrealized|open trades?|what do i have|am i in|protected|unprotected|expire|expires)\b"
    )
    place = 20
    mark = "📦"
    source = "/positions"

    def facts(self, seen: Seen) -> Iterable[Fact]:
        """Sums, then up to twenty positions."""
        report, source = seen.positions, self.source
        yield number("pos.n", "open positions", len(report.rows), "n", source)
        yield number("pos.pending", "entries not filled yet", report.n_pending, "n", source)
        yield number("pos.open", "open P&L of all positions", report.open_usd, "pnl", source)
        yield number("pos.net", "net of all open positions", report.net_usd, "pnl", source)
        yield number("pos.at_stops", "P&L if every stop is hit", report.at_stops_usd, "pnl", source)
        yield number("pos.unprotected", "without a working stop", report.n_unprotected, "n", source)
        for n, row in enumerate(report.rows[:_KNOWN], 1):
            yield from _row(f"pos.t{n}", row)

    def lines(self, facts: Facts, asked: Asked) -> Iterable[str]:
        """Those of the symbols asked for, else all."""
        rows = several(facts, "pos.t")
        if asked.symbols:
            mine = [r for r in rows if facts[f"{r}.name"].symbol in asked.symbols]
            for row in mine:
                yield _full(row, facts)
            if mine:
                return
            yield "Nothing of it is held."
        if not rows:
            yield "Nothing is held; entries that wait to be filled: {pos.pending}."
            return
        yield (
            "Open positions: {pos.n}, open P&L {pos.open}, net {pos.net}; "
            "{pos.at_stops} if every stop is hit."
        )
        if facts["pos.unprotected"].value:
            yield "⚠ Without a working stop: {pos.unprotected}."
        for row in rows[:_SHOWN]:
            yield _short(row, facts)
        if len(rows) > _SHOWN:
            yield "The others are in /positions."


def _row(key: str, row: TradeCard) -> Iterator[Fact]:
    of, source = row.legs[0].instrument, Positions.source
    name = f"{row.label} {'long' if row.is_long else 'short'}"

    def made(part: str, what: str, value: Figure | int | None, unit: Unit, why: str = "") -> Fact:
        about = f"{what} of {row.label}"
        return number(
            f"{key}.{part}", about, value, unit, source, symbol=row.symbol, of=of, why=why
        )

    ahead = next((t.price for t in row.targets if not t.is_hit), None)
    gap: Figure = Missing("no stop" if row.stop is None else "no quote")
    if row.stop is not None and not isinstance(row.last, Missing):
        gap = abs(row.last - row.stop.price)
    yield words(f"{key}.name", "a position", name, source, symbol=row.symbol)
    yield made("qty", "quantity", row.qty_open, "n")
    yield made("entry", "entry price", row.entry, "price")
    yield made("last", "last price", row.last, "price")
    yield made("net", "net P&L", row.net_usd, "pnl")
    yield made("r", "net result in R", row.r_net, "r")
    yield made("pct", "return", row.pct, "change")
    yield made("stop", "stop", None if row.stop is None else row.stop.price, "price", "no stop")
    yield made("to_stop", "distance from its stop", gap, "price")
    yield made("at_stop", "P&L if its stop is hit", row.stop_usd, "pnl")
    yield made("target", "next target", ahead, "price", "no target")
    yield made("dte", "days to expiry", row.dte, "n", "does not expire")
    kind = "no stop" if row.stop is None else row.stop.kind.replace("breakeven", "break-even")
    yield words(f"{key}.kind", "how its stop moves", kind, source, symbol=row.symbol)


def _short(row: str, facts: Facts) -> str:
    share = "" if isinstance(facts[f"{row}.r"].value, Missing) else f" ({{{row}.r}})"
    return f"{{{row}.name}} {{{row}.net}}{share}, last {{{row}.last}}, stop {{{row}.stop}}."


def _full(row: str, facts: Facts) -> str:
    has_expiry = not isinstance(facts[f"{row}.dte"].value, Missing)
    expiry = f" Days to expiry: {{{row}.dte}}." if has_expiry else ""
    return (
        f"{{{row}.name}}: {{{row}.qty}} held, entry {{{row}.entry}}, last {{{row}.last}}, net "
        f"{{{row}.net}} ({{{row}.r}}). Stop {{{row}.stop}} ({{{row}.kind}}), {{{row}.to_stop}} "
        f"away, {{{row}.at_stop}} if hit; next target {{{row}.target}}.{expiry}"
    )
