"""Entries at a broker that tells nothing unasked, while it does not answer: a person is called.

What they fill meanwhile has no stop, and nobody knows. One call for each broker and outage, which
is called off when they have been seen again for a while; another when the market comes to pay the
price of one: who looked before has seen it unfilled.
"""

from collections.abc import Sequence
from functools import partial

from engine.desk import Desk
from engine.domain.order import UNANSWERED, Order, OrderType, Purpose, Side

SILENT_S = 2.0
"""A question that is open for so long is not being answered."""
_HELD_BACK_S = 60.0
"""A stop whose end would not be known stays so long at most where it stands in a close's way."""
_CALM_S = 15.0
"""Answers that come and go are one outage."""
_NAMED = 5
"""So many in one call."""


def look(desk: Desk) -> None:
    """Once a second: call about what has not been seen for too long, and call it off."""
    now, doubts = desk.clock.monotonic(), desk.doubts
    entries = [o for o in desk.book.orders.values() if _fills_unheard(desk, o)]
    doubts.seen = {o.order_id: doubts.seen.get(o.order_id, now) for o in entries}
    doubts.reached &= doubts.seen.keys()
    doubts.looked = {name: at for name, at in doubts.looked.items() if name in doubts.seen}
    for name in {o.broker for o in entries} | doubts.blind.keys():
        if name in desk.offline and name in doubts.blind:
            doubts.blind[name] = now  # it is being connected anew: nobody has seen them yet
        late = [o for o in entries if o.broker == name and is_long_unseen(desk, o)]
        if late and (name in doubts.blind or any(_is_unanswered(desk, o) for o in late)):
            desk.vigil(partial(call, desk, name, late), f"call about {name}")
        elif not late and now - doubts.blind.get(name, now) > _CALM_S:
            del doubts.blind[name]
            doubts.reached -= {o.order_id for o in entries if o.broker == name}
            desk.vigil(partial(_call_off, desk, name), f"call off {name}")


def is_paid(desk: Desk, order: Order) -> bool:
    """Whether the market pays its price."""
    if order.type is OrderType.MARKET:
        return True
    quote = desk.quote(order.legs) if order.type is OrderType.LIMIT else None
    if quote is None or order.limit is None:
        return False
    return (quote.touch(order.side is Side.BUY) - order.limit) * order.side.sign <= 0


def is_long_unseen(desk: Desk, entry: Order) -> bool:
    """Whether its last report is older than a stop may be missing."""
    now = desk.clock.monotonic()
    return now - desk.doubts.seen.get(entry.order_id, now) > desk.settings.unprotected_alarm_s


async def call(desk: Desk, name: str, late: Sequence[Order]) -> None:
    """Call people once, however long it lasts and whatever else is not seen there.

    Of what the market pays only later they are told then.
    """
    doubts = desk.doubts
    paid = [o for o in late if is_paid(desk, o) and o.order_id not in doubts.reached]
    is_known = name in doubts.blind
    doubts.blind[name] = desk.clock.monotonic()
    if is_known and not paid:
        return
    told = (paid if is_known else sorted(late, key=lambda o: o not in paid))[:_NAMED]
    doubts.reached |= {o.order_id for o in told if o in paid}  # the rest is named next
    named = ", ".join(f"{o.legs[0].instrument.label} ({o.order_id})" for o in told)
    if is_known:
        await desk.tell(
            "admin",
            f"⚠ {name} still does not say what became of {named}, and the market pays its price "
            "now: it will have filled, and has no stop. Look in the broker's own app.",
            note_id=f"reached-{paid[0].order_id}-{desk.clock.now():%d%H%M%S}",
        )
        return
    await desk.tell(
        "admin",
        f"⚠ {name} does not say what became of {named}. Whether it has filled cannot be seen "
        "here, and what filled has no stop yet: look in the broker's own app. It is asked again "
        "every few seconds, and you are told when it answers.",
        note_id=f"blind-{name}-{late[0].order_id}-{desk.clock.now():%d%H%M%S}",
    )


async def _call_off(desk: Desk, name: str) -> None:
    await desk.tell("admin", f"✔ {name} answers again: what became of its entries is known.")


def is_hanging(desk: Desk, name: str) -> bool:
    """Whether a question to it is open for so long that it is not being answered."""
    return hangs_s(desk, name) >= SILENT_S


def hangs_s(desk: Desk, name: str) -> float:
    """For how long its oldest question is open."""
    asked = desk.doubts.asked.items()
    return max((limit.asked_for_s for limit, broker in asked if broker == name), default=0.0)


def is_end_unheard(desk: Desk, name: str) -> bool:
    """Whether the end of what is cancelled there would not be known for now.

    It has to be asked for, and no look at what works is answered. Not for ever: one list that is
    not to be had keeps nothing from being closed.
    """
    if desk.is_told(name) and desk.broker(name).caps.finds_by_client_id:
        return False
    now = desk.clock.monotonic()
    silent_s = max(hangs_s(desk, name), now - desk.doubts.unread_since.get(name, now))
    return SILENT_S <= silent_s < _HELD_BACK_S


def _fills_unheard(desk: Desk, order: Order) -> bool:
    """An entry that its broker has taken, where nothing but a question tells that it filled."""
    is_there = order.state.is_at_broker and order.state not in UNANSWERED
    if order.purpose is not Purpose.ENTRY or not is_there or order.broker not in desk.brokers:
        return False
    return order.broker not in desk.offline and not desk.is_told(order.broker)


def _is_unanswered(desk: Desk, order: Order) -> bool:
    """Whether its broker leaves us waiting, or one look after the other failed.

    What waits in our own line is no silence, and one failure is made good by the next look.
    """
    if is_hanging(desk, order.broker):
        return True
    now = desk.clock.monotonic()
    is_failing = f"watch {order.broker}" in desk.health
    return is_failing and now - desk.doubts.looked.get(order.order_id, now) > desk.settings.poll_s
