"""Is the order itself possible: a quantity, a price, one multiplier?"""

from decimal import Decimal

from engine.domain.order import Intent, OrderType
from engine.risk import Denial, Facts, RiskCheck, is_known


class SaneOrder(RiskCheck):
    """Deny an entry whose own figures cannot be: no whole positive quantity, no price, no legs."""

    stage = 1

    def check(self, intent: Intent, facts: Facts) -> Denial | None:
        """Judge an entry."""
        if intent.account != facts.account.name:
            detail = f"facts of account {facts.account.name}, order for {intent.account}"
            return Denial(code="sane_order.account", detail=detail)
        return _legs(intent) or _quantity(intent) or _price(intent)


def _legs(intent: Intent) -> Denial | None:
    legs, is_unit = intent.legs, bool(intent.legs)
    for leg in legs:
        is_unit &= leg.ratio != 0 and leg.instrument.multiplier == legs[0].instrument.multiplier
    if is_unit:
        return None
    detail = f"{len(legs)} legs do not make one unit of {intent.symbol}"
    return Denial(code="sane_order.legs", detail=detail)


def _quantity(intent: Intent) -> Denial | None:
    qty = intent.qty
    if not is_known(qty) or qty <= 0:
        return Denial(code="sane_order.quantity", detail=f"{qty} is no quantity")
    is_whole = qty == qty.to_integral_value()
    if not is_whole and intent.legs[0].instrument.kind != "crypto":
        detail = f"{qty} of {intent.symbol}: only coins trade in parts"
        return Denial(code="sane_order.quantity", detail=detail)
    return None


def _price(intent: Intent) -> Denial | None:
    needs_limit = intent.type in (OrderType.LIMIT, OrderType.STOP_LIMIT)
    limit: Decimal | None = intent.limit
    if (limit is None and needs_limit) or (
        limit is not None and (not is_known(limit) or limit <= 0)
    ):
        return Denial(
            code="sane_order.price",
            detail=f"{limit} is no limit of a {intent.type.replace('_', '-')} order",
        )
    return None
