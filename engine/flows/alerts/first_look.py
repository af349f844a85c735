"""Who sent a message, and was it seen before? What is no alert stands in the mirror alone."""

import unicodedata

from engine.desk import Desk
from engine.domain.alert import RawAlert
from engine.domain.copying import replace
from engine.domain.desk import Intake
from engine.domain.errors import Conflict
from engine.domain.source import SourceProfile
from engine.flows.alerts import listening


async def judge(
    desk: Desk, profile: SourceProfile, message: RawAlert, digest: str
) -> tuple[RawAlert, str]:
    """Repeat, stranger or worth reading? Counts edits; the verdict is empty when worth reading."""
    seen = desk.book.seen(message.channel_id, message.message_id)
    if seen is None:
        rows = await _stored(desk, message)
        seen = rows[-1] if rows else None
    if seen is not None:
        if seen.content_hash == digest:
            return message, "repeat"
        if message.is_caught_up or message.edit_no == 0:
            message = replace(message, edit_no=0)
            if not message.is_caught_up:
                return message, "repeat"
        message = replace(message, edit_no=seen.edit_no + 1)
    elif message.edit_no:
        message = replace(message, edit_no=0, is_caught_up=True)
    if message.origin is not None and message.origin in desk.book.by_message:
        return message, "ignored: the same alert was already delivered where it was first posted"
    if profile.guild_id is not None and message.guild_id != profile.guild_id:
        return message, "refused: this channel does not belong to the configured server"
    if not profile.trusts(message.author_id, message.webhook_id):
        await _watch_for_impostors(desk, profile, message)
        return message, "not followed: this sender is not on the trusted list"
    return message, listening.verdict(desk, message)


async def _stored(desk: Desk, message: RawAlert) -> list[Intake]:
    if message.message_id > desk.book.newest_message.get(message.channel_id, -1):
        return []
    return await desk.store.find(
        Intake, where={"channel_id": message.channel_id, "message_id": message.message_id}
    )


async def _watch_for_impostors(desk: Desk, profile: SourceProfile, message: RawAlert) -> None:
    """A stranger with a trusted sender's name is told to the admins, once per name and id."""
    folded = _fold(message.author_name)
    for known in list(desk.book.intake.values()):
        trusted = profile.trusts(known.message.author_id, known.message.webhook_id)
        if trusted and _fold(known.message.author_name) == folded:
            sender = message.webhook_id or message.author_id
            await desk.tell(
                "admin",
                f"Security: sender {sender} posts in {profile.name} under the name of a trusted "
                f"author ({message.author_name!r}). The message was refused: trust is by id.",
                note_id=f"impostor-{profile.name}-{sender}",
            )
            return


def _fold(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name).casefold()
    return "".join(c for c in plain if c.isalnum())


async def mirror_only(
    desk: Desk, profile: SourceProfile, message: RawAlert, digest: str, verdict: str
) -> None:
    """Keep the message with its verdict and show it in the mirror; nothing else comes of it."""
    intake = Intake(source=profile.name, message=message, content_hash=digest, verdict=verdict)
    try:
        await desk.commit(
            desk.event(
                "message.taken",
                f"M-{message.message_id}",
                intake,
                cards=(("mirror", intake.key, "all_messages"),),
                verdict=verdict,
            )
        )
    except Conflict:
        return  # delivered before: the first delivery stands
