"""Wires everything: the desk on its books, its Discord face and its background work."""

import asyncio
import logging
from collections.abc import Awaitable
from contextlib import suppress
from functools import partial
from pathlib import Path

from bot import connect, parts, render, vitals
from bot.backtest import Backtests
from bot.cards import recovery
from bot.charts import Charts
from bot.client import DeskBot
from bot.config import AppConfig
from bot.confirm import Confirmations
from bot.copilot import Copilot
from bot.dialogs import Drafts
from bot.gate import Gate
from bot.link import Link
from bot.notifier import EVERY_S as NOTIFY_S
from bot.notifier import Notifier
from bot.outbox import Outbox
from bot.pace import Pace, Queue
from bot.panel.live import LivePanel
from bot.panel.presence import Presence
from bot.prefs import People
from bot.reading.briefing import Briefing
from bot.reading.chronicle import Chronicle
from bot.reading.outside import OutsideReading
from bot.reading.records import Reading
from bot.reading.risk import RiskReading
from bot.settings import Settings, snapshots
from bot.stand_in import point_discord_at
from bot.suggest import Suggest
from bot.supervise import Supervisor
from bot.usage import Usage
from bot.vitals import Vitals
from engine import parsers
from engine.brokers import Broker
from engine.brokers.paper import AlwaysOpen, PaperBroker
from engine.clock import Clock, Ids, RandomIds, SystemClock
from engine.desk import Desk
from engine.domain.errors import TradeStreamError
from engine.domain.record import Record
from engine.feeds import Feed, QuoteBoard
from engine.feeds._several import Several
from engine.flows import sweep
from engine.flows.brokers import hear, heartbeat, recover, watch
from engine.flows.common.sources import Sources
from engine.flows.exits import monitor, settle
from engine.flows.limits import learning
from engine.headlines import Headlines
from engine.history import History
from engine.quality import Quality
from engine.risk.load import load_checks
from storage import keep
from storage.sql import SqlStore, SqlVault

log = logging.getLogger(__name__)

_DRAIN_S = 4.5
_REST_S = 1.0
_LEAVE_S = 1.0
"""With these a process that is told to end does so within 10 s, though broker and Discord hang."""
_EVENTS = "events "
_WATCH_ROUND_S = 1.0
_CLOSES_S = 30.0
_FEEDS_S = 5.0
"""Daily closes of what is held are asked for once a day; so often it is looked what is missing."""
_USAGE_S = 60.0
_RUN = "desk.run"
"""Fact: whether the desk runs, or had ended properly."""


