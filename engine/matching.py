"""Which open trades a closing alert means, and how much of each it takes off."""

from collections.abc import Sequence
from decimal import ROUND_HALF_UP, Decimal

from engine.domain.alert import Action, Effect, Signal
from engine.domain.instrument import MONTH_CODES, Instrument
from engine.domain.money import COIN_STEP, ZERO, floor_to, rounded
from engine.domain.refusal import Refused
from engine.domain.source import SourceProfile
from engine.domain.trade import Trade, TradeState
from engine.routing import CONTRACT, underlying


def match_exit(
    signal: Signal, trades: Sequence[Trade], source: SourceProfile, author_id: int | None
) -> list[Trade] | Refused:
    """The trades of this room that a closing, updating or cancelling signal may mean.

    One: it is that one. Several: a person has to choose. A held trade outranks one whose entry
    still waits, the author's own outranks another author's of the same room. A cancel means
    only what is not filled yet.
    """
    cancels = signal.action is Action.CANCEL
    mine = [t for t in trades if t.source == source.name and _is_live(t, cancels=cancels)]
    fits = [t for t in mine if _is_meant(signal, t, source)]
    if not fits:
        what = " ".join(filter(None, (signal.symbol, _described(signal)))) or "that"
        state = "waiting" if cancels else "held"
        reason = f"nothing {state} from {source.name} matches {what}"
        return Refused(code="route.nothing_held", reason=reason)
    for preferred in (
        [t for t in fits if t.direction == _closed_direction(signal)],
        [t for t in fits if t.author_id == author_id],
        [t for t in fits if t.state is TradeState.OPEN and not cancels],
    ):
        narrowed = [t for t in fits if t in preferred]
        fits = narrowed or fits
    return fits


def _is_live(trade: Trade, *, cancels: bool) -> bool:
    if trade.state is TradeState.PENDING:
        return True
    if trade.state is not TradeState.OPEN:
        return False
    return trade.qty_opened < trade.qty_wanted if cancels else True


def _closed_direction(signal: Signal) -> int:
    return {Effect.CLOSE_LONG: 1, Effect.CLOSE_SHORT: -1}.get(signal.action.effect, 0)


def _is_meant(signal: Signal, trade: Trade, source: SourceProfile) -> bool:
    direction = _closed_direction(signal)
    # Futures rooms say "out" without a side, which is read as closing a long.
    if direction and trade.direction != direction and not _may_be_any_side(signal, trade):
        return False
    if signal.asset is not None and signal.asset != trade.asset:
        return False
    return is_symbol_of(signal.symbol, trade, source) and _same_contract(signal, trade)


def _may_be_any_side(signal: Signal, trade: Trade) -> bool:
    return trade.asset == "future" and signal.action in (Action.STC, Action.SELL)


def is_symbol_of(symbol: str, trade: Trade, source: SourceProfile) -> bool:
    """Whether the author's word for it means this trade: ES where the room trades MES, SPX, BTC."""
    if not symbol:
        return True
    said = underlying(symbol)
    held = underlying(trade.symbol)
    if trade.asset == "crypto":
        return held.split("/")[0] == said.split("/")[0].removesuffix("USD")
    if trade.asset == "future":
        return held in (said, source.symbol_map.get(said, said))
    return held == said


def _same_contract(signal: Signal, trade: Trade) -> bool:
    """Every fact that the author stated has to be true of the trade."""
    instruments = [leg.instrument for leg in trade.legs]
    if signal.legs:
        said = {(leg.right, leg.strike, leg.expiry) for leg in signal.legs}
        return said == {(i.right, i.strike, i.expiry) for i in instruments}
    if signal.contract and instruments[0].kind == "future":
        return _same_month(signal.contract, instruments[0])
    return any(
        signal.strike in (None, i.strike)
        and signal.right in (None, i.right)
        and signal.expiry in (None, i.expiry)
        for i in instruments
    )


def _same_month(contract: str, held: Instrument) -> bool:
    found = CONTRACT.fullmatch(contract.upper().lstrip("/"))
    if found is None or held.expiry is None:
        return False
    year = f"{held.expiry:%y}"
    month = MONTH_CODES[held.expiry.month - 1]
    return found["month"] == month and year.endswith(found["year"])


def _described(signal: Signal) -> str:
    strike = "" if signal.strike is None else f"{signal.strike:f}{signal.right or ''}"
    return " ".join(filter(None, (strike, str(signal.expiry or ""), signal.contract or "")))


def exit_qty(signal: Signal, trade: Trade, profile: SourceProfile) -> Decimal:
    """Units that a closing signal takes off, never more than is held and not yet being closed.

    A stated quantity counts as it stands, a stated share is one of what is held now (nearest
    whole unit, half up, at least one: a share of one contract closes it), "partial" without an
    amount is the room's own share, and no amount at all means everything.
    """
    free = trade.qty_open - sum((c.qty for c in trade.closes), ZERO)
    if not free.is_finite() or free <= 0:
        return ZERO
    step = COIN_STEP if trade.asset == "crypto" else Decimal(1)
    if signal.quantity is not None:
        return _clamped(floor_to(min(signal.quantity, free), step), free)
    share = signal.fraction
    if share is None:
        share = profile.partial_fraction if signal.is_partial else Decimal(1)
    if share >= 1:
        return free
    units = rounded(trade.qty_open * share, step, ROUND_HALF_UP)
    return _clamped(max(units, step), free) if share > 0 else ZERO


def exit_note(signal: Signal, trade: Trade, profile: SourceProfile) -> str:
    """What :func:`exit_qty` had to decide, for the card; empty when the alert said it all."""
    qty = exit_qty(signal, trade, profile)
    if signal.quantity is not None and signal.quantity > qty:
        return f"{signal.quantity:f} asked, {qty:f} held: closing all of it"
    share = signal.fraction
    if share is None:
        if not signal.is_partial:
            return ""
        share = profile.partial_fraction
        return f"part without an amount: this room's share is {share * 100:f} %, {qty:f} closed"
    if share < 1 and qty == trade.qty_open:
        return f"{share * 100:.0f} % of {trade.qty_open:f} cannot be split: closing all of it"
    return ""


def _clamped(qty: Decimal, free: Decimal) -> Decimal:
    return max(min(qty, free), ZERO)
