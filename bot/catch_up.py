"""Alert rooms after a gap: what was posted, edited and deleted meanwhile, once and in order.

From the moment the gateway is lost until the gap has been read back, what arrives live waits: a
closing must not overtake the opening that was missed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import discord

from bot.incoming import raw_alert
from engine.desk import Desk
from engine.domain.desk import Intake
from engine.domain.errors import StoreUnavailable
from engine.domain.trade import TradeState
from engine.flows.alerts import take_alert
from engine.flows.alerts.turns import Turn
from engine.flows.trades import withdraw

if TYPE_CHECKING:
    from bot.client import DeskBot

log = logging.getLogger(__name__)

_LOOK_BACK = 100
"""Messages before the gap that are looked at again: they may have been edited or deleted in it."""
_MOST_MISSED = 5000
"""Messages read back per channel; more than any room posts in an outage."""
_PATIENCE_S = 20.0
"""How long live messages wait for the gap to be read before they go ahead of it."""
_AGAIN_S = 15.0

Room = discord.TextChannel | discord.Thread
Work = Callable[[], Awaitable[None]]


@dataclass
class _Lane:
    """One watched channel."""

    is_behind: bool = True
    """A gap is to be read before anything live is taken."""
    n_lost: int = 0
    """How often the gateway was lost."""
    gap_from: int | None = None
    """Newest message before a gap that could not be read yet."""
    first_live: int | None = None
    """Oldest message that came while the lane was behind; never history, even at a first start."""
    unwritten: set[int] = field(default_factory=set)
    """Messages that the store refused: to be read again."""
    undeleted: set[int] = field(default_factory=set)
    """Deletions that it refused."""
    waiting: list[Work] = field(default_factory=list)
    task: asyncio.Task[int] | None = None
    is_asked_again: bool = False

    @property
    def is_stuck(self) -> bool:
        """Whatever comes next waits: the watermark must not pass what was refused (S-02)."""
        return bool(self.unwritten or self.undeleted)


class CatchUp:
    """The one door through which messages of watched channels come in."""

    def __init__(self, bot: "DeskBot") -> None:
        self._bot = bot
        self._lanes: dict[int, _Lane] = {}
        self._retry: asyncio.Task[None] | None = None

    @property
    def _desk(self) -> Desk:
        return self._bot.app.desk

    def lost(self) -> None:
        """The gateway is gone: from here on something may be missed."""
        for profile in self._desk.settings.sources.values():
            lane = self._lane(profile.channel_id)
            lane.is_behind = True
            lane.n_lost += 1

    async def run(self) -> int:
        """Connected (perhaps again): read every gap; how many messages were new."""
        tasks = []
        for profile in self._desk.settings.sources.values():
            lane = self._lane(profile.channel_id)
            if lane.task is not None and not lane.task.done():
                lane.is_asked_again = True
            else:
                lane.task = asyncio.create_task(
                    self._close_gap(profile.channel_id, lane), name=f"catch up {profile.name}"
                )
            tasks.append(lane.task)
        found = await asyncio.gather(*tasks, return_exceptions=True)
        for result in found:
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError):
                log.error("a gap could not be read", exc_info=result)
        return sum(n for n in found if isinstance(n, int))

    async def close(self) -> None:
        """Stop reading; the watermark says where to go on."""
        tasks: list[asyncio.Task[Any]] = [t.task for t in self._lanes.values() if t.task]
        tasks += [self._retry] if self._retry is not None else []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def is_behind(self) -> bool:
        """Whether missed messages are still to be read: what comes meanwhile may count as one."""
        watched = self._desk.settings.sources.values()
        return any(self._lane(profile.channel_id).is_behind for profile in watched)

    def n_waiting(self, channel_id: int) -> int:
        """Messages of a room that wait until the gap before them has been read."""
        lane = self._lanes.get(channel_id)
        return len(lane.waiting) if lane is not None else 0

    # -- live -------------------------------------------------------------------------------

    async def posted(self, message: discord.Message) -> None:
        """A new message of a watched channel."""
        lane = self._lane(message.channel.id)
        if lane.is_behind and lane.first_live is None:
            lane.first_live = message.id
        await self._live(message.channel.id, lambda: self._take(message))

    async def edited(self, message: discord.Message) -> None:
        """A message of a watched channel was changed."""
        await self._live(message.channel.id, lambda: self._take(message, is_edit=True))

    async def deleted(self, channel_id: int, message_ids: Iterable[int]) -> None:
        """Messages of a watched channel were deleted."""
        gone = sorted(message_ids)
        await self._live(channel_id, lambda: self._withdraw(channel_id, gone))

    async def _live(self, channel_id: int, work: Work) -> None:
        lane = self._lane(channel_id)
        if self._bot.app.is_stopping:
            return  # the next start finds it above its watermark
        if lane.is_behind:
            lane.waiting.append(work)
        else:
            await work()

    # -- the gap ----------------------------------------------------------------------------

    def _lane(self, channel_id: int) -> _Lane:
        return self._lanes.setdefault(channel_id, _Lane())

    async def _close_gap(self, channel_id: int, lane: _Lane) -> int:
        n_new = n_lost = 0
        try:
            while True:
                lane.is_asked_again, n_lost = False, lane.n_lost
                await self._begin_anew(channel_id, lane)
                n_new += await self._read(channel_id, lane)
                if not lane.is_asked_again:
                    break
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever it is, live messages must not wait on
            why = str(error) or type(error).__name__
            log.info("room %s: a gap could not be read: %s", channel_id, why)
            self._desk.health[f"room {channel_id}"] = f"missed messages cannot be read: {why}"
            self._later()
        else:
            if not lane.is_stuck:
                lane.gap_from = None
            self._desk.health.pop(f"room {channel_id}", None)
        await self._let_in(lane, n_lost)
        return n_new

    async def _begin_anew(self, channel_id: int, lane: _Lane) -> None:
        """The gap begins no later than at what the store refused."""
        unwritten, lane.unwritten = lane.unwritten, set()
        undeleted, lane.undeleted = lane.undeleted, set()
        if unwritten:
            oldest = min(unwritten) - 1
            lane.gap_from = oldest if lane.gap_from is None else min(lane.gap_from, oldest)
        await self._withdraw(channel_id, sorted(undeleted))

    async def _let_in(self, lane: _Lane, n_lost: int) -> None:
        """What arrived meanwhile, in the order it came; then live again."""
        while lane.waiting and lane.n_lost == n_lost and not lane.is_stuck:
            await lane.waiting.pop(0)()
        lane.is_behind = lane.n_lost != n_lost or lane.is_stuck

    def _later(self) -> None:
        """Try again soon: nobody may come by to ask for it."""
        if self._retry is None or self._retry.done():
            self._retry = asyncio.create_task(self._again(), name="catch up again")

    async def _again(self) -> None:
        await self._bot.app.clock.sleep(_AGAIN_S)
        self._retry = None
        if self._bot.is_ready():
            await self.run()

    async def _read(self, channel_id: int, lane: _Lane) -> int:
        async with asyncio.timeout(_PATIENCE_S):
            room = self._bot.get_channel(channel_id) or await self._bot.fetch_channel(channel_id)
            if not isinstance(room, Room):
                return 0
            if lane.gap_from is None:
                lane.gap_from = await self._watermark(channel_id)
            if lane.gap_from is None:
                await self._begin(room)
                return 0
            before = discord.Object(lane.gap_from + 1)
            after = discord.Object(lane.gap_from)
            known = [m async for m in room.history(limit=_LOOK_BACK, before=before)]
            missed = [
                m async for m in room.history(limit=_MOST_MISSED, after=after, oldest_first=True)
            ]
        await self._look_back(channel_id, known[::-1], lane.gap_from)
        fresh = [m for m in missed if not self.is_ours(m)]
        n_new = 0
        for message in fresh:
            if lane.is_stuck:
                break
            n_new += self._desk.book.seen(channel_id, message.id) is None
            await self._take(message, is_caught_up=True)
        return n_new

    async def _look_back(self, channel_id: int, recent: list[discord.Message], newest: int) -> None:
        """Messages up to ``newest``, taken in before the gap: edited or deleted since?"""
        for message in recent:
            if message.edited_at is not None and await self._is_taken(message):
                await self._take(message, is_edit=True, is_caught_up=True)
        if not recent:
            return
        oldest, there = recent[0].id, {m.id for m in recent}
        waiting = self._waiting_alerts()
        gone = [
            message_id
            for (channel, message_id), alert_id in self._desk.book.by_message.items()
            if channel == channel_id and oldest <= message_id <= newest and message_id not in there
            if alert_id in waiting
        ]
        await self._withdraw(channel_id, sorted(gone))

    async def _is_taken(self, message: discord.Message) -> bool:
        where = {"channel_id": message.channel.id, "message_id": message.id}
        if self._desk.book.seen(message.channel.id, message.id) is not None:
            return True
        return bool(await self._desk.store.count(Intake, where=where))

    def _waiting_alerts(self) -> set[str]:
        """Alerts of which something may still be taken back."""
        book = self._desk.book
        asked = {a.alert_id for a in book.approvals.values()}
        return asked | {t.alert_id for t in book.trades.values() if t.state is TradeState.PENDING}

    async def _begin(self, room: Room) -> None:
        """First start in this channel: history is not ours; listen from here on."""
        newest = room.last_message_id or 0
        live = self._lane(room.id).first_live
        if live is not None:
            newest = min(newest, live - 1)
        desk = self._desk
        name = f"watermark:{room.id}"
        await desk.commit(desk.event("channel.begun", name, desk.fact(name, str(newest))))

    async def _watermark(self, channel_id: int) -> int | None:
        """Id of the newest message that is durable; None when the channel is new to us."""
        taken = (await self._desk.store.highest_message_ids()).get(channel_id)
        fact = self._desk.book.facts.get(f"watermark:{channel_id}")
        begun = int(fact.value) if fact is not None else None
        known = [m for m in (taken, begun) if m is not None]
        return max(known) if known else None

    # -- taking in --------------------------------------------------------------------------

    def is_ours(self, message: discord.Message) -> bool:
        """Whether the bot itself wrote it."""
        return self._bot.user is not None and message.author.id == self._bot.user.id

    async def _take(
        self, message: discord.Message, *, is_edit: bool = False, is_caught_up: bool = False
    ) -> None:
        raw = raw_alert(message, self._desk.clock.now(), is_edit=is_edit, is_caught_up=is_caught_up)
        lane = self._lane(raw.channel_id)
        work = take_alert.run(self._desk, raw, is_held_up=lambda: lane.is_stuck)
        if not await self._noting(f"message {message.id}", work):
            self._is_refused(lane.unwritten, message.id, raw.channel_id)

    async def _withdraw(self, channel_id: int, message_ids: list[int]) -> None:
        for message_id in message_ids:
            # In turn with the channel's messages: it may delete one that is still being judged.
            async with Turn(self._desk, channel_id) as turn:
                await turn.alone()
                work = withdraw.deleted(self._desk, channel_id, message_id)
                if not await self._noting(f"deletion of {message_id}", work):
                    self._is_refused(self._lane(channel_id).undeleted, message_id, channel_id)

    def _is_refused(self, by: set[int], message_id: int, channel_id: int) -> None:
        by.add(message_id)
        self._lane(channel_id).is_behind = True
        self._later()

    async def _noting(self, what: str, work: Awaitable[object]) -> bool:
        """False when the store refused it, so that it is to be tried again."""
        try:
            await work
        except StoreUnavailable as error:
            log.warning("%s waits to be taken in: %s", what, error)
            self._desk.health.setdefault("intake", f"{what} waits to be taken in: {error}")
            return False
        except Exception as error:  # one message must not keep the next ones out
            log.exception("%s was not taken in", what)
            self._desk.health["intake"] = f"{what}: {type(error).__name__}: {error}"
        else:
            self._desk.health.pop("intake", None)
        return True
