"""Creating, editing and deleting messages: media, mentions, nonces, crossposts, events."""

from __future__ import annotations

import copy
import mimetypes
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from bot.sandbox import components, payloads
from bot.sandbox.errors import ApiError, Flaw, invalid_form
from bot.sandbox.message import (
    COMPONENTS_V2,
    CROSSPOSTED,
    EPHEMERAL,
    IS_CROSSPOST,
    LOADING,
    SOURCE_DELETED,
    Attachment,
    Message,
    Upload,
    Version,
)
from bot.sandbox.state import Channel, State, User, Webhook

if TYPE_CHECKING:
    from bot.sandbox.gateway import Gateway

Json = dict[str, Any]
_NONCE_LIFE = timedelta(minutes=5)
_USER = re.compile(r"<@!?(\d+)>")
_ROLE = re.compile(r"<@&(\d+)>")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who posts, and under which circumstances."""

    user: User
    webhook: Webhook | None = None
    ephemeral_for: User | None = None
    interaction: Json | None = None
    loading: bool = False
    is_application: bool = False


class Posting:
    """Writes messages into the state and tells the gateway."""

    def __init__(self, state: State, gateway: Gateway, cdn: str) -> None:
        self._state = state
        self._gateway = gateway
        self._cdn = cdn
        self._nonces: dict[tuple[int, int, str], Message] = {}
        self.duplicate_next = 0

    def create(
        self,
        channel: Channel,
        sender: Sender,
        body: Json,
        files: dict[int, Upload] | None = None,
        *,
        kind: int = 0,
    ) -> Message:
        """Post a message and deliver it; a repeated nonce returns the first message.

        Raises:
            ApiError: the body holds nothing to show, or names an unknown attachment.
        """
        known = self._same_nonce(channel, sender, body)
        if known is not None:
            return known
        item = Message(
            id=self._state.snowflakes.mint(),
            channel=channel,
            author=sender.user,
            created_at=self._state.clock.now(),
            kind=kind,
            tts=bool(body.get("tts")),
            nonce=body.get("nonce"),
            webhook_id=_webhook_id(sender),
            application_id=self._state.bot.id if sender.is_application else None,
            ephemeral_for=sender.ephemeral_for,
            interaction=sender.interaction,
            flags=_flags(sender, body),
            sent=body,
            poll=body.get("poll"),
        )
        self._refer(item, body)
        self._fill(item, body, files or {})
        if not sender.loading and kind in (0, 20):
            _must_show(item)
        channel.history.append(item)
        self._remember_nonce(sender, body, item)
        self._wake(channel)
        self._deliver(item)
        return item

    def edit(self, item: Message, body: Json, files: dict[int, Upload] | None = None) -> None:
        """Change a message, keep its earlier version, and deliver the update.

        Raises:
            ApiError: nothing would be left to show, or an attachment is unknown.
        """
        now = self._state.clock.now()
        before = Version(now, item.content, item.embeds, item.components, item.attachments)
        was_loading = item.is_loading
        old_flags = item.flags
        if body.get("flags") is not None:
            keep = item.flags & ~(4 | COMPONENTS_V2)
            item.flags = keep | body["flags"] & (4 | COMPONENTS_V2) | old_flags & COMPONENTS_V2
        item.flags &= ~LOADING
        try:
            self._fill(item, body, files or {}, editing=True)
            _must_show(item)
        except ApiError:
            item.flags = old_flags
            item.content, item.embeds = before.content, before.embeds
            item.components, item.attachments = before.components, before.attachments
            raise
        if not was_loading:
            item.edits.append(before)
            item.edited_at = now
        self.update(item)
        for copied in item.copies:
            self.edit(copied, {k: v for k, v in body.items() if k in ("content", "embeds")})

    def update(self, item: Message) -> None:
        """Tell everyone that a message looks different now."""
        self._gateway.message("MESSAGE_UPDATE", item)

    def delete(self, item: Message) -> None:
        """Remove a message; history keeps it."""
        item.deleted_at = self._state.clock.now()
        self._gateway.message_gone(item)
        for copied in item.copies:
            if copied.deleted_at is None:
                copied.flags |= SOURCE_DELETED
                self.edit(copied, {"content": "[Original Message Deleted]", "embeds": []})

    def crosspost(self, item: Message) -> None:
        """Publish an announcement to every follower.

        Raises:
            ApiError: it was published before.
        """
        if item.flags & CROSSPOSTED:
            raise ApiError(400, 40033, "This message has already been crossposted")
        item.flags |= CROSSPOSTED
        self.update(item)
        for webhook in list(self._state.webhooks.values()):
            if webhook.source is item.channel:
                item.copies.append(self.followed_copy(item, webhook))

    def followed_copy(self, item: Message, webhook: Webhook) -> Message:
        """Put the copy of an announcement into a following channel."""
        author = User(webhook.id, webhook.name, webhook.name, bot=True, is_webhook=True)
        copied = Message(
            id=self._state.snowflakes.mint(),
            channel=webhook.channel,
            author=author,
            created_at=self._state.clock.now(),
            content=item.content,
            embeds=copy.deepcopy(item.embeds),
            attachments=list(item.attachments),
            flags=IS_CROSSPOST,
            webhook_id=webhook.id,
            reference=reference_to(item, 0),
        )
        webhook.channel.history.append(copied)
        self._deliver(copied)
        return copied

    def store(self, upload: Upload, where: int, *, is_ephemeral: bool = False) -> Attachment:
        """Keep a file and return it with its loopback address."""
        number = self._state.snowflakes.mint()
        name = re.sub(r"[^\w.\-]+", "_", upload.filename) or "file"
        guessed = mimetypes.guess_type(name)[0] or "application/octet-stream"
        stored = Attachment(
            number,
            name,
            upload.data,
            upload.content_type or guessed,
            f"{self._cdn}/attachments/{where}/{number}/{name}",
            upload.description,
            is_ephemeral,
        )
        self._state.uploads[number] = stored
        return stored

    def _same_nonce(self, channel: Channel, sender: Sender, body: Json) -> Message | None:
        if not body.get("enforce_nonce") or body.get("nonce") is None:
            return None
        known = self._nonces.get((sender.user.id, channel.id, str(body["nonce"])))
        if known is None or self._state.clock.now() - known.created_at > _NONCE_LIFE:
            return None
        return known

    def _remember_nonce(self, sender: Sender, body: Json, item: Message) -> None:
        if body.get("enforce_nonce") and body.get("nonce") is not None:
            self._nonces[(sender.user.id, item.channel.id, str(body["nonce"]))] = item

    def _fill(
        self, item: Message, body: Json, files: dict[int, Upload], *, editing: bool = False
    ) -> None:
        listed = self._attachments(item, body, files)
        by_name = {stored.filename: stored for stored in listed}
        if "content" in body:
            item.content = (body["content"] or "").strip()
        if "embeds" in body:
            item.embeds = [
                components.resolve_embed(embed, by_name, place)
                for place, embed in enumerate(body["embeds"] or [])
            ]
        if "components" in body:
            item.components = components.resolve(body["components"] or [], by_name)
        item.attachments = listed
        if "content" in body or "components" in body or not editing:
            self._mention(item, body.get("allowed_mentions"))

    def _attachments(self, item: Message, body: Json, files: dict[int, Upload]) -> list[Attachment]:
        described = {str(entry["id"]): entry for entry in body.get("attachments") or []}
        if body.get("attachments") is None and "attachments" not in body:
            kept = list(item.attachments)
        else:
            kept = [a for a in item.attachments if str(a.id) in described]
            known = {str(a.id) for a in kept} | {str(index) for index in files}
            for place, wanted in enumerate(described):
                if wanted not in known:
                    raise invalid_form(
                        Flaw(
                            ("attachments", place, "id"),
                            "ATTACHMENT_NOT_FOUND",
                            f"Unknown attachment id {wanted}",
                        )
                    )
        for index, upload in sorted(files.items()):
            entry = described.get(str(index), {})
            named = Upload(
                entry.get("filename") or upload.filename,
                upload.data,
                description=entry.get("description"),
            )
            private = item.ephemeral_for is not None
            kept.append(self.store(named, item.channel.id, is_ephemeral=private))
        return kept

    def _refer(self, item: Message, body: Json) -> None:
        wanted = body.get("message_reference")
        if not wanted:
            return
        target = self._state.message(int(wanted["message_id"]))
        if wanted.get("type") == 1:
            self._forward(item, target)
            return
        if target is None or target.channel is not item.channel:
            if wanted.get("fail_if_not_exists", True):
                raise invalid_form(
                    Flaw(("message_reference",), "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
                )
            return
        item.kind = 19
        item.replied_to = target
        item.reference = reference_to(target, 0)

    def _forward(self, item: Message, target: Message | None) -> None:
        if target is None:
            raise invalid_form(
                Flaw(("message_reference",), "MESSAGE_REFERENCE_UNKNOWN", "Unknown message")
            )
        item.reference = reference_to(target, 1)
        item.snapshots = [
            {
                "message": payloads.content(target)
                | {
                    "type": target.kind,
                    "timestamp": payloads.stamp(target.created_at),
                    "edited_timestamp": None,
                    "flags": target.flags,
                    "mentions": [],
                    "mention_roles": [],
                }
            }
        ]

    def _mention(self, item: Message, allowed: Json | None) -> None:
        item.mentions, item.mention_roles, item.mention_everyone = [], [], False
        text = item.content + "".join(part["content"] for part in components.texts(item.components))
        parse = ["users", "roles", "everyone"] if allowed is None else allowed.get("parse") or []
        users = [str(entry) for entry in (allowed or {}).get("users") or []]
        roles = [str(entry) for entry in (allowed or {}).get("roles") or []]
        for number in dict.fromkeys(_USER.findall(text)):
            known = self._state.users.get(int(number))
            if known is not None and ("users" in parse or number in users):
                item.mentions.append(known)
        for number in dict.fromkeys(_ROLE.findall(text)):
            if self._may_ping_role(item, int(number)) and ("roles" in parse or number in roles):
                item.mention_roles.append(int(number))
        if "everyone" in parse and re.search(r"@(everyone|here)\b", text):
            item.mention_everyone = self._may_ping_all(item)
        pings_author = allowed is None or allowed.get("replied_user", False)
        if item.replied_to is not None and pings_author:
            author = item.replied_to.author
            if author not in item.mentions and not author.is_webhook:
                item.mentions.append(author)

    def _may_ping_role(self, item: Message, role_id: int) -> bool:
        guild = item.channel.guild
        role = guild.roles.get(role_id) if guild is not None else None
        return role is not None and (role.mentionable or self._may_ping_all(item))

    def _may_ping_all(self, item: Message) -> bool:
        if item.webhook_id is not None:
            return True
        return self._state.may(item.author, item.channel, "mention_everyone")

    def _wake(self, channel: Channel) -> None:
        if channel.is_thread and channel.is_archived:
            channel.is_archived = False
            self._gateway.channel("THREAD_UPDATE", channel)

    def _deliver(self, item: Message) -> None:
        times = 1
        if self.duplicate_next and item.author is not self._state.bot:
            times, self.duplicate_next = 1 + self.duplicate_next, 0
        for _ in range(times):
            self._gateway.message("MESSAGE_CREATE", item)


def reference_to(item: Message, kind: int) -> Json:
    """Return a message reference; kind 0 is a reply or crosspost, 1 a forward."""
    answer: Json = {
        "type": kind,
        "channel_id": str(item.channel.id),
        "message_id": str(item.id),
    }
    if item.channel.guild is not None:
        answer["guild_id"] = str(item.channel.guild.id)
    return answer


def sender_for(hook: Webhook, body: Json) -> Sender:
    """Return who a webhook posts as: its own name unless the body gives another."""
    name = body.get("username") or hook.name
    author = User(hook.id, name, name, bot=True, is_webhook=True)
    return Sender(user=author, webhook=hook)


def _flags(sender: Sender, body: Json) -> int:
    flags = int(body.get("flags") or 0) & ~(EPHEMERAL | LOADING)
    if sender.ephemeral_for is not None:
        flags |= EPHEMERAL
    if sender.loading:
        flags |= LOADING
    return flags


def _webhook_id(sender: Sender) -> int | None:
    if sender.webhook is not None:
        return sender.webhook.id
    return sender.user.id if sender.is_application else None


def _must_show(item: Message) -> None:
    shown = (item.content, item.embeds, item.components, item.attachments, item.snapshots)
    if not any(shown) and item.poll is None:
        raise ApiError(400, 50006, "Cannot send an empty message")