class App:
    """One running TradeStream: the desk, its Discord face and its background work."""

    def __init__(
        self,
        config: AppConfig,
        *,
        clock: Clock | None = None,
        ids: Ids | None = None,
        feed: Feed | None = None,
    ) -> None:
        self.config = config
        self.clock: Clock = clock or SystemClock()
        self.ids: Ids = ids or RandomIds()
        self.store = SqlStore(
            config.database_url(), config.audit_key(), self.clock, wait_s=config.storage.wait_s
        )
        self.quality = Quality()
        self.board = QuoteBoard(self.quality)
        self.feed = feed or parts.feed(config, self.clock)
        if isinstance(self.feed, Several):
            self.feed.quality = self.quality
        self.history = History(self.feed, self.clock)
        self.headlines = Headlines(self.feed, self.clock)
        self.calendars = parts.calendars(self.feed)
        self.desk = self._desk()
        self.desk.closes.history = self.history
        self.reading = Reading(self.desk)
        self.outside = OutsideReading(self.desk, self.reading.frame)
        self.risks = RiskReading(self)
        self.confirmations = Confirmations()
        self.drafts = Drafts()
        self.pace = Pace()
        self.usage = Usage(self)
        self.settings = Settings(self)
        self.snapshots = snapshots.Snapshots(self)
        self.people = People(self)
        self.notifier = Notifier(self)
        self.throttled = Queue()
        self.link = Link(self)
        self.charts = Charts()
        self.briefing = Briefing(self)
        self.chronicle = Chronicle(self)
        self.copilot = Copilot(self)
        self.backtests = Backtests(self)
        self.suggest = Suggest(self)
        self.vitals = Vitals(self)
        self.panel = LivePanel(self)
        self.presence = Presence(self)
        if config.discord.api_base:
            point_discord_at(config.discord.api_base, config.discord.gateway_url)
        self.bot = DeskBot(self)
        self.gate = Gate(self)
        self.outbox = Outbox(
            self.desk,
            self.bot,
            render.renderer(self),
            self._channel_id,
            on_dead=self.link.room_dead,
            on_alive=self.link.room_alive,
        )
        self.monitor = monitor.Monitor(self.desk)
        self.started_at = self.clock.now()
        self.report = ""
        """What recovery found at this start."""
        self.owns_process = False
        """True once this desk is what the process is there for: not in tests."""
        self.is_stopping = False
        """True once nothing new is taken in."""
        self.work = Supervisor(self.desk)

    def _desk(self) -> Desk:
        config = self.config
        return Desk(
            settings=parts.settings(config),
            clock=self.clock,
            ids=self.ids,
            store=self.store,
            board=self.board,
            feed=self.feed,
            brokers=self._brokers(),
            checks=load_checks(config.risk),
            exit_rules=parts.exit_rules(config.exits),
            settle=settle.run,
            compare=recover.again,
            calendars=self.calendars,
        )

    def _brokers(self) -> dict[str, Broker]:
        self.paper = PaperBroker(
            clock=self.clock,
            board=self.board,
            vault=SqlVault(self.store),
            settings=parts.paper(self.config),
            hours=AlwaysOpen() if self.feed and self.feed.is_synthetic else None,
        )
        return {"paper": self.paper, **connect.brokers(self.config, self.clock)}

    def _channel_id(self, purpose: str) -> int | None:
        """Where a kind of card goes; nothing private goes to an admin channel others can see."""
        if purpose == "admin" and self.gate.admin_room_exposure():
            return None
        return getattr(self.config.discord.channels, purpose, None)

    # -- life -------------------------------------------------------------------------------

    async def start_desk(self) -> None:
        """Recovery first: when this returns, positions are protected and entries allowed.

        Raises:
            StoreUnavailable: nothing was started. WrongEnvironment: a login is of the other kind.
        """
        await self.store.open()
        await self.settings.restore()
        if self.feed is not None:
            await self.feed.connect()
            self.work.keep(partial(self._pump_quotes, self.feed), "quotes")
        self.report = await recover.start(self.desk)
        await self._note_start()
        for name in self.desk.brokers:
            self.work.keep(partial(self._pump_events, name), _EVENTS + name)
        self.work.keep(self.monitor.run, "monitor")
        self.work.every(self.config.jobs.monitor_s, self._sweep, "sweep")
        self.work.every(_WATCH_ROUND_S, partial(watch.round_of, self.desk), "watch")
        self.work.every(_FEEDS_S, Sources(self.desk).look, "sources of quotes")
        beats = heartbeat.Heartbeat(self.desk)
        self.work.every(_FEEDS_S, beats.look, "silent brokers")
        self.work.every(heartbeat.EVERY_S, beats.beat, "heartbeat of brokers")
        self.work.every(_CLOSES_S, partial(learning.keep, self.desk), "daily closes")
        self.work.every(
            self.config.jobs.reconcile_s, partial(recover.reconcile, self.desk), "reconcile"
        )
        self.work.every(_USAGE_S, self.usage.save, "usage")
        self.work.every(snapshots.LOOK_S, self.snapshots.look, "configuration snapshot")
        self.work.keep(self.vitals.beat, "heart beat")
        self.work.every(vitals.EVERY_S, self.vitals.look, "vitals")
        await self.notifier.begin()
        self.work.every(NOTIFY_S, self.notifier.look, "rules")
        words = partial(asyncio.to_thread, parsers.warm, self.clock.now())
        self.work.keep(words, "warm parsers")
        log.info("trading ready: %s", self.report)

    async def _note_start(self) -> None:
        """Tell people that the desk is back, and whether its last run had ended properly."""
        desk = self.desk
        before = desk.book.facts.get(_RUN)
        puts: list[Record] = [desk.fact(_RUN, "running")]
        if before is not None:
            said = recovery.words(
                self.report,
                desk.book.open_trades(),
                desk.book.orders_of,
                was_killed=before.value == "running",
                badges=self.reading.badges(),
            )
            puts.append(desk.note("activity", said))
        await desk.commit(desk.event("desk.started", "desk", *puts, found=self.report))

    async def _note_end(self) -> None:
        if _RUN not in self.desk.book.facts:
            return
        with suppress(TradeStreamError):  # books that refuse the one would keep the other waiting
            await self.desk.commit(
                self.desk.event("desk.stopped", "desk", self.desk.fact(_RUN, "stopped"))
            )
            await self.usage.save()

    async def _pump_quotes(self, feed: Feed) -> None:
        async for quote in feed.stream():
            self.board.put(quote)

    async def _pump_events(self, name: str) -> None:
        """Until the broker is closed for good; one that was replaced is followed by the new one."""
        broker: Broker | None = None
        while broker is not self.desk.brokers[name]:
            broker = self.desk.brokers[name]
            async for event in broker.events():
                try:
                    await hear.on_event(self.desk, name, event)
                except Exception as error:
                    # What it told of is found by comparing the books.
                    self.desk.gates[name] = f"something it told was lost: {type(error).__name__}"
                    raise
            async with self.desk.lock(f"reach {name}"):
                pass  # whoever has closed it may be putting another in its place

    def use_config(self, config: AppConfig) -> None:
        """From now on everything that can change while running follows this configuration."""
        before = {p.channel_id for p in self.desk.settings.sources.values()}
        self.config = config
        self.desk.follow(
            parts.settings(config), load_checks(config.risk), parts.exit_rules(config.exits)
        )
        self.paper.follow(parts.paper(config))
        logging.getLogger().setLevel(config.log.level)
        if self.bot.is_ready() and {p.channel_id for p in config.profiles().values()} - before:
            self.desk.spawn(self._read_new_rooms(), "new rooms")

    async def _read_new_rooms(self) -> None:
        """A room is heard from the moment on that its gap was closed."""
        await self.bot.catch_up.run()

    async def back_up(self, cause: str) -> Path:
        """Copy the books before something risky; the newest copies of each cause stay.

        Raises:
            StoreUnavailable: nothing was copied.
        """
        config = self.config
        folder, tokens = config.path(Path("backups")), config.state_dir() / "tokens"
        url, now = config.database_url(), self.clock.now()
        made = await asyncio.to_thread(keep.before, url, folder, tokens, cause, now)
        log.info("backed up to %s before: %s", made.made.path.name, cause)
        return made.made.path

    def use_broker(self, name: str, fresh: Broker) -> None:
        """From now on this connection serves the accounts of ``name``."""
        self.desk.brokers = {**self.desk.brokers, name: fresh}

    async def _sweep(self) -> None:
        await sweep.run(self.desk)

    def renew_bot(self) -> None:
        """A client that was closed cannot start again."""
        self.bot = DeskBot(self)
        self.outbox.use(self.bot)

    async def stop(self, *, is_proper: bool = True) -> None:
        """Intake first, then what is under way, then the books. Stops stay at the broker.

        ``is_proper``: the next start is not told that this one was killed.
        """
        self.is_stopping = True
        await _within(_DRAIN_S, self._come_to_rest())
        await _within(_LEAVE_S, self._say_goodbye() if self.link.is_up else _nothing())
        await _within(_LEAVE_S, self.bot.close())
        await self.outbox.close()
        await self.confirmations.close()
        await self.throttled.close()
        await self.work.close(_LEAVE_S, but=_EVENTS)
        await _within(_REST_S, self._come_to_rest())  # what prices and presses began meanwhile
        await asyncio.gather(
            *(_within(_LEAVE_S, broker.close()) for broker in self.desk.brokers.values())
        )
        await self.work.drain(_LEAVE_S)  # all that the brokers told is booked
        await self.work.close(_LEAVE_S)
        await _within(_LEAVE_S, self._cut_off())
        await self.desk.stop_tasks()
        if self.feed is not None:
            await _within(_LEAVE_S, self.feed.close())
        await self.charts.close()
        await _within(_LEAVE_S, self.copilot.close())
        if is_proper:
            await self._note_end()
        await self.store.close()

    async def _say_goodbye(self) -> None:
        """What is due is posted, and the panel says that nobody is at work."""
        await asyncio.gather(self.outbox.idle(), self.panel.farewell())

    async def _come_to_rest(self) -> None:
        """Let messages, presses and orders that are under way end."""
        if under_way := _under_way():
            await asyncio.wait(under_way)
        await self.desk.drain()

    async def _cut_off(self) -> None:
        """Whoever still waits for a broker waits in vain; who asked for what is kept."""
        cut = _under_way()
        for task in cut:
            task.cancel()
        await asyncio.gather(*cut, return_exceptions=True)
        await self.desk.drain()


def _under_way() -> list[asyncio.Task[object]]:
    """Messages, presses and commands that are being dealt with."""
    names = ("discord.py: on_", "discord-ui-", "CommandTree-invoker")
    return [task for task in asyncio.all_tasks() if task.get_name().startswith(names)]


async def _nothing() -> None:
    """No work."""


async def _within(seconds: float, work: Awaitable[object]) -> None:
    """So long and no longer: a process that is told to end must end."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        log.info("not finished within %s s: %s", seconds, work)
    except Exception:
        log.exception("could not be ended properly")
