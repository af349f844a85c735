"""What brokers say: any event, in any order, as often as it comes; none may stop the rest."""

import logging

from engine.brokers import (
    BalanceSeen,
    BrokerEvent,
    BrokerPosition,
    Filled,
    Odd,
    OrderSeen,
    PositionSeen,
    StreamDown,
    StreamUp,
    Warned,
)
from engine.desk import Desk
from engine.domain.errors import Conflict, StoreUnavailable
from engine.flows.booking import reported
from engine.flows.booking.fills import FILL_WAIT_S, on_fill
from engine.flows.brokers import recover
from engine.flows.common import polled
from engine.market import new_york_date

log = logging.getLogger(__name__)

_ODD_S = 60.0
"""One kind of what cannot be read keeps entries waiting so often at most."""
_GAP_S = 30.0
"""The same difference of what is held is looked into so often at most, as it is told."""
BACK_AGAIN_S = 5.0
"""The returns of a stream are compared so often at most."""
_EDGE_S = 0.05
"""A clock may wake us a hair too early."""


async def on_event(desk: Desk, broker: str, event: BrokerEvent) -> None:
    """Take one broker event in; one that cannot be taken in is found again by comparing."""
    try:
        await _take(desk, broker, event)
    except (StoreUnavailable, Conflict) as error:
        log.warning("%s: an event could not be stored: %s", broker, error)
        desk.gates[broker] = f"something it told could not be stored: {error}"
    except Exception as error:  # one bad message must not end the stream
        log.exception("%s: an event could not be taken in", broker)
        desk.doubts.unpolled.add(broker)  # as below
        desk.gates[broker] = f"{type(error).__name__}: {error}"
        await desk.tell(
            "admin",
            f"⚠ Something that {broker} said could not be taken in ({error}); its books are "
            "compared with ours before the next entry.",
            note_id=f"event-{broker}-{type(error).__name__}",
        )


async def _take(desk: Desk, broker: str, event: BrokerEvent) -> None:
    if isinstance(event, OrderSeen):
        await reported.on_report(desk, event.order)
    elif isinstance(event, Filled):
        await on_fill(desk, event.fill)
        _look_for_fee(desk, broker, event)
    elif isinstance(event, StreamDown):
        _stream_down(desk, broker, event)
    elif isinstance(event, StreamUp):
        stream_up(desk, broker)
    elif isinstance(event, BalanceSeen):
        desk.balances[event.balance.account] = event.balance
    elif isinstance(event, PositionSeen):
        if _is_new_gap(desk, event.position):
            desk.vigil(lambda: _compare_later(desk, broker), f"compare {broker} soon")
    elif isinstance(event, Warned):
        day = new_york_date(desk.clock.now())
        await desk.tell(
            "admin", f"⏰ {broker}: {event.note}", note_id=f"warned-{broker}-{day}-{event.note}"
        )
    elif isinstance(event, Odd):
        await _odd(desk, broker, event)


async def _odd(desk: Desk, broker: str, event: Odd) -> None:
    """What nobody can read may be a fill: it is looked for, and entries wait for a comparison.

    For a kind that goes on and on they wait once a minute: else it would keep them out for good,
    and its comparisons would take the turns of orders.
    """
    is_first = desk.is_due(f"odd {broker} {event.note}", _ODD_S)
    raw = desk.broker(broker).unnamed(event.raw)
    level = logging.WARNING if is_first else logging.DEBUG
    log.log(level, "%s sent something unknown: %s: %s", broker, event.note, raw)
    desk.doubts.unpolled.add(broker)
    if not is_first:
        return
    desk.gates[broker] = "it said something unknown"
    await desk.tell(
        "admin",
        f"{broker} sent something unknown: {event.note}",
        note_id=f"odd-{broker}-{new_york_date(desk.clock.now())}-{event.note}",
    )


def _look_for_fee(desk: Desk, broker: str, event: Filled) -> None:
    """A bought coin may arrive a little short, and nobody says so: see ``coin_fee``."""
    if event.fill.instrument.kind == "crypto" and not desk.broker(broker).caps.tells_fees:
        desk.vigil(lambda: _compare_later(desk, broker), f"compare {broker} soon")


def _stream_down(desk: Desk, broker: str, event: StreamDown) -> None:
    desk.health[f"broker {broker}"] = event.reason
    if broker not in desk.streams_down:  # else it is still the same gap
        desk.gates[broker] = f"its stream is down: {event.reason}"
        polled.begin(desk, broker, can_ask=event.can_ask)


def stream_up(desk: Desk, broker: str) -> None:
    """The stream lives: compare, because whatever happened in between was not told.

    One that comes and goes every second would use up the minute that stops have to leave in.
    """
    desk.health.pop(f"broker {broker}", None)
    desk.backoff.worked(f"mend|{broker}")
    if broker in desk.streams_down:
        polled.end(desk, broker)
        desk.gates[broker] = "its stream was down"
        if left_s := desk.due_in_s(f"gap {broker}", BACK_AGAIN_S):
            desk.backoff.wait(f"mend|{broker}", left_s + 1)  # the sweep leaves it to this
            desk.vigil(lambda: _after_gap(desk, broker, left_s), f"gap of {broker}")
            return
    desk.spawn(recover.mend(desk), f"reconcile {broker}")


async def _after_gap(desk: Desk, broker: str, pause_s: float) -> None:
    """Compare what the last of several gaps hid, unless a later return was compared since."""
    await desk.clock.sleep(pause_s)
    if desk.is_due(f"gap {broker}", BACK_AGAIN_S - _EDGE_S):
        await recover.again(desk, broker)


def _is_new_gap(desk: Desk, seen: BrokerPosition) -> bool:
    """Whether another quantity is held than is booked, and that was not just compared.

    One that a comparison leaves (nobody says its price) is told with every change of its mark: to
    compare for each would take the turns of entries.
    """
    held = sum(
        p.qty
        for p in desk.book.positions.values()
        if p.account == seen.account and p.instrument == seen.instrument
    )
    gap = f"gap {seen.account}|{seen.instrument.key}|{held}|{seen.qty}"
    return held != seen.qty and desk.is_due(gap, _GAP_S)


async def _compare_later(desk: Desk, broker: str) -> None:
    """The execution usually follows its position's news; if it does not, it is looked for."""
    await desk.clock.sleep(FILL_WAIT_S)
    await recover.again(desk, broker)
