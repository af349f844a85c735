"""What moves together: every pair of what is held, how diversified that is, one more symbol."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from engine.portfolio import Unknown
from engine.portfolio.closes import Closes
from engine.portfolio.correlation import diversification, matrix
from engine.reports import Figure, Frame, Missing, Stamp
from engine.reports._lines import Lines

_PLACES = Decimal("0.0001")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """Two symbols and Pearson's r of their daily log returns."""

    a: str
    b: str
    r: Figure
    is_hedge: bool = False
    """They are held opposite ways: what moves together offsets."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorrelationReport:
    """The matrix of what is held, strongest pairs first."""

    stamp: Stamp
    days: int
    limit: Decimal
    """Above this an entry the same way is rejected."""
    names: tuple[str, ...]
    """Symbols in the order of the matrix: largest first, then ``adding``."""
    pairs: tuple[Pair, ...]
    score: Figure
    """Diversification: 0 all is one bet, 1 nothing has to do with anything, above it offsets."""
    adding: str
    score_with: Figure
    """The score if as much of ``adding`` as the average position were held too."""
    source: str
    """Who delivered the closes."""

    @property
    def above(self) -> tuple[Pair, ...]:
        """Pairs above the limit, strongest first."""
        known = [p for p in self.pairs if isinstance(p.r, Decimal) and p.r > self.limit]
        return tuple(sorted(known, key=lambda p: -_r(p)))

    @property
    def repeated(self) -> tuple[Pair, ...]:
        """Those of them that are held the same way: one bet twice."""
        return tuple(p for p in self.above if not p.is_hedge)

    @property
    def unknown(self) -> tuple[Pair, ...]:
        """Pairs that cannot be told."""
        return tuple(p for p in self.pairs if isinstance(p.r, Missing))

    def between(self, a: str, b: str) -> Figure:
        """Pearson's r of two of the names."""
        if a == b:
            return Decimal(1)
        return next((p.r for p in self.pairs if {p.a, p.b} == {a, b}), Missing("no such pair"))


def build(
    frame: Frame,
    *,
    lines: Lines,
    closes: Mapping[str, Closes],
    no_closes: Mapping[str, str] | None = None,
    days: int = 60,
    min_days: int = 40,
    limit: Decimal = Decimal("0.70"),
    adding: str = "",
) -> CorrelationReport:
    """The report; ``closes`` by reference symbol, ``adding``: one more reference symbol."""
    weights: dict[str, float] = {}
    for line in lines.known:
        weights[line.reference] = weights.get(line.reference, 0.0) + line.delta_usd
    names = sorted(weights, key=lambda n: (-abs(weights[n]), n))
    if adding and adding not in weights:
        names.append(adding)
    known = {n: closes[n] for n in names if n in closes}
    found = matrix(known, days, min_days)
    pairs = [
        Pair(
            a=a,
            b=b,
            r=_figure(_cell(a, b, known, found, no_closes or {})),
            is_hedge=weights.get(a, 1.0) * weights.get(b, 1.0) < 0,
        )
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    held = {n: w for n, w in weights.items() if w}
    return CorrelationReport(
        stamp=frame.stamp("correlation"),
        days=days,
        limit=limit,
        names=tuple(names),
        pairs=tuple(pairs),
        score=_score(held, known, found, lines),
        adding=adding,
        score_with=_with(adding, held, known, found, lines),
        source=", ".join(sorted({c.source for c in known.values() if c.source})),
    )


def _cell(
    a: str,
    b: str,
    known: Mapping[str, Closes],
    found: Mapping[tuple[str, str], float | Unknown],
    no_closes: Mapping[str, str],
) -> float | Unknown:
    for name in (a, b):
        if name not in known:
            return Unknown(no_closes.get(name, f"no daily closes of {name}"))
    return found[(a, b)] if (a, b) in found else found[(b, a)]


def _score(
    weights: Mapping[str, float],
    known: Mapping[str, Closes],
    found: Mapping[tuple[str, str], float | Unknown],
    lines: Lines,
) -> Figure:
    if lines.why_not_all is not None:
        return lines.why_not_all
    lacking = sorted(set(weights) - set(known))
    if lacking:
        return Missing(f"no daily closes of {lacking[0]}")
    inside = {pair: r for pair, r in found.items() if set(pair) <= set(weights)}
    return _figure(diversification(weights, inside))


def _with(
    adding: str,
    weights: Mapping[str, float],
    known: Mapping[str, Closes],
    found: Mapping[tuple[str, str], float | Unknown],
    lines: Lines,
) -> Figure:
    if not adding:
        return Missing("no symbol was named")
    if not weights:
        return Missing("nothing is held")
    average = sum(abs(w) for w in weights.values()) / len(weights)
    more = {**weights, adding: weights.get(adding, 0.0) + average}
    return _score(more, known, found, lines)


def _figure(value: float | Unknown) -> Figure:
    if isinstance(value, Unknown):
        return Missing(value.reason)
    return Decimal(str(round(value, 4))).quantize(_PLACES)


def _r(pair: Pair) -> Decimal:
    return pair.r if isinstance(pair.r, Decimal) else Decimal(-2)
