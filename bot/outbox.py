"""Posts what the desk has committed: every card once, then edited in place to its newest state.

Orders never wait for it. After a crash it goes on where the store says it stopped; a post whose
answer was lost is sent again with the same nonce, which Discord folds into one.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import discord

from bot.posting import OLD_EDITS_S, Content, Dead, Refused, Unwell, show
from engine.desk import Desk
from engine.domain.desk import Notice, Posted
from engine.domain.errors import Conflict, StoreUnavailable, TradeStreamError
from engine.domain.record import Event, changed

log = logging.getLogger(__name__)

_PATIENCE_S = (1.0, 2.0, 5.0, 15.0, 30.0, 60.0)
"""Pauses while Discord is unwell; the last one for as long as it takes."""
_PROBE_S = 60.0
"""How often a channel that cannot be posted to is tried again."""
_CARD_S = 1.0
"""Least time between two changes of one card: what happens in between is shown once."""
_OLD_AFTER_S = 3600.0
_REMEMBERED = 1000


Render = Callable[[Notice], Awaitable[Content | None]]
ChannelOf = Callable[[str], int | None]


@dataclass
class _Lane:
    """Cards of one purpose that are due, oldest first, worked off one by one."""

    due: deque[str] = field(default_factory=deque)
    task: asyncio.Task[None] | None = None
    n_failed: int = 0
    rest: asyncio.Task[None] | None = None
    """Set while Discord is unwell."""
    probe: asyncio.Task[None] | None = None
    """Set while the channel is dead."""


class Outbox:
    """One lane per purpose, so that a slow or missing channel holds up no other."""

    def __init__(
        self,
        desk: Desk,
        client: discord.Client,
        render: Render,
        channel_of: ChannelOf,
        *,
        on_dead: Callable[[str, str], None],
        on_alive: Callable[[str], None],
    ) -> None:
        self._desk = desk
        self._client = client
        self._render = render
        self._channel_of = channel_of
        self._on_dead, self._on_alive = on_dead, on_alive
        self._lanes: dict[str, _Lane] = {}
        self._shown_at: dict[str, float] = {}
        """Card -> when it was last changed, for its pace."""
        self._timers: dict[str, asyncio.Task[None]] = {}
        """Cards that wait for their pace."""
        self._unrecorded: dict[str, Posted] = {}
        """Cards that stand in Discord although the store could not be told."""
        self._refused: dict[str, int] = {}
        """Card -> version that Discord or its own drawing refused."""
        self._is_open = False
        desk.bus.listen(self._on_events)

    # -- life -------------------------------------------------------------------------------

    def start(self) -> None:
        """Discord is reachable: post everything that is due, oldest first."""
        self._is_open = True
        for lane in self._lanes.values():
            lane.n_failed = 0
            if lane.rest is not None:
                lane.rest.cancel()
        for notice_id in list(self._desk.book.notices):
            if self._desk.book.is_due(notice_id):
                self._enqueue(self._desk.book.notices[notice_id])

    def revive(self) -> None:
        """Something changed in the server: try what could not be posted, now."""
        for lane in self._lanes.values():
            if lane.probe is not None:
                lane.probe.cancel()
                lane.probe = None
        if self._is_open:
            self.start()

    def pause(self) -> None:
        """Discord is not reachable: keep what is due."""
        self._is_open = False

    def use(self, client: discord.Client) -> None:
        """Post with another client: the old one was closed."""
        self._client = client

    async def close(self) -> None:
        """Stop posting; what is due stays in the store."""
        self.pause()
        tasks = [*self._timers.values()]
        tasks += [t for lane in self._lanes.values() for t in (lane.task, lane.probe) if t]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def idle(self) -> None:
        """Wait until nothing more can be posted now (tests, shutdown)."""
        while tasks := self._busy():
            await asyncio.wait(tasks)

    def _busy(self) -> list[asyncio.Task[None]]:
        working = [lane.task for lane in self._lanes.values() if lane.task]
        return [t for t in (*working, *self._timers.values()) if not t.done()]

    # -- lanes ------------------------------------------------------------------------------

    def _on_events(self, events: Sequence[Event]) -> None:
        """Runs inside every commit: whatever goes wrong here must not reach the desk."""
        for event in events:
            for put in event.puts:
                if isinstance(put, Notice):
                    try:
                        self._enqueue(put)
                    except Exception:
                        log.exception("card %s waits for the next start", put.notice_id)

    def _enqueue(self, notice: Notice) -> None:
        if not self._is_open or self._channel_of(notice.channel) is None:
            return
        lane = self._lanes.setdefault(notice.channel, _Lane())
        if notice.notice_id in self._timers:
            return
        if notice.notice_id in lane.due:
            self._wake(notice.channel, lane)
            return
        wait_s = self._wait_s(notice.notice_id)
        if wait_s > 0:
            self._timers[notice.notice_id] = asyncio.create_task(
                self._enqueue_later(notice, wait_s), name=f"pace {notice.notice_id}"
            )
            return
        lane.due.append(notice.notice_id)
        self._wake(notice.channel, lane)

    def _wait_s(self, notice_id: str) -> float:
        """How long this card must rest before it is changed again."""
        last = self._shown_at.get(notice_id)
        posted = self._posted(notice_id)
        if last is None or posted is None:
            return 0.0
        born = discord.utils.snowflake_time(posted.message_id)
        age_s = (self._desk.clock.now() - born).total_seconds()
        rest_s = OLD_EDITS_S if age_s > _OLD_AFTER_S else _CARD_S
        return last + rest_s - self._desk.clock.monotonic()

    async def _enqueue_later(self, notice: Notice, wait_s: float) -> None:
        await self._desk.clock.sleep(wait_s)
        self._timers.pop(notice.notice_id, None)
        self._shown_at.pop(notice.notice_id, None)
        if self._desk.book.is_due(notice.notice_id):
            self._enqueue(notice)

    def _wake(self, purpose: str, lane: _Lane) -> None:
        if lane.probe is None and (lane.task is None or lane.task.done()):
            lane.task = asyncio.create_task(self._work(purpose, lane), name=f"outbox {purpose}")

    async def _work(self, purpose: str, lane: _Lane) -> None:
        while lane.due and self._is_open:
            notice_id = lane.due[0]
            if self._channel_of(purpose) is None:  # no longer private: everything stays due
                lane.due.clear()
                return
            try:
                await self._show(notice_id)
            except Unwell as error:
                await self._rest(lane, error)
                continue
            except Dead as error:
                lane.due.clear()
                lane.probe = asyncio.create_task(self._probe(lane), name=f"probe {purpose}")
                self._on_dead(purpose, str(error))
                return
            except Refused:
                pass
            else:
                self._on_alive(purpose)
            lane.n_failed = 0
            if lane.due and lane.due[0] == notice_id:
                lane.due.popleft()
            self._again_when_newer(notice_id)

    def _again_when_newer(self, notice_id: str) -> None:
        """It changed while it was being shown."""
        notice = self._desk.book.notices.get(notice_id)
        is_refused = notice is not None and self._refused.get(notice_id) == notice.version
        if notice is not None and not is_refused and self._is_due(notice):
            self._enqueue(notice)

    async def _rest(self, lane: _Lane, error: Unwell) -> None:
        pause = error.wait_s or _PATIENCE_S[min(lane.n_failed, len(_PATIENCE_S) - 1)]
        lane.n_failed += 1
        log.info("Discord is unwell (%s), again in %s s", error, pause)
        lane.rest = asyncio.create_task(self._sleep(pause), name="outbox rests")
        await asyncio.wait({lane.rest})
        lane.rest = None

    async def _sleep(self, seconds: float) -> None:
        await self._desk.clock.sleep(seconds)

    async def _probe(self, lane: _Lane) -> None:
        """A dead channel is tried again from time to time."""
        await self._desk.clock.sleep(_PROBE_S)
        lane.probe = None
        if self._is_open:
            self.start()

    # -- one card ---------------------------------------------------------------------------

    def _posted(self, notice_id: str) -> Posted | None:
        return self._unrecorded.get(notice_id) or self._desk.book.posted.get(notice_id)

    def _is_due(self, notice: Notice) -> bool:
        posted = self._posted(notice.notice_id)
        return posted is None or posted.shown_version < notice.version

    async def _show(self, notice_id: str) -> None:
        """Post or edit one card to its newest state; then remember what people see."""
        notice = self._desk.book.notices.get(notice_id)
        if notice is None or self._refused.get(notice_id) == notice.version:
            return
        if not self._is_due(notice):
            await self._record(notice_id)
            return
        try:
            posted = await self._where(notice_id)
            content = await self._render(notice)
        except StoreUnavailable as error:
            raise Unwell(str(error)) from error
        except Exception as error:
            log.exception("card %s could not be drawn", notice_id)
            self._refuse(notice, f"{type(error).__name__}: {error}")
            raise Refused(str(error)) from error
        if content is None:
            self._refused[notice_id] = notice.version
            return
        try:
            channel_id = self._channel_of(notice.channel)
            message = await show(self._client, channel_id, notice_id, content, posted)
        except Refused as error:
            self._refuse(notice, str(error))
            raise
        self._note_shown(notice_id)
        self._desk.health.pop(f"card {notice.kind}", None)
        await self._remember(notice, message)

    def _note_shown(self, notice_id: str) -> None:
        self._shown_at[notice_id] = self._desk.clock.monotonic()
        while len(self._shown_at) > _REMEMBERED:
            del self._shown_at[next(iter(self._shown_at))]

    def _refuse(self, notice: Notice, why: str) -> None:
        """Say so, and wait for the card's next version."""
        self._refused[notice.notice_id] = notice.version
        self._desk.health[f"card {notice.kind}"] = f"{notice.notice_id}: {why}"[:300]
        log.error("card %s: %s", notice.notice_id, why)

    async def _where(self, notice_id: str) -> Posted | None:
        """Where the card stands; a very old one is known to the store alone."""
        known = self._posted(notice_id)
        if known is None:
            known = await self._desk.store.get(Posted, notice_id)
            if known is not None:
                self._desk.book.posted[notice_id] = known
        return known

    async def _remember(self, notice: Notice, message: discord.Message) -> None:
        facts: dict[str, Any] = {
            "channel_id": message.channel.id,
            "message_id": message.id,
            "shown_version": notice.version,
            "posted_at": self._desk.clock.now(),
        }
        stored = self._desk.book.posted.get(notice.notice_id)
        self._unrecorded[notice.notice_id] = (
            Posted(notice_id=notice.notice_id, **facts)
            if stored is None
            else changed(stored, **facts)
        )
        await self._record(notice.notice_id)

    async def _record(self, notice_id: str) -> None:
        """Make it durable; when that fails now, memory knows until it works."""
        record = self._unrecorded.get(notice_id)
        notice = self._desk.book.notices.get(notice_id)
        if record is None or notice is None:
            return
        try:
            await self._desk.commit(self._desk.event("card.posted", notice.subject_id, record))
        except Conflict:
            log.info("card %s was remembered already", notice_id)
        except TradeStreamError as error:
            log.warning("card %s is shown but not recorded: %s", notice_id, error)
            return
        self._unrecorded.pop(notice_id, None)
