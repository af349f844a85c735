"""Which month a futures root means: the broker's own active contract, where it can say (M-08).

An alert that names its month is taken at its word. The roll is told to people once.
"""

import asyncio
from dataclasses import replace
from typing import Protocol, runtime_checkable

from engine.desk import Desk
from engine.domain.alert import Signal
from engine.domain.errors import BrokerAuthError, BrokerUnavailable, OrderRejected
from engine.domain.instrument import Instrument
from engine.domain.quote import Leg
from engine.domain.refusal import Refused
from engine.routing import Routed

_ANSWER_S = 2.0


@runtime_checkable
class KnowsFronts(Protocol):
    """A broker that says which month of a root it trades as the front."""

    async def front(self, root: str) -> Instrument:
        """The broker's own active contract.

        Raises:
            OrderRejected: it names none for sure. BrokerUnavailable, BrokerAuthError.
        """
        ...


async def judged(desk: Desk, signal: Signal, routed: Routed) -> Routed | Refused:
    """The same unit in the month that its broker calls active; refused when that is not sure."""
    broker: object = desk.brokers.get(routed.broker)
    if routed.asset != "future" or signal.contract or len(routed.legs) != 1:
        return routed
    if not isinstance(broker, KnowsFronts):
        return routed
    meant = routed.legs[0].instrument
    try:
        async with asyncio.timeout(_ANSWER_S):
            front = await broker.front(meant.symbol)
    except OrderRejected as error:
        return Refused(code="route.month", reason=str(error))
    except (BrokerUnavailable, BrokerAuthError, TimeoutError):
        return Refused(
            code="route.month",
            reason=f"{routed.broker} did not say which month {meant.symbol} means today",
        )
    await _announce(desk, routed.broker, front)
    if front == meant:
        return routed
    note = f"{signal.symbol} traded as {front.key}, the month that {routed.broker} calls active"
    return replace(routed, legs=(Leg(instrument=front),), note=note)


async def _announce(desk: Desk, broker: str, front: Instrument) -> None:
    """Remember the month, and say so when it is another one than before."""
    name = f"front:{broker}:{front.symbol}"
    known = desk.book.facts.get(name)
    if known is not None and known.value == front.key:
        return
    await desk.commit(desk.event("front.month", name, desk.fact(name, front.key)))
    if known is not None:
        await desk.tell(
            "admin",
            f"↻ {front.symbol} rolls at {broker}: {known.value} → {front.key}. New entries go "
            "there; what is held stays in its month.",
            note_id=f"{name}-{front.key.strip('/')}",
        )
