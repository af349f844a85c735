"""Buying power of the paper broker: cash, less what open risk and working orders bind.

Shares, options and crypto bought are paid in full. A future binds a stated sum per contract. A
short option binds: nothing when shares cover it, the width of the spread when a long option of
the same right that lives as long stands behind it (calls and puts of one underlying: the larger
side), else a stated sum per contract. Shares sold short bind a stated share of their price.
"""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal

from engine.brokers import OrderRequest
from engine.brokers.paper.book import Draft, Holding, traded
from engine.brokers.paper.match import Touch, leg_side
from engine.brokers.paper.orders import LIMITS, PaperOrder
from engine.brokers.paper.settings import PaperSettings
from engine.domain.errors import OrderRejected
from engine.domain.money import ZERO
from engine.domain.order import OrderType, Side


def buying_power(draft: Draft, settings: PaperSettings, account: str) -> Decimal:
    """What a new opening order may use."""
    bound = sum((_bound(order) for order in draft.working(account)), ZERO)
    return _free(draft.cash(account), draft.holdings(account), settings) - bound


def cost_usd(
    draft: Draft,
    settings: PaperSettings,
    request: OrderRequest,
    qty: Decimal,
    leg_prices: tuple[Decimal, ...],
    unit_price: Decimal,
) -> Decimal:
    """Buying power that filling ``qty`` units at ``unit_price`` would take; negative frees some.

    ``leg_prices`` matter for shares sold short only; cash moves by the unit price.
    """
    account = request.account
    cash = draft.cash(account)
    held = {holding.instrument.key: holding for holding in draft.holdings(account)}
    before = _free(cash, held.values(), settings)
    for leg, price in zip(request.legs, leg_prices, strict=True):
        key, units = leg.instrument.key, qty * abs(leg.ratio)
        signed = units * leg_side(request.side, leg).sign
        old = held.get(key) or Holding(instrument=leg.instrument, qty=ZERO, cost=ZERO)
        held[key], realised = traded(old, signed, price)
        if leg.instrument.kind == "future":
            cash += realised * leg.instrument.multiplier
        cash -= settings.fee_usd(leg.instrument, units)
    if request.legs[0].instrument.kind != "future":
        cash -= request.side.sign * qty * unit_price * request.legs[0].instrument.multiplier
    return before - _free(cash, held.values(), settings)


def reserve(
    draft: Draft, settings: PaperSettings, order: PaperOrder, touch: Touch | None
) -> Decimal | None:
    """Buying power to bind while the order works; None when no price is known yet.

    Raises:
        OrderRejected: when there is not enough. Closing orders need none.
    """
    request = order.request
    leaves = order.qty - order.filled
    if leaves <= 0 or request.reduces or is_closing(draft, request, leaves):
        return ZERO
    unit = _worst(settings, request, touch)
    if unit is None:
        return None
    if touch is None or len(request.legs) == 1:
        prices: tuple[Decimal, ...] = (unit,) * len(request.legs)
    else:
        prices = touch.prices(request.side)
    need = cost_usd(draft, settings, request, leaves, prices, unit)
    have = buying_power(draft, settings, request.account)
    if need > have and need > 0:
        raise OrderRejected(
            "insufficient_buying_power",
            f"needs {need:.2f} dollars of buying power, {have:.2f} are there",
        )
    return max(need, ZERO) * order.qty / leaves


def _worst(settings: PaperSettings, request: OrderRequest, touch: Touch | None) -> Decimal | None:
    """The price a fill is reckoned at before it happens; None when nothing is known."""
    if request.type in LIMITS:
        return request.limit
    slip = settings.slippage_ticks * sum(
        (leg.instrument.tick * abs(leg.ratio) for leg in request.legs), ZERO
    )
    near = touch.near(request.side) if touch else None
    stop = None if request.type is OrderType.MARKET else request.stop
    known = [price for price in (near, stop) if price is not None]
    if not known:
        return None
    worst = max(known) if request.side is Side.BUY else min(known)
    return worst + slip * request.side.sign


def is_closing(draft: Draft, request: OrderRequest, qty: Decimal) -> bool:
    """Whether every leg only takes off what is held."""
    return qty <= closable(draft, request)


def closable(draft: Draft, request: OrderRequest) -> Decimal:
    """Units that can be filled without opening or flipping any leg."""
    least: Decimal | None = None
    for leg in request.legs:
        held = draft.holding(request.account, leg.instrument).qty
        against = held * leg_side(request.side, leg).sign
        units = -against / abs(leg.ratio) if against < 0 else ZERO
        least = units if least is None else min(least, units)
    return least or ZERO


def _bound(order: PaperOrder) -> Decimal:
    if order.reserved_usd is None or order.qty <= 0:
        return ZERO
    return order.reserved_usd * max(order.qty - order.filled, ZERO) / order.qty


def _free(cash: Decimal, held: Iterable[Holding], settings: PaperSettings) -> Decimal:
    held = [holding for holding in held if holding.qty]
    by_underlying: dict[str, list[Holding]] = defaultdict(list)
    bound = ZERO
    for holding in held:
        kind, qty = holding.instrument.kind, holding.qty
        if kind == "future":
            bound += abs(qty) * settings.future_margin_usd.get(holding.instrument.symbol, ZERO)
        elif kind == "option":
            by_underlying[holding.instrument.symbol].append(holding)
        elif qty < 0:
            bound += -holding.cost * settings.short_stock_margin_ratio
    shares = {h.instrument.symbol: h.qty for h in held if h.instrument.kind == "stock"}
    for symbol, options in by_underlying.items():
        if any(option.qty < 0 for option in options):  # bought ones alone bind nothing
            bound += _options_bound(options, shares.get(symbol, ZERO), settings)
    return cash - bound


def _options_bound(options: list[Holding], shares: Decimal, settings: PaperSettings) -> Decimal:
    widths, naked = ZERO, ZERO
    for right, cover in (("C", shares), ("P", -shares)):
        side = [holding for holding in options if holding.instrument.right == right]
        width, alone = _one_right(side)
        widths = max(widths, width)
        naked += max(alone - max(cover, ZERO) // 100, ZERO)
    return widths + naked * settings.short_option_margin_usd


def _one_right(options: list[Holding]) -> tuple[Decimal, Decimal]:
    """Dollars of spread width, and short contracts left alone, of one underlying's one right."""
    longs = {h.instrument.key: h.qty for h in options if h.qty > 0}
    contracts = {h.instrument.key: h.instrument for h in options}
    width, alone = ZERO, ZERO
    for short in sorted((h for h in options if h.qty < 0), key=lambda h: h.instrument.key):
        left = -short.qty
        risk = {
            key: _width(short, contracts[key].strike)
            for key in longs
            if _lives(short, contracts[key].expiry)
        }
        for key in sorted(risk, key=lambda key: (risk[key], key)):
            paired = min(left, longs[key])
            width += paired * risk[key] * short.instrument.multiplier
            longs[key] -= paired
            left -= paired
        alone += left
    return width, alone


def _lives(short: Holding, expiry: object) -> bool:
    return str(expiry) >= str(short.instrument.expiry)


def _width(short: Holding, strike: Decimal | None) -> Decimal:
    """Points lost when both options end in the money; 0 when the long one is the better."""
    own = short.instrument.strike
    if strike is None or own is None:
        return ZERO
    worse = strike - own if short.instrument.right == "C" else own - strike
    return max(worse, ZERO)
