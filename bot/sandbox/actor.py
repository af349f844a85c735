"""A person at the keyboard: what a real Discord client lets them do, and nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from bot.sandbox import commands, modals, payloads
from bot.sandbox.commands import Resolver
from bot.sandbox.errors import Refused
from bot.sandbox.interactions import (
    AUTOCOMPLETE,
    COMMAND,
    COMPONENT,
    MODAL_SUBMIT,
    Interaction,
)
from bot.sandbox.message import Message, Upload
from bot.sandbox.posting import Sender
from bot.sandbox.state import Channel, User

if TYPE_CHECKING:
    from bot.sandbox.driver import Driver

Json = dict[str, Any]
Where = Channel | str | int
Place = Message | Interaction | Channel | str | int


class Actor:
    """Verbs of one user. With `strict=False` the client's own refusals are skipped."""

    def __init__(self, sandbox: Driver, user: User, *, strict: bool = True) -> None:
        self._sandbox = sandbox
        self._state = sandbox.state
        self.user = user
        self.strict = strict

    # ---- messages --------------------------------------------------------------------------

    def say(
        self,
        where: Where,
        content: str = "",
        *,
        reply_to: Message | None = None,
        files: Sequence[Upload] = (),
        embeds: Sequence[Json] = (),
        publish: bool = False,
    ) -> Message:
        """Type a message; `publish` crossposts it from an announcement channel.

        Raises:
            Refused: the person cannot see or write there, or the text is too long.
        """
        channel = self._state.channel(where)
        self._must_see(channel)
        send = "send_messages_in_threads" if channel.is_thread else "send_messages"
        if channel.kind in (2, 4, 15) or not self._may(channel, send):
            raise Refused(f"{self.user.name} cannot write in #{channel.name}")
        if self.strict and len(content) > (4000 if self.user.bot else 2000):
            raise Refused("the message is longer than 2,000 characters")
        if not (content.strip() or files or embeds):
            raise Refused("nothing to send")
        body: Json = {"content": content, "embeds": list(embeds)}
        if reply_to is not None:
            body["message_reference"] = {"message_id": str(reply_to.id)}
        made = self._sandbox.posting.create(
            channel, Sender(user=self.user), body, dict(enumerate(files))
        )
        if publish:
            self._sandbox.posting.crosspost(made)
        return made

    def dm(self, content: str) -> Message:
        """Type a direct message to the bot."""
        return self.say(self._state.dm(self.user), content)

    def edit(self, item: Message, content: str) -> None:
        """Edit an own message."""
        if item.author is not self.user and self.strict:
            raise Refused("only own messages can be edited")
        self._sandbox.posting.edit(item, {"content": content})

    def delete(self, item: Message) -> None:
        """Delete an own message, or any with the right to manage messages.

        An ephemeral note is dismissed by the person who sees it.
        """
        own = self.user in (item.author, item.ephemeral_for)
        if not own and not self._may(item.channel, "manage_messages"):
            raise Refused(f"{self.user.name} may not delete this message")
        self._sandbox.posting.delete(item)

    def react(self, item: Message, emoji: str) -> None:
        """Add a reaction."""
        self._must_see(item.channel)
        if emoji not in item.reactions and not self._may(item.channel, "add_reactions"):
            raise Refused(f"{self.user.name} may not react in #{item.channel.name}")
        self._sandbox.react(item, self.user, emoji)

    def unreact(self, item: Message, emoji: str) -> None:
        """Take an own reaction back."""
        self._sandbox.unreact(item, self.user, emoji)

    def typing(self, where: Where) -> None:
        """Show as typing."""
        self._sandbox.gateway.typing(self._state.channel(where), self.user)

    # ---- commands --------------------------------------------------------------------------

    def slash(
        self, where: Where, command: str, options: Mapping[str, Any] | None = None, /, **named: Any
    ) -> Interaction:
        """Use a slash command: `slash("desk", "risk limit", pct=1.5)`.

        Raises:
            Refused: not registered, hidden from this person, or options a client would not send.
        """
        channel = self._state.channel(where)
        found, chain = self._sandbox.commands.find(command, channel)
        self._must_be_offered(found, channel)
        resolver = self._resolver(channel)
        known = (chain[-1] if chain else found).get("options") or []
        filled = commands.fill(known, {**(options or {}), **named}, resolver, strict=self.strict)
        data = commands.data_for(found, chain, filled, resolver.found)
        return self._send(COMMAND, channel, data)

    def autocomplete(
        self,
        where: Where,
        command: str,
        focused: str,
        options: Mapping[str, Any] | None = None,
        /,
        **named: Any,
    ) -> Interaction:
        """Type into an option: the awaited interaction holds `choices`."""
        channel = self._state.channel(where)
        found, chain = self._sandbox.commands.find(command, channel)
        self._must_be_offered(found, channel)
        resolver = self._resolver(channel)
        known = (chain[-1] if chain else found).get("options") or []
        given = {**(options or {}), **named}
        given.setdefault(focused, "")
        filled = commands.fill(known, given, resolver, focused=focused, strict=self.strict)
        data = commands.data_for(found, chain, filled, resolver.found)
        return self._send(AUTOCOMPLETE, channel, data)

    def context(self, where: Where, command: str, target: Message | str | int, /) -> Interaction:
        """Use a context menu on a message or on a user."""
        channel = self._state.channel(where)
        kind = 3 if isinstance(target, Message) else 2
        found, _ = self._sandbox.commands.find(command, channel, kind)
        self._must_be_offered(found, channel)
        resolver = self._resolver(channel)
        if isinstance(target, Message):
            number = str(target.id)
            resolver.found.messages[number] = payloads.message(self._state, target)
        else:
            number = resolver.user(target)
        data = commands.data_for(found, [], [], resolver.found) | {"target_id": number}
        data.pop("options")
        return self._send(COMMAND, channel, data)

    # ---- components ------------------------------------------------------------------------

    def click(self, place: Place, label: str, /) -> Interaction:
        """Press a button by label, custom_id or emoji, on a message or the newest that has it.

        Raises:
            Refused: no such button, disabled, a link, or not visible to this person.
        """
        message, button = self._component(place, label, (2,))
        if button.get("style") == 5:
            raise Refused(f"{label!r} is a link")
        return self._press(message, button, {})

    def choose(self, place: Place, *values: Any, menu: str = "") -> Interaction:
        """Choose in a select menu, found by custom_id or placeholder (empty: the only one).

        Raises:
            Refused: a value that is not offered, too few or too many.
        """
        message, found = self._component(place, menu, (3, 5, 6, 7, 8))
        resolver = self._resolver(message.channel)
        picked = modals.pick(found, list(values), resolver, strict=self.strict)
        data: Json = {"values": picked}
        resolved = resolver.found.payload()
        if resolved:
            data["resolved"] = resolved
        return self._press(message, found, data)

    def submit(
        self, asked: Interaction, fields: Mapping[str, Any] | None = None, /, **named: Any
    ) -> Interaction:
        """Fill in the modal that answered an interaction, by label or custom_id, and send it.

        Raises:
            Refused: no modal was shown to this person, or a field does not accept the value.
        """
        if asked.modal is None:
            raise Refused(f"{asked.name}: no modal was shown")
        if asked.user is not self.user:
            raise Refused(f"the modal is shown to {asked.user.name}, not to {self.user.name}")
        resolver = self._resolver(asked.channel)
        given = {**(fields or {}), **named}
        parts = modals.filled(asked.modal, given, resolver, strict=self.strict)
        data: Json = {"custom_id": asked.modal["custom_id"], "components": parts}
        resolved = resolver.found.payload()
        if resolved:
            data["resolved"] = resolved
        return self._send(MODAL_SUBMIT, asked.channel, data, asked.message, asked)

    def _press(self, message: Message, part: Json, data: Json) -> Interaction:
        if part.get("disabled") and self.strict:
            raise Refused(f"{part.get('label') or part.get('custom_id')!r} is disabled")
        about = {
            "component_type": part["type"],
            "custom_id": part["custom_id"],
            "id": part["id"],
        }
        return self._send(COMPONENT, message.channel, about | data, message)

    def _component(self, place: Place, name: str, kinds: tuple[int, ...]) -> tuple[Message, Json]:
        if isinstance(place, Interaction):
            place = place.reply
        if isinstance(place, Message):
            self._must_read(place)
            found = _matching(place, name, kinds)
            if found is None:
                raise Refused(f"no {name!r} on this message; it has {_names(place)}")
            return place, found
        channel = self._state.channel(place)
        self._must_see(channel)
        for message in reversed(channel.messages):
            if message.ephemeral_for not in (None, self.user):
                continue
            found = _matching(message, name, kinds)
            if found is not None:
                return message, found
        raise Refused(f"no {name!r} in #{channel.name} that {self.user.name} can see")

    # ---- shared ----------------------------------------------------------------------------

    def _send(
        self,
        kind: int,
        channel: Channel,
        data: Json,
        message: Message | None = None,
        cause: Interaction | None = None,
    ) -> Interaction:
        if channel.guild is not None and self.user.id not in channel.guild.members:
            raise Refused(f"{self.user.name} is not in {channel.guild.name}")
        if self.user.bot:
            raise Refused("bots cannot use interactions")
        return self._sandbox.interactions.create(kind, self.user, channel, data, message, cause)

    def _resolver(self, channel: Channel) -> Resolver:
        return Resolver(self._state, self._sandbox.posting, channel, self.user)

    def _may(self, channel: Channel, *names: str) -> bool:
        return not self.strict or self._state.may(self.user, channel, *names)

    def _must_see(self, channel: Channel) -> None:
        if not self._may(channel, "view_channel"):
            raise Refused(f"{self.user.name} cannot see #{channel.name}")

    def _must_read(self, message: Message) -> None:
        if message.deleted_at is not None:
            raise Refused("the message was deleted")
        self._must_see(message.channel)
        if message.ephemeral_for not in (None, self.user) and self.strict:
            raise Refused(f"the message is not visible to {self.user.name}")

    def _must_be_offered(self, command: Json, channel: Channel) -> None:
        why = self._sandbox.commands.hidden(command, self.user, channel)
        if why is not None and self.strict:
            raise Refused(why)


def _matching(message: Message, name: str, kinds: tuple[int, ...]) -> Json | None:
    found: Json | None = None
    for part in [*message.buttons, *message.selects]:
        if part["type"] not in kinds:
            continue
        emoji = (part.get("emoji") or {}).get("name")
        names = (part.get("label"), part.get("custom_id"), part.get("placeholder"), emoji)
        if (name and name in names) or (not name and 2 not in kinds):
            if not part.get("disabled"):
                return part
            found = found or part
    return found


def _names(message: Message) -> list[str]:
    parts = [*message.buttons, *message.selects]
    return [str(p.get("label") or p.get("placeholder") or p.get("custom_id")) for p in parts]
