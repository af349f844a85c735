"""Interactions: their life from a person's click to the bot's last answer."""

from __future__ import annotations

import secrets
from collections.abc import Generator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from bot.sandbox import payloads, permissions
from bot.sandbox.errors import ApiError, Flaw, NotAnswered, invalid_form, unknown
from bot.sandbox.gateway import Gateway
from bot.sandbox.message import EPHEMERAL, Message, Upload
from bot.sandbox.posting import Posting, Sender
from bot.sandbox.state import Channel, State, User
from bot.sandbox.waiting import until

Json = dict[str, Any]
COMMAND, COMPONENT, AUTOCOMPLETE, MODAL_SUBMIT = 2, 3, 4, 5
REPLY, DEFER, DEFER_UPDATE, UPDATE, CHOICES, MODAL = 4, 5, 6, 7, 8, 9
WINDOW = timedelta(seconds=3)
TOKEN_LIFE = timedelta(minutes=15)
FILE_LIMIT = 10 * 1024 * 1024
_ALLOWED = {
    COMMAND: (REPLY, DEFER, MODAL),
    COMPONENT: (REPLY, DEFER, DEFER_UPDATE, UPDATE, MODAL),
    AUTOCOMPLETE: (CHOICES,),
    MODAL_SUBMIT: (REPLY, DEFER, DEFER_UPDATE, UPDATE),
}


@dataclass(slots=True, eq=False)
class Interaction:
    """One act of a person and what the bot made of it. Await it to get the bot's answer."""

    id: int
    token: str
    kind: int
    user: User
    channel: Channel
    created_at: datetime
    data: Json
    gateway: Gateway
    clock: Any
    message: Message | None = None
    cause: Interaction | None = None
    """For a modal submit, the interaction that the modal answered."""
    ack: int | None = None
    original: Message | None = None
    followups: list[Message] = field(default_factory=list)
    modal: Json | None = None
    choices: list[Json] | None = None
    refusals: list[int] = field(default_factory=list)
    """Error codes of answers that were refused, such as 40060 and 10062."""

    @property
    def name(self) -> str:
        """What was used: `/risk limit`, a custom_id, a context menu's name."""
        if self.kind in (COMPONENT, MODAL_SUBMIT):
            return str(self.data["custom_id"])
        return _path(self.data)

    @property
    def is_late(self) -> bool:
        """Whether the 3 s window has closed without an answer."""
        return self.ack is None and self.clock.now() - self.created_at > WINDOW

    @property
    def reply(self) -> Message:
        """The message that answers: the original response, else the newest follow-up.

        Raises:
            LookupError: the bot has sent no message.
        """
        if self.original is not None and self.original.deleted_at is None:
            return self.original
        if self.followups:
            return self.followups[-1]
        raise LookupError(f"{self.name}: no message answers (ack type {self.ack})")

    @property
    def text(self) -> str:
        """All words of the reply."""
        return self.reply.text

    @property
    def ephemeral(self) -> bool:
        """Whether only the person sees the reply."""
        return self.reply.ephemeral_for is not None

    async def acked(self, timeout_s: float = 3.5) -> Interaction:
        """Wait for the bot's first answer of any kind.

        Raises:
            NotAnswered: none came within 3 s.
        """
        try:
            await until(self.gateway, lambda: self.ack is not None, timeout_s)
        except TimeoutError:
            raise NotAnswered(f"{self.name}: the application did not respond") from None
        return self

    async def replied(self, timeout_s: float = 30.0) -> Interaction:
        """Wait for the answer that a person reads: a thinking defer is followed to its end.

        Raises:
            NotAnswered: the bot stayed silent.
        """
        await self.acked(min(timeout_s, 3.5))
        if self.ack == DEFER:
            try:
                await until(self.gateway, self._is_resolved, timeout_s)
            except TimeoutError:
                raise NotAnswered(f"{self.name}: still thinking") from None
        return self

    def __await__(self) -> Generator[Any, None, Interaction]:
        return self.replied().__await__()

    def _is_resolved(self) -> bool:
        if self.original is None or bool(self.followups):
            return True
        return not self.original.is_loading and self.original.deleted_at is None


