"""What befalls many at once, for one cause: people are told of the first, then of the rest in one.

Fifty stops that a broker refuses are one matter, not fifty messages.
"""

from functools import partial

from engine.desk import Desk

_NAMED = 20
"""So many by name: a message of Discord holds no more."""


async def tell(
    desk: Desk,
    cause: str,
    text: str,
    note_id: str,
    *,
    name: str,
    more: str,
    within_s: float = 1.0,
) -> None:
    """Tell admins at once, unless the same was told of another one just now.

    ``name``: what it is about; ``more``: how several of them are told in one message.
    """
    if _is_told(desk, note_id):
        return
    waiting = desk.together.get(cause)
    if waiting is not None:
        waiting[note_id] = (name, text)
        return
    desk.together[cause] = {}
    desk.vigil(partial(_rest, desk, cause, more, within_s), f"told together: {cause}")
    await desk.tell("admin", text, note_id=note_id)


async def _rest(desk: Desk, cause: str, more: str, within_s: float) -> None:
    try:
        await desk.clock.sleep(within_s)
    finally:
        waiting = desk.together.pop(cause)
    if len(waiting) < 2:
        for note_id, (_, text) in waiting.items():
            await desk.tell("admin", text, note_id=note_id)
        return
    desk.told_together |= waiting.keys()
    names = [name for name, _ in waiting.values()]
    rest = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    text = f"⚠ {more}: {', '.join(names[:_NAMED])}{rest}."
    await desk.tell("admin", text, note_id=f"together-{next(iter(waiting))}")


def _is_told(desk: Desk, note_id: str) -> bool:
    return note_id in desk.told_together or f"note:{note_id}" in desk.book.notices
