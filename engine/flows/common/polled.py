"""A broker whose stream stays away: its orders are polled instead, and entries may pass again."""

import math

from engine.desk import Desk

WITHOUT_S = 20.0
"""A stream that ended is back before this, mostly; entries wait for it so long."""
_AGAIN_S = 5.0
"""One that ends every second is compared so often at most."""
_TOLD_S = 3_600.0
"""Of a stream that comes and goes people are told so often."""


def begin(desk: Desk, broker: str, *, can_ask: bool) -> None:
    """Its stream has ended: compare the books once it does not seem to come back.

    One that returns for moments only is still the same gap. ``can_ask``: else no poll helps.
    """
    now = desk.clock.monotonic()
    since, until = desk.last_gap.get(broker, (now, -math.inf))
    began = since if now - until < WITHOUT_S else now
    desk.streams_down[broker] = began if can_ask else math.inf
    if can_ask:
        desk.vigil(lambda: _instead(desk, broker), f"poll {broker} instead")


def end(desk: Desk, broker: str) -> None:
    """It is back."""
    since = desk.streams_down.pop(broker)
    desk.last_gap[broker] = (since, desk.clock.monotonic())
    if broker in desk.polled:
        desk.polled.discard(broker)
        said = f"✔ {broker}: its stream of orders is back."
        desk.vigil(lambda: desk.tell("admin", said), f"back {broker}")


async def _instead(desk: Desk, broker: str) -> None:
    await desk.clock.sleep(_left_s(desk, broker))
    if broker in desk.streams_down:
        while left_s := desk.due_in_s(f"instead {broker}", _AGAIN_S):
            await desk.clock.sleep(left_s)
        await desk.compare(desk, broker)


def _left_s(desk: Desk, broker: str) -> float:
    since = desk.streams_down.get(broker, -math.inf)  # it may be back already
    return max(since + WITHOUT_S - desk.clock.monotonic(), 0.0)


def is_enough(desk: Desk, broker: str) -> bool:
    """Whether entries, its books having just been compared, may pass without its stream."""
    return not _left_s(desk, broker)


def failed(desk: Desk, broker: str, asked_at: float, after_s: float) -> None:
    """A poll had no answer: where nothing else is heard, entries wait.

    Of one that never tells anything it may be the line that is busy, or one answer that was lost:
    there they wait when none was answered for ``after_s``. ``asked_at``: monotonic.
    """
    since = desk.doubts.unread_since.setdefault(broker, asked_at)
    if broker in desk.streams_down:
        desk.gates.setdefault(broker, "its stream is down, and its orders cannot be read")
    elif not desk.is_told(broker) and desk.clock.monotonic() - since >= after_s:
        desk.gates.setdefault(broker, "its orders cannot be read")


async def tell(desk: Desk, broker: str) -> None:
    """Its orders go on, a little slower: people know why."""
    if broker in desk.streams_down and desk.is_due(f"polled {broker}", _TOLD_S):
        desk.polled.add(broker)
        await desk.tell(
            "admin",
            f"⚠ {broker}: no stream of orders for {WITHOUT_S:.0f} s. Until it is back its orders "
            f"are asked for every {desk.settings.poll_s:g} s. Entries may pass again; a fill may "
            "be heard, and have its stop, a few seconds later than otherwise.",
            note_id=f"polled-{broker}-{desk.clock.now():%Y%m%d%H%M%S}",
        )
