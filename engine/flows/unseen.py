"""Entries at a broker that tells nothing unasked, while it does not answer: a person is called.

What they fill meanwhile has no stop, and nobody knows. One call for each broker and outage, which
is called off when they have been seen again for a while.
"""

from collections.abc import Sequence
from functools import partial

from engine.desk import Desk
from engine.domain.order import UNANSWERED, Order, Purpose

SILENT_S = 2.0
"""A question that is open for so long is not being answered."""
_CALM_S = 15.0
"""Answers that come and go are one outage."""


def look(desk: Desk) -> None:
    """Once a second: call about what has not been seen for too long, and call it off."""
    now, doubts = desk.clock.monotonic(), desk.doubts
    entries = [o for o in desk.book.orders.values() if _fills_unheard(desk, o)]
    doubts.seen = {o.order_id: doubts.seen.get(o.order_id, now) for o in entries}
    doubts.looked = {name: at for name, at in doubts.looked.items() if name in doubts.seen}
    for name in {o.broker for o in entries} | doubts.blind.keys():
        if name in desk.offline and name in doubts.blind:
            doubts.blind[name] = now  # it is being connected anew: nobody has seen them yet
        late = [o for o in entries if o.broker == name and is_long_unseen(desk, o)]
        if late and (name in doubts.blind or any(_is_unanswered(desk, o) for o in late)):
            desk.vigil(partial(call, desk, name, late), f"call about {name}")
        elif not late and now - doubts.blind.get(name, now) > _CALM_S:
            del doubts.blind[name]
            desk.vigil(partial(_call_off, desk, name), f"call off {name}")


def is_long_unseen(desk: Desk, entry: Order) -> bool:
    """Whether its last report is older than a stop may be missing."""
    now = desk.clock.monotonic()
    return now - desk.doubts.seen.get(entry.order_id, now) > desk.settings.unprotected_alarm_s


async def call(desk: Desk, name: str, late: Sequence[Order]) -> None:
    """Call people once, however long it lasts and whatever else is not seen there."""
    is_known = name in desk.doubts.blind
    desk.doubts.blind[name] = desk.clock.monotonic()
    if is_known:
        return
    named = ", ".join(f"{o.legs[0].instrument.label} ({o.order_id})" for o in late[:5])
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
    asked = desk.doubts.asked.items()
    waits_s = [limit.asked_for_s for limit, broker in asked if broker == name]
    return max(waits_s, default=0.0) >= SILENT_S


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
