"""A broker that does not know us any more: no entries go there until it does."""

from engine.desk import Desk
from engine.market import new_york_date

_LOCKED_OUT = "it does not know us any more: "
_SHUT_OUT_S = 900.0
"""Of a broker that lets us in and shuts us out by turns people are told so often."""


async def locked_out(desk: Desk, broker: str, error: Exception) -> None:
    """No entries there until it knows us again, exits are tried on; people are told once a day.

    Where it let us in and shut us out anew, they are told anew; in between the heartbeat says so.
    """
    said = f"{_LOCKED_OUT}{str(error).removeprefix(f'{broker}: ')}"
    desk.health[f"broker {broker}"] = desk.gates[broker] = said
    now = desk.clock.now()
    note_id = f"locked-out-{broker}-{new_york_date(now)}"
    is_known, is_start = f"note:{note_id}" in desk.book.notices, broker in desk.offline
    if is_known and broker in desk.doubts.shut_out:
        return
    is_due = desk.is_due(f"shut out of {broker}", _SHUT_OUT_S)
    desk.doubts.shut_out[broker] = is_due or is_start or not is_known
    if is_known and (is_start or not is_due):
        return
    if is_known:
        note_id = f"{note_id}-{now:%H%M%S}"
    await desk.tell(
        "admin",
        f"🛑 {broker}: {said}. No entries go there; what is open there is still watched, but its "
        "orders may fail: log in again or act in the broker's own app.",
        note_id=note_id,
    )
    desk.doubts.just_shut_out.add(broker)


def is_locked_out(desk: Desk, broker: str) -> bool:
    """Whether the last that it said to a login of ours was no."""
    return desk.gates.get(broker, "").startswith(_LOCKED_OUT)
