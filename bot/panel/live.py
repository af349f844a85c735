"""The live panel: one pinned message, posted once, edited in place to the newest state.

Every commit makes it due; it is edited at most once in five seconds, and once a minute in any case.
Where it stands and what it shows are facts of the books, so it goes on after a restart.
"""

import asyncio
import io
import logging
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import discord

from bot.cards import panel as card
from bot.charts import ChartError, Theme
from bot.panel import buttons, reading
from bot.posting import nonce
from bot.reply import UNWELL
from engine.domain.desk import Who
from engine.domain.errors import StoreUnavailable, TradeStreamError, UserError
from engine.domain.record import Event
from engine.domain.trade import LedgerEntry, Trade
from engine.reports.panel import SECTIONS, STANDARD, PanelReport, Section
from engine.reports.pnl import PnlReport

if TYPE_CHECKING:
    from bot.app import App

log = logging.getLogger(__name__)

LEAST_S, SWEEP_S = 5.0, 60.0
_OLD_EDITS_S, _OLD_EDITS = 12.0, 30046
_PIN_AGAIN_S = 600.0
_LOOK_BACK = 50
"""Messages that are looked through for a panel whose posting was never answered."""
_PLACE, _SECTIONS = "panel", "panel.sections"
_HEALTH = "panel"
_CHANNEL_GONE = {10003, 50001, 50013, 10004}
_MESSAGE_GONE = 10008


@dataclass(frozen=True, slots=True)
class Place:
    """Where the panel stands; ``message_id`` 0: to be posted."""

    channel_id: int
    message_id: int = 0
    n: int = 0
    """How often it was posted, so that a repeat of one posting is folded into it."""


