"""A message arrives: who said it, what does it mean, and what may be done about it."""

import hashlib
import logging
from collections.abc import Callable

from engine.desk import Desk
from engine.domain.alert import Alert, NotAnAlert, Parsed, RawAlert
from engine.domain.desk import AlertRecord, Intake
from engine.domain.errors import Conflict, StoreUnavailable
from engine.domain.source import SourceProfile
from engine.flows.alerts import decide, edited, first_look, referring
from engine.flows.alerts.turns import Turn
from engine.parsers import BROKEN, read

log = logging.getLogger(__name__)


async def run(
    desk: Desk, message: RawAlert, *, is_held_up: Callable[[], bool] = lambda: False
) -> AlertRecord | None:
    """Take one delivery in. Repeats, strangers and chat change nothing but the mirror.

    ``is_held_up``: asked when its turn has come; true while an earlier message of the room waits to
    be written down, which a later one must not overtake (S-02).

    Raises:
        StoreUnavailable: it was not taken in.
    """
    profile = desk.source_of(message.channel_id)
    if profile is None:
        return None
    digest = content_hash(message)
    async with Turn(desk, message.channel_id) as turn:
        if is_held_up():
            raise StoreUnavailable("an earlier message of this room waits to be written down")
        message, verdict = await first_look.judge(desk, profile, message, digest)
        if verdict == "repeat":
            return None
        if verdict:
            await first_look.mirror_only(desk, profile, message, digest, verdict)
            return None
        parsed = read(message, profile, referring.context(desk, profile, message))
        if isinstance(parsed, Alert) and parsed.question == BROKEN:
            log.error("message %s broke the reader", message.message_id)
        if isinstance(parsed, NotAnAlert) and message.edit_no == 0:
            await first_look.mirror_only(desk, profile, message, digest, f"ignored: {parsed.why}")
            return None
        if message.edit_no:
            await turn.alone()
            return await edited.edited(desk, profile, message, digest, parsed)
        await turn.alone(parsed)
        return await _take(desk, profile, message, digest, parsed, turn)


def content_hash(message: RawAlert) -> str:
    """Fingerprint of everything that people can read in the message."""
    return hashlib.sha256(decide.readable(message).encode()).hexdigest()[:32]


async def _take(
    desk: Desk,
    profile: SourceProfile,
    message: RawAlert,
    digest: str,
    parsed: Parsed,
    turn: Turn,
) -> AlertRecord | None:
    """A readable alert of a trusted sender: judge each of its trades in the order written."""
    assert isinstance(parsed, Alert)  # noqa: S101 - NotAnAlert was mirrored by the caller
    record = decide.new_record(profile, message, parsed)
    intake = Intake(
        source=profile.name,
        message=message,
        content_hash=digest,
        verdict="alert" if not parsed.needs_human else f"asked: {parsed.question}",
        alert_id=record.alert_id,
    )
    taken = desk.event(
        "alert.taken",
        record.alert_id,
        intake,
        cards=(("mirror", intake.key, "all_messages"),),
        verdict=intake.verdict,
    )
    try:
        await decide.decide(desk, profile, message, record, before=(taken,), decided=turn.decided)
    except Conflict:
        if await desk.store.get(AlertRecord, record.alert_id) is None:
            raise
        return None  # delivered before: the first delivery stands
    return desk.book.alerts.get(record.alert_id)