class Interactions:
    """Creates interactions, checks answers, and keeps tokens alive for 15 minutes."""

    def __init__(self, state: State, gateway: Gateway, posting: Posting) -> None:
        self._state = state
        self._gateway = gateway
        self._posting = posting
        self.all: dict[int, Interaction] = {}
        self._by_token: dict[str, Interaction] = {}

    def create(
        self,
        kind: int,
        user: User,
        channel: Channel,
        data: Json,
        message: Message | None = None,
        cause: Interaction | None = None,
    ) -> Interaction:
        """Send an interaction to the bot."""
        made = Interaction(
            id=self._state.snowflakes.mint(),
            token=secrets.token_urlsafe(48),
            kind=kind,
            user=user,
            channel=channel,
            created_at=self._state.clock.now(),
            data=data,
            gateway=self._gateway,
            clock=self._state.clock,
            message=message,
            cause=cause,
        )
        self.all[made.id] = made
        self._by_token[made.token] = made
        guild = channel.guild
        self._gateway.interaction(self._payload(made), guild.id if guild else None)
        self._gateway.tell_watchers("interaction", made)
        return made

    def _payload(self, item: Interaction) -> Json:
        channel, guild = item.channel, item.channel.guild
        held = self._state.permissions(item.user, channel)
        data: Json = {
            "id": str(item.id),
            "application_id": str(self._state.bot.id),
            "type": item.kind,
            "token": item.token,
            "version": 1,
            "data": item.data,
            "channel_id": str(channel.id),
            "channel": payloads.channel(channel) | {"permissions": str(held)},
            "app_permissions": str(self._app_permissions(channel)),
            "attachment_size_limit": FILE_LIMIT,
            "entitlements": [],
            "entitlement_sku_ids": [],
            "locale": "en-US",
            "authorizing_integration_owners": {"1": str(item.user.id)},
            "context": 1,
        }
        if item.message is not None:
            data["message"] = payloads.message(self._state, item.message)
        if guild is None:
            return data | {"user": payloads.user(item.user)}
        member = payloads.member(guild.members[item.user.id]) | {"permissions": str(held)}
        data |= {
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": "en-US", "features": ["COMMUNITY"]},
            "guild_locale": "en-US",
            "member": member,
            "context": 0,
        }
        if guild.bot_present:
            data["authorizing_integration_owners"] = {"0": str(guild.id)}
        return data

    def _app_permissions(self, channel: Channel) -> int:
        if channel.guild is not None and not channel.guild.bot_present:
            return permissions.bits(("send_messages", "embed_links", "attach_files"))
        return self._state.permissions(self._state.bot, channel)

    # ---- the bot's answers -----------------------------------------------------------------

    def callback(
        self, interaction_id: int, token: str, body: Json, files: dict[int, Upload]
    ) -> Json:
        """Take the bot's first answer.

        Raises:
            ApiError: unknown, too late, answered before, or an answer of the wrong type.
        """
        item = self.all.get(interaction_id)
        if item is None or item.token != token:
            raise unknown("interaction")
        if item.ack is not None:
            item.refusals.append(40060)
            raise ApiError(400, 40060, "Interaction has already been acknowledged.")
        if item.is_late:
            item.refusals.append(10062)
            raise unknown("interaction")
        kind = body["type"]
        if kind not in _ALLOWED[item.kind] or (
            item.kind == MODAL_SUBMIT and kind in (UPDATE, DEFER_UPDATE) and item.message is None
        ):
            flaw = Flaw(("type",), "BASE_TYPE_CHOICES", f"type {kind} does not answer this")
            raise invalid_form(flaw)
        shown = self._take(item, kind, body.get("data") or {}, files)
        item.ack = kind
        self._gateway.tell_watchers("interaction", item)
        return self._callback_answer(item, kind, shown)

    def _take(
        self, item: Interaction, kind: int, data: Json, files: dict[int, Upload]
    ) -> Message | None:
        if kind in (REPLY, DEFER):
            hidden = bool((data.get("flags") or 0) & EPHEMERAL)
            sender = self._sender(item, ephemeral=hidden, loading=kind == DEFER)
            item.original = self._posting.create(
                item.channel, sender, data, files, kind=20 if item.kind == COMMAND else 0
            )
            return item.original
        if kind == UPDATE:
            message = item.message
            if message is None or message.deleted_at is not None:
                raise unknown("Message")
            self._posting.edit(message, data, files)
            return message
        if kind == CHOICES:
            item.choices = data.get("choices") or []
        elif kind == MODAL:
            item.modal = data
        return None

    def _callback_answer(self, item: Interaction, kind: int, shown: Message | None) -> Json:
        about: Json = {"id": str(item.id), "type": item.kind}
        answer: Json = {"interaction": about}
        if shown is not None:
            about["response_message_id"] = str(shown.id)
            about["response_message_loading"] = shown.is_loading
            about["response_message_ephemeral"] = bool(shown.flags & EPHEMERAL)
            data = payloads.message(self._state, shown)
            answer["resource"] = {"type": kind, "message": data}
        return answer

    def _sender(self, item: Interaction, *, ephemeral: bool, loading: bool = False) -> Sender:
        return Sender(
            user=self._state.bot,
            ephemeral_for=item.user if ephemeral else None,
            interaction=_about(item),
            loading=loading,
            is_application=True,
        )

    def by_token(self, token: str) -> Interaction:
        """Return the interaction of a live, answered token.

        Raises:
            ApiError: unknown token, not answered yet, or older than 15 minutes.
        """
        item = self._by_token.get(token)
        if item is None:
            raise unknown("Webhook")
        if self._state.clock.now() - item.created_at > TOKEN_LIFE:
            item.refusals.append(50027)
            raise ApiError(401, 50027, "Invalid Webhook Token")
        if item.ack is None:
            item.refusals.append(10015)
            raise unknown("Webhook")
        return item

    def follow_up(self, token: str, body: Json, files: dict[int, Upload]) -> Message:
        """Take a follow-up; the first one after a thinking defer fills the placeholder.

        Raises:
            ApiError: the token is not usable.
        """
        item = self.by_token(token)
        placeholder = item.original
        if placeholder is not None and placeholder.is_loading and placeholder.deleted_at is None:
            self._posting.edit(placeholder, body, files)
            self._gateway.tell_watchers("interaction", item)
            return placeholder
        hidden = bool((body.get("flags") or 0) & EPHEMERAL)
        sender = self._sender(item, ephemeral=hidden)
        made = self._posting.create(item.channel, sender, body, files)
        item.followups.append(made)
        self._gateway.tell_watchers("interaction", item)
        return made

    def message_of(self, token: str, which: str) -> Message:
        """Return `@original` or one of the interaction's messages by id.

        Raises:
            ApiError: no such message, or the token is not usable.
        """
        item = self.by_token(token)
        original = item.original
        if original is None and item.ack in (UPDATE, DEFER_UPDATE):
            original = item.message
        mine = [original, *item.followups]
        for message in mine:
            if message is None or message.deleted_at is not None:
                continue
            if str(message.id) == which or (which == "@original" and message is original):
                return message
        raise unknown("Message")


def _about(item: Interaction) -> Json:
    guild = item.channel.guild
    about: Json = {
        "id": str(item.id),
        "type": item.kind,
        "user": payloads.user(item.user),
        "authorizing_integration_owners": {"0": str(guild.id) if guild is not None else "0"},
    }
    if item.kind == COMMAND:
        about |= {"name": _path(item.data), "command_type": item.data["type"]}
    elif item.kind == COMPONENT and item.message is not None:
        about["interacted_message_id"] = str(item.message.id)
    elif item.cause is not None:
        about["triggering_interaction_metadata"] = _about(item.cause)
    return about


def _path(data: Json) -> str:
    words = [str(data["name"])]
    options = data.get("options") or []
    while options and options[0]["type"] in (1, 2):
        words.append(str(options[0]["name"]))
        options = options[0].get("options") or []
    return " ".join(words)
