"""A quantity that differs at the broker, at a price that it does not tell: an admin says it.

Shares that left in a way that no list shows, options that may have ended in more than one way: the
broker is right about how many, and somebody who has looked into its app says at what price. It
becomes an entry of the books as if it had been traded outside, never an order.
"""

from decimal import Decimal

from engine.asking import Rank
from engine.desk import Desk
from engine.domain.compared import PositionGap
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.money import ZERO
from engine.domain.order import Order
from engine.flows.booking import late_fill, traded_outside
from engine.flows.brokers.differences import is_unsure
from engine.flows.common.answers import QUIET, in_time
from engine.flows.common.aside import compare_later
from engine.reconcile import counted


def gaps(desk: Desk) -> dict[str, tuple[str, PositionGap]]:
    """What the last comparisons left, by ``account instrument`` as people read it."""
    return {
        f"{account} {gap.instrument.label}": (account, gap)
        for account, seen in desk.compared.items()
        for gap in seen.unpriced
    }


def named(desk: Desk, what: str) -> tuple[str, PositionGap]:
    """The account and the difference that somebody means.

    Raises:
        UserError: there is none of that name (any more).
    """
    found = gaps(desk)
    if what not in found:
        open_ones = "; ".join(found) or "none: the books agree about every quantity"
        raise UserError(f"No such difference. Open are: {open_ones}. Nothing was booked.")
    return found[what]


def held(desk: Desk, what: str) -> tuple[Decimal, Decimal] | None:
    """How much of it is held, by the books and there; None when that differs no more."""
    found = gaps(desk).get(what)
    return (found[1].ours, found[1].theirs) if found else None


def said(account: str, gap: PositionGap, price_usd: Decimal) -> str:
    """What would be booked, in one sentence."""
    done = "bought" if gap.qty > 0 else "sold"
    return (
        f"{account}: {abs(gap.qty):f} {gap.instrument.label} {done} outside @ {price_usd:f} "
        f"(the books hold {gap.ours:f}, the broker {gap.theirs:f})"
    )


async def book(desk: Desk, who: Who, what: str, price_usd: Decimal, reason: str) -> str:
    """Book it at that price, if it is still what was shown.

    Raises:
        NotAllowed: not an admin. UserError: it has changed, an order of ours may be what it is
            made of, or the broker does not answer.
    """
    if not who.may_admin:
        raise NotAllowed("Only an admin may say what the books lack. Nothing was booked.")
    account, gap = named(desk, what)
    name = desk.book.accounts[account].broker
    try:
        held = await in_time(desk, desk.broker(name).positions(account), Rank.COMPARE)
    except QUIET as error:
        raise UserError(f"{name} does not answer: {error}. Nothing was booked.") from error
    doubted = [o.order_id for o in desk.book.orders.values() if _may_be(desk, o, account, gap)]
    if doubted:
        raise UserError(
            f"Order {doubted[0]} has had no answer, or has filled what is not booked yet, and may "
            "be what was traded: /order resolve comes first, or its execution. Nothing was booked."
        )
    if await late_fill.twice(desk, account, gap) is not None:
        raise UserError(
            f"A fill of ours that came late explains {what}: what was booked for it is undone by "
            "itself within minutes. Nothing was booked."
        )
    theirs = sum((counted(p) for p in held if p.instrument == gap.instrument), ZERO)
    words, now = said(account, gap, price_usd), desk.clock.now()
    fill = traded_outside.of_gap(
        account, gap, late_fill.name_by_hand(account, gap, now), price_usd, now
    )
    told = f"{words} is in the books, says {who.name}: {reason}. No order made it so."
    changed = UserError(
        f"{what} has changed since it was compared: look at /reconcile again. Nothing was booked."
    )
    if theirs != gap.theirs:
        raise changed
    await desk.commit(  # who says it, before it is done
        desk.event(
            "reconcile.by_hand",
            f"reconcile-{account}",
            actor=f"user:{who.user_id}",
            what=words,
            reason=reason,
        )
    )
    if not await traded_outside.on_external(desk, fill, said=told, held=gap.ours):
        raise changed
    compare_later(desk, name, 0, "what was booked by hand")
    return f"{words} is booked. No order made it so."


def _may_be(desk: Desk, order: Order, account: str, gap: PositionGap) -> bool:
    is_its = any(leg.instrument == gap.instrument for leg in order.legs)
    is_open = order.is_in_doubt or is_unsure(desk, order)
    return is_open and order.account == account and is_its