class LivePanel:
    """Keeps the pinned message true."""

    def __init__(self, app: "App") -> None:
        self._app = app
        self._due = asyncio.Event()
        self._moved = asyncio.Event()
        self._pnl: PnlReport | None = None
        self._is_pnl_old = True
        self._drawn: tuple[object, bytes] | None = None
        self._pinned, self._pin_at = 0, 0.0
        self._is_over = False
        self.n_edits = 0
        app.desk.bus.listen(self._on_events)

    # -- what people ask for -----------------------------------------------------------------

    @property
    def place(self) -> Place | None:
        """Where it stands; None: nowhere."""
        fact = self._app.desk.book.facts.get(_PLACE)
        parts = fact.value.split(":") if fact is not None and fact.value else []
        return Place(*map(int, parts)) if parts else None

    @property
    def sections(self) -> tuple[Section, ...]:
        """What it shows below its figures."""
        fact = self._app.desk.book.facts.get(_SECTIONS)
        if fact is None:
            return STANDARD
        chosen = fact.value.split(",")
        return tuple(s for s in SECTIONS if s in chosen)

    async def post(self, who: Who, channel_id: int) -> None:
        """Stand in this channel from now on; a panel elsewhere is taken down.

        Raises:
            UserError: it stands there already.
        """
        old = self.place
        if old is not None and old.channel_id == channel_id and old.message_id:
            raise UserError("The panel stands in that channel already. Nothing was changed.")
        await self._remember(Place(channel_id, 0, old.n + 1 if old else 1), who)
        if old is not None:
            await self._take_down(old)
        self._moved.set()
        self.wake()

    async def remove(self, who: Who) -> None:
        """Take it down.

        Raises:
            UserError: there is none.
        """
        old = self.place
        if old is None:
            raise UserError("There is no panel. Nothing was changed.")
        await self._remember(None, who)
        await self._take_down(old)
        self._settle()

    async def choose(self, who: Who, sections: Sequence[Section]) -> None:
        """Show these sections from now on."""
        desk = self._app.desk
        chosen = ",".join(s for s in SECTIONS if s in sections)
        await desk.commit(
            desk.event(
                "panel.sections",
                "panel",
                desk.fact(_SECTIONS, chosen or "none"),
                actor=f"user:{who.user_id}",
            )
        )
        self._is_pnl_old = True
        self.wake()

    def wake(self) -> None:
        """Something that it shows has changed."""
        self._due.set()

    # -- the pump ----------------------------------------------------------------------------

    async def run(self) -> None:
        """Edit what is due, for ever."""
        while True:
            try:
                async with asyncio.timeout(SWEEP_S):
                    await self._due.wait()
            except TimeoutError:
                self._is_pnl_old = True  # a new day may have begun
            self._due.clear()
            if self.place is None or not self._app.link.is_up:
                continue
            await self._rest(await self.refresh())

    async def _rest(self, seconds: float) -> None:
        """A long rest ends as soon as somebody puts the panel elsewhere."""
        self._moved.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    async def refresh(self) -> float:
        """Post or edit it now; how many seconds it must rest."""
        try:
            await self._show()
        except StoreUnavailable as error:
            log.info("the panel waits for the books: %s", error)
        except discord.HTTPException as error:
            return await self._refused(error)
        except UNWELL as error:
            log.info("the panel could not be shown: %s", error)
            self.wake()
        else:
            self.n_edits += 1
            self._settle()
        return LEAST_S

    def _on_events(self, events: Sequence[Event]) -> None:
        """Runs inside every commit: quick, and never raising."""
        for event in events:
            if any(isinstance(put, Trade | LedgerEntry) for put in event.puts):
                self._is_pnl_old = True
        if not all(e.kind == "card.posted" for e in events):
            self._due.set()

    # -- showing it --------------------------------------------------------------------------

    async def _show(self) -> None:
        place = self.place
        if place is None or self._is_over:
            return
        room = await self._room(place)
        if room is None:
            await self._complain("its channel is no text channel any more")
            return
        report = await self.report()
        picture = await self._picture(report)
        files = [discord.File(io.BytesIO(picture), card.PICTURE, description=card.alt(report))]
        shown: dict[str, Any] = {
            "view": buttons.layout(report, self._app.bot, has_picture=bool(picture))
        }
        if not place.message_id and (found := await self._posted_before(room)):
            place = Place(place.channel_id, found, place.n)
            await self._remember(place)
        if place.message_id:
            message = room.get_partial_message(place.message_id)
            try:
                await message.edit(**shown, attachments=files if picture else [])
            except discord.NotFound as error:
                if error.code != _MESSAGE_GONE:
                    raise
                log.info("the panel was deleted by somebody; it is posted again")
                await self._remember(Place(place.channel_id, 0, place.n + 1))
                self.wake()
                return
            await self._pin(message)
            return
        sent = await room.send(
            **shown, files=files if picture else [], nonce=nonce(f"panel:{room.id}:{place.n}")
        )
        await self._remember(Place(room.id, sent.id, place.n))
        await self._pin(sent)

    async def farewell(self) -> None:
        """The desk ends: nobody shall take its last figures for those of now."""
        self._is_over = True
        place = self.place
        if place is None or not place.message_id:
            return
        view = buttons.stopped_layout(await self.report())
        try:
            room = await self._room(place)
            if room is not None:
                message = room.get_partial_message(place.message_id)
                await message.edit(view=view, attachments=[])
        except UNWELL as error:
            log.info("the panel could not say goodbye: %s", error)

    async def report(self) -> PanelReport:
        """What it would show now."""
        sections = self.sections
        if self._is_pnl_old or self._pnl is None:
            self._is_pnl_old = False
            self._pnl = await self._app.reading.pnl("today")
        return await reading.gather(self._app, sections, self._pnl)

    async def _picture(self, report: PanelReport) -> bytes:
        """Empty: not wanted, nothing to draw yet, or it cannot be drawn (D-16)."""
        pnl = report.pnl
        if "chart" not in report.sections or pnl is None or not pnl.rows:
            return b""
        if self._drawn is not None and self._drawn[0] == pnl.rows:
            return self._drawn[1]
        try:
            png = await self._app.charts.render("pnl", pnl, Theme.DARK)
        except ChartError as error:
            log.warning("no chart on the panel: %s", error)
            return b""
        self._drawn = (pnl.rows, png)
        return png

    async def _room(self, place: Place) -> discord.TextChannel | discord.Thread | None:
        bot = self._app.bot
        room = bot.get_channel(place.channel_id) or await bot.fetch_channel(place.channel_id)
        return room if isinstance(room, discord.TextChannel | discord.Thread) else None

    async def _posted_before(self, room: discord.TextChannel | discord.Thread) -> int:
        """A panel of ours that was posted although its answer was lost; 0: none."""
        me = self._app.bot.user
        async for message in room.history(limit=_LOOK_BACK):
            if me is not None and message.author.id == me.id and _is_panel(message):
                return message.id
        return 0

    async def _pin(self, message: discord.PartialMessage | discord.Message) -> None:
        """Once per start and message, when we may; the panel works without."""
        now = self._app.clock.monotonic()
        if self._pinned == message.id or now < self._pin_at:
            return
        try:
            await message.pin(reason="TradeStream's live panel")
        except UNWELL as error:
            log.info("the panel could not be pinned: %s", error)
            self._pin_at = now + _PIN_AGAIN_S
        else:
            self._pinned = message.id

    async def _take_down(self, place: Place) -> None:
        if not place.message_id:
            return
        try:
            room = await self._room(place)
            if room is not None:
                await room.get_partial_message(place.message_id).delete()
        except UNWELL as error:
            log.info("the old panel could not be deleted: %s", error)

    # -- what can go wrong -------------------------------------------------------------------

    async def _refused(self, error: discord.HTTPException) -> float:
        """Told once; tried again with every sweep."""
        if error.code == _OLD_EDITS or error.status == 429:
            self.wake()
            return _OLD_EDITS_S
        if error.code in _CHANNEL_GONE or error.status in (403, 404):
            await self._complain(f"cannot be shown: {error.text or error}")
            return SWEEP_S
        if error.status < 500:
            await self._complain(f"Discord refused it: {error.text or error}")
            return SWEEP_S
        log.info("Discord is unwell; the panel waits: %s", error)
        self.wake()
        return LEAST_S

    async def _complain(self, why: str) -> None:
        desk = self._app.desk
        if _HEALTH in desk.health:
            return
        desk.health[_HEALTH] = f"{why}; /panel move puts it elsewhere"[:300]
        log.warning("the panel: %s", why)
        await desk.tell("admin", f"⚠ The live panel {why}. `/panel move` puts it elsewhere.")

    def _settle(self) -> None:
        self._app.desk.health.pop(_HEALTH, None)

    async def _remember(self, place: Place | None, who: Who | None = None) -> None:
        desk = self._app.desk
        value = "" if place is None else f"{place.channel_id}:{place.message_id}:{place.n}"
        actor = f"user:{who.user_id}" if who is not None else "desk"
        try:
            await desk.commit(
                desk.event("panel.placed", "panel", desk.fact(_PLACE, value), actor=actor)
            )
        except TradeStreamError:
            if who is not None:
                raise
            log.warning("where the panel stands could not be stored; it is found again")


def _is_panel(message: discord.Message) -> bool:
    """Whether it bears the panel's menu."""
    view = discord.ui.LayoutView.from_message(message) if message.components else None
    parts = view.walk_children() if view is not None else ()
    return any(getattr(p, "custom_id", None) == "ts:panel:menu" for p in parts)
