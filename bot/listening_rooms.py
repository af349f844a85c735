"""Alert rooms added, changed and removed while the desk runs; each change a settings version."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bot import text
from bot.confirm import Question
from bot.reply import Press
from engine.domain.desk import Who
from engine.domain.errors import UserError
from engine.domain.source import SourceProfile

if TYPE_CHECKING:
    from bot.app import App

_MOST_NAME = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a room shall be; None leaves it as it is."""

    channel_id: int
    channel_name: str
    guild_id: int
    author_id: int | None = None
    webhook_id: int | None = None
    parser: str | None = None
    handling: str | None = None
    account: str | None = None


def snowflake(typed: str) -> int:
    """A Discord id as people paste it.

    Raises:
        UserError: it is none.
    """
    if not typed.strip().isdigit():
        raise UserError(f"“{text.safe_line(typed, 24)}” is no numeric id. Nothing was changed.")
    return int(typed)


async def put(app: "App", who: Who, wanted: Wanted, *, is_new: bool) -> None:
    """Add a room or change one; its messages are heard from now on.

    Raises:
        UserError: it is there already, or not; or what was asked for does not fit together.
    """
    key = key_of(app, wanted.channel_id)
    if is_new and key is not None:
        raise UserError("That channel is an alert room already; use edit. Nothing was changed.")
    if not is_new and key is None:
        raise UserError("That channel is no alert room yet; use add. Nothing was changed.")
    changes = _made(app, wanted) if key is None else _changed(app, key, wanted)
    if not changes:
        raise UserError("Say what to change: author, parser, handling or route.")
    verb = "add" if is_new else "change"
    why = f"{verb} alert room {wanted.channel_name}"
    await app.settings.apply(who, changes, why)
    await app.bot.catch_up.run()


def _made(app: "App", wanted: Wanted) -> dict[str, Any]:
    key = free_key(wanted.channel_name, app.config.sources)
    trusted = wanted.author_id is not None or wanted.webhook_id is not None
    handling = wanted.handling or ("approve" if trusted else "listen")
    fields: dict[str, Any] = {
        "name": wanted.channel_name,
        "guild_id": wanted.guild_id,
        "channel_id": wanted.channel_id,
        "author_ids": [wanted.author_id] if wanted.author_id else [],
        "webhook_ids": [wanted.webhook_id] if wanted.webhook_id else [],
        "parser": wanted.parser or "auto",
        "handling": handling,
        "account": wanted.account or next(iter(app.config.accounts)),
    }
    return {f"sources.{key}.{name}": value for name, value in fields.items()}


def _changed(app: "App", key: str, wanted: Wanted) -> dict[str, Any]:
    now = app.config.sources[key]
    changes: dict[str, Any] = {}
    if wanted.author_id is not None:
        changes["author_ids"] = sorted({*now.author_ids, wanted.author_id})
    if wanted.webhook_id is not None:
        changes["webhook_ids"] = sorted({*now.webhook_ids, wanted.webhook_id})
    asked = {"parser": wanted.parser, "handling": wanted.handling, "account": wanted.account}
    changes |= {name: value for name, value in asked.items() if value is not None}
    return {f"sources.{key}.{name}": value for name, value in changes.items()}


def remove_question(app: "App", channel_id: int) -> Question:
    """The confirmation before a room is forgotten.

    Raises:
        UserError: it is none.
    """

    def room() -> SourceProfile:
        found = app.desk.source_of(channel_id)
        if found is None:
            raise UserError("That channel is no alert room of this desk. Nothing was changed.")
        return found

    def body() -> str:
        now = room()
        held = [t for t in app.desk.book.open_trades() if t.source == now.name]
        return "\n".join(
            [
                f"Messages of **{text.safe_line(now.name, 40)}** are no longer read.",
                f"{len(held)} open trades of it keep their stops and targets.",
            ]
        )

    async def go(press: Press) -> str:
        who = app.gate.require(press, "monitor sources")
        key = key_of(app, channel_id)
        if key is None:
            raise UserError("That room is gone already. Nothing was changed.")
        await app.settings.apply(who, {f"sources.{key}": None}, f"remove alert room {named}")
        return f"✔ {named} is no longer an alert room."

    named = text.safe_line(room().name, 40)
    return Question(title=f"Remove {named}?", yes="Remove the room", body=body, action=go)


def key_of(app: "App", channel_id: int) -> str | None:
    """The room's key in the configuration."""
    rooms = app.config.sources.items()
    return next((key for key, source in rooms if source.channel_id == channel_id), None)


def free_key(name: str, taken: Mapping[str, object]) -> str:
    """A key that the configuration accepts and does not know yet."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
    plain = plain if plain[:1].isalpha() else f"room_{plain}".rstrip("_")
    base = plain[: _MOST_NAME - 3]
    key, n = base, 1
    while key in taken:
        n += 1
        key = f"{base}_{n}"
    return key
