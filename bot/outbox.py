"""Posts what the desk has committed: every card once, then edited in place to its newest state.

Orders never wait for it. After a crash it goes on where the store says it stopped; a post whose
answer was lost is sent again with the same nonce, which Discord folds into one.
"""

import asyncio
import hashlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field

import discord

from engine.desk import Desk
from engine.domain.desk import Notice, Posted
from engine.domain.errors import Conflict, TradeStreamError
from engine.domain.record import Event, changed

log = logging.getLogger(__name__)

_PATIENCE_S = (1.0, 2.0, 5.0, 15.0, 60.0)
_GONE = {10003, 10008, 50001, 50013}
"""Channel or message deleted, or no access: trying again cannot help."""


@dataclass(frozen=True, kw_only=True)
class Content:
    """What one card looks like now."""

    text: str = ""
    embeds: tuple[discord.Embed, ...] = ()
    view: discord.ui.View | None = None
    files: tuple[discord.File, ...] = ()
    mentions: tuple[int, ...] = field(default=())
    """Role ids that may be pinged by this card; everything else never pings."""


Render = Callable[[Notice], Awaitable[Content | None]]
ChannelOf = Callable[[str], int | None]


class Outbox:
    """One lane per Discord channel, so that a slow or missing channel holds up no other."""

    def __init__(
        self, desk: Desk, client: discord.Client, render: Render, channel_of: ChannelOf
    ) -> None:
        self._desk = desk
        self._client = client
        self._render = render
        self._channel_of = channel_of
        self._lanes: dict[str, deque[str]] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_open = False
        self.dead_channels: set[str] = set()
        """Channel purposes that cannot be posted to; health shows them."""
        desk.bus.listen(self._on_events)

    def start(self) -> None:
        """Discord is reachable: post everything that is due, oldest first."""
        self._is_open = True
        self.dead_channels.clear()
        for notice_id in list(self._desk.book.notices):
            if self._desk.book.is_due(notice_id):
                self._enqueue(self._desk.book.notices[notice_id])

    def pause(self) -> None:
        """Discord is not reachable: keep what is due."""
        self._is_open = False

    def use(self, client: discord.Client) -> None:
        """Post with another client: the old one was closed."""
        self._client = client

    async def close(self) -> None:
        """Stop posting; what is due stays in the store."""
        self.pause()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing is due any more (tests, shutdown)."""
        while any(not t.done() for t in self._tasks.values()):
            await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    def _on_events(self, events: Sequence[Event]) -> None:
        for event in events:
            for put in event.puts:
                if isinstance(put, Notice):
                    self._enqueue(put)

    def _enqueue(self, notice: Notice) -> None:
        if not self._is_open or self._channel_of(notice.channel) is None:
            return
        lane = self._lanes.setdefault(notice.channel, deque())
        if notice.notice_id not in lane:
            lane.append(notice.notice_id)
        task = self._tasks.get(notice.channel)
        if task is None or task.done():
            self._tasks[notice.channel] = asyncio.create_task(
                self._work(notice.channel), name=f"outbox {notice.channel}"
            )

    async def _work(self, channel: str) -> None:
        lane = self._lanes[channel]
        while lane and self._is_open:
            notice_id = lane.popleft()
            notice = self._desk.book.notices.get(notice_id)
            if notice is None or not self._desk.book.is_due(notice_id):
                continue
            try:
                await self._show(notice)
            except discord.HTTPException as error:
                self._give_up(notice, error)
            except TradeStreamError:
                log.exception("card %s could not be shown", notice_id)
            except Exception:
                log.exception("card %s could not be rendered", notice_id)

    def _give_up(self, notice: Notice, error: discord.HTTPException) -> None:
        if error.code in _GONE:
            self.dead_channels.add(notice.channel)
            self._desk.health[f"channel {notice.channel}"] = f"cannot post: {error.text}"
        log.warning("card %s was not posted: %s", notice.notice_id, error)

    async def _show(self, notice: Notice) -> None:
        """Post or edit one card, with patience; then remember what people see."""
        content = await self._render(notice)
        if content is None:
            return
        for pause in (*_PATIENCE_S, None):
            try:
                message = await self._post_or_edit(notice, content)
                break
            except (TimeoutError, discord.DiscordServerError, OSError) as error:
                if pause is None or not self._is_open:
                    raise
                log.info("card %s: Discord is unwell (%s), again in %s s", notice.key, error, pause)
                await self._desk.clock.sleep(pause)
                content = await self._render(notice) or content
        await self._remember(notice, message)
        self._desk.health.pop(f"channel {notice.channel}", None)

    async def _post_or_edit(self, notice: Notice, content: Content) -> discord.Message:
        channel = await self._channel(notice.channel)
        posted = self._desk.book.posted.get(notice.notice_id)
        if posted is not None and posted.channel_id == channel.id:
            partial = channel.get_partial_message(posted.message_id)
            try:
                return await partial.edit(
                    content=content.text or None,
                    embeds=list(content.embeds),
                    view=content.view,
                    attachments=list(content.files),
                )
            except discord.NotFound as error:
                if error.code != 10008:  # somebody deleted our card: post it again
                    raise
        return await channel.send(
            content=content.text or None,
            embeds=list(content.embeds),
            view=content.view or discord.utils.MISSING,
            files=list(content.files),
            nonce=nonce(notice.notice_id),
            allowed_mentions=discord.AllowedMentions(
                everyone=False,
                users=False,
                roles=[discord.Object(r) for r in content.mentions],
                replied_user=False,
            ),
        )

    async def _channel(self, purpose: str) -> discord.TextChannel:
        channel_id = self._channel_of(purpose)
        if channel_id is None:
            raise TradeStreamError(f"no channel is configured for {purpose}")
        channel = self._client.get_channel(channel_id)
        if channel is None:
            channel = await self._client.fetch_channel(channel_id)
        if not isinstance(channel, discord.TextChannel):
            raise TradeStreamError(f"the channel for {purpose} is no text channel")
        return channel

    async def _remember(self, notice: Notice, message: discord.Message) -> None:
        desk = self._desk
        known = desk.book.posted.get(notice.notice_id)
        facts = {
            "channel_id": message.channel.id,
            "message_id": message.id,
            "shown_version": notice.version,
            "posted_at": desk.clock.now(),
        }
        if known is not None:
            record = changed(known, **facts)
        else:
            record = Posted(notice_id=notice.notice_id, **facts)  # type: ignore[arg-type]
        try:
            await desk.commit(desk.event("card.posted", notice.subject_id, record))
        except Conflict:
            log.info("card %s was remembered already", notice.notice_id)


def nonce(notice_id: str) -> str:
    """At most 25 characters, the same for the same card for ever."""
    return hashlib.sha256(notice_id.encode()).hexdigest()[:25]
