"""What is held as the portfolio mathematics wants it: one line per instrument and trade."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from engine.domain.instrument import Instrument, underlying_of
from engine.domain.trade import Position, Trade
from engine.portfolio import greeks as g
from engine.portfolio.greeks import LINEAR, Sensitivities
from engine.portfolio.lines import Line
from engine.portfolio.sectors import reference_of, sector_of
from engine.reports import Frame, Missing, unit_label


@dataclass(frozen=True, slots=True, kw_only=True)
class Lines:
    """Everything held; what could not be made a line is named with the reason."""

    known: tuple[Line, ...]
    missing: tuple[tuple[str, Missing], ...]
    """(trade id, why); one such is enough to make every total unknown."""

    @property
    def why_not_all(self) -> Missing | None:
        """Why totals are not known; None when they are."""
        return self.missing[0][1] if self.missing else None

    @property
    def references(self) -> tuple[str, ...]:
        """Symbols whose closes stand for what is held, each once."""
        return tuple(dict.fromkeys(line.reference for line in self.known))


def lines_of(
    frame: Frame,
    *,
    trades: Iterable[Trade],
    positions: Iterable[Position],
    sectors: Mapping[str, str] | None = None,
    greeks: Mapping[str, Sensitivities] | None = None,
) -> Lines:
    """Lines of what these trades hold.

    ``greeks``: by instrument key, where a feed gives them; else from the quote by Black-Scholes.
    """
    of_trade = {t.trade_id: t for t in trades}
    known: list[Line] = []
    missing: list[tuple[str, Missing]] = []
    for position in positions:
        trade = of_trade.get(position.trade_id)
        if trade is None or not position.qty:
            continue
        made = _line(frame, trade, position, sectors or {}, (greeks or {}))
        if isinstance(made, Missing):
            missing.append((trade.trade_id, made))
        else:
            known.append(made)
    return Lines(known=tuple(known), missing=tuple(missing))


def _line(
    frame: Frame,
    trade: Trade,
    position: Position,
    sectors: Mapping[str, str],
    greeks: Mapping[str, Sensitivities],
) -> Line | Missing:
    of = position.instrument
    mark = frame.mark(of)
    if isinstance(mark, Missing):
        return Missing(f"no quote for {of.label}")
    given = LINEAR if of.kind != "option" else greeks.get(of.key)
    spot = float(mark)
    if of.kind == "option":
        under = frame.mark(underlying_of(of))
        if isinstance(under, Missing):
            return Missing(f"no quote for {underlying_of(of).label}, which {of.label} is on")
        spot = float(under)
        if given is None:
            found = _model(frame, of, float(mark), spot)
            if isinstance(found, Missing):
                return found
            given = found
    assert given is not None  # noqa: S101 - set above for every kind
    return Line(
        trade_id=trade.trade_id,
        symbol=trade.symbol,
        label=unit_label(trade.legs),
        reference=reference_of(of),
        sector=sector_of(of.symbol, of.kind, sectors),
        qty=float(position.qty),
        multiplier=float(of.multiplier),
        mark=float(mark),
        spot=spot,
        greeks=given,
        right=of.right,
        strike=float(of.strike or 0),
        years=0.0 if of.expiry is None else g.years_to(of.expiry, frame.now),
    )


def _model(frame: Frame, of: Instrument, mark: float, spot: float) -> Sensitivities | Missing:
    assert of.expiry is not None  # noqa: S101 - options have one
    assert of.right is not None  # noqa: S101 - options have one
    years = g.years_to(of.expiry, frame.now)
    strike = float(of.strike or 0)
    if years == 0:
        return g.sensitivities(spot, strike, 0.0, 0.0, of.right)
    volatility = g.implied(mark, spot, strike, years, of.right)
    if volatility is None:  # below what it is worth if used now, or no price at all
        inside = spot - strike if of.right == "C" else strike - spot
        if inside > 0 and mark <= inside * 1.02:
            return Sensitivities(delta=1.0 if of.right == "C" else -1.0)
        return Missing(f"no volatility fits the quote of {of.label}")
    return g.sensitivities(spot, strike, years, volatility, of.right)
