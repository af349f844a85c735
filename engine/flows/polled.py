"""A broker whose stream stays away: its orders are polled instead, and entries may pass again."""

import math

from engine.desk import Desk

WITHOUT_S = 20.0
"""A stream that ended is back before this, mostly; entries wait for it so long."""


def soon(desk: Desk, broker: str) -> None:
    """Its stream has ended: compare the books once it does not seem to come back."""
    if desk.broker(broker).caps.has_stream:  # else what ended is its login
        desk.vigil(lambda: _instead(desk, broker), f"poll {broker} instead")


async def _instead(desk: Desk, broker: str) -> None:
    from engine.flows import recover

    while broker in desk.streams_down and (left_s := _left_s(desk, broker)) > 0:
        await desk.clock.sleep(left_s)
    if broker in desk.streams_down:
        await recover.again(desk, broker)


def _left_s(desk: Desk, broker: str) -> float:
    return desk.streams_down[broker] + WITHOUT_S - desk.clock.monotonic()


def is_enough(desk: Desk, broker: str) -> bool:
    """Whether entries, its books having just been compared, may pass without its stream."""
    return desk.broker(broker).caps.has_stream and _left_s(desk, broker) <= 0


def failed(desk: Desk, broker: str) -> None:
    """A poll had no answer: where nothing else is heard, entries wait."""
    if broker in desk.streams_down:
        desk.gates.setdefault(broker, "its stream is down, and its orders cannot be read")


async def tell(desk: Desk, broker: str) -> None:
    """Its orders go on, a little slower: people know why."""
    since = desk.streams_down.get(broker)
    if since is not None and desk.is_due(f"polled {broker} since {since}", math.inf):
        await desk.tell(
            "admin",
            f"⚠ {broker}: no stream of orders for {WITHOUT_S:.0f} s. Until it is back its orders "
            f"are asked for every {desk.settings.poll_s:g} s. Entries may pass again; a fill may "
            "be heard, and have its stop, a few seconds later than otherwise.",
            note_id=f"polled-{broker}-{desk.clock.now():%Y%m%d%H%M%S}",
        )
