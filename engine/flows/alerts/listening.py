"""Whether alerts are acted on: people stop and start it, for one room or for all.

It survives a restart. What is heard meanwhile is kept with its verdict. The desk's own exits never
ask.
"""

from dataclasses import dataclass
from datetime import datetime

from engine.desk import Desk
from engine.domain.alert import RawAlert
from engine.domain.desk import Who
from engine.domain.errors import NotAllowed, UserError
from engine.domain.record import Record

_FACT = "listening"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stopped:
    """Who stopped it, when and why."""

    at: datetime
    by: str
    reason: str

    @property
    def words(self) -> str:
        """``stopped by Ada: holiday``."""
        return f"stopped by {self.by}" + (f": {self.reason}" if self.reason else "")


def stopped(desk: Desk, channel_id: int | None = None) -> Stopped | None:
    """Why alerts of this room (None: of all rooms) are not acted on; None while they are."""
    names = [_FACT] if channel_id is None else [_FACT, f"{_FACT}:{channel_id}"]
    for name in names:
        fact = desk.book.facts.get(name)
        if fact is not None and fact.value:
            at, by, reason = (*fact.value.split("|", 2), "", "")[:3]
            return Stopped(at=datetime.fromisoformat(at), by=by, reason=reason)
    return None


def verdict(desk: Desk, message: RawAlert) -> str:
    """The mirror's line for a message that is not acted on; empty when it is.

    An edit of what was acted on before is: it may take something back.
    """
    if message.edit_no and (message.channel_id, message.message_id) in desk.book.by_message:
        return ""
    off = stopped(desk, message.channel_id)
    return "" if off is None else f"not acted on: the monitor is {off.words}"


async def stop(desk: Desk, who: Who, reason: str, channel_id: int | None = None) -> Stopped:
    """Act on no alert from now on, closings included; stops, targets and buttons go on.

    Raises:
        NotAllowed: not an admin. UserError: no such room, or it is stopped already.
    """
    _check(desk, who, channel_id)
    if stopped(desk, channel_id) is not None:
        raise UserError("The monitor is stopped there already. Nothing was changed.")
    off = Stopped(at=desk.clock.now(), by=who.name.replace("|", "/"), reason=reason.strip())
    value = f"{off.at.isoformat()}|{off.by}|{off.reason}"
    said = f"⏸ The monitor of {_named(desk, channel_id)} is {off.words}. Exits keep working."
    await desk.commit(
        desk.event(
            "listening.stopped",
            "listening",
            desk.fact(_name(channel_id), value),
            desk.note("admin", said),
            actor=f"user:{who.user_id}",
            channel_id=channel_id,
            reason=off.reason,
        )
    )
    return off


async def start(desk: Desk, who: Who, channel_id: int | None = None) -> None:
    """Act on alerts again; without a room everywhere. What was heard meanwhile stays unacted.

    Raises:
        NotAllowed: not an admin. UserError: no such room, or nothing was stopped.
    """
    _check(desk, who, channel_id)
    names = [_name(channel_id)]
    if channel_id is None:
        names += [n for n in desk.book.facts if n.startswith(f"{_FACT}:")]
    elif _is_set(desk, _FACT):
        raise UserError("The monitor is stopped for all rooms: start it as a whole first.")
    puts: list[Record] = [desk.fact(name, "") for name in names if _is_set(desk, name)]
    if not puts:
        raise UserError("The monitor is running there. Nothing was changed.")
    said = f"▶ The monitor of {_named(desk, channel_id)} was started by {who.name}."
    await desk.commit(
        desk.event(
            "listening.started",
            "listening",
            *puts,
            desk.note("admin", said),
            actor=f"user:{who.user_id}",
            channel_id=channel_id,
        )
    )


def _check(desk: Desk, who: Who, channel_id: int | None) -> None:
    if not who.may_admin:
        raise NotAllowed("Only an admin may stop or start the monitor. Nothing was changed.")
    if channel_id is not None and desk.source_of(channel_id) is None:
        raise UserError("That channel is no alert room of this desk. Nothing was changed.")


def _named(desk: Desk, channel_id: int | None) -> str:
    room = None if channel_id is None else desk.source_of(channel_id)
    return "all alert rooms" if room is None else room.name


def _name(channel_id: int | None) -> str:
    return _FACT if channel_id is None else f"{_FACT}:{channel_id}"


def _is_set(desk: Desk, name: str) -> bool:
    fact = desk.book.facts.get(name)
    return fact is not None and bool(fact.value)
